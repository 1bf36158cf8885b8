"""Types and constants that several packages use, written once."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeAlias, TypeVar, overload

if TYPE_CHECKING:
    import numpy.typing as npt  # kept out of `import mappedviz`

Array: TypeAlias = "npt.NDArray[Any]"
"""An array of any dtype."""

PathLike: TypeAlias = str | os.PathLike[str]
"""A path on this machine."""

StoreKind: TypeAlias = str
"""What a store is on disk: a key of `SUFFIXES`, and of the registry of formats."""

SUFFIXES: dict[StoreKind, tuple[str, ...]] = {
    "h5ad": (".h5ad",),
    "zarr": (".zarr",),
    "zarr.zip": (".zarr.zip",),
}
"""What the names of stores end with: a folder picks up what does."""

OTHER_SUFFIXES = (".h5",)
"""Names of stores may end with these, but those of many other files do as well."""


def store_suffix(name: str) -> str:
    """Return the longest suffix of stores that a name ends with, ``""`` if there is none.

    Examples
    --------
    >>> store_suffix("a.zarr.zip"), store_suffix("A.H5AD"), store_suffix("a.csv")
    ('.zarr.zip', '.H5AD', '')
    """
    lower = name.lower()
    known = (*OTHER_SUFFIXES, *(suffix for each in SUFFIXES.values() for suffix in each))
    longest = max((len(suffix) for suffix in known if lower.endswith(suffix)), default=0)
    return name[len(name) - longest :]


Severity: TypeAlias = Literal["fatal", "error", "warning", "info"]
"""How much a finding of an audit matters."""

SEVERITIES: tuple[Severity, ...] = ("fatal", "error", "warning", "info")
"""The worst first."""

T = TypeVar("T")


class lazy(Generic[T]):  # noqa: N801 - it is used like `property`
    """A property that is computed once and then kept among the attributes of its object.

    Like ``functools.cached_property``, without the lock that the latter holds per class up to
    Python 3.11: a process that is forked meanwhile would wait for it for ever. Two threads may
    both compute a value; both results are equal, and one of them is kept.

    Examples
    --------
    >>> class Circle:
    ...     @lazy
    ...     def area(self):
    ...         print("computing")
    ...         return 3.14
    >>> circle = Circle()
    >>> circle.area + circle.area
    computing
    6.28
    """

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self.compute = compute
        self.__doc__ = compute.__doc__
        self.__module__ = compute.__module__

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type[Any]) -> lazy[T]: ...

    @overload
    def __get__(self, instance: object, owner: type[Any]) -> T: ...

    def __get__(self, instance: object | None, owner: type[Any]) -> lazy[T] | T:
        if instance is None:
            return self
        # Not a data descriptor: from now on the attribute is found first.
        value: T = instance.__dict__.setdefault(self.name, self.compute(instance))
        return value


__all__ = [
    "OTHER_SUFFIXES",
    "SEVERITIES",
    "SUFFIXES",
    "Array",
    "PathLike",
    "Severity",
    "StoreKind",
    "lazy",
    "store_suffix",
]
