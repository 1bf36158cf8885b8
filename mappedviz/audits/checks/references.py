"""Checks of what names of genes say of the reference that they are of, and of what was done to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mappedviz.audits.checks.genes import joined, with_duplicates
from mappedviz.audits.findings import Found, NotApplicableError, check
from mappedviz.audits.nearest import some_of
from mappedviz.audits.tables.identifiers import kind_of, species_of_list
from mappedviz.audits.tables.var_names import read_names
from mappedviz.collection.harmonise import unmapped
from mappedviz.collection.matrices import RAW
from mappedviz.collection.variables import identifier_of
from mappedviz.genes import PACKAGED, packaged
from mappedviz.recipe.joins import strip_versions
from mappedviz.text.display import listed

if TYPE_CHECKING:
    from mappedviz._types import Array
    from mappedviz.audits.evidence import Evidence
    from mappedviz.genes import GeneTable
    from mappedviz.recipe.names import Names

#: A release fits a list of identifiers if it lacks at most so many more of them than the best one.
_NEARLY = 0.001
#: Names that are left out are worth a warning from this share of those of a store.
_MANY_LEFT_OUT = 0.1


def _names(e: Evidence) -> list[tuple[str, str, Names]]:
    """Name, path and names of genes of each store, of the column that it is joined by."""
    found = []
    for store, scan in e.used:
        assert scan.known is not None
        path = scan.known.path
        names = read_names(scan, identifier_of(e.recipe, path), raw=False)
        if names is not None:
            found.append((store, path, names))
    return found


# ------------------------------------------------------------------------------ the reference
@check(
    "reference-release",
    "info",
    "Bring the identifiers to one release with var_map=, or annotate the stores again.",
)
def reference_release(e: Evidence) -> Iterator[Found]:
    """Identifiers are of different releases of Ensembl: {releases}. {n:,} of them, such as {some}, were
    retired by release {newest}; {moved:,} of the genes have another identifier in other stores.
    """
    joined(e)
    lists, table = _identifiers(e)
    fits = {key: _fitting(table, names) for key, (names, _) in lists.items()}
    if set.intersection(*map(set, fits.values())):
        return
    order = table.release_names
    newest_of = {key: max(some, key=order.index) for key, some in fits.items()}
    newest = max(newest_of.values(), key=order.index)
    kept: set[str] = set()
    for key, (names, _) in lists.items():
        if newest_of[key] == newest:
            kept.update(names.tolist())
    old = [key for key in lists if newest_of[key] != newest]
    every = np.unique(np.concatenate([lists[key][0] for key in old]))
    retired = every[~table.in_release(every, newest) & table.knows(every)]
    today = table.map(retired, "ensembl->ensembl").values
    moved = sum(
        new != name and new in kept for name, new in zip(retired.tolist(), today, strict=True)
    )
    stores: dict[str, list[str]] = {}
    for key, (_, some) in lists.items():
        stores.setdefault(_range(fits[key]), []).extend(some)
    change: dict[str, Any] = {}
    if moved and e.recipe.var_map is None:
        change = with_duplicates(e, {"var_map": f"{table.name}: ensembl->ensembl"})
    n = sum(len(some) for some in stores.values())
    yield Found(
        {
            "releases": ", ".join(f"{span} in {len(some)}" for span, some in stores.items())
            + f" of {n} stores",
            "n": len(retired),
            "some": some_of(retired.tolist()),
            "newest": newest,
            "moved": moved,
        },
        stores=[store for key in old for store in lists[key][1]],
        number=len(retired),
        severity="warning" if moved else None,
        change=change,
    )


def _identifiers(e: Evidence) -> tuple[dict[bytes, tuple[Array, list[str]]], GeneTable]:
    """The distinct lists of identifiers with their stores, and the table of their species."""
    lists: dict[bytes, tuple[Array, list[str]]] = {}
    species = set()
    for store, _, names in _names(e):
        as_read = e.as_joined(names)
        named = species_of_list(as_read)
        if kind_of(as_read).startswith("ensembl") and named in PACKAGED:
            if as_read.key not in lists:
                lists[as_read.key] = strip_versions(as_read.values), []
            lists[as_read.key][1].append(store)
            species.add(named)
    if sum(len(stores) for _, stores in lists.values()) < 2 or len(species) != 1:
        raise NotApplicableError(
            "fewer than two stores are joined by Ensembl identifiers of one species with a table"
        )
    return lists, packaged(str(species.pop()))


def _fitting(table: GeneTable, names: Array) -> list[str]:
    """The releases that have most of some identifiers."""
    has = {one: int(table.in_release(names, one).sum()) for one in table.release_names}
    most = max(has.values())
    return [release for release, n in has.items() if n >= most - _NEARLY * len(names)]


def _range(releases: Sequence[str]) -> str:
    return releases[0] if len(releases) == 1 else f"{releases[0]} to {releases[-1]}"


# ------------------------------------------------------------------------------ what was done
@check(
    "feature-filtered",
    "warning",
    "Read raw.X instead, with layer_alias=, where no gene is filtered, or leave these genes out.",
)
def feature_filtered(e: Evidence) -> Iterator[Found]:
    """{n:,} genes are marked as filtered (feature_is_filtered of CELLxGENE) in {stores} of {all}
    stores, {most:,} of them in {worst}: their values in X are zeros that nobody measured.
    """
    marked = {store: scan.filtered for store, scan in e.used if scan.filtered is not None}
    if not marked:
        raise NotApplicableError("no store has the column feature_is_filtered")
    slots = {
        store: {scan.slot(e.recipe, key) for key in e.recipe.layers_keys} for store, scan in e.used
    }
    some = {store: n for store, n in marked.items() if n and slots[store] - {RAW, None}}
    if some:
        worst = max(some, key=lambda store: some[store])
        yield Found(
            {
                "n": sum(some.values()),
                "stores": len(some),
                "all": len(e.used),
                "most": some[worst],
                "worst": worst,
            },
            stores=list(some),
            number=sum(some.values()),
        )


def made_unique(names: Array) -> dict[str, str]:
    """Return the names that were made unique with a number, and what they were before.

    Examples
    --------
    >>> made_unique(np.array(["A", "B", "A-1", "A-2", "B-2", "C-1"], dtype=object))
    {'A-1': 'A', 'A-2': 'A'}
    """
    every = names.tolist()
    there = set(every)
    found = {}
    for name in every:
        stem, dash, number = name.rpartition("-")
        if not dash or not number.isdecimal() or number[0] == "0" or stem not in there:
            continue
        if number == "1" or f"{stem}-{int(number) - 1}" in there:
            found[name] = stem
    return found


@check(
    "suffix-names",
    "warning",
    "Give them their name again with var_alias=, and add them up with duplicates=, or join by identifiers.",
)
def suffix_names(e: Evidence) -> Iterator[Found]:
    """{n:,} genes have names that were made unique with a number, such as {some}, in {stores} of {all}
    stores: they are genes of their own, which no store without the number shares.
    """
    if e.recipe.join is None or not e.used:
        raise NotApplicableError("no genes are joined")
    found: dict[bytes, dict[str, str]] = {}
    stores = []
    for store, _, names in _names(e):
        as_read = e.as_joined(names)
        if as_read.key not in found:
            found[as_read.key] = made_unique(as_read.values)
        if found[as_read.key]:
            stores.append(store)
    alias = {name: stem for some in found.values() for name, stem in some.items()}
    if alias:
        change = {} if e.recipe.var_map else with_duplicates(e, {"var_alias": _at_once(alias)})
        yield Found(
            {
                "n": len(alias),
                "some": some_of(list(alias)),
                "stores": len(stores),
                "all": len(e.used),
            },
            stores=stores,
            number=len(alias),
            change=change,
        )


def _at_once(alias: dict[str, str]) -> dict[str, str]:
    """New names that are not changed again: "A-1-1" is "A" where "A-1" is."""
    done = {}
    for name, stem in alias.items():
        while stem in alias:
            stem = alias[stem]
        done[name] = stem
    return done


@check(
    "names-left-out",
    "info",
    "See var_unmapped of the collection; name single genes with var_alias=.",
)
def names_left_out(e: Evidence) -> Iterator[Found]:
    """{n:,} names of genes are left out by {how}: {ambiguous:,} mean several genes, {unknown:,} are not
    known, such as {some}; {percent} of the names of {worst}.
    """
    if e.recipe.var_map is None:
        raise NotApplicableError("no names are mapped")
    if e.plan is None:
        raise NotApplicableError("the stores cannot be joined")
    named = _names(e)
    table = unmapped(e.recipe, ((path, names) for _, path, names in named))
    if not len(table):
        return
    shares = {store: 1 - len(e.as_joined(names)) / max(len(names), 1) for store, _, names in named}
    worst = max(shares, key=lambda store: shares[store])
    why = table["why"].value_counts()
    yield Found(
        {
            "n": len(table),
            "how": listed([e.recipe.var_map["map"]]),
            "ambiguous": int(why.get("ambiguous", 0)),
            "unknown": int(why.get("unknown", 0)),
            "some": some_of(table["name"].tolist()),
            "percent": f"{100 * shares[worst]:.1f} %",
            "worst": worst,
        },
        stores=[store for store, share in shares.items() if share > 0],
        number=len(table),
        severity="warning" if shares[worst] > _MANY_LEFT_OUT else None,
    )
