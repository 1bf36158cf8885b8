"""Two labels against each other: the rows of each pair, and how far one tells the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mappedviz._types import Array

if TYPE_CHECKING:
    import pandas as pd

    from mappedviz.recipe.labels import Labels


def crosstab(rows: Labels, columns: Labels, names: tuple[str, str]) -> pd.DataFrame:
    """Number of rows with each pair of labels: DataFrame of int, only labels that occur.

    Examples
    --------
    >>> from mappedviz.recipe.labels import Labels
    >>> batch = Labels(np.array([0, 0, 1]), ("b1", "b2"))
    >>> label = Labels(np.array([0, 1, 1]), ("NK", "T"))
    >>> crosstab(batch, label, ("batch", "label")).loc["b1"].tolist()
    [1, 1]
    """
    import pandas as pd

    n = len(columns.categories)
    both = (rows.codes >= 0) & (columns.codes >= 0)
    pair = rows.codes[both].astype(np.int64) * max(n, 1) + columns.codes[both]
    values = np.bincount(pair, minlength=len(rows.categories) * n)
    values = values[: len(rows.categories) * n].reshape(len(rows.categories), n)
    table = pd.DataFrame(
        values,
        index=pd.Index(list(rows.categories), name=names[0], dtype=object),
        columns=pd.Index(list(columns.categories), name=names[1], dtype=object),
    )
    kept: pd.DataFrame = table.loc[values.sum(axis=1) > 0]
    return kept.iloc[:, np.flatnonzero(values.sum(axis=0) > 0)]


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
