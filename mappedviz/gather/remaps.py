"""Maps of columns as the compiled loops want them, each looked at once."""

from __future__ import annotations

import weakref

import numpy as np

from mappedviz._types import Array
from mappedviz.gather.addresses import address


class Remap:
    """A remap that was looked at once."""

    __slots__ = ("address", "array", "highest", "injective", "keeps_all", "size", "source")

    def __init__(self, remap: Array) -> None:
        array = np.ascontiguousarray(remap, dtype=np.int32)
        if array.ndim != 1 or remap.dtype.kind not in "iu" or (array.min(initial=0) < -1):
            raise ValueError("a remap has one integer per column, -1 where it is dropped")
        kept = array[array >= 0]
        self.array = array if array is not remap else None  # the caller holds its own
        self.size = len(array)
        self.highest = int(kept.max(initial=-1))
        self.keeps_all = len(kept) == len(array)
        self.injective = int(not len(kept) or int(np.bincount(kept).max()) == 1)
        if (kept[1:] > kept[:-1]).all():
            self.injective = 2
        self.address = address(array)
        key = id(remap)
        forget = _remaps.pop  # the module may be gone before the last array, when Python exits
        self.source = weakref.ref(remap, lambda _: forget(key, None))


_remaps: dict[int, Remap] = {}


def looked_at(remap: Array, n_vars: int, n_cols: int) -> Remap:
    """What is known of a remap, which must fit a matrix and an output of so many columns."""
    found = _remaps.get(id(remap))
    if found is None or found.source() is not remap:
        found = _remaps[id(remap)] = Remap(remap)
    if found.size != n_vars or found.highest >= n_cols:
        raise ValueError(
            f"a remap of {found.size} columns to 0 … {found.highest} "
            f"for {n_vars} columns and an output of {n_cols}"
        )
    return found
