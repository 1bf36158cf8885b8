"""Checks of how rows are split into training and validation, and of the keys that a recipe hands on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from mappedviz._types import Array
from mappedviz.audits.findings import Found, NotApplicableError, check
from mappedviz.errors import RecipeError
from mappedviz.recipe.labels import combinations
from mappedviz.recipe.parts import shares_of

if TYPE_CHECKING:
    from mappedviz.audits.evidence import Evidence

_SEEDS = 20  # tried for one that has the classes in every part


def _group(e: Evidence) -> str:
    if e.group is None:
        raise NotApplicableError("no group was named")
    if not e.has(e.group):
        raise NotApplicableError(f"no store has the group {e.group!r}")
    return e.group


def _has_split(e: Evidence) -> bool:
    """Return True if the recipe says how rows are split."""
    recipe = e.recipe
    return bool(recipe.split_by or recipe.stratify or recipe.split_parts or recipe.holdout)


def _split_by(e: Evidence) -> str:
    """The keys that the recipe splits by, if the split can be made."""
    keys = e.recipe.split_keys
    if not keys:
        raise NotApplicableError("the recipe names no group to split by")
    _check_keys(e)
    return _named(keys)


def _check_keys(e: Evidence) -> None:
    absent = [key for key in e.recipe.keys_of_split() if not e.has(key)]
    if absent:
        raise NotApplicableError(f"no store has {_named(absent)}")


def _named(keys: Iterable[str]) -> str:
    return " + ".join(map(repr, keys))


def _split_of(e: Evidence) -> str:
    """The split of the recipe in words, if it can be made."""
    if not _has_split(e):
        raise NotApplicableError("the recipe names no group to split by")
    _check_keys(e)
    keys = e.recipe.split_keys
    return f"the split by {_named(keys)}" if keys else "the split of single rows"


def _parts(e: Evidence, seed: int | None = None) -> Array:
    try:
        return e.parts(seed)
    except RecipeError as reason:
        raise NotApplicableError(f"there is no split: {reason}") from reason


def _per_part(e: Evidence, key: str, seed: int | None = None) -> Array:
    """Rows of each label of a key in each part, (n_labels, n_parts)."""
    parts, k = _parts(e, seed), len(e.recipe.part_names)
    labels = e.merged(key)
    there = labels.codes >= 0
    pairs = k * labels.codes[there].astype(np.int64) + parts[there]
    return np.bincount(pairs, minlength=k * len(labels.categories)).reshape(-1, k)


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
    recipe = e.recipe
    named = [(key, "weights_keys", "weighing rows") for key in recipe.weights_keys]
    named += [(key, "split_by", "splitting them") for key in recipe.split_keys]
    named += [(key, "stratify", "splitting them") for key in recipe.stratify]
    held = dict.fromkeys(key for keys in recipe.holdout.values() for key in keys)
    named += [(key, "holdout", "splitting them") for key in held]
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
    if _has_split(e):  # comes before any column: it is what training will do
        split = _split_of(e.whole)
        table = _per_part(e.whole, group)
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
    """Rows cannot be split by {key}: {n} of its groups has rows, and {needed} are needed."""
    e = e.whole
    key = _split_by(e)
    codes, _ = combinations([e.merged(one) for one in e.recipe.split_keys])
    n = len(np.unique(codes[codes >= 0]))
    free = len(e.recipe.part_names) - len(e.recipe.holdout)
    needed = (free if free > 1 else 0) + len(e.recipe.holdout)
    if n < needed:
        words = {"key": key, "n": n, "needed": "two" if needed == 2 else needed}
        yield Found(words, number=n)


@check("split-refused", "error", "Change the fields of the recipe that it names.")
def split_refused(e: Evidence) -> Iterator[Found]:
    """Rows cannot be split as the recipe says: {reason}"""
    e = e.whole
    _split_of(e)
    try:
        e.parts()
    except RecipeError as reason:
        if not list(split_groups(e) if e.recipe.split_keys else ()):
            yield Found({"reason": str(reason)}, number=1)


@check(
    "split-unlabelled",
    "warning",
    "Give them a group with obs_alias=, or leave them out with obs_filter=.",
)
def split_unlabelled(e: Evidence) -> Iterator[Found]:
    """{n:,} cells ({percent}) have no {key}: all of them are trained on, also if they belong to a
    group that is for validation.
    """
    e = e.whole
    _split_by(e)
    for key in e.recipe.split_keys:
        table = e.labels(key)
        missing = table.missing + table.absent
        missing = missing[missing > 0]
        if len(missing):
            n = int(missing.sum())
            percent = f"{100 * n / table.n_rows:.1f} %"
            yield Found(
                {"n": n, "percent": percent, "key": repr(key)},
                stores=[str(store) for store in missing.index],
                number=n,
            )


@check("split-share", "warning", "Split by smaller groups, or ask for the share that they allow.")
def split_share(e: Evidence) -> Iterator[Found]:
    """{percent} of the cells with a {key} are for {part}, where {wanted} were asked for: the groups
    are too large for that.
    """
    e = e.whole
    key = _split_by(e)
    codes, _ = combinations([e.merged(one) for one in e.recipe.split_keys])
    names = e.recipe.part_names
    counts = np.bincount(_parts(e)[codes >= 0], minlength=len(names))
    shares = shares_of(e.recipe)
    of_all = sum(int(counts[names.index(name)]) for name in shares)
    first = names[0] if names[0] in shares else next(iter(shares))
    for name, wanted in shares.items():
        if name == first or len(shares) < 2:
            continue  # it has what the others leave
        share = counts[names.index(name)] / of_all
        if abs(share - wanted) > e.thresholds.most_split_distance:
            yield Found(
                {
                    "percent": f"{100 * share:.0f} %",
                    "key": key,
                    "part": name,
                    "wanted": f"{100 * wanted:.0f} %",
                },
                number=share,
            )


@check(
    "split-classes", "warning", "Of one group no class is in several parts; see split_seed= too."
)
def split_classes(e: Evidence) -> Iterator[Found]:
    """{n} of {all} classes of {label!r} are not in every part of {split}, only in: {some}."""
    e = e.whole
    split = _split_of(e)
    if e.label is None or not e.has(e.label):
        raise NotApplicableError("no cell has a label")
    table = _per_part(e, e.label)
    lacking = np.flatnonzero(_lacking(table))
    if len(lacking):
        classes, names = e.merged(e.label).categories, e.recipe.part_names
        said = ["training" if name == "train" else name for name in names]
        words = [
            f"{classes[i]!r} ({' and '.join(said[j] for j in np.flatnonzero(table[i]))})"
            for i in lacking[:5]
        ]
        change = _better(e, e.label, len(lacking))
        yield Found(
            {
                "n": len(lacking),
                "all": int(table.any(axis=1).sum()),
                "label": e.label,
                "split": split,
                "some": ", ".join(words)
                + (f" and {len(lacking) - 5} more" if len(lacking) > 5 else ""),
            },
            number=len(lacking),
            change=change,
        )


def _lacking(table: Array) -> Array:
    """Which labels have rows, but not in every part."""
    parts = (table > 0).sum(axis=1)
    return np.asarray((parts > 0) & (parts < table.shape[1]))


def _better(e: Evidence, label: str, n: int) -> dict[str, Any]:
    """A change that leaves fewer classes out of a part: strata, else another seed."""
    if label not in e.recipe.stratify:
        again = e.with_recipe(e.recipe.replace(stratify=label))
        if _n_lacking(again, label) < n:
            return {"stratify": (label,)}
    best, seed = min((_n_lacking(e, label, seed), seed) for seed in range(_SEEDS))
    return {"split_seed": seed} if best < n else {}


def _n_lacking(e: Evidence, label: str, seed: int | None = None) -> int:
    return int(_lacking(_per_part(e, label, seed)).sum())
