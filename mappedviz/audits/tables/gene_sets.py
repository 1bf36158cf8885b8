"""Genes by the set of stores that have them: stores to leave out together, and intersections."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mappedviz._types import Array

if TYPE_CHECKING:
    import pandas as pd

_MOST_SETS = 2_000  # by which sets are chosen; what they win is counted by all
_MOST_OF_A_SIZE = 60


def lacking_sets(lists: Sequence[Array], times: Array, n: int, most: int) -> tuple[Array, Array]:
    """The sets of lists that lack a gene, and the number of genes that these lists lack and no other.

    Parameters
    ----------
    lists
        Per distinct list the codes of its genes.
    times
        Number of stores that have each list.
    n
        Number of genes.
    most
        Only sets of at most so many stores.

    Returns
    -------
    ndarray, ndarray
        bool (n_sets, n_lists), without the empty set; and int64 (n_sets,), most genes first.
    """
    stores_with = np.zeros(n, dtype=np.int64)
    for codes, k in zip(lists, times.tolist(), strict=True):
        stores_with[codes] += k
    lacking = times.sum() - stores_with
    genes = np.flatnonzero((lacking > 0) & (lacking <= most))
    if not len(genes):
        return np.zeros((0, len(lists)), dtype=bool), np.zeros(0, dtype=np.int64)
    place = np.full(n, -1, dtype=np.int64)
    place[genes] = np.arange(len(genes))
    lacks = np.ones((len(genes), len(lists)), dtype=bool)
    for i, codes in enumerate(lists):
        at = place[codes]
        lacks[at[at >= 0], i] = False
    packed = np.packbits(lacks, axis=1)
    whole = np.ascontiguousarray(packed).view([("", packed.dtype)] * packed.shape[1])
    _, first, counts = np.unique(whole, return_index=True, return_counts=True)
    order = np.lexsort((first, -counts))
    return lacks[first[order]], counts[order].astype(np.int64)


def best_to_leave_out(sets: Array, counts: Array, times: Array, most: int) -> list[Array]:
    """For each number of stores the lists that win most genes when left out together.

    Sets are joined that win most genes per store, beginning with the one of these, or with the one
    that wins most by itself.

    Parameters
    ----------
    sets, counts
        As of :func:`lacking_sets`.
    times
        Number of stores that have each list.
    most
        Greatest number of stores to leave out.

    Returns
    -------
    list of ndarray
        bool (n_lists,): for 1, 2, … stores; only choices that win more genes than those of fewer stores.

    Examples
    --------
    >>> sets = np.array([[True, True, False], [False, False, True]])
    >>> [one.tolist() for one in best_to_leave_out(sets, np.array([9, 2]), np.ones(3, int), 2)]
    [[False, False, True], [True, True, False]]
    """
    some, n_genes, sizes = sets[:_MOST_SETS], counts[:_MOST_SETS], sets @ times
    alike = [np.flatnonzero(sizes == n)[:_MOST_OF_A_SIZE] for n in range(1, most + 1)]
    candidates = sets[np.concatenate([*alike, np.empty(0, np.intp)])]
    found: list[Array] = []
    best = 0
    for budget in range(1, most + 1):
        nothing = np.zeros(sets.shape[1], dtype=bool)
        for first in (nothing, _best_set(some, n_genes, candidates, times, budget)):
            chosen = _joined(some, n_genes, candidates, times, budget, first)
            gain = genes_won(sets, counts, chosen)
            if gain > best:
                best = gain
                found = [one for one in found if one @ times < chosen @ times]
                found.append(chosen)
    return found


def _best_set(sets: Array, counts: Array, candidates: Array, times: Array, budget: int) -> Array:
    """The set that wins most genes of those that fit."""
    fitting = candidates[candidates @ times <= budget]
    if not len(fitting):
        return np.zeros(sets.shape[1], dtype=bool)
    best: Array = fitting[int(np.argmax(_gains(sets, counts, fitting)))]
    return best


def _joined(
    sets: Array, counts: Array, candidates: Array, times: Array, budget: int, chosen: Array
) -> Array:
    """The choice with further sets, each time the one that wins most genes per store."""
    won = genes_won(sets, counts, chosen)
    while True:
        unions = candidates | chosen
        sizes = unions @ times
        before = int(chosen @ times)
        fitting = np.flatnonzero((sizes <= budget) & (sizes > before))
        if not len(fitting):
            return chosen
        gains = _gains(sets, counts, unions[fitting])
        rate = (gains - won) / (sizes[fitting] - before)
        at = int(np.lexsort((sizes[fitting], -rate))[0])
        if rate[at] <= 0:
            return chosen
        chosen, won = unions[fitting[at]], int(gains[at])


def _gains(sets: Array, counts: Array, unions: Array) -> Array:
    """Number of genes that each union wins: those of the sets of which nothing is outside of it."""
    outside = sets.astype(np.float32) @ (~unions).T.astype(np.float32)
    gains: Array = counts @ (outside == 0)
    return gains


def genes_won(sets: Array, counts: Array, chosen: Array) -> int:
    """Number of genes that only the chosen lists lack."""
    return int(counts[~(sets & ~chosen).any(axis=1)].sum())


def histogram_of(at_least: Array, most: int) -> pd.DataFrame:
    """Genes by the number of stores that have them, in at most about `most` bins.

    Parameters
    ----------
    at_least
        Genes that at least 1, 2, … stores have.
    most
        Number of bins. They begin at the least number that any gene has; that one and the number of
        all stores always have a bin of their own.

    Returns
    -------
    DataFrame
        ``low``, ``high`` (numbers of stores, both included), ``n_genes``.

    Examples
    --------
    >>> histogram_of(np.array([9, 7, 7, 2]), 20).to_numpy().tolist()
    [[1, 1, 2], [2, 2, 0], [3, 3, 5], [4, 4, 2]]
    >>> histogram_of(np.arange(100, 0, -1), 4)[["low", "high"]].to_numpy().tolist()
    [[1, 1], [2, 50], [51, 99], [100, 100]]
    """
    import pandas as pd

    reached = np.append(np.asarray(at_least, dtype=np.int64), 0)
    n = len(at_least)
    first = 1 + int(np.argmax(reached[:-1] > reached[1:])) if n else 1
    if n - first < max(most, 3):
        edges = np.arange(first, n + 2)
    else:
        inner = np.linspace(first + 1, n, max(most - 2, 1) + 1)
        edges = np.unique(np.concatenate([[first], np.ceil(inner).astype(np.int64), [n + 1]]))
    low, high = edges[:-1], edges[1:] - 1
    return pd.DataFrame({"low": low, "high": high, "n_genes": reached[low - 1] - reached[high]})
