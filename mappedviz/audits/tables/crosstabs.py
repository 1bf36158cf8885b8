"""Two labels against each other: the rows of each pair, and how far one tells the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mappedviz._types import Array
from mappedviz.text.display import MISSING, Words

if TYPE_CHECKING:
    import pandas as pd

    from mappedviz.recipe.labels import Label, Labels


def crosstab(
    rows: Labels,
    columns: Labels,
    names: tuple[str, str],
    *,
    top_n: int | None = None,
    missing: bool = False,
) -> pd.DataFrame:
    """Number of rows with each pair of labels: DataFrame of int, only labels that occur.

    Parameters
    ----------
    rows, columns
        The labels of all rows by two keys.
    names
        The keys.
    top_n
        Most labels per side, the most frequent first; all others are summed up as "other".
        Default: all labels, sorted.
    missing
        Count rows without a label, too, as the last row and the last column.

    Examples
    --------
    >>> from mappedviz.recipe.labels import Labels
    >>> batch = Labels(np.array([0, 0, 1]), ("b1", "b2"))
    >>> label = Labels(np.array([0, 1, 1]), ("NK", "T"))
    >>> crosstab(batch, label, ("batch", "label")).loc["b1"].tolist()
    [1, 1]
    >>> crosstab(batch, label, ("batch", "label"), top_n=1).to_dict()
    {'T': {'b1': 1, 'other (1 more)': 1}, 'other (1 more)': {'b1': 1, 'other (1 more)': 0}}
    """
    import pandas as pd

    counted = np.ones(len(rows), dtype=bool)
    if not missing:
        counted = (rows.codes >= 0) & (columns.codes >= 0)
    sides = [_side(labels, counted, top_n) for labels in (rows, columns)]
    (row, row_titles), (column, column_titles) = sides
    n = len(column_titles)
    values = np.bincount(row * n + column, minlength=len(row_titles) * n)
    return pd.DataFrame(
        values.reshape(len(row_titles), n),
        index=pd.Index(row_titles, name=names[0], dtype=object),
        columns=pd.Index(column_titles, name=names[1], dtype=object),
    )


def _side(labels: Labels, counted: Array, top_n: int | None) -> tuple[Array, list[Label | Words]]:
    """The place of each row that is counted, and the titles of the places.

    Places beyond the labels are for all other labels, and for rows without one.
    """
    codes = labels.codes[counted].astype(np.int64)
    times = np.bincount(codes + 1, minlength=len(labels.categories) + 1)
    without, times = int(times[0]), times[1:]
    used = np.flatnonzero(times)
    kept = used if top_n is None else used[np.argsort(-times[used], kind="stable")][:top_n]
    titles: list[Label | Words] = [labels.categories[i] for i in kept.tolist()]
    # One more entry than categories: code -1 picks the last one.
    place = np.full(len(times) + 1, len(kept), dtype=np.int64)
    place[kept] = np.arange(len(kept))
    if more := len(used) - len(kept):
        titles.append(Words(f"other ({more:,} more)"))
    place[-1] = len(titles)
    if without:
        titles.append(Words(MISSING))
    return place[codes], titles


def cramers_v(table: pd.DataFrame | Array) -> float:
    """Cramér's V: how far two labels are confounded, from 0 (independent) to 1 (one tells the other).

    NaN where one of them has a single value.

    Examples
    --------
    >>> cramers_v(np.array([[5, 0], [0, 5]])), cramers_v(np.array([[5, 5], [5, 5]]))
    (1.0, 0.0)
    """
    counts = np.asarray(table, dtype=np.float64)
    counts = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    total = counts.sum()
    smaller = min(counts.shape) - 1
    if smaller < 1:
        return float("nan")
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True) / total
    chi2 = float(((counts - expected) ** 2 / expected).sum())
    return float(np.sqrt(chi2 / total / smaller))
