"""Where counts may be: the matrices of a store by their names, the likeliest first."""

from __future__ import annotations

from collections.abc import Iterable

from mappedviz.collection.matrices import RAW

#: Layers that hold the counts of a part of the molecules only.
_PARTS = ("spliced", "unspliced", "ambiguous", "spanning")
_MOST = 4


def where_counts_may_be(names: Iterable[str]) -> list[str]:
    """Return the matrices of a store that may hold its counts, the likeliest first, at most four.

    Examples
    --------
    >>> where_counts_may_be(["X", "raw.X", "spliced", "scaled", "umi_counts", "counts"])
    ['counts', 'umi_counts', 'raw.X', 'X']
    """
    some = [name for name in names if name.lower() not in _PARTS]
    return sorted(some, key=likelihood)[:_MOST]


def likelihood(name: str) -> int:
    """Return the place of a matrix among those that may hold counts, by its name; 0 is the first."""
    lower = name.lower()
    if lower == "counts":
        return 0
    if "count" in lower:
        return 1
    if name in (RAW, "X"):
        return 3 if name == RAW else 4
    return 2 if "umi" in lower or "raw" in lower else 5
