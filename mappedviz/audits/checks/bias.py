"""Checks of what training would be biased by: rare classes, weights, batches, repeats."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from mappedviz.audits.findings import Found, NotApplicableError, check
from mappedviz.audits.tables.crosstabs import cramers_v
from mappedviz.audits.tables.shared import n_repeats
from mappedviz.recipe.weights import FORMULAS

if TYPE_CHECKING:
    import pandas as pd

    from mappedviz.audits.evidence import Evidence
    from mappedviz.audits.scan import Scan
    from mappedviz.audits.tables.labels import LabelTable
    from mappedviz.recipe.labels import Label

_MOST_PAIRS = 20  # of stores that share cells: the worst come first


def _labelled(e: Evidence) -> str:
    if e.label is None:
        raise NotApplicableError("no label was named")
    if not e.has(e.label) or not e.labels(e.label).classes:
        raise NotApplicableError(f"no cell has the label {e.label!r}")
    return e.label


@check(
    "rare-classes",
    "warning",
    "Merge them into larger classes with relabel=, or leave them out with obs_filter=.",
)
def rare_classes(e: Evidence) -> Iterator[Found]:
    """{n} of {all} classes of {key!r} have fewer than {few:,.0f} cells: {some}."""
    key = _labelled(e)
    total = e.labels(key).total
    few = e.thresholds.rare_class_cells
    rare = total[total < few].sort_values(kind="stable")
    if len(rare):
        some = ", ".join(f"{label!r} {n}" for label, n in list(rare.items())[:5])
        yield Found(
            {
                "n": len(rare),
                "all": len(total),
                "key": key,
                "few": few,
                "some": some + (f" and {len(rare) - 5} more" if len(rare) > 5 else ""),
            },
            stores=[],
            number=len(rare),
        )


@check("weights", "warning", 'Weigh less sharply: scaler=1000 weighs s/(n+s), scheme="sqrt" 1/√n.')
def weights(e: Evidence) -> Iterator[Found]:
    """Weights {formula} for {keys} leave an effective {effective} of the cells, see {distinct} of them in
    an epoch, and draw each cell of the rarest class {repeats:,.0f} times.
    """
    # Those of the recipe, or what a loader makes of the label.
    keys = e.recipe.weights_keys or (_labelled(e),)
    if absent := [key for key in keys if not e.has(key)]:
        raise NotApplicableError(f"no store has {absent[0]!r}")
    scheme, scaler = e.recipe.weights_scheme, e.recipe.weights_scaler
    table = e.weights(keys, scheme, scaler)
    if len(table.table) < 2:
        raise NotApplicableError("there are fewer than two classes to weigh")
    most = e.thresholds.most_repeats
    least = e.thresholds.least_effective_share
    if table.effective_fraction < least or table.rarest_repeats > most:
        yield Found(
            {
                "formula": FORMULAS[table.scheme].replace("s", f"{table.scaler or 0:g}"),
                "keys": ", ".join(map(repr, keys)),
                "effective": f"{100 * table.effective_fraction:.1f} %",
                "distinct": f"{100 * table.distinct_fraction:.1f} %",
                "repeats": table.rarest_repeats,
            },
            number=table.effective_fraction,
        )


def _batches(e: Evidence) -> tuple[pd.DataFrame, str]:
    """Rows per batch and class, and what the batch is."""
    key = _labelled(e)
    if e.batch is None:
        table = e.labels(key).counts.T
        what = "store"
    else:
        if not e.has(e.batch):
            raise NotApplicableError(f"no store has the batch {e.batch!r}")
        table = e.crosstab(e.batch, key)
        what = repr(e.batch)
    table = table.loc[table.sum(axis=1) > 0]
    if len(table) < 2:
        raise NotApplicableError("there are fewer than two batches with labels")
    if table.shape[1] < 2:
        raise NotApplicableError("there are fewer than two classes")
    return table, what


@check(
    "confounding",
    "warning",
    "Add stores in which the classes are mixed, or judge the model within batches only.",
)
def confounding(e: Evidence) -> Iterator[Found]:
    """Batch ({what}) and {key!r} are confounded (Cramér's V {v:.2f} of 1): a model may learn the
    batch for the class.
    """
    table, what = _batches(e)
    v = cramers_v(table)
    if v > e.thresholds.most_confounding:
        yield Found({"what": what, "key": e.label, "v": v}, number=v)


@check(
    "class-in-one-batch",
    "warning",
    "Do not read much into these classes: their batch explains them as well.",
)
def class_in_one_batch(e: Evidence) -> Iterator[Found]:
    """{n} of {all} classes of {key!r} are in one batch ({what}) only: {some}."""
    table, what = _batches(e)
    single = (table > 0).sum(axis=0) == 1
    at = np.flatnonzero(single.to_numpy())
    classes = [table.columns[i] for i in at.tolist()]
    if classes:
        more = f" and {len(classes) - 5} more" if len(classes) > 5 else ""
        stores = []
        if e.batch is None:
            # By position: classes may be booleans, which pandas takes for a mask.
            only = (table.to_numpy()[:, at] > 0).any(axis=1)
            stores = [str(table.index[i]) for i in np.flatnonzero(only).tolist()]
        yield Found(
            {
                "n": len(classes),
                "all": table.shape[1],
                "key": e.label,
                "what": what,
                "some": ", ".join(repr(label) for label in classes[:5]) + more,
            },
            stores=stores,
            number=len(classes),
        )


@check(
    "same-cells", "warning", "Leave one of the stores out, or keep both on one side of every split."
)
def same_cells(e: Evidence) -> Iterator[Found]:
    """{a} and {b} share {n:,} names of cells, {percent} of the smaller store: they may be the same cells."""
    if sum(scan.obs_hashes is not None for _, scan in e.readable) < 2:
        raise NotApplicableError("there are fewer than two stores with readable names of cells")
    scans = dict(e.readable)
    for row in worst(e.shared_cells):
        if _rows_differ(scans[row["store_a"]], scans[row["store_b"]]):
            continue
        if (
            row["of_smaller"] > e.thresholds.most_same_cells
            and row["shared"] > 5 * row["by_chance"]
        ):
            yield _pair(e, row)


def _rows_differ(a: Scan, b: Scan) -> bool:
    """Whether deep reading has shown that cells of the same name have other values.

    Values of other genes, or on another scale, show nothing.
    """
    hashes = (a.obs_hashes, b.obs_hashes, a.row_hashes, b.row_hashes)
    if any(one is None for one in hashes) or "X" not in a.samples or "X" not in b.samples:
        return False
    genes = [set(names.values.tolist()) for scan in (a, b) if (names := scan.names.get(None))]
    if len(genes) < 2 or genes[0] != genes[1] or a.samples["X"].scale != b.samples["X"].scale:
        return False
    names_a, names_b, rows_a, rows_b = (np.asarray(one) for one in hashes)
    _, in_a, in_b = np.intersect1d(names_a, names_b, return_indices=True)
    compared = (rows_a[in_a] != 0) & (rows_b[in_b] != 0)
    same = rows_a[in_a] == rows_b[in_b]
    return bool(compared.any()) and not bool((same & compared).any())


@check(
    "same-rows", "error", "Leave one of the stores out, or keep both on one side of every split."
)
def same_rows(e: Evidence) -> Iterator[Found]:
    """{a} and {b} hold {n:,} cells with exactly the same values of X, {percent} of the smaller store."""
    if sum(scan.row_hashes is not None for _, scan in e.readable) < 2:
        raise NotApplicableError("the values of the cells are compared on request, with deep=True")
    for row in worst(e.shared_rows):
        yield _pair(e, row)


def _pair(e: Evidence, row: dict[str, Any]) -> Found:
    """Return what two stores share, with the smaller one to be left out."""
    return Found(
        {
            "a": row["store_a"],
            "b": row["store_b"],
            "n": row["shared"],
            "percent": f"{100 * row['of_smaller']:.0f} %",
        },
        stores=[row["store_a"], row["store_b"]],
        number=row["shared"],
        change={"drop": [smaller(e, row["store_a"], row["store_b"])]},
    )


def worst(pairs: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the pairs of stores that share most, of a table of them."""
    return [dict(row) for _, row in pairs.head(_MOST_PAIRS).iterrows()]


def smaller(e: Evidence, a: str, b: str) -> str:
    """Return the path of the one of two stores that has fewer cells."""
    rows = e.stores["n_obs"]
    fewer = a if int(rows[a]) < int(rows[b]) else b
    return str(e.stores.loc[fewer, "path"])


_PRIMARY = "is_primary_data"  # of the schema of CELLxGENE


@check(
    "primary-data",
    "warning",
    "Leave the copies out, unless the collection is made of them on purpose.",
)
def primary_data(e: Evidence) -> Iterator[Found]:
    """{n:,} of {all:,} cells are copies of cells of another data set: is_primary_data is False{only}."""
    if not e.has(_PRIMARY):
        raise NotApplicableError(f"no store has an obs column {_PRIMARY!r}")
    table = e.labels(_PRIMARY)
    copies = [one for one in table.classes if str(one).casefold() in ("false", "0")]
    if not copies:
        return
    here = np.isin(table.rows[0], [table.classes.index(one) for one in copies])
    n = int(table.rows[2][here].sum())
    rest = table.n_rows - n
    yield Found(
        {"n": n, "all": table.n_rows, "only": "" if rest else ", and no cell is left without them"},
        stores=[table.stores[i] for i in np.unique(table.rows[1][here]).tolist()],
        number=n,
        severity=None if rest else "info",
        change=_primary_alone(e, table, copies) if rest else {},
    )


def _primary_alone(e: Evidence, table: LabelTable, copies: list[Label]) -> dict[str, Any]:
    """The filter that keeps cells that are no copies: also those that do not say so."""
    kept = [one for one in table.classes if one not in copies]
    if not int(table.absent.sum() + table.missing.sum()) and _PRIMARY not in e.recipe.obs_filter:
        return {"obs_filter": {**e.recipe.obs_filter, _PRIMARY: kept}}
    condition = " and ".join(f"{_PRIMARY} != {one!r}" for one in copies)
    before = e.recipe.obs_query
    return {"obs_query": condition if before is None else f"({before}) and {condition}"}


@check(
    "same-cells-twice",
    "warning",
    "Make the names of cells unique in the store; see whether cells are repeated.",
)
def same_cells_twice(e: Evidence) -> Iterator[Found]:
    """{store} has {n:,} names of cells that occur more than once."""
    there = [(store, scan) for store, scan in e.readable if scan.obs_hashes is not None]
    if not there:
        raise NotApplicableError("no store has readable names of cells")
    for store, scan in there:
        assert scan.obs_hashes is not None
        n = n_repeats(scan.obs_hashes)
        if n:
            yield Found({"store": store, "n": n}, stores=[store], number=n)
