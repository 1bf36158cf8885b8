"""Names of variables as numbers: each list of names is numbered once, however many stores have it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from mappedviz._types import Array
from mappedviz.formats.forks import ForkSafeLock

if TYPE_CHECKING:
    from mappedviz.recipe.names import Names

_T = TypeVar("_T")


class Vocabulary:
    """Every name once, and its number.

    It only grows, so that numbers stay valid for as long as anybody holds it; whoever wants a
    smaller one makes another.

    Parameters
    ----------
    lists
        Lists of names to begin with.

    Examples
    --------
    >>> from mappedviz.recipe.names import Names
    >>> vocabulary = Vocabulary()
    >>> names = [Names.of(np.array(some, dtype=object)) for some in (["TP53", "CD4"], ["CD4"])]
    >>> [vocabulary.codes(one).tolist() for one in names], len(vocabulary)
    ([[0, 1], [1]], 2)
    """

    def __init__(self, lists: Iterable[Names] = ()) -> None:
        self._lock = ForkSafeLock()
        self._code_of: dict[str, int] = {}
        self._codes: dict[bytes, Array] = {}
        self._names = np.empty(0, dtype=object)
        self._derived: dict[Hashable, tuple[int, Any]] = {}
        for names in lists:
            self.codes(names)

    def __len__(self) -> int:
        return len(self._code_of)

    def codes(self, names: Names) -> Array:
        """The numbers of a list of names: int32 (n_vars,)."""
        with self._lock():
            if names.key not in self._codes:
                code_of = self._code_of
                codes = [code_of.setdefault(name, len(code_of)) for name in names.values.tolist()]
                self._codes[names.key] = np.array(codes, np.int32)
            return self._codes[names.key]

    @property
    def names(self) -> Array:
        """Objects (n,): the name of every number."""
        with self._lock():
            if len(self._names) != len(self._code_of):
                self._names = np.array(list(self._code_of), dtype=object)
            return self._names

    def derived(self, key: Hashable, names: Array, make: Callable[[Array], _T]) -> _T:
        """What a function makes of the first names, kept until it is asked of more.

        Parameters
        ----------
        key
            Names the function.
        names
            The first names, as :attr:`names` gave them.
        make
            The function.
        """
        n, kept = self._derived.get(key, (-1, None))
        if n != len(names):
            kept = make(names)
            self._derived[key] = len(names), kept
        value: _T = kept
        return value
