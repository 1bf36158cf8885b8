"""Checks of the variables: identifiers, repeats, joins, species."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from mappedviz.audits.findings import Found, NotApplicableError, changed, check
from mappedviz.audits.nearest import some_of
from mappedviz.audits.tables.organisms import organisms
from mappedviz.audits.tables.var_names import read_names
from mappedviz.collection.matrices import frames_of
from mappedviz.collection.variables import identifier_of
from mappedviz.errors import JoinError

if TYPE_CHECKING:
    from mappedviz._types import Severity
    from mappedviz.audits.evidence import Evidence

#: So many times as many genes have to be shared by a map as by a column that all stores have.
_MORE_BY_MAP = 1.05


def several_stores(e: Evidence) -> None:
    """Raise NotApplicableError where fewer than two stores have genes."""
    if len(e.coverage.stores) < 2:
        raise NotApplicableError("there are fewer than two stores with readable gene names")


def joined(e: Evidence) -> None:
    """Raise NotApplicableError where no genes are joined."""
    several_stores(e)
    if e.recipe.join is None:
        raise NotApplicableError("join=None joins no genes")


def best_identifier(e: Evidence) -> dict[str, Any] | None:
    """The change of the recipe by which most genes are shared; None if nothing beats today's."""
    table = e.coverage.what_if
    usable = table[~table["upper_case"].astype(bool)]
    if not len(usable):
        return None
    inner = usable["inner"].to_numpy(dtype=np.int64)
    by_map = usable["var_map"].notna().to_numpy()
    # What the stores themselves say comes before a table of genes, unless that gives clearly more.
    best = usable.iloc[int(np.argmax(np.where(by_map, inner / _MORE_BY_MAP, inner)))]
    if int(best["inner"]) <= max(1.2 * e.coverage.inner, e.coverage.inner + 5):
        return None
    # A column that not every store has is said store by store, the index of the others included.
    change: dict[str, Any] = {"var_key": best["var_key"]}
    if best["var_map"] is None:
        change = {"strip_version": bool(best["strip_version"]), **change, "var_map": None}
    else:
        change = {**change, "var_map": best["var_map"]}
    return {
        "change": with_duplicates(e, change),
        "inner": int(best["inner"]),
        "by": best["identifier"],
    }


def with_duplicates(e: Evidence, change: dict[str, Any]) -> dict[str, Any]:
    """Return a change of names, and sums where it would make several names of a store one."""
    if e.recipe.duplicates != "error":
        return change
    error = e.with_recipe(changed(e.recipe, change, e.paths)).error
    if isinstance(error, JoinError) and error.message.startswith("repeats"):
        return {**change, "duplicates": "sum"}
    return change


@check(
    "gene-identifiers",
    "error",
    "Join by identifiers that all stores have, with var_key=, or map the names, with var_map=.",
)
def gene_identifiers(e: Evidence) -> Iterator[Found]:
    """Genes are named in different ways: {kinds}. {better}"""
    joined(e)
    kinds: dict[str, list[str]] = {}
    for store, kind in e.coverage.table["id_kind"].items():
        kinds.setdefault(str(kind), []).append(str(store))
    kinds.pop("none", None)
    if len(kinds) < 2:
        return
    common = max(kinds, key=lambda kind: len(kinds[kind]))
    better = best_identifier(e)
    yield Found(
        {
            "kinds": ", ".join(f"{kind} in {len(some)}" for kind, some in kinds.items())
            + f" of {len(e.coverage.stores)} stores",
            "better": f"By {better['by']} the stores share {better['inner']:,} genes instead of "
            f"{e.coverage.inner:,}."
            if better
            else f"The stores share {e.coverage.inner:,} genes.",
        },
        stores=[store for kind, some in kinds.items() if kind != common for store in some],
        number=len(kinds),
        change=better["change"] if better else {},
    )


@check("identifier-gaps", "warning", "Join by another column, or by the index.")
def identifier_gaps(e: Evidence) -> Iterator[Found]:
    """{n:,} of {all:,} genes of {store} have no value in {column!r}, and are left out."""
    recipe = e.recipe
    if recipe.join is None or recipe.var_key is None:
        raise NotApplicableError("genes are joined by the index")
    for store, scan in e.readable:
        assert scan.known is not None
        column = identifier_of(recipe, scan.known.path)
        if column is None:
            continue
        for raw in frames_of(recipe, scan.known.store):
            names = read_names(scan, column, raw=raw)
            if names is None:  # which is a finding of its own
                continue
            gaps = int((names.values == "").sum())
            if gaps:
                found = {"n": gaps, "all": len(names), "store": store, "column": column}
                none: Severity | None = "error" if gaps == len(names) else None
                yield Found(found, stores=[store], number=gaps, severity=none)


@check("gene-versions", "warning", "Drop the versions with strip_version=True.")
def gene_versions(e: Evidence) -> Iterator[Found]:
    """Ensembl identifiers carry versions in {n} of {all} stores: without them the stores share
    {inner:,} genes instead of {now:,}.
    """
    joined(e)
    kinds = e.coverage.table["id_kind"]
    versioned = kinds.index[kinds == "ensembl.version"].tolist()
    if not versioned:
        return
    table = e.coverage.what_if
    same = table[
        (table["identifier"] == "index")
        & table["strip_version"].astype(bool)
        & ~table["upper_case"].astype(bool)
    ]
    inner = int(same["inner"].iloc[0]) if len(same) else e.coverage.inner
    if inner > e.coverage.inner:
        yield Found(
            {"n": len(versioned), "all": len(kinds), "inner": inner, "now": e.coverage.inner},
            stores=versioned,
            number=inner,
            change=with_duplicates(e, {"strip_version": True}),
        )


@check(
    "gene-case",
    "warning",
    "Bring the names to one spelling in the stores, or map them by a column.",
)
def gene_case(e: Evidence) -> Iterator[Found]:
    """Gene names differ in upper and lower case: written alike, the stores would share {inner:,}
    genes instead of {now:,}.
    """
    joined(e)
    table = e.coverage.what_if
    upper = table[(table["identifier"] == "index") & table["upper_case"].astype(bool)]
    inner = int(upper["inner"].max()) if len(upper) else 0
    if inner > e.thresholds.most_gain_by_case * e.coverage.inner:
        yield Found({"inner": inner, "now": e.coverage.inner}, number=inner)


@check(
    "positional-names",
    "error",
    "Put the gene names back into the stores, or join by a column with var_key=.",
)
def positional_names(e: Evidence) -> Iterator[Found]:
    """Genes are only numbered (0, 1, 2 …) in {n} of {all} stores: a join by number makes any gene
    of any store the same.
    """
    if not e.coverage.stores:
        raise NotApplicableError("no store has readable gene names")
    kinds = e.coverage.table["id_kind"]
    numbered = kinds.index[kinds == "positional"].tolist()
    numbered = [name for name in numbered if e.coverage.table.loc[name, "n_vars"] > 1]
    if numbered:
        yield Found({"n": len(numbered), "all": len(kinds)}, numbered, len(numbered))


@check(
    "duplicate-genes",
    "error",
    'Choose duplicates="first" or duplicates="sum", or join by another column.',
)
def duplicate_genes(e: Evidence) -> Iterator[Found]:
    """Gene names are repeated in {n} of {all} stores, {most} of them in {worst}."""
    table = e.coverage.table
    if not len(table):
        raise NotApplicableError("no store has readable gene names")
    repeats = table["n_vars"] - table["kept"] - table["lost"]
    some = repeats[repeats > 0]
    if len(some):
        settled = e.recipe.duplicates != "error" or e.recipe.join is None
        yield Found(
            {"n": len(some), "all": len(table), "most": int(some.max()), "worst": some.idxmax()},
            stores=[str(store) for store in some.index],
            number=float(some.sum()),
            change={} if settled else {"duplicates": "sum"},
            severity="info" if settled else None,
        )


def _inner(e: Evidence) -> None:
    several_stores(e)
    if e.recipe.join != "inner" or e.recipe.min_stores or e.recipe.var_names:
        raise NotApplicableError("the recipe joins in another way than inner")


@check(
    "join-coverage",
    "warning",
    "Join by another identifier, or keep genes that enough stores have with min_stores=.",
)
def join_coverage(e: Evidence) -> Iterator[Found]:
    """The inner join keeps {inner:,} genes, {percent} of those of the middle store; {half:,} are in
    at least {k} of the {n} stores.
    """
    _inner(e)
    c = e.coverage
    middle = float((c.table["kept"] + c.table["lost"]).median())
    if middle and c.inner < e.thresholds.least_inner_share * middle:
        k = max(1, math.ceil(len(c.stores) / 2))
        yield Found(
            {
                "inner": c.inner,
                "percent": f"{100 * c.inner / middle:.1f} %",
                "half": int(c.at_least[k]),
                "k": k,
                "n": len(c.stores),
            },
            number=c.inner,
            # One store is an outer join, and all of them the inner one that is there.
            change={"min_stores": k} if 1 < k < len(c.stores) else {},
        )


@check(
    "join-one-store",
    "warning",
    "Leave this store out, or keep genes that the others have with min_stores=.",
)
def join_one_store(e: Evidence) -> Iterator[Found]:
    """Without {store} the inner join grows from {inner:,} to {without:,} genes."""
    _inner(e)
    if len(e.coverage.stores) < 3:
        raise NotApplicableError("there are fewer than three stores to compare")
    gains = e.coverage.table["gain_without"]
    best = str(gains.idxmax())
    if gains.max() > max(e.thresholds.most_gain_without * e.coverage.inner, 10):
        path = e.stores.loc[best, "path"]
        yield Found(
            {
                "store": best,
                "inner": e.coverage.inner,
                "without": e.coverage.inner + int(gains.max()),
            },
            stores=[str(best)],
            number=float(gains.max()),
            change={"drop": [str(path)]},
        )


@check(
    "zero-filling",
    "warning",
    "Keep genes that more stores have with min_stores=; var_measured says which zeros are real.",
)
def zero_filling(e: Evidence) -> Iterator[Found]:
    """{percent} of the values of the joined matrix are zeros that no store measured; {worst} lacks
    {most:,} of {n:,} genes.
    """
    joined(e)
    recipe, c = e.recipe, e.coverage
    if recipe.var_names is not None or (recipe.join == "inner" and recipe.min_stores is None):
        raise NotApplicableError("the recipe fills no genes with zeros")
    k = recipe.min_stores or 1
    n_genes = int(c.at_least.get(k, 0))
    if e.plan is None or e.plan.join is None or not n_genes:
        raise NotApplicableError("the stores cannot be joined")
    filled = {
        store.path: n_genes - int(measured.sum())
        for store, measured in zip(e.plan.stores, e.plan.join.measured(), strict=True)
    }
    rows = {store.path: store.facts.n_obs for store in e.plan.stores}
    values = sum(rows.values()) * n_genes
    share = sum(filled[path] * rows[path] for path in rows) / values if values else 0.0
    most = e.thresholds.most_zero_filled
    if share > most:
        names = dict(zip(e.stores["path"], e.stores.index, strict=True))
        worst = max(filled, key=lambda path: filled[path])
        change = {} if recipe.min_stores else {"min_stores": len(rows) // 2 + 1}
        yield Found(
            {
                "percent": f"{100 * share:.0f} %",
                "worst": names[worst],
                "most": filled[worst],
                "n": n_genes,
            },
            stores=[names[path] for path, n in filled.items() if n > most * n_genes],
            number=share,
            change=change,
        )


@check("join-refused", "warning", "Take the recipe that is offered.")
def join_refused(e: Evidence) -> Iterator[Found]:
    """The stores can be joined {how}, which gives {n:,} genes."""
    if not isinstance(e.error, JoinError) or e.error.key != "join='inner'":
        raise NotApplicableError("the genes can be joined")
    better = best_identifier(e)
    if better:
        yield Found(
            {"how": f"by {better['by']}", "n": better["inner"]},
            number=better["inner"],
            change=better["change"],
            alternative=True,
        )
    if e.transposed:
        return  # the genes of one store beside the cells of another
    yield Found(
        {"how": "with join='outer'", "n": e.coverage.outer},
        number=e.coverage.outer,
        change={"join": "outer"},
        severity="info",
        alternative=True,
    )


@check("transposed", "error", "Write adata.T, or leave the store out.")
def transposed(e: Evidence) -> Iterator[Found]:
    """{store} seems to be genes × cells: names of its cells, such as {some}, are genes of other stores."""
    several_stores(e)
    for store, some in e.transposed.items():
        yield Found(
            {"store": store, "some": some_of(some)},
            stores=[store],
            number=len(some),
            change={"drop": [str(e.stores.loc[store, "path"])]},
        )


@check(
    "species", "error", "Train on one species, or map the genes to orthologues in the stores first."
)
def species(e: Evidence) -> Iterator[Found]:
    """Cells of several species are mixed: {species}."""
    found = organisms(e.readable)
    if not found:
        raise NotApplicableError("neither obs nor the names of the genes tell the species")
    stores: dict[str, list[str]] = {}
    for store, several in found.items():
        for one in several:
            stores.setdefault(one, []).append(store)
    if len(stores) > 1:
        text = ", ".join(f"{one} in {len(some)}" for one, some in sorted(stores.items()))
        common = max(stores, key=lambda one: len(stores[one]))
        fewer = [store for one, some in stores.items() if one != common for store in some]
        yield Found(
            {"species": f"{text} of {len(found)} stores"},
            stores=list(dict.fromkeys(fewer)),
            number=len(stores),
        )
