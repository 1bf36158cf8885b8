"""The split that a recipe asks for, made of a plan: one plan for training, one for validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mappedviz._types import Array
from mappedviz.errors import RecipeError
from mappedviz.recipe.labels import Labels
from mappedviz.recipe.splits import chances_of_rows, split_labels, split_rows

if TYPE_CHECKING:
    from mappedviz.collection.plan import Plan
    from mappedviz.recipe.recipe import Recipe


def split_recipe(
    recipe: Recipe, by: str | Literal[False] | None, fraction: float | None, seed: int | None
) -> Recipe:
    """Return the recipe with another split; None leaves what it says."""
    changes: dict[str, Any] = {"split_fraction": fraction, "split_seed": seed}
    changes = {name: value for name, value in changes.items() if value is not None}
    if by is not None:
        changes["split_by"] = None if by is False else by
    return recipe.replace(**changes)


def split_plan(plan: Plan, recipe: Recipe, stratify: Sequence[str] = ()) -> tuple[Plan, Plan]:
    """Split a plan as a recipe says, which becomes the recipe of both sides.

    Parameters
    ----------
    plan
        The rows to split.
    recipe
        Its ``split_by``, ``split_fraction`` and ``split_seed`` count.
    stratify
        Obs keys whose combined labels should have that share each.

    Returns
    -------
    tuple
        The plans of the rows for training and of those for validation.

    Raises
    ------
    MissingKeyError
        No store has a key.
    RecipeError
        There is only one group, or only one row.
    """
    strata = Labels.combine([plan.labels_of(key) for key in stratify]).codes if stratify else None
    if recipe.split_by is None:
        side = split_rows(_chances(plan, recipe.split_seed), recipe.split_fraction, strata)
    else:
        groups = plan.labels_of(recipe.split_by)
        try:
            side = split_labels(groups, recipe.split_fraction, recipe.split_seed, strata)
        except RecipeError as error:
            error.key = recipe.split_by
            raise
    split = replace(plan, recipe=recipe)
    return split.take(np.flatnonzero(~side)), split.take(np.flatnonzero(side))


def _chances(plan: Plan, seed: int) -> Array:
    """Return a random number for each row, whatever stores and rows are beside it."""
    drawn = []
    for store, kept in zip(plan.stores, plan.rows.kept, strict=True):
        chances = chances_of_rows(store.name, store.facts.n_obs, seed)
        drawn.append(chances if kept is None else chances[kept])
    return np.concatenate(drawn)
