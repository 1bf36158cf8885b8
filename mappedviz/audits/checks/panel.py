"""Checks of the genes that a recipe names: are they there, and where."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from mappedviz.audits.findings import Found, NotApplicableError, check
from mappedviz.audits.nearest import did_you_mean, some_of
from mappedviz.recipe.joins import strip_versions

if TYPE_CHECKING:
    from mappedviz.audits.evidence import Evidence


def _panel(e: Evidence) -> tuple[str, ...]:
    if e.recipe.var_names is None:
        raise NotApplicableError("the recipe names no genes")
    if not e.coverage.stores:
        raise NotApplicableError("no store has readable gene names")
    return e.recipe.var_names


@check(
    "panel-absent",
    "error",
    "Leave these stores out, or join by another identifier with var_key=.",
)
def panel_absent(e: Evidence) -> Iterator[Found]:
    """{n} of {all} stores have {most} of the {genes:,} genes {asked}: their {rows:,} cells are zeros,
    which no store measured.
    """
    recipe = e.recipe
    if recipe.var_names is None and (recipe.min_stores or 1) < 2:
        raise NotApplicableError("the recipe keeps no genes that a store may lack")
    if e.plan is None or e.plan.join is None or not e.used:
        raise NotApplicableError("the stores cannot be joined")
    measured = e.plan.join.measured().sum(axis=1)
    n_genes = len(e.plan.join)
    least = e.thresholds.least_of_panel
    few = [
        (name, n, int(found))
        for (name, _), n, found in zip(e.used, e.rows.counts, measured.tolist(), strict=True)
        if n and (found < least * n_genes if recipe.var_names else found == 0)
    ]
    if few and n_genes:
        paths = [str(e.stores.loc[name, "path"]) for name, _, _ in few]
        most = max(found for _, _, found in few)
        yield Found(
            {
                "n": len(few),
                "all": len(e.used),
                "most": f"at most {most:,}" if most else "none",
                "genes": n_genes,
                "asked": "asked for" if recipe.var_names else "that are kept",
                "rows": sum(n for _, n, _ in few),
            },
            stores=[name for name, _, _ in few],
            number=len(few),
            change={"drop": paths} if len(few) < len(e.used) else {},
        )


def _cleaned(panel: tuple[str, ...], known: list[str]) -> dict[str, str]:
    """Name of the panel that no store has -> the name of the stores that it is but for white space,
    case or version.
    """
    there = set(known)
    absent = [name for name in panel if name not in there]
    if not absent:
        return {}
    found: dict[str, str] = {}
    plain = dict(zip(strip_versions(np.array(known, dtype=object)).tolist(), known, strict=True))
    by_case: dict[str, set[str]] = {}
    for name in known:
        by_case.setdefault(name.strip().casefold(), set()).add(name)
    for name in absent:
        bare = name.strip().strip("\ufeff\u200b\"'").strip()
        stem = str(strip_versions(np.array([bare], dtype=object))[0])
        alike = by_case.get(bare.casefold(), set()) | by_case.get(stem.casefold(), set())
        if bare in there:
            found[name] = bare
        elif stem in there or stem in plain:
            found[name] = stem if stem in there else plain[stem]
        elif len(alike) == 1:
            found[name] = next(iter(alike))
    return found


@check("panel-spelling", "warning", "Take the cleaned panel that is offered.")
def panel_spelling(e: Evidence) -> Iterator[Found]:
    """{n:,} of {all:,} genes asked for are in no store, and are there but for white space, case or
    version: {some}.
    """
    panel = _panel(e)
    cleaned = _cleaned(panel, e.coverage.names.tolist())
    if cleaned:
        some = ", ".join(f"{old!r} as {new!r}" for old, new in list(cleaned.items())[:5])
        yield Found(
            {
                "n": len(cleaned),
                "all": len(panel),
                "some": some + (f" and {len(cleaned) - 5:,} more" if len(cleaned) > 5 else ""),
            },
            stores=e.coverage.stores,
            number=len(cleaned),
            change={"var_names": cleaned},
        )


@check(
    "panel-unknown",
    "warning",
    "Leave them out, or name them as the stores do; where no store measured them, they are zeros.",
)
def panel_unknown(e: Evidence) -> Iterator[Found]:
    """{n:,} of {all:,} genes asked for are in no store: {some}."""
    panel = _panel(e)
    known = e.coverage.names.tolist()
    there = set(known)
    cleaned = _cleaned(panel, known)
    absent = [name for name in panel if name not in there and name not in cleaned]
    if absent:
        yield Found(
            {"n": len(absent), "all": len(panel), "some": did_you_mean(absent, known)},
            stores=e.coverage.stores,
            number=len(absent),
            change={"var_names": dict.fromkeys(absent)} if len(absent) < len(panel) else {},
        )


@check(
    "panel-few-stores",
    "warning",
    "Leave them out, or these stores; var_measured says which zeros are real.",
)
def panel_few_stores(e: Evidence) -> Iterator[Found]:
    """{n:,} of {all:,} genes asked for are in fewer than {share} of the {stores} stores: {some}."""
    panel = _panel(e)
    if len(e.coverage.stores) < 2:
        raise NotApplicableError("there are fewer than two stores with readable gene names")
    has = e.coverage.find(panel)
    share = has.to_numpy().mean(axis=1)
    least = e.thresholds.least_stores_of_gene
    few = [name for name, one in zip(has.index, share.tolist(), strict=True) if 0 < one < least]
    if few:
        lacking = np.logical_not(has.loc[few].to_numpy().all(axis=0))
        yield Found(
            {
                "n": len(few),
                "all": len(panel),
                "stores": len(e.coverage.stores),
                "share": "half" if least == 0.5 else f"{100 * least:g} %",
                "some": some_of(few),
            },
            stores=[name for name, one in zip(has.columns, lacking.tolist(), strict=True) if one],
            number=len(few),
            change={"var_names": dict.fromkeys(few)} if len(few) < len(panel) else {},
        )
