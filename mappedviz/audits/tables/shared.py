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
    found = np.sort(hashes[hashes != 0])
    first = np.ones(len(found), dtype=bool)
    np.not_equal(found[1:], found[:-1], out=first[1:])
    return found[first]


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
    lists = [one for _, one in there]
    repeated = _repeated(lists)
    found = [_places(one, repeated) for one in lists] if len(repeated) else []
    places = np.concatenate([np.empty(0, dtype=np.intp), *found])
    several = np.bincount(places, minlength=len(repeated)) > 1
    if not several.any():
        return pd.DataFrame(columns=_COLUMNS)
    from scipy import sparse  # takes a while, and most collections have no such cells

    starts = np.cumsum([0, *map(len, found)])
    ones = np.ones(len(places), dtype=np.int32)
    has = sparse.csr_matrix((ones, places, starts), shape=(len(there), len(repeated)))[:, several]
    pairs = sparse.coo_matrix(sparse.triu(has @ has.T, k=1))
    sizes = np.zeros(len(there), dtype=np.int64)
    for i in np.unique(np.concatenate([pairs.row, pairs.col])).tolist():
        sizes[i] = len(distinct(lists[i]))
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


def _repeated(lists: Sequence[Array]) -> Array:
    """Return the hashes that are there more than once, ascending: in two lists, or twice in one.

    Sorted, because a table of all hashes would take several times their memory, and longer.
    """
    every = np.empty(sum(map(len, lists)), dtype=np.uint64)
    if lists:
        np.concatenate(lists, out=every, casting="unsafe")
    every.sort()
    return distinct(every[1:][every[1:] == every[:-1]])


def _places(some: Array, ascending: Array) -> Array:
    """Return where hashes are among ascending ones, each place once."""
    if len(ascending) > len(some):
        some = np.sort(some)  # neighbours are found faster
    at = np.minimum(ascending.searchsorted(some), len(ascending) - 1)
    hit: Array = at[ascending[at] == some]
    return np.unique(hit) if len(hit) > 1 else hit
