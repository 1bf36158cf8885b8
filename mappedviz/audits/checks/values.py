"""Checks of the values: counts or normalised, types, depth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from mappedviz.audits.findings import Found, NotApplicableError, check

if TYPE_CHECKING:
    from mappedviz.audits.evidence import Evidence
    from mappedviz.audits.samples import MatrixSample

_WORDS = {
    "counts": "counts",
    "log1p": "log1p of normalised counts",
    "normalised": "normalised, not logarithms",
    "logarithms": "like logarithms",
    "scaled": "scaled (negative values)",
    "fractions": "fractions",
    "not finite": "with NaN or infinite values",
}


def _samples(e: Evidence) -> dict[str, dict[str, MatrixSample]]:
    """Matrix -> store -> sample, of matrices with any value."""
    found: dict[str, dict[str, MatrixSample]] = {}
    for store, scan in e.readable:
        for key in e.recipe.layers_keys:
            sample = scan.samples.get(key)
            if sample is not None and sample.scale != "empty":
                found.setdefault(key, {})[store] = sample
    if not found:
        raise NotApplicableError("no rows could be sampled")
    return found


@check(
    "value-scale",
    "error",
    "Read a layer that all stores have in one scale, or leave the others out.",
)
def value_scale(e: Evidence) -> Iterator[Found]:
    """{key} is on different scales: {scales} (by {rows:,} sampled rows)."""
    for key, samples in _samples(e).items():
        scales: dict[str, list[str]] = {}
        for store, sample in samples.items():
            scale = "log1p" if sample.scale == "logarithms" else sample.scale
            scales.setdefault(scale, []).append(store)
        if len(scales) > 1:
            common = max(scales, key=lambda scale: len(scales[scale]))
            text = [f"{_WORDS[scale]} in {len(some)}" for scale, some in scales.items()]
            yield Found(
                {
                    "key": key,
                    "scales": ", ".join(text) + f" of {len(samples)} stores",
                    "rows": sum(sample.rows for sample in samples.values()),
                },
                stores=[
                    store for scale, some in scales.items() if scale != common for store in some
                ],
                number=len(scales),
            )


@check(
    "value-normalised",
    "info",
    "Models of counts need counts: see whether a layer or raw.X has them.",
)
def value_normalised(e: Evidence) -> Iterator[Found]:
    """{key} holds no counts in {n} of {all} stores: it is {scales}.{counts}"""
    for key, samples in _samples(e).items():
        other = {store: s.scale for store, s in samples.items() if s.scale != "counts"}
        if other:
            words = ", ".join(dict.fromkeys(_WORDS[scale] for scale in other.values()))
            names = [
                name
                for name in dict.fromkeys(
                    name
                    for _, scan in e.readable
                    if scan.store
                    for name in scan.store.facts.matrices
                )
                if "count" in name.lower() or name == "raw.X"
            ]
            text = ", ".join(repr(name) for name in names[:3])
            yield Found(
                {
                    "key": key,
                    "n": len(other),
                    "all": len(samples),
                    "scales": words,
                    "counts": f" Counts may be in {text}." if text else "",
                },
                stores=list(other),
                number=len(other),
            )


@check("value-finite", "error", "Mend the stores, or leave them out.")
def value_finite(e: Evidence) -> Iterator[Found]:
    """{key} has NaN or infinite values in {n} of {all} stores (by sampled rows)."""
    for key, samples in _samples(e).items():
        bad = [store for store, sample in samples.items() if not sample.finite]
        if bad:
            paths = [str(e.stores.loc[store, "path"]) for store in bad]
            yield Found(
                {"key": key, "n": len(bad), "all": len(samples)},
                stores=bad,
                number=len(bad),
                change={"drop": paths} if len(bad) < len(e.paths) else {},
            )


@check(
    "value-types",
    "info",
    'A batch gets the type that holds all; say dtype="float32" for one of your choice.',
)
def value_types(e: Evidence) -> Iterator[Found]:
    """{key} is stored in different types: {types}."""
    found: dict[str, dict[str, list[str]]] = {}
    for store, scan in e.readable:
        for key in e.recipe.layers_keys:
            facts = scan.store.facts.matrices.get(key) if scan.store else None
            if facts is not None:
                found.setdefault(key, {}).setdefault(str(facts.dtype), []).append(store)
    if not found:
        raise NotApplicableError("no store has the matrix")
    for key, types in found.items():
        if len(types) > 1 and e.recipe.dtype is None:
            yield Found(
                {"key": key, "types": ", ".join(f"{t} in {len(s)}" for t, s in types.items())},
                stores=[store for some in list(types.values())[1:] for store in some],
                number=len(types),
                change={"dtype": "float32"},
            )


@check(
    "matrix-absent", "error", "Ask for a matrix that all stores have, or leave these stores out."
)
def matrix_absent(e: Evidence) -> Iterator[Found]:
    """{n} of {all} stores have no {key!r}: their {rows:,} cells are NaN in a batch, and so is the loss."""
    if not e.used:
        raise NotApplicableError("no store can be read")
    wanted = [(key, "matrices") for key in e.recipe.layers_keys]
    wanted += [(key, "obsm") for key in e.recipe.obsm_keys]
    with_rows = [
        (name, scan, n) for (name, scan), n in zip(e.used, e.rows.counts, strict=True) if n
    ]
    for key, where in wanted:
        lacking = [
            (name, scan, n)
            for name, scan, n in with_rows
            if scan.store is not None and key not in getattr(scan.store.facts, where)
        ]
        if lacking:
            yield Found(
                {
                    "n": len(lacking),
                    "all": len(with_rows),
                    "key": key,
                    "rows": sum(n for _, _, n in lacking),
                },
                stores=[name for name, _, _ in lacking],
                number=len(lacking),
                change={"drop": [scan.path for _, scan, _ in lacking]}
                if len(lacking) < len(e.used)
                else {},
            )


@check("empty-store", "warning", "Leave it out.")
def empty_store(e: Evidence) -> Iterator[Found]:
    """{store} has {n_obs} cells and {n_vars} genes."""
    if not e.readable:
        raise NotApplicableError("no store can be read")
    for store, scan in e.readable:
        assert scan.store is not None
        facts = scan.store.facts
        if 0 in (facts.n_obs, facts.n_vars):
            yield Found(
                {"store": store, "n_obs": facts.n_obs, "n_vars": facts.n_vars},
                stores=[store],
                number=0,
                change={"drop": [scan.path]} if len(e.paths) > 1 else {},
            )


@check("depth", "warning", "Normalise each cell, or give the model the depth as a covariate.")
def depth(e: Evidence) -> Iterator[Found]:
    """Cells of {high} have a median of {most:,.0f} in {key}, those of {low} one of {least:,.0f}: {times:.1f} times less."""
    several = False
    for key, samples in _samples(e).items():
        medians = {
            store: float(np.median(sample.totals))
            for store, sample in samples.items()
            if sample.scale == "counts"
        }
        several = several or len(medians) > 1
        if len(medians) > 1:
            low = min(medians, key=lambda store: medians[store])
            high = max(medians, key=lambda store: medians[store])
            if medians[high] > 3 * medians[low]:
                yield Found(
                    {
                        "key": key,
                        "high": high,
                        "low": low,
                        "most": medians[high],
                        "least": medians[low],
                        "times": medians[high] / max(medians[low], 1e-9),
                    },
                    stores=[high, low],
                    number=medians[high] / max(medians[low], 1e-9),
                )
    if not several:
        raise NotApplicableError("fewer than two stores hold counts")


@check("empty-cells", "warning", "Filter them out in the stores; they teach a model nothing.")
def empty_cells(e: Evidence) -> Iterator[Found]:
    """{percent} of the sampled cells have no value at all in {key}."""
    for key, samples in _samples(e).items():
        empty = {store: int((s.genes == 0).sum()) for store, s in samples.items()}
        rows = sum(sample.rows for sample in samples.values())
        n = sum(empty.values())
        if n > 0.01 * rows:
            yield Found(
                {"percent": f"{100 * n / rows:.1f} %", "key": key},
                stores=[store for store, some in empty.items() if some],
                number=n / rows,
            )
