"""Which rows of each store a recipe keeps: ``obs_filter`` and ``obs_query``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mappedviz._types import Array
from mappedviz.errors import RecipeError
from mappedviz.recipe.labels import as_label
from mappedviz.recipe.query import Query

if TYPE_CHECKING:
    import pandas as pd

    from mappedviz.formats.columns import Column
    from mappedviz.recipe.recipe import Recipe
    from mappedviz.stores.store import Store

__all__ = ["filter_masks"]


def filter_masks(
    recipe: Recipe, columns: Mapping[str, Sequence[Column | None]], stores: Sequence[Store]
) -> list[Array]:
    """Per store a boolean mask (n_obs,) of the rows that pass ``obs_filter`` and ``obs_query``."""
    masks = [np.ones(store.facts.n_obs, dtype=bool) for store in stores]
    for key, wanted in recipe.obs_filter.items():
        accepted = set(wanted)
        of_stores = isinstance(recipe.relabel.get(key), Mapping)
        renames = recipe.renames_of(key)
        for mask, column, store in zip(masks, columns[key], stores, strict=True):
            if column is None:
                mask[:] = False
                continue
            if of_stores:
                renames = recipe.renames_of(key, store.path)
            codes, categories = column.factorized()
            labels = [
                renames.get(label, label)
                for label in map(as_label, categories)
                if label is not None
            ]
            # One more entry than categories: code -1, a missing label, picks the last one.
            passes = np.array([label in accepted for label in labels] + [None in accepted])
            mask &= passes[codes]
    if recipe.obs_query is not None:
        query = Query(recipe.obs_query)
        for i, (mask, store) in enumerate(zip(masks, stores, strict=True)):
            of_store = {key: _series(recipe, key, columns[key][i], store) for key in query.columns}
            try:
                mask &= query.mask(of_store, len(mask))
            except RecipeError as error:
                error.store = store.path
                raise
    return masks


def _series(recipe: Recipe, key: str, column: Column | None, store: Store) -> pd.Series[Any] | None:
    """A column of one store as pandas has it, relabelled."""
    import pandas as pd

    if column is None:
        return None
    renames = recipe.renames_of(key, store.path)
    if renames:
        codes, categories = column.factorized()
        old = [as_label(category) for category in categories]
        new = [None if label is None else renames.get(label, label) for label in old]
        table = np.empty(len(new) + 1, dtype=object)
        table[:] = [np.nan if label is None else label for label in [*new, None]]
        return pd.Series(table[codes], name=key)  # code -1 picks the last one
    if column.codes is not None:
        labels: Any = column.categories
        known = pd.Index(labels)
        coded = pd.Categorical.from_codes(column.codes, known, ordered=column.ordered)
        return pd.Series(coded, name=key)
    return pd.Series(column.values(), name=key)
