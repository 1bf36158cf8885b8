"""Rows by their names, and columns of obs as pandas has them: read when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mappedviz._types import Array
from mappedviz.collection.obs_keys import NumericKey, ObsKey
from mappedviz.errors import RecipeError

if TYPE_CHECKING:
    import pandas as pd

    from mappedviz.collection.plan import Plan

__all__ = ["as_column", "names_of", "obs_of"]


def names_of(plan: Plan, rows: Array) -> Array:
    """Return the names of rows as their stores have them: objects (n,), read of stores that occur.

    Parameters
    ----------
    plan
        What the rows are of.
    rows
        Row numbers in ``[0, n_obs)``.

    Raises
    ------
    StoreError
        A store was removed, replaced or truncated since it was opened.
    """
    store, local = plan.rows.locate(rows)
    found = np.empty(len(rows), dtype=object)
    for s in np.unique(store).tolist():
        here = store == s
        plan.stores[s].check_unchanged()
        found[here] = plan.stores[s].obs_names[local[here]]
    return found


def obs_of(plan: Plan, rows: Array, columns: Sequence[str] | None) -> pd.DataFrame:
    """Return columns of obs of rows, under their names; see :meth:`mappedviz.MappedCollection.obs`.

    Parameters
    ----------
    plan
        What the rows are of.
    rows
        Row numbers in ``[0, n_obs)``.
    columns
        Obs columns; None for the obs keys of the recipe.

    Raises
    ------
    MissingKeyError
        No store has a column.
    RecipeError
        A column is asked for twice.
    StoreError
        A store was removed, replaced or truncated since it was opened.
    """
    import pandas as pd

    wanted = plan.recipe.obs_keys if columns is None else list(columns)
    twice = [key for i, key in enumerate(wanted) if key in wanted[:i]]
    if twice:
        raise RecipeError(
            f"names {twice[0]!r} twice", key="columns", remedy="Name each column once."
        )
    values = {key: as_column(plan.obs_key(key), rows) for key in wanted}
    index = pd.Index(names_of(plan, rows), dtype=object)
    return pd.DataFrame({key: pd.Series(one, index=index) for key, one in values.items()}, index)


def as_column(column: ObsKey, rows: Array) -> Any:
    """Return the labels of rows as a column of pandas, of a type that does not depend on the rows."""
    import pandas as pd

    if isinstance(column, NumericKey):
        if column.values.dtype.kind != "b" or column.missing is None:
            return column.batch(rows)
        return pd.arrays.BooleanArray(column.values[rows], column.missing[rows])
    labels, codes = column.labels, column.labels.codes[rows]
    kinds = {type(label) for label in labels.categories}
    if kinds == {bool}:
        values = np.array([*labels.categories, False])[codes]  # the last entry: no label
        return pd.arrays.BooleanArray(values, codes < 0) if labels.n_missing else values
    if kinds and kinds <= {int, float}:
        return labels.values()[rows]
    categories = pd.Index(list(labels.categories), dtype=object)
    return pd.Categorical.from_codes(codes, categories=categories)
