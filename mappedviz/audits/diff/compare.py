"""Two audits compared, each thing by a function: what came, what went, what changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from mappedviz.audits.diff.matching import matched_findings, matched_stores
from mappedviz.audits.diff.values import AuditDiff, Change, Side, sorted_changes
from mappedviz.recipe.recipe import Recipe
from mappedviz.text.display import is_missing, listed, quantity

if TYPE_CHECKING:
    import pandas as pd

    from mappedviz.audits.digests import StoreDigests
    from mappedviz.audits.evidence import Evidence
    from mappedviz.audits.findings import Finding
    from mappedviz.audits.to_json import SavedEvidence
    from mappedviz.recipe.labels import Label

    Tables: TypeAlias = Evidence | SavedEvidence

#: Columns of the table of stores that are compared, in words.
_PROPERTIES = {
    "n_obs": "cells",
    "n_vars": "genes",
    "X": "X",
    "x_scale": "scale",
    "layers": "layers",
    "raw_n_vars": "genes of raw",
    "obsm": "obsm",
    "status": "status",
}


@dataclass(frozen=True)
class Audited:
    """An audit that is compared: its tables, its findings, its verdict."""

    tables: Tables
    findings: Sequence[Finding]
    verdict: str


def compared(old: Audited, new: Audited) -> AuditDiff:
    """Return what changed from one audit to another."""
    pairs = matched_stores(*(_store_facts(one.tables) for one in (old, new)))
    renamed = {b: a for a, b in pairs if a is not None and b is not None}
    changes = [
        *_recipes(old.tables.recipe, new.tables.recipe),
        *_stores(old.tables, new.tables, pairs),
        *_genes(old.tables, new.tables),
        *_columns(old.tables, new.tables, pairs),
        *_labels(old.tables, new.tables),
        *_findings(old.findings, new.findings, renamed),
    ]
    return AuditDiff(_side(old), _side(new), sorted_changes(changes), _unknown(old, new))


def _side(one: Audited) -> Side:
    stores = one.tables.stores
    coverage = one.tables.coverage
    readable = int((stores["status"] == "ok").sum())
    return Side(readable, int(stores["n_obs"].sum()), coverage.inner, coverage.outer, one.verdict)


def _unknown(old: Audited, new: Audited) -> tuple[str, ...]:
    if old.tables.digests is None or new.tables.digests is None:
        return ("names of genes and cells: an audit is from JSON without digests",)
    if old.tables.digests.genes is None or new.tables.digests.genes is None:
        return ("the genes one by one: there are very many",)
    return ()


# --- stores and cells --------------------------------------------------------------------


def _digests(tables: Tables) -> Mapping[str, StoreDigests]:
    return {} if tables.digests is None else tables.digests.stores


def _store_facts(tables: Tables) -> dict[str, tuple[str, StoreDigests | None]]:
    """Display name -> path and digests of each store."""
    digests = _digests(tables)
    paths = zip(tables.stores.index, tables.stores["path"], strict=True)
    return {str(name): (str(path), digests.get(str(name))) for name, path in paths}


def _stores(
    old: Tables, new: Tables, pairs: Iterable[tuple[str | None, str | None]]
) -> Iterator[Change]:
    for a, b in pairs:
        if a is None and b is not None:
            yield Change("stores", b, "came", None, _shape(new.stores.loc[b]))
        elif b is None and a is not None:
            yield Change("stores", a, "went", _shape(old.stores.loc[a]), None)
        elif a is not None and b is not None:
            if a != b:
                yield Change("stores", b, "changed", a, b, "name")
            before, after = old.stores.loc[a], new.stores.loc[b]
            yield from _properties(b, before, after)
            yield from _names(b, before, after, _digests(old).get(a), _digests(new).get(b))


def _shape(row: Any) -> str:
    if row["status"] != "ok":
        return str(row["status"])
    return f"{quantity(row['n_obs'])} cells × {quantity(row['n_vars'])} genes"


def _properties(name: str, old: Any, new: Any) -> Iterator[Change]:
    for column, words in _PROPERTIES.items():
        a, b = _plain(old[column]), _plain(new[column])
        if a != b:
            about, key = ("cells", "") if column == "n_obs" else ("stores", words)
            yield Change(about, name, "changed", a, b, key)


def _plain(value: Any) -> int | str | None:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or None
    if is_missing(value):
        return None
    return value if isinstance(value, str) else int(value)


def _names(
    name: str, old: Any, new: Any, before: StoreDigests | None, after: StoreDigests | None
) -> Iterator[Change]:
    """Other names of cells or genes; another number of them is a property of the store."""
    if before is None or after is None:
        return
    if before.cells == after.cells and before.order != after.order:
        yield Change("cells", name, "changed", None, "the same names in another order")
    elif before.cells != after.cells and _plain(old["n_obs"]) == _plain(new["n_obs"]):
        yield Change("cells", name, "changed", None, "other names")
    if before.genes != after.genes and _plain(old["n_vars"]) == _plain(new["n_vars"]):
        yield Change("stores", name, "changed", None, "other names, or another order", "genes")


# --- genes -------------------------------------------------------------------------------


def _genes(old: Tables, new: Tables) -> Iterator[Change]:
    a, b = old.coverage, new.coverage
    numbers = {"in all stores": (a.inner, b.inner), "in any store": (a.outer, b.outer)}
    for words, (n, m) in numbers.items():
        if n != m:
            yield Change("genes", words, "changed", n, m, "number")
    first, second = (None if one.digests is None else one.digests.genes for one in (old, new))
    if first is None or second is None:
        return
    for words, before, after in (
        ("in all stores", first.genes[first.in_all], second.genes[second.in_all]),
        ("in any store", first.genes, second.genes),
    ):
        came, went = np.setdiff1d(after, before), np.setdiff1d(before, after)
        if len(came):
            yield Change("genes", words, "came", None, len(came))
        if len(went):
            yield Change("genes", words, "went", len(went), None)


# --- obs ---------------------------------------------------------------------------------


def _columns(
    old: Tables, new: Tables, pairs: Iterable[tuple[str | None, str | None]]
) -> Iterator[Change]:
    """Obs columns of stores that both audits have."""
    both = [(a, b) for a, b in pairs if a is not None and b is not None]
    found: dict[tuple[str, Any, Any], list[str]] = {}
    for a, b in both:
        before, after = _dtypes(old.obs_schema, a), _dtypes(new.obs_schema, b)
        if before is None or after is None:
            continue
        for column in dict.fromkeys([*before, *after]):
            change = (column, before.get(column), after.get(column))
            if change[1] != change[2]:
                found.setdefault(change, []).append(b)
    for (column, was, is_now), stores in found.items():
        where = "" if len(stores) == len(both) else f"in {len(stores)} of {len(both)} stores"
        yield Change("columns", column, _how(was, is_now), was, is_now, where)


def _dtypes(schema: pd.DataFrame, store: str) -> dict[str, str] | None:
    """Column -> kind of its type; how many categories there are is told by the labels."""
    if (store, "dtype") not in schema.columns:
        return None
    found = zip(schema.index, schema[store, "dtype"], strict=True)
    return {
        str(name): str(dtype).partition("(")[0] for name, dtype in found if not is_missing(dtype)
    }


def _labels(old: Tables, new: Tables) -> Iterator[Change]:
    for key in dict.fromkeys([*old.label_keys, *new.label_keys]):
        if key in old.label_keys and key in new.label_keys:
            before, after = _counts(old, key), _counts(new, key)
            both = list(dict.fromkeys([*before, *after]))
            both.sort(key=lambda one: -abs(after.get(one, 0) - before.get(one, 0)))
            for label in both:
                a, b = before.get(label), after.get(label)
                if a != b:
                    yield Change("labels", label, _how(a, b), a, b, key)


def _counts(tables: Tables, key: str) -> dict[Label | None, int]:
    table = tables.labels(key)
    found: dict[Label | None, int] = dict(zip(table.classes, table.total.tolist(), strict=True))
    found = {label: int(n) for label, n in found.items() if n}
    if n := int(table.missing.sum() + table.absent.sum()):
        found[None] = n
    return found


def _how(before: Any, after: Any) -> Any:
    return "came" if before is None else "went" if after is None else "changed"


# --- recipe and findings -----------------------------------------------------------------


def _recipes(old: Recipe, new: Recipe) -> Iterator[Change]:
    for one in fields(Recipe):
        a, b = getattr(old, one.name), getattr(new, one.name)
        if one.name != "paths" and a != b:
            yield Change("recipe", one.name, "changed", repr(a), repr(b))


def _findings(
    old: Sequence[Finding], new: Sequence[Finding], renamed: Mapping[str, str]
) -> Iterator[Change]:
    for a, b in matched_findings(old, new, renamed):
        before, after = (
            None if one is None else f"{one.severity}: {one.message}" for one in (a, b)
        )
        if before == after:  # the same words about other stores
            before, after = (f"{one.severity}: {listed(one.stores)}" for one in (a, b) if one)
        if before != after:
            one = a if b is None else b
            assert one is not None
            yield Change("findings", one.id, _how(before, after), before, after)
