"""Columns of one store -> columns of a join."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mappedviz._types import Array


@dataclass(frozen=True, eq=False)
class ColumnMap:
    """The joint column of each column of a store, -1 for one that is dropped.

    Attributes
    ----------
    array
        int32 (n_vars of the store,), read-only.
    highest
        The highest joint column, -1 where all are dropped.
    keeps_all
        Whether no column is dropped.
    injective
        Whether no two columns become one.
    ascending
        Whether columns that are kept stay in their order, too.
    address
        Where the elements of ``array`` are, for the compiled core.

    Examples
    --------
    >>> columns = ColumnMap([2, -1, 0])
    >>> columns.highest, columns.keeps_all, columns.injective, columns.ascending
    (2, False, True, False)
    """

    array: Array
    highest: int = field(init=False)
    keeps_all: bool = field(init=False)
    injective: bool = field(init=False)
    ascending: bool = field(init=False)
    address: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        given = np.asarray(self.array)
        array = np.array(given, dtype=np.int32, order="C")  # a copy: nobody else may change it
        if given.ndim != 1 or given.dtype.kind not in "iu" or array.min(initial=0) < -1:
            raise ValueError("a column map has one integer per column, -1 where it is dropped")
        array.flags.writeable = False
        kept = array[array >= 0]
        ascending = bool((kept[1:] > kept[:-1]).all())
        put = object.__setattr__  # frozen: these follow from the array
        put(self, "array", array)
        put(self, "highest", int(kept.max(initial=-1)))
        put(self, "keeps_all", len(kept) == len(array))
        put(self, "injective", ascending or int(np.bincount(kept).max()) == 1)
        put(self, "ascending", ascending)
        put(self, "address", array.__array_interface__["data"][0])

    def __len__(self) -> int:
        return len(self.array)

    def __reduce__(self) -> tuple[Any, ...]:
        return ColumnMap, (self.array,)  # in another process, it has another address
