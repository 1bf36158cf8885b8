"""Checks of how rows are split into training and validation, and of the keys that a recipe hands on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from mappedviz._types import Array
from mappedviz.audits.findings import Found, NotApplicableError, check
from mappedviz.errors import RecipeError

if TYPE_CHECKING:
    from mappedviz.audits.evidence import Evidence

_FAR = 0.05  # from the share that was asked for
_SEEDS = 50  # tried for one that has the classes on both sides


def _group(e: Evidence) -> str:
    if e.group is None:
        raise NotApplicableError("no group was named")
    if not e.has(e.group):
        raise NotApplicableError(f"no store has the group {e.group!r}")
    return e.group


def _split_by(e: Evidence) -> str:
    """The key that the recipe splits by, if the split can be made."""
    key = e.recipe.split_by
    if key is None:
        raise NotApplicableError("the recipe names no group to split by")
    if not e.has(key):
        raise NotApplicableError(f"no store has the group {key!r}")
    return key


def _per_side(e: Evidence, key: str, seed: int | None = None) -> Array:
    """Rows of each label of a key for training and for validation, (n_labels, 2)."""
    try:
        sides = e.sides(seed)
    except RecipeError as reason:
        raise NotApplicableError(f"there is no split: {reason}") from reason
    labels = e.merged(key)
    there = labels.codes >= 0
    pairs = 2 * labels.codes[there].astype(np.int64) + sides[there]
    return np.bincount(pairs, minlength=2 * len(labels.categories)).reshape(-1, 2)


def _by_group(e: Evidence, group: str) -> dict[str, Any]:
    """The change that splits by a group, where that can be."""
    return {"split_by": group} if len(e.labels(group).total) > 1 else {}


@check(
    "recipe-keys",
    "error",
    "Name a column that there is, or say what it is called where with obs_alias=.",
)
def recipe_keys(e: Evidence) -> Iterator[Found]:
    """No store has the obs column {key!r}, which the recipe names in {field}: {what} will fail."""
    named = [(key, "weights_keys", "weighing rows") for key in e.recipe.weights_keys]
    if e.recipe.split_by is not None:
        named.append((e.recipe.split_by, "split_by", "splitting them"))
    if not named:
        raise NotApplicableError("the recipe names no keys for weights or a split")
    if not e.readable:
        raise NotApplicableError("no store can be read")
    for key, field, what in named:
        if not e.has(key):
            yield Found({"key": key, "field": field, "what": what}, number=len(e.readable))


@check("group-leak", "error", "Split by group, so that none is on both sides.")
def group_leak(e: Evidence) -> Iterator[Found]:
    """{n} of {all} groups ({group!r}) are in more than one part of {split}: what a model remembers of
    them counts as if it had learned it.
    """
    group = _group(e)
    if group == e.recipe.split_by:
        return
    if e.recipe.split_by is not None:  # comes before any column: it is what training will do
        split = f"the split by {_split_by(e)!r}"
        table = _per_side(e, group)
    elif e.split is not None and e.has(e.split):
        split = repr(e.split)
        table = e.crosstab(group, e.split).to_numpy()
    else:
        raise NotApplicableError("no obs column with a split was named")
    table = table[table.any(axis=1)]
    several = (table > 0).sum(axis=1) > 1
    if several.any():
        yield Found(
            {"n": int(several.sum()), "all": len(table), "group": group, "split": split},
            number=int(several.sum()),
            change=_by_group(e, group),
        )


@check("group-in-stores", "info", "Split by group, not by store.")
def group_in_stores(e: Evidence) -> Iterator[Found]:
    """{n} of {all} groups ({group!r}) are in more than one store: a split by store would have them on
    both sides.
    """
    group = _group(e)
    if group == e.recipe.split_by:
        return
    table = e.labels(group)
    several = table.n_stores > 1
    if several.any():
        here = np.isin(table.rows[0], np.flatnonzero(several.to_numpy()))
        stores = [table.stores[i] for i in np.unique(table.rows[1][here]).tolist()]
        yield Found(
            {"n": int(several.sum()), "all": len(several), "group": group},
            stores=stores,
            number=int(several.sum()),
            change=_by_group(e, group),
        )


@check("split-groups", "error", "Split by another obs key, or single rows with split_by=None.")
def split_groups(e: Evidence) -> Iterator[Found]:
    """Rows cannot be split by {key!r}: {n} of its groups has rows, and two are needed."""
    key = _split_by(e)
    n = int((e.labels(key).total > 0).sum())
    if n < 2:
        yield Found({"key": key, "n": n}, number=n)


@check(
    "split-unlabelled",
    "warning",
    "Give them a group with obs_alias=, or leave them out with obs_filter=.",
)
def split_unlabelled(e: Evidence) -> Iterator[Found]:
    """{n:,} cells ({percent}) have no {key!r}: all of them are trained on, also if they belong to a
    group that is for validation.
    """
    key = _split_by(e)
    table = e.labels(key)
    missing = table.missing + table.absent
    missing = missing[missing > 0]
    if len(missing):
        n = int(missing.sum())
        yield Found(
            {"n": n, "percent": f"{100 * n / table.n_rows:.1f} %", "key": key},
            stores=[str(store) for store in missing.index],
            number=n,
        )


@check("split-share", "warning", "Split by smaller groups, or ask for the share that they allow.")
def split_share(e: Evidence) -> Iterator[Found]:
    """{percent} of the cells with a {key!r} are for validation, where {wanted} were asked for: the groups
    are too large for that.
    """
    key = _split_by(e)
    training, validation = _per_side(e, key).sum(axis=0).tolist()
    share = validation / (training + validation)
    wanted = e.recipe.split_fraction
    if abs(share - wanted) > _FAR:
        yield Found(
            {"percent": f"{100 * share:.0f} %", "key": key, "wanted": f"{100 * wanted:.0f} %"},
            number=share,
        )


@check(
    "split-classes",
    "warning",
    "Try another split_seed=, or split with ds.split(stratify=…); of one group no class is on both sides.",
)
def split_classes(e: Evidence) -> Iterator[Found]:
    """{n} of {all} classes of {label!r} are on one side of the split by {key!r} only: {some}."""
    key = _split_by(e)
    if e.label is None or not e.has(e.label):
        raise NotApplicableError("no cell has a label")
    table = _per_side(e, e.label)
    single = np.flatnonzero((table > 0).sum(axis=1) == 1)
    if len(single):
        classes = e.merged(e.label).categories
        words = [
            f"{classes[i]!r} ({'training' if table[i, 0] else 'validation'})" for i in single[:5]
        ]
        seeds = {seed: _on_one_side(e, e.label, seed) for seed in range(_SEEDS)}
        best = min(seeds, key=seeds.__getitem__)
        yield Found(
            {
                "n": len(single),
                "all": int(table.any(axis=1).sum()),
                "label": e.label,
                "key": key,
                "some": ", ".join(words)
                + (f" and {len(single) - 5} more" if len(single) > 5 else ""),
            },
            number=len(single),
            change={"split_seed": best} if seeds[best] < len(single) else {},
        )


def _on_one_side(e: Evidence, label: str, seed: int) -> int:
    return int(((_per_side(e, label, seed) > 0).sum(axis=1) == 1).sum())
