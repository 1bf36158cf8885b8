"""Checks of labels and columns that a recipe names: does anything match them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from mappedviz.audits.findings import Found, NotApplicableError, check
from mappedviz.audits.nearest import did_you_mean
from mappedviz.audits.tables.labels import label_table
from mappedviz.audits.tables.mapped import AsJoined
from mappedviz.audits.tables.var_names import read_names
from mappedviz.collection.matrices import RAW, frames_of
from mappedviz.collection.variables import identifier_of
from mappedviz.recipe.joins import strip_versions
from mappedviz.recipe.relabels import ALL
from mappedviz.recipe.store_paths import choose_for_store

if TYPE_CHECKING:
    from mappedviz.audits.evidence import Evidence
    from mappedviz.recipe.labels import Label
    from mappedviz.recipe.relabels import Renames


def _known(e: Evidence, key: str, *, relabelled: bool = True) -> list[Label]:
    """Labels of a key that the stores have, categories that no row has included."""
    table = e.all_labels(key, relabelled=relabelled)
    return [*e.every_label(key, relabelled=relabelled), *table.unused]


def _columns(e: Evidence) -> list[str]:
    """Obs columns of the stores that are read."""
    every = (scan.store.facts.obs_columns for _, scan in e.used if scan.store is not None)
    return list(dict.fromkeys(name for names in every for name in names))


def _key_there(e: Evidence, key: str) -> bool:
    table = e.all_labels(key)
    return bool(table.n_rows) and not bool((table.absent == e.rows_of(table)).all())


def _unmatched(e: Evidence) -> Iterator[tuple[str, list[Label], list[Label]]]:
    """Where labels are named, those that no cell has, and those that there are."""
    recipe = e.recipe
    for key, wanted in recipe.obs_filter.items():
        if _key_there(e, key):
            known = e.every_label(key)
            named = [label for label in wanted if label is not None]
            yield f"obs_filter[{key!r}]", _without(named, known), known
    for key, renames in recipe.relabel.items():
        if _key_there(e, key):
            yield from _renamed(e, key, renames)
        else:
            yield "relabel", [key], list(_columns(e))
    for key, encoder in recipe.encoders.items():
        if _key_there(e, key):
            known = _known(e, key)
            named = [label for label, code in encoder.items() if code >= 0]
            yield f"encoders[{key!r}]", _without(named, known), known
    yield from _unknown_labels(e)
    for key, renamed in recipe.obs_alias.items():
        yield from _aliases(e, key, renamed)
    yield from _matrices(e)
    if recipe.var_alias and recipe.join is not None:
        known = _genes(e)
        yield "var_alias", _without(list(recipe.var_alias), known), known


def _renamed(
    e: Evidence, key: str, renames: Renames
) -> Iterator[tuple[str, list[Label], list[Label]]]:
    """Labels that are renamed, and those that there are: in all stores, or in one of them."""
    if not isinstance(renames, Mapping):
        known = _known(e, key, relabelled=False)
        yield f"relabel[{key!r}]", _without([old for old, _ in renames], known), known
        return
    bare = e.recipe.replace(relabel={})
    for name, pairs in renames.items():
        some = [
            one
            for one in e.used
            if name == ALL or choose_for_store({name: True}, one[1].path, False)
        ]
        table = label_table([scan for _, scan in some], key, bare, [store for store, _ in some])
        known = [*table.classes, *table.unused]
        yield f"relabel[{key!r}][{name!r}]", _without([old for old, _ in pairs], known), known


def _without(named: list[Label], known: list[Label]) -> list[Label]:
    there = set(known)
    return [label for label in named if label not in there]


def _unknown_labels(e: Evidence) -> Iterator[tuple[str, list[Label], list[Label]]]:
    keys = [key for key in e.recipe.encoded_keys if _key_there(e, key)]
    named = {key: label for key in keys if (label := e.recipe.unknown_label_of(key)) is not None}
    if isinstance(e.recipe.unknown_label, Mapping):
        for key, label in named.items():
            yield f"unknown_label[{key!r}]", _without([label], _known(e, key)), _known(e, key)
    elif named:  # one label for all keys: one of them has it
        known = [label for key in named for label in _known(e, key)]
        yield "unknown_label", _without(list(named.values())[:1], known), known


def _aliases(
    e: Evidence, key: str, renamed: tuple[str, ...] | Mapping[str, str]
) -> Iterator[tuple[str, list[Label], list[Label]]]:
    where = f"obs_alias[{key!r}]"
    if not isinstance(renamed, Mapping):
        known: list[Label] = list(_columns(e))
        yield where, _without(list(renamed), known), known
        return
    for _, scan in e.used:
        assert scan.store is not None
        column = choose_for_store(renamed, scan.store.path, None)
        has: list[Label] = list(scan.store.facts.obs_columns)
        if column is not None and column not in has:
            yield where, [column], has


def _matrices(e: Evidence) -> Iterator[tuple[str, list[Label], list[Label]]]:
    """Matrices of ``layer_alias`` that are not there; X and raw.X are candidates for any collection."""
    stores = [scan.store for _, scan in e.used if scan.store is not None]
    every: list[Label] = list(dict.fromkeys(name for one in stores for name in one.facts.matrices))
    for key, alias in e.recipe.layer_alias.items():
        where = f"layer_alias[{key!r}]"
        if not isinstance(alias, Mapping):
            yield where, _without([name for name in alias if name not in ("X", RAW)], every), every
            continue
        for store in stores:
            slot = choose_for_store(alias, store.path, None)
            has: list[Label] = list(store.facts.matrices)
            if slot is not None and slot not in has:
                yield where, [slot], has


def _genes(e: Evidence) -> list[Label]:
    """Names of genes that new names can be given to: as they are in the stores, and as they are mapped."""
    recipe = e.recipe.replace(var_alias={})
    as_joined = AsJoined(recipe)
    known: dict[Label, None] = {}
    for _, scan in e.used:
        assert scan.known is not None
        column = identifier_of(recipe, scan.known.path)
        for raw in frames_of(recipe, scan.known.store):
            names = read_names(scan, column, raw=raw)
            if names is not None:
                known.update(dict.fromkeys(strip_versions(names.values).tolist()))
                known.update(dict.fromkeys(as_joined(names).values.tolist()))
    return list(known)


_KINDS = {
    "var_alias": "gene",
    "obs_alias": "obs column",
    "layer_alias": "matrix",
    "relabel": "obs column",
}


@check(
    "recipe-matches-nothing",
    "warning",
    "Name them as the stores do, or leave them out of the recipe.",
)
def recipe_matches_nothing(e: Evidence) -> Iterator[Found]:
    """{where} names {names}, which no {what} matches."""
    recipe = e.recipe
    named = [
        recipe.obs_filter,
        recipe.relabel,
        recipe.encoders,
        recipe.obs_alias,
        recipe.layer_alias,
        recipe.var_alias,
    ]
    if not any(named) and recipe.unknown_label is None:
        raise NotApplicableError("the recipe names no labels")
    if not e.used:
        raise NotApplicableError("no store can be read")
    for where, names, known in _unmatched(e):
        if names:
            labels = where.startswith("relabel[")
            yield Found(
                {
                    "where": where,
                    "names": did_you_mean(names, known),
                    "what": "cell" if labels else _KINDS.get(where.partition("[")[0], "cell"),
                },
                stores=e.coverage.stores,
                number=len(names),
            )
