"""Scales of values, recognised from some rows: counts, logarithms of them, roots, proportions, z-scores.

What was done to counts is undone row by row, one way after the other. It was the right way if the
rows then sum to the same, or are whole multiples of one number each, as counts are after division
by the depth of a cell. Rows of one store may be on different scales.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from mappedviz._types import Array

Scales: TypeAlias = "tuple[tuple[str, int], ...]"
_Undo: TypeAlias = "Callable[[Array], Array]"

#: Way to undo -> function. In the order of preference among ways that explain as many rows.
_UNDO: dict[str, _Undo] = {
    "linear": lambda x: x,
    "log1p": np.expm1,
    "log2": lambda x: np.exp2(x) - 1,
    "log10": lambda x: np.power(10.0, x) - 1,
    "sqrt": np.square,
}
#: Way to undo -> scale of values that are whole numbers then, that sum to the same, that are
#: multiples of one number per row.
_NAMES = {
    "linear": ("counts", "normalised", "normalised"),
    "log1p": ("log counts", "log1p", "logarithms"),
    "log2": ("log2 counts", "log2", "log2"),
    "log10": ("log10 counts", "log10", "log10"),
    "sqrt": ("sqrt", "sqrt", "sqrt"),
}
#: What the values of a store may be.
SCALES = (
    *("counts", "log1p", "log2", "log10", "log counts", "log2 counts", "log10 counts", "sqrt"),
    *("normalised", "proportions", "logarithms", "scaled", "fractions"),
    *("not finite", "mixed", "unknown", "empty"),
)
_TESTED = 200  # values per row
_SAME = 0.005  # share by which sums may differ
_FIRST_COUNT = 50  # rows of counts have a value as small as this
_NOT_LOGARITHMS = 20.0


@dataclass(frozen=True, eq=False)
class RowValues:
    """Sums and properties of the values of some rows.

    Attributes
    ----------
    totals
        Sum of every row: float64 (rows,).
    genes
        Values that are not zero, per row: int64 (rows,).
    low, high
        Smallest and largest finite value of every row; NaN where there is none.
    finite, whole, several
        Whether none of a row's values is NaN or infinite; whether all are whole numbers; whether
        there are values of different size, zeros apart.
    sums, whole_by, multiples
        Way to undo -> per row the sum of the values then, whether they are whole numbers then,
        and whether they are whole multiples of the smallest one. Of rows that are whole or
        negative as they are: 0 and False.
    """

    totals: Array
    genes: Array
    low: Array
    high: Array
    finite: Array
    whole: Array
    several: Array
    sums: dict[str, Array]
    whole_by: dict[str, Array]
    multiples: dict[str, Array]

    @classmethod
    def of(cls, indptr: Array, data: Array, eps: float) -> RowValues:
        """Look at rows in CSR.

        Parameters
        ----------
        indptr, data
            Row pointers, and float64 values; stored zeros may be among them.
        eps
            Relative precision of the type that the values are stored in.
        """
        n = len(indptr) - 1
        row = np.repeat(np.arange(n), np.diff(indptr))
        known = np.isfinite(data)
        filled = data != 0
        high = _per_row(np.maximum, np.where(known, data, -np.inf), row, n, -np.inf)
        low = _per_row(np.minimum, np.where(known, data, np.inf), row, n, np.inf)
        several = np.zeros(n, dtype=bool)
        several[row[known & filled & (data < high[row])]] = True
        none = np.isinf(high)
        high[none] = low[none] = np.nan
        finite = np.bincount(row, weights=~known, minlength=n) == 0
        with np.errstate(invalid="ignore"):
            fractions = (data != np.rint(data)) & known
        whole = np.bincount(row, weights=fractions, minlength=n) == 0
        undone = finite & ~whole & (low >= 0)
        there = undone[row] & filled
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            totals = np.bincount(row, weights=data, minlength=n)
            ways = _undone(row[there], data[there], n, eps)
        genes = np.bincount(row, weights=filled, minlength=n).astype(np.int64)
        return cls(totals, genes, low, high, finite, whole, several, *ways)

    @classmethod
    def joined(cls, parts: Sequence[RowValues]) -> RowValues:
        """All rows of several parts."""
        names = ("totals", "genes", "low", "high", "finite", "whole", "several")
        arrays: list[Array] = [
            np.concatenate([getattr(part, name) for part in parts]) for name in names
        ]
        ways = [
            {way: np.concatenate([getattr(part, name)[way] for part in parts]) for way in _UNDO}
            for name in ("sums", "whole_by", "multiples")
        ]
        return cls(*arrays, *ways)  # type: ignore[arg-type]


def _undone(
    row: Array, data: Array, n: int, eps: float
) -> tuple[dict[str, Array], dict[str, Array], dict[str, Array]]:
    """Per way to undo: sums, whether values are whole, and whether they are multiples of one."""
    sums, wholes, multiples = {}, {}, {}
    begin = np.searchsorted(row, np.arange(n))
    tested = np.arange(len(row)) - begin[row] < _TESTED
    smallest = _per_row(np.minimum, data, row, n, np.inf)
    some, some_row = data[tested], row[tested]
    for way, undo in _UNDO.items():
        sums[way] = np.bincount(row, weights=undo(data), minlength=n)
        values = undo(some)
        wholes[way] = _are_whole(values, some_row, n, eps) & (undo(smallest) <= _FIRST_COUNT)
        multiples[way] = _are_whole(values / undo(smallest)[some_row], some_row, n, eps)
    return sums, wholes, multiples


def _per_row(reduce: np.ufunc, data: Array, row: Array, n: int, empty: float) -> Array:
    """Reduce the values of each row; rows ascend."""
    found = np.full(n, empty)
    if len(row):
        begin = np.flatnonzero(np.diff(row, prepend=-1))
        found[row[begin]] = reduce.reduceat(data, begin)
    return found


def _are_whole(values: Array, row: Array, n: int, eps: float) -> Array:
    """Whether the values of each row are whole numbers, of different size, as far as one can tell."""
    precision = np.maximum(1e-3, 16 * eps * values)
    clear = precision < 0.1
    off = (np.abs(values - np.rint(values)) > precision) & clear
    large = (values > 1.5) & clear
    exact: Array = np.bincount(row, weights=off, minlength=n) == 0
    return exact & (np.bincount(row, weights=large, minlength=n) > 0)


def scales_of(rows: RowValues) -> Scales:
    """Return the scales that rows are on and the number of rows on each, most frequent first.

    Rows that say nothing (without values, or with the value 1 only) are not counted; where no
    row says anything, ``"counts"`` are rows of whole numbers, else ``"unknown"``.

    Notes
    -----
    ``"scaled"`` has negative values (z-scores), ``"counts"`` are whole numbers. ``"log1p"``, ``"log2"``,
    ``"log10"`` of normalised counts: undone, rows sum to the same; ``"logarithms"`` are such of some
    of the genes; ``"log counts"`` (``"log2 counts"`` …) of counts as they are. ``"sqrt"``; ``"normalised"``;
    ``"proportions"`` sum to the same, at most 1. ``"fractions"`` are no logarithms, ``"unknown"`` may be
    anything.

    Examples
    --------
    >>> counts = np.array([[1, 2, 4], [3, 1, 1], [1, 6, 3]], dtype=np.float64)
    >>> share = counts / counts.sum(axis=1, keepdims=True)
    >>> def scales(x):
    ...     return scales_of(RowValues.of(np.arange(0, x.size + 1, 3), x.ravel(), 1e-16))
    >>> scales(counts), scales(np.log1p(1e4 * share)), scales(np.log1p(counts))
    ((('counts', 3),), (('log1p', 3),), (('log counts', 3),))
    >>> scales(share), scales(np.sqrt(counts)), scales(np.concatenate([counts, share]))
    ((('proportions', 3),), (('sqrt', 3),), (('counts', 3), ('proportions', 3)))
    """
    filled = (rows.genes > 0) & rows.finite
    n = int(filled.sum())
    if not n:
        return ()
    negative = filled & (rows.low < 0)
    counts = filled & rows.whole & ~negative
    other = filled & ~rows.whole & ~negative
    enough = max(0.05 * n, 4) if n > 4 else 1
    found: dict[str, int] = {}
    scaled = negative.sum() >= enough or negative.sum() > n / 2
    if other.any():
        clear = other & rows.several
        left = clear if clear.any() else other
        found = _scales_of_fractions(rows, left, enough)
        counts &= ~_as_the_others(rows, counts, left, found)
    if scaled:  # a row of z-scores may be without negative ones
        found = {name: n for name, n in found.items() if name not in ("unknown", "fractions")}
        found["scaled"] = int(negative.sum())
    clear = counts & (rows.high > 1) & (rows.low <= _FIRST_COUNT)
    if clear.any() or (counts.any() and not found):
        found["counts"] = int(clear.sum()) or int(counts.sum())
    most = max(found.values(), default=0)
    kept = {name: n for name, n in found.items() if n >= enough or n == most}
    return tuple(sorted(kept.items(), key=lambda item: (-item[1], item[0])))


def undo_of(scale: str) -> Callable[[Array], Array] | None:
    """Return the function that makes values of a scale proportional to counts, row by row.

    None where there is none, or where it is not known.

    Examples
    --------
    >>> undo_of("log1p")(np.log1p([3.0])).round(6).tolist(), undo_of("scaled")
    ([3.0], None)
    """
    if scale in ("proportions", "empty"):
        return _UNDO["linear"]
    return next((_UNDO[way] for way, names in _NAMES.items() if scale in names), None)


def undone_sums(rows: RowValues, scale: str) -> Array | None:
    """Return the sum of each row once :func:`undo_of` was applied to its values; None as there.

    Of rows that are whole numbers, which on another scale than counts a few are by chance, it is 0.
    """
    way = next((way for way, names in _NAMES.items() if scale in names), None)
    if scale in ("proportions", "empty") or way == "linear":
        return rows.totals
    return None if way is None else rows.sums[way]


def _as_the_others(rows: RowValues, counts: Array, left: Array, found: dict[str, int]) -> Array:
    """Rows of whole numbers that are so by chance: as the other rows are, some of them are whole."""
    if any(name.startswith(("log2", "log10", "sqrt")) for name in found):
        return counts & (rows.high < _NOT_LOGARITHMS)
    middle = float(np.median(rows.totals[left]))
    if {"normalised", "proportions"} & set(found) and middle:
        return counts & (np.abs(rows.totals - middle) / middle < _SAME)
    return np.zeros_like(counts)


def _scales_of_fractions(rows: RowValues, left: Array, enough: float) -> dict[str, int]:
    found: dict[str, int] = {}
    n = int(left.sum())
    while left.any():
        parts = _best(rows, left)
        explained = np.logical_or.reduce(list(parts.values()))
        if not explained.any() or explained.sum() < min(enough, n / 2):
            break
        for name, some in parts.items():
            found[name] = found.get(name, 0) + int(some.sum())
        left = left & ~explained
    if left.any():
        high = float(np.nanmax(rows.high[left]))
        name = "fractions" if high >= _NOT_LOGARITHMS else "unknown"
        # Of some rows of a store too little is known; they may be as the others, if they can.
        logarithms = all(one.startswith("log") for one in found)
        if not found or (name == "fractions" and logarithms and left.sum() > 0.2 * n):
            found[name] = int(left.sum())
    return found


def _best(rows: RowValues, left: Array) -> dict[str, Array]:
    """Scales by the way to undo that explains most of the rows that are left, and these rows."""
    best: tuple[int, float] = (-1, 0.0)
    parts: dict[str, Array] = {}
    for way in _UNDO:
        middle = _most_frequent(rows.sums[way][left])
        with np.errstate(invalid="ignore", divide="ignore"):
            far = np.abs(rows.sums[way] - middle) / middle
        same = left & (far < _SAME)
        whole, multiples = left & rows.whole_by[way], left & rows.multiples[way]
        explained = same | whole | multiples
        rank = (int(explained.sum()), -float(np.median(far[same])) if same.any() else -1.0)
        if rank <= best:
            continue
        best = rank
        counts, constant, some = _NAMES[way]
        if way == "linear" and middle <= 1 + _SAME:
            constant = "proportions"
        whole &= ~same | (whole.sum() > 0.9 * rank[0])
        parts = {constant: same & ~whole}
        for name, rows_of_it in ((counts, whole), (some, explained & ~same & ~whole)):
            parts[name] = parts.get(name, np.zeros_like(left)) | rows_of_it
        if parts[constant].any() and constant != some:  # the same, with rows that sum to less
            parts[constant] |= parts.pop(some)
    return {name: some for name, some in parts.items() if some.any()}


def _most_frequent(sums: Array) -> float:
    """The sum that many rows have; NaN if there is none."""
    ordered = np.sort(sums[np.isfinite(sums) & (sums > 0)])
    if len(ordered) < 2:
        return float("nan")
    n = np.searchsorted(ordered, ordered * (1 + _SAME), side="right") - np.arange(len(ordered))
    at = int(np.argmax(n))
    if n[at] < max(0.15 * len(sums), min(len(sums), 3)):
        return float("nan")
    return float(np.median(ordered[at : at + int(n[at])]))
