"""Checks of the cells, by sampled rows: damaged ones, and such as are in two stores."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from mappedviz._types import Array
from mappedviz.audits.checks.bias import smaller, worst
from mappedviz.audits.findings import Found, NotApplicableError, check
from mappedviz.audits.samples import spread_rows
from mappedviz.audits.tables.shared import shared_by_pairs

if TYPE_CHECKING:
    from mappedviz.audits.evidence import Evidence
    from mappedviz.audits.samples import MatrixSample

DAMAGED = 0.2  # share of mitochondrial counts
_TIMES = 3  # as many damaged cells as in the others
_FEW_CELLS = 20
_FEWEST_ROWS = 3


def _samples(e: Evidence, key: str) -> Iterator[tuple[str, MatrixSample, int, Array | None]]:
    """Store, sample of the matrix that is read for a key, rows of the store, and which of them are kept."""
    for (store, scan), kept in zip(e.used, e.rows.kept, strict=True):
        sample = scan.sample(e.recipe, key)
        if sample is not None:
            yield store, sample, scan.n_obs, kept


def _mito_of(e: Evidence, key: str) -> dict[str, Array]:
    """Mitochondrial shares of the sampled rows that are kept, of stores where they are known."""
    found = {}
    for store, sample, n_obs, kept in _samples(e, key):
        if sample.mito is not None:
            rows = np.concatenate(spread_rows(n_obs, sample.asked))
            some = ~np.isnan(sample.mito) if kept is None else np.isin(rows, kept)
            found[store] = sample.mito[some & ~np.isnan(sample.mito)]
    return found


def _hashes_of(e: Evidence, key: str) -> dict[str, Array]:
    """Hashes of sampled rows that are kept, of stores that have any."""
    found = {}
    for store, sample, _, kept in _samples(e, key):
        if sample.hashes is not None and sample.hashed_rows is not None:
            hashes = sample.hashes
            found[store] = hashes if kept is None else hashes[np.isin(sample.hashed_rows, kept)]
    return {store: hashes for store, hashes in found.items() if len(hashes)}


@check(
    "mitochondrial-share",
    "warning",
    "Leave these cells out, with obs_query= if a column of obs says which they are; or give the share to the model as a covariate.",
)
def mitochondrial_share(e: Evidence) -> Iterator[Found]:
    """{percent} of the cells of {store} have more than {bound} mitochondrial counts in {key}, of the other
    stores {others} (medians {median} and {middle}): they may be damaged, or another tissue.
    """
    several = False
    for key in e.recipe.layers_keys:
        found = {store: some for store, some in _mito_of(e, key).items() if len(some) >= _FEW_CELLS}
        if len(found) < 2:
            continue
        several = True
        damaged = np.array([(some > DAMAGED).mean() for some in found.values()])
        medians = np.array([np.median(some) for some in found.values()])
        for i, store in enumerate(found):
            if not damaged[i] > e.thresholds.most_damaged_cells:
                continue
            of_others = float(np.median(np.delete(damaged, i)))
            if damaged[i] > _TIMES * of_others:
                yield Found(
                    {
                        "percent": f"{100 * damaged[i]:.0f} %",
                        "store": store,
                        "bound": f"{100 * DAMAGED:.0f} %",
                        "key": key,
                        "others": f"{100 * of_others:.0f} %",
                        "median": f"{100 * medians[i]:.0f} %",
                        "middle": f"{100 * np.median(np.delete(medians, i)):.0f} %",
                    },
                    stores=[store],
                    number=float(damaged[i]),
                )
    if not several:
        raise NotApplicableError("the share is known of fewer than two stores")


@check(
    "same-sampled-rows",
    "warning",
    "Compare all cells with deep=True; then leave one of the stores out, or keep both on one side of every split.",
)
def same_sampled_rows(e: Evidence) -> Iterator[Found]:
    """The same cells seem to be in {a} and {b}: {n:,} of {rows:,} sampled rows have exactly the same values of
    {key}, whatever the cells are called.
    """
    if sum(scan.row_hashes is not None for _, scan in e.readable) > 1:
        raise NotApplicableError("all rows are compared: see same-rows")
    applies = False
    for key in e.recipe.layers_keys:
        hashes = _hashes_of(e, key)
        applies = applies or len(hashes) > 1
        if len(hashes) < 2:
            continue
        for row in worst(shared_by_pairs(list(hashes), list(hashes.values()))):
            a, b, n = row["store_a"], row["store_b"], row["shared"]
            if n < _FEWEST_ROWS:
                continue
            rows = min(len(hashes[a]), len(hashes[b]))
            yield Found(
                {"a": a, "b": b, "n": n, "rows": rows, "key": key},
                stores=[a, b],
                number=n,
                change={"drop": [smaller(e, a, b)]},
            )
    if not applies:
        raise NotApplicableError("fewer than two stores have sampled rows that can be compared")
