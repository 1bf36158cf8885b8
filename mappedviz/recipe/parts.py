"""The parts of rows that the split of a recipe makes, from labels alone."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mappedviz._types import Array
from mappedviz.errors import RecipeError
from mappedviz.recipe.labels import Labels, combinations
from mappedviz.recipe.splits import parts_of_groups, parts_of_rows

if TYPE_CHECKING:
    from mappedviz.recipe.labels import Label
    from mappedviz.recipe.recipe import Recipe


def parts_by_recipe(
    recipe: Recipe, n_rows: int, labels_of: Callable[[str], Labels], chances: Callable[[], Array]
) -> Array:
    """Return the part of each row as the position among ``recipe.part_names``, int64 (n_rows,).

    Rows that are held out for a part are in it, and nothing else is. The other parts share the other
    rows, in proportion to their shares. Rows without a group are in the first of them.

    Parameters
    ----------
    recipe
        Says how rows are split.
    n_rows
        Number of rows.
    labels_of
        Labels of all rows by an obs key.
    chances
        A random number for every row; asked for where single rows are split.

    Raises
    ------
    RecipeError
        There are too few rows or groups, a part would have no rows, a group has rows inside and
        outside of what is held out, or what is held out is nowhere.

    Examples
    --------
    >>> from mappedviz.recipe.recipe import Recipe
    >>> donors = Labels(np.array([0, 1, 2, 2, -1]), ("d1", "d2", "d3"))
    >>> recipe = Recipe(split_by="donor", split_fraction=0.3, holdout={"test": {"donor": "d3"}})
    >>> parts = parts_by_recipe(recipe, 5, lambda key: donors, lambda: np.arange(5))
    >>> [recipe.part_names[part] for part in parts]
    ['train', 'validation', 'test', 'test', 'train']
    """
    names = recipe.part_names
    parts = _held_out(recipe, n_rows, labels_of)
    shares = shares_of(recipe)
    others = [names.index(name) for name in shares]
    free = parts < 0
    keys = recipe.split_keys
    groups, found = combinations([labels_of(key) for key in keys]) if keys else (None, [])
    if groups is not None and not free.all():
        _check_whole(keys, groups, found, parts)
    if len(others) == 1:
        parts[free] = others[0]
    else:
        strata = None
        if recipe.stratify:
            strata = combinations([labels_of(key) for key in recipe.stratify])[0]
        share = list(shares.values())
        if groups is None:
            of_free = parts_of_rows(
                chances()[free], share, None if strata is None else strata[free]
            )
        else:
            one_key = [one[0] for one in found] if len(keys) == 1 else found
            of_groups = parts_of_groups(
                np.where(free, groups, -1),
                one_key,
                share,
                recipe.split_seed,
                strata,
                rule=recipe.split_rule,
            )
            of_free = np.append(of_groups, 0)[groups[free]]  # the last entry: rows without a group
        parts[free] = np.asarray(others)[of_free]
    without = np.flatnonzero(np.bincount(parts, minlength=len(names)) == 0)
    if len(without):
        raise RecipeError(
            f"leaves the part {names[int(without[0])]!r} without rows",
            key="split",
            remedy="Hold other groups out, or split a collection with more rows.",
        )
    return parts


def shares_of(recipe: Recipe) -> dict[str, float]:
    """Return the share of each part for which nothing is held out, of the rows that remain.

    Examples
    --------
    >>> from mappedviz.recipe.recipe import Recipe
    >>> shares_of(Recipe(split_fraction=0.3))
    {'train': 0.7, 'validation': 0.3}
    >>> shares_of(Recipe(split_fraction=0.3, holdout={"validation": {"donor": "d3"}}))
    {'train': 1.0}
    """
    if recipe.split_parts:
        shares = dict(recipe.split_parts)
    else:
        last = recipe.split_fraction
        shares = dict(zip(recipe.part_names, (1 - last, last), strict=False))
    left = {name: share for name, share in shares.items() if name not in recipe.holdout}
    if len(left) == len(shares) == 2:
        return left  # as they were given
    total = sum(left.values())
    return {name: share / total for name, share in left.items()}


def _held_out(recipe: Recipe, n_rows: int, labels_of: Callable[[str], Labels]) -> Array:
    """The part of each row that is held out for one; else -1."""
    parts = np.full(n_rows, -1, dtype=np.int64)
    for part, name in enumerate(recipe.part_names):
        for key, wanted in recipe.holdout.get(name, {}).items():
            rows = _rows_with(labels_of(key), wanted, f"holdout[{name!r}][{key!r}]")
            twice = rows & (parts >= 0) & (parts != part)
            if twice.any():
                other = recipe.part_names[int(parts[twice][0])]
                raise RecipeError(
                    f"names {int(twice.sum()):,} rows that are held out for {other!r} too",
                    key=f"holdout[{name!r}][{key!r}]",
                    remedy="Hold each group out for one part.",
                )
            parts[rows] = part
    return parts


def _rows_with(labels: Labels, wanted: Sequence[Label | None], where: str) -> Array:
    place = {label: code for code, label in enumerate(labels.categories)}
    unknown = [label for label in wanted if label is not None and label not in place]
    if unknown:
        known = sorted(map(str, labels.categories))
        near = difflib.get_close_matches(str(unknown[0]), known, n=3, cutoff=0.5)
        raise RecipeError(
            f"names {unknown[:5]}, which no store has"
            + (f"; did you mean {' or '.join(map(repr, near))}?" if near else ""),
            key=where,
            remedy="Name labels as they are after relabelling.",
        )
    codes = [-1 if label is None else place[label] for label in wanted]
    return np.isin(labels.codes, codes)


def _check_whole(
    keys: Sequence[str], groups: Array, names: Sequence[tuple[Label, ...]], parts: Array
) -> None:
    """Raise RecipeError where a group would be in several parts for what is held out."""
    here = groups >= 0
    pairs = np.unique(np.stack([groups[here], parts[here]]), axis=1)
    found, counts = np.unique(pairs[0], return_counts=True)
    several = found[counts > 1]
    if len(several):
        some = ", ".join("+".join(map(repr, names[int(i)])) for i in several[:3])
        raise RecipeError(
            f"takes some rows of {len(several)} groups of {'+'.join(map(repr, keys))}, and leaves others: "
            f"{some}",
            key="holdout",
            remedy="Hold whole groups out, or split by another obs key.",
        )
