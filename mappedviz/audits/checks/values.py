"""Checks of the values: counts or normalised, types, depth."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from mappedviz.audits.counts_fix import counts_fix
from mappedviz.audits.findings import Found, NotApplicableError, check

if TYPE_CHECKING:
    from mappedviz._types import Array
    from mappedviz.audits.evidence import Evidence
    from mappedviz.audits.samples import MatrixSample

_WORDS = {
    "counts": "counts",
    "log1p": "log1p of normalised counts",
    "log2": "log2 of normalised counts",
    "log10": "log10 of normalised counts",
    "log counts": "log1p of counts as they are",
    "log2 counts": "log2 of counts as they are",
    "log10 counts": "log10 of counts as they are",
    "sqrt": "square roots",
    "normalised": "normalised, not logarithms",
    "proportions": "proportions (cells sum to 1 or less)",
    "logarithms": "like logarithms",
    "scaled": "scaled (negative values)",
    "fractions": "fractions",
    "not finite": "with NaN or infinite values",
    "mixed": "on several scales within a store",
    "unknown": "of an unknown scale",
}
_LOGARITHMS = ("log1p", "logarithms", "log counts", "log2", "log2 counts", "log10", "log10 counts")
_OF_COUNTS = ("log counts", "log2 counts", "log10 counts")


def _family(scale: str) -> str:
    return "logarithms" if scale in _LOGARITHMS else scale


def _samples(e: Evidence) -> dict[str, dict[str, MatrixSample]]:
    """Matrix -> store -> sample, of matrices with any value."""
    found = {
        key: {store: sample for store, sample in samples.items() if sample.scale != "empty"}
        for key, samples in e.samples.items()
    }
    found = {key: samples for key, samples in found.items() if samples}
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
        families: dict[str, list[str]] = {}
        for store, sample in samples.items():
            scales.setdefault(sample.scale, []).append(store)
            families.setdefault(_family(sample.scale), []).append(store)
        known = set(families) - {"unknown", "mixed", "not finite"}
        if len(known) > 1 or ("unknown" in families and known & {"counts", "scaled"}):
            common = max(families, key=lambda scale: len(families[scale]))
            text = [f"{_WORDS[scale]} in {len(some)}" for scale, some in scales.items()]
            change = counts_fix(e, key)
            yield Found(
                {
                    "key": key,
                    "scales": ", ".join(text) + f" of {len(samples)} stores",
                    "rows": sum(sample.rows for sample in samples.values()),
                },
                stores=[
                    store for scale, some in families.items() if scale != common for store in some
                ],
                number=len(families),
                remedy="All stores have counts: the fix reads them under one name, with layer_alias=."
                if change
                else None,
                change=change,
            )


@check(
    "value-logarithms",
    "warning",
    "Normalise and take logarithms in one way in all stores, or read counts.",
)
def value_logarithms(e: Evidence) -> Iterator[Found]:
    """The logarithms of {key} are on different scales: {scales} (by {rows:,} sampled rows)."""
    for key, samples in _samples(e).items():
        kinds: dict[tuple[str, bool], list[str]] = {}
        for store, sample in samples.items():
            if sample.scale in _LOGARITHMS:
                base = next((one for one in ("log2", "log10") if sample.scale.startswith(one)), "e")
                kinds.setdefault((base, sample.scale in _OF_COUNTS), []).append(store)
        if len(kinds) > 1:
            common = max(kinds, key=lambda kind: len(kinds[kind]))
            text = [f"{_WORDS[samples[some[0]].scale]} in {len(some)}" for some in kinds.values()]
            yield Found(
                {
                    "key": key,
                    "scales": ", ".join(text) + f" of {len(samples)} stores",
                    "rows": sum(sample.rows for sample in samples.values()),
                },
                stores=[store for kind, some in kinds.items() if kind != common for store in some],
                number=len(kinds),
            )


@check("value-mixed", "error", "Bring the cells of the store to one scale, or leave it out.")
def value_mixed(e: Evidence) -> Iterator[Found]:
    """{store} has cells of different scales in {key}: {scales} (by {rows:,} sampled rows)."""
    for key, samples in _samples(e).items():
        for store, sample in samples.items():
            if sample.scale == "mixed":
                total = sum(n for _, n in sample.scales)
                text = [f"{_WORDS[one]} in {100 * n / total:.0f} %" for one, n in sample.scales]
                yield Found(
                    {"store": store, "key": key, "scales": ", ".join(text), "rows": sample.rows},
                    stores=[store],
                    number=len(sample.scales),
                    change={"drop": [str(e.stores.loc[store, "path"])]} if len(e.paths) > 1 else {},
                )


@check(
    "value-normalised",
    "info",
    "Models of counts need counts: counts-elsewhere says whether another matrix has them.",
)
def value_normalised(e: Evidence) -> Iterator[Found]:
    """{key} holds no counts in {n} of {all} stores: it is {scales}."""
    for key, samples in _samples(e).items():
        other = {store: s.scale for store, s in samples.items() if s.scale != "counts"}
        if other:
            words = ", ".join(dict.fromkeys(_WORDS[scale] for scale in other.values()))
            yield Found(
                {
                    "key": key,
                    "n": len(other),
                    "all": len(samples),
                    "scales": words,
                },
                stores=list(other),
                number=len(other),
            )


@check("value-finite", "error", "Mend the stores, or leave them out.")
def value_finite(e: Evidence) -> Iterator[Found]:
    """{key} has NaN or infinite values in {n} of {all} stores (by sampled rows)."""
    found: dict[str, dict[str, bool]] = {}
    for store, scan in e.readable:
        for key in e.recipe.layers_keys:
            sample = scan.sample(e.recipe, key)
            if sample is not None and sample.scale != "empty":
                found.setdefault(key, {})[store] = sample.finite
        for key, finite in scan.obsm_finite.items():
            found.setdefault(f"obsm[{key!r}]", {})[store] = finite
    if not found:
        raise NotApplicableError("no rows could be sampled")
    for key, stores in found.items():
        bad = [store for store, finite in stores.items() if not finite]
        if bad:
            paths = [str(e.stores.loc[store, "path"]) for store in bad]
            yield Found(
                {"key": key, "n": len(bad), "all": len(stores)},
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
    every: dict[str, dict[np.dtype[Any], list[str]]] = {}
    for store, scan in e.readable:
        for key in e.recipe.layers_keys:
            facts = scan.matrix(e.recipe, key)
            if facts is not None:
                every.setdefault(key, {}).setdefault(facts.dtype, []).append(store)
    if not every:
        raise NotApplicableError("no store has the matrix")
    for key, types in every.items():
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
    wanted = [(key, False) for key in e.recipe.layers_keys]
    wanted += [(key, True) for key in e.recipe.obsm_keys]
    with_rows = [
        (name, scan, n) for (name, scan), n in zip(e.used, e.rows.counts, strict=True) if n
    ]
    for key, obsm in wanted:
        lacking = [
            (name, scan, n)
            for name, scan, n in with_rows
            if scan.store is not None
            and (key not in scan.store.facts.obsm if obsm else scan.slot(e.recipe, key) is None)
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


@check("value-zero", "error", "Ask for a matrix that has values, or leave these stores out.")
def value_zero(e: Evidence) -> Iterator[Found]:
    """{key} is 0 everywhere in {n} of {all} stores (by {rows:,} sampled rows)."""
    if not e.samples:
        raise NotApplicableError("no rows could be sampled")
    for key, samples in e.samples.items():
        zero = [store for store, sample in samples.items() if sample.scale == "empty"]
        if zero:
            yield Found(
                {
                    "key": key,
                    "n": len(zero),
                    "all": len(samples),
                    "rows": sum(samples[store].rows for store in zero),
                },
                stores=zero,
                number=len(zero),
                change={"drop": [str(e.stores.loc[store, "path"]) for store in zero]}
                if len(zero) < len(e.paths)
                else {},
            )


@check(
    "stored-oddly", "info", "Write the store again after X.sum_duplicates(), X.eliminate_zeros()."
)
def stored_oddly(e: Evidence) -> Iterator[Found]:
    """{key} of {n} stores has values that are stored although they are zero ({zeros:,}) or several times
    for one gene of a cell ({repeats:,}, which are summed), in sampled rows.
    """
    if not e.samples:
        raise NotApplicableError("no rows could be sampled")
    for key, samples in e.samples.items():
        odd = {store: one for store, one in samples.items() if one.zeros or one.repeats}
        if odd:
            zeros = sum(sample.zeros for sample in odd.values())
            repeats = sum(sample.repeats for sample in odd.values())
            yield Found(
                {"key": key, "n": len(odd), "zeros": zeros, "repeats": repeats},
                stores=list(odd),
                number=zeros + repeats,
            )


def _median(values: Array) -> float:
    """The median of some numbers; ``np.median`` of each of ten thousand stores takes ten times as long."""
    ordered = np.sort(values)
    half = len(ordered) // 2
    low, high, last = ordered[[half - 1 + len(ordered) % 2, half, -1]].tolist()
    return math.nan if math.isnan(last) else (low + high) / 2


@check("depth", "warning", "Normalise each cell, or give the model the depth as a covariate.")
def depth(e: Evidence) -> Iterator[Found]:
    """Cells of {high} have a median of {most:,.0f} in {key}, those of {low} one of {least:,.0f}: {times:.1f} times less."""
    several = False
    for key, samples in _samples(e).items():
        medians = {
            store: _median(sample.totals)
            for store, sample in samples.items()
            if sample.scale == "counts"
        }
        several = several or len(medians) > 1
        if len(medians) > 1:
            low = min(medians, key=lambda store: medians[store])
            high = max(medians, key=lambda store: medians[store])
            if medians[high] > e.thresholds.most_depth_ratio * medians[low]:
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
        if n > e.thresholds.most_empty_cells * rows:
            yield Found(
                {"percent": f"{100 * n / rows:.1f} %", "key": key},
                stores=[store for store, some in empty.items() if some],
                number=n / rows,
            )
