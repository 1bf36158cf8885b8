"""Errors of libraries in our words, with the store and the key: nothing foreign leaves a store."""

from __future__ import annotations

from typing import Any

from mappedviz.errors import ElementError, MappedvizError

__all__ = ["named"]


class named:  # noqa: N801 - a context manager; as a generator it would cost twice as much
    """What a damaged store makes a library raise is an ElementError that names the store.

    Parameters
    ----------
    store, key
        The store, and the element that is read of it.

    Examples
    --------
    >>> with named("a.h5ad", "obs"):
    ...     int(float("inf"))
    Traceback (most recent call last):
    ...
    mappedviz.errors.ElementError: a.h5ad, obs: cannot be read (OverflowError: cannot convert ...
    """

    __slots__ = ("key", "store")

    def __init__(self, store: str, key: str | None = None) -> None:
        self.store = store
        self.key = key

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: Any, error: BaseException | None, __: Any) -> None:
        if not isinstance(error, Exception) or isinstance(error, (MappedvizError, Warning)):
            return
        if isinstance(error, MemoryError):
            found, remedy = "needs more memory than there is", "Read it on a larger machine."
        else:
            found = f"cannot be read ({type(error).__name__}: {error})"
            remedy = "Copy or download the store again, or leave it out."
        raise ElementError(found, store=self.store, key=self.key, remedy=remedy) from error
