"""What two stores share: names of cells, or whole rows, by their hashes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mappedviz._types import Array
from mappedviz.audits.tables.frames import plain_text

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = ["store_a", "store_b", "shared", "of_smaller", "by_chance"]
_BARCODES = 737_280  # of one kit, of which those of cells are drawn


def distinct(hashes: Array) -> Array:
    """Return the hashes that are not 0, ascending and each once.

    Examples
    --------
    >>> distinct(np.array([5, 3, 5, 0], dtype=np.uint64)).tolist()
    [3, 5]
    """
    found: Array = np.sort(hashes[hashes != 0])
    first: Array = found[np.append(True, found[1:] != found[:-1])[: len(found)]]
    return first


def n_repeats(hashes: Array) -> int:
    """Return how many hashes are those of something earlier.

    Examples
    --------
    >>> n_repeats(np.array([5, 3, 5, 5], dtype=np.uint64))
    2
    """
    found = np.sort(hashes)
    return int((found[1:] == found[:-1]).sum())


def shared_by_pairs(stores: Sequence[str], hashes: Sequence[Array | None]) -> pd.DataFrame:
    """Return which two stores share how many hashes, those that share most first.

    Parameters
    ----------
    stores
        Display names.
    hashes
        uint64 (n_obs,) of each, 0 for what is to be left out; None if they are not known.

    Returns
    -------
    DataFrame
        ``store_a``, ``store_b``, ``shared``, ``of_smaller`` (share of the smaller store),
        ``by_chance`` (that barcodes alone would be expected to share).

    Examples
    --------
    >>> lists = [np.array(one, dtype=np.uint64) for one in ([1, 2, 3], [2, 3, 3, 4], [9])]
    >>> shared_by_pairs(["a", "b", "c"], lists)[["store_a", "store_b", "shared"]].values.tolist()
    [['a', 'b', 2]]
    """
    import pandas as pd

    there = [(name, one) for name, one in zip(stores, hashes, strict=True) if one is not None]
    several, sizes = _of_several([one for _, one in there])
    if not len(several):
        return pd.DataFrame(columns=_COLUMNS)
    from scipy import sparse  # takes a while, and most collections have no such cells

    found = [_places(distinct(one), several) for _, one in there]
    starts = np.cumsum([0, *map(len, found)])
    places = np.concatenate(found)
    ones = np.ones(len(places), dtype=np.int32)
    has = sparse.csr_matrix((ones, places, starts), shape=(len(there), len(several)))
    pairs = sparse.coo_matrix(sparse.triu(has @ has.T, k=1))
    a, b = sizes[pairs.row], sizes[pairs.col]
    table = pd.DataFrame(
        {
            "store_a": [there[i][0] for i in pairs.row],
            "store_b": [there[i][0] for i in pairs.col],
            "shared": pairs.data.astype(np.int64),
            "of_smaller": pairs.data / np.minimum(a, b),
            "by_chance": a * b / _BARCODES,
        },
        columns=_COLUMNS,
    )
    return plain_text(table).sort_values(
        "shared", ascending=False, ignore_index=True, kind="stable"
    )


def _of_several(lists: Sequence[Array]) -> tuple[Array, Array]:
    """Return the hashes that more than one list has, ascending, and the distinct ones of each list.

    Sorted, because a table of all hashes would take several times their memory, and longer.
    """
    every = np.empty(sum(map(len, lists)), dtype=np.uint64)
    sizes, end = np.zeros(len(lists), dtype=np.int64), 0
    for i, one in enumerate(lists):
        some = distinct(one)
        sizes[i] = len(some)
        every[end : end + len(some)] = some
        end += len(some)
    every = every[:end]
    every.sort()
    return distinct(every[1:][every[1:] == every[:-1]]), sizes


def _places(some: Array, several: Array) -> Array:
    """Return where ascending hashes are among those of several lists."""
    if len(several) < len(some):
        at = np.minimum(np.searchsorted(some, several), len(some) - 1)
        return np.flatnonzero(some[at] == several)
    at = np.minimum(np.searchsorted(several, some), len(several) - 1)
    hit: Array = at[several[at] == some]
    return hit
