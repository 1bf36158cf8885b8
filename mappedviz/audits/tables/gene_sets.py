"""Genes by the set of stores that have them: stores to leave out together, and intersections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mappedviz._types import Array

if TYPE_CHECKING:
    import pandas as pd

_MOST_SETS = 2_000  # by which sets are chosen; what they win is counted by all
_MOST_OF_A_SIZE = 60


@dataclass(frozen=True, eq=False)
class LackingSets:
    """Sets of lists of genes: the genes of a set are those that these lists lack, and no other.

    Attributes
    ----------
    members
        int64: the lists of all sets, one set after the other.
    starts
        int64 (n_sets,): where each set begins there.
    counts
        int64 (n_sets,): genes of each set, most first.
    times
        int64 (n_lists,): stores that have each list.

    Examples
    --------
    >>> lists = [np.array([0, 1, 2]), np.array([0, 1]), np.array([0])]
    >>> sets = LackingSets.of(lists, np.ones(3, int), 3, most=2)
    >>> sets.counts.tolist(), sets.won(np.array([False, True, True]))
    ([1, 1], 2)
    """

    members: Array
    starts: Array
    counts: Array
    times: Array

    @classmethod
    def of(cls, lists: Sequence[Array], times: Array, n: int, most: int) -> LackingSets:
        """The sets of at most so many stores.

        Parameters
        ----------
        lists
            Per distinct list the codes of its genes.
        times
            Number of stores that have each list.
        n
            Number of genes.
        most
            Greatest number of stores in a set.
        """
        stores_with = np.zeros(n, dtype=np.int64)
        for codes, k in zip(lists, times.tolist(), strict=True):
            stores_with[codes] += k
        lacking = times.sum() - stores_with
        wanted = (lacking > 0) & (lacking <= most)
        pairs = []
        mark = np.empty(n, dtype=bool)
        for codes in lists:
            mark[:] = wanted
            mark[codes] = False
            pairs.append(np.flatnonzero(mark))
        gene = np.concatenate([*pairs, np.empty(0, np.int64)])
        of_list = np.repeat(np.arange(len(lists)), [len(some) for some in pairs])
        order = np.argsort(gene, kind="stable")
        gene, of_list = gene[order], of_list[order]
        starts = np.flatnonzero(np.diff(gene, prepend=-1))
        if not len(starts):
            nothing = np.empty(0, dtype=np.int64)
            return cls(nothing, nothing, nothing, times)
        # A set is known by the sum of numbers that are drawn for its lists.
        drawn = np.random.default_rng(0).integers(0, 2**64, len(lists), dtype=np.uint64)
        key = np.add.reduceat(drawn[of_list], starts)
        _, first, counts = np.unique(key, return_index=True, return_counts=True)
        by_count = np.lexsort((first, -counts))
        first, counts = first[by_count], counts[by_count]
        sizes = np.diff(starts, append=len(gene))[first]
        ends = np.cumsum(sizes)
        at = np.repeat(starts[first] - (ends - sizes), sizes) + np.arange(int(ends[-1]))
        return cls(of_list[at], ends - sizes, counts.astype(np.int64), times)

    def sizes(self) -> Array:
        """Number of stores in each set: int64 (n_sets,)."""
        return self._sums(self.times)

    def won(self, chosen: Array) -> int:
        """Number of genes that only the chosen lists lack: bool (n_lists,)."""
        outside = self._sums((~chosen).astype(np.int64))
        return int(self.counts[outside == 0].sum())

    def _sums(self, values: Array) -> Array:
        if not len(self.starts):
            return np.empty(0, dtype=np.int64)
        sums: Array = np.add.reduceat(values[self.members], self.starts)
        return sums

    def dense(self, which: Array) -> Array:
        """Members of some sets: bool (k, n_lists)."""
        found = np.zeros((len(which), len(self.times)), dtype=bool)
        ends = np.append(self.starts, len(self.members))
        for row, i in enumerate(which.tolist()):
            found[row, self.members[ends[i] : ends[i + 1]]] = True
        return found


def best_to_leave_out(sets: LackingSets, most: int) -> list[Array]:
    """For each number of stores the lists that win most genes when left out together.

    Sets are joined that win most genes per store, beginning with the one of these, or with the one
    that wins most by itself.

    Parameters
    ----------
    sets
        Sets of lists that lack genes.
    most
        Greatest number of stores to leave out.

    Returns
    -------
    list of ndarray
        bool (n_lists,): for 1, 2, … stores; only choices that win more genes than those of fewer stores.

    Examples
    --------
    >>> lists = [np.array([9]), np.array([9]), np.arange(9)]
    >>> sets = LackingSets.of(lists, np.ones(3, int), 10, most=2)
    >>> [one.tolist() for one in best_to_leave_out(sets, 2)]
    [[False, False, True], [True, True, False]]
    """
    sizes = sets.sizes()
    alike = [np.flatnonzero(sizes == n)[:_MOST_OF_A_SIZE] for n in range(1, most + 1)]
    candidates = sets.dense(np.concatenate([*alike, np.empty(0, np.intp)]))
    search = _Search(sets, candidates)
    found: list[Array] = []
    best = 0
    for budget in range(1, most + 1):
        nothing = np.zeros(len(sets.times), dtype=bool)
        for first in (nothing, search.best_set(budget)):
            chosen = search.joined(budget, first)
            gain = sets.won(chosen)
            if gain > best:
                best = gain
                found = [one for one in found if one @ sets.times < chosen @ sets.times]
                found.append(chosen)
    return found


class _Search:
    """Choices among candidates, by what the most frequent sets win."""

    def __init__(self, sets: LackingSets, candidates: Array) -> None:
        some = np.arange(min(len(sets.starts), _MOST_SETS))
        self.members = sets.dense(some).astype(np.float32)
        self.counts = sets.counts[some]
        self.times = sets.times
        self.candidates = candidates

    def gains(self, unions: Array) -> Array:
        """Number of genes that each union wins: those of the sets of which nothing is outside of it."""
        outside = self.members @ (~unions).T.astype(np.float32)
        gains: Array = self.counts @ (outside == 0)
        return gains

    def best_set(self, budget: int) -> Array:
        """The candidate that wins most genes of those that fit."""
        fitting = self.candidates[self.candidates @ self.times <= budget]
        if not len(fitting):
            return np.zeros(len(self.times), dtype=bool)
        best: Array = fitting[int(np.argmax(self.gains(fitting)))]
        return best

    def joined(self, budget: int, chosen: Array) -> Array:
        """The choice with further sets, each time the one that wins most genes per store."""
        won = int(self.gains(chosen[None])[0])
        while True:
            unions = self.candidates | chosen
            sizes = unions @ self.times
            before = int(chosen @ self.times)
            fitting = np.flatnonzero((sizes <= budget) & (sizes > before))
            if not len(fitting):
                return chosen
            gains = self.gains(unions[fitting])
            rate = (gains - won) / (sizes[fitting] - before)
            at = int(np.lexsort((sizes[fitting], -rate))[0])
            if rate[at] <= 0:
                return chosen
            chosen, won = unions[fitting[at]], int(gains[at])


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
