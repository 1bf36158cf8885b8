"""Checks of what becomes of values on their way into a batch: types, widths, order of genes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from mappedviz.audits.findings import Found, NotApplicableError, check
from mappedviz.collection.matrices import RAW, frames_of, is_joined

if TYPE_CHECKING:
    from mappedviz.audits.evidence import Evidence
    from mappedviz.audits.samples import MatrixSample
    from mappedviz.audits.scan import Scan

_NEAR = 8  # times what was seen in sampled rows: values of other rows may well be that large


def _dtype(e: Evidence) -> np.dtype[Any]:
    if e.recipe.dtype is None:
        raise NotApplicableError("the recipe converts no values")
    return np.dtype(e.recipe.dtype)


def _matrices(e: Evidence) -> Iterator[tuple[str, str, np.dtype[Any], MatrixSample | None, Scan]]:
    """Store, key, stored type, sample and scan of each matrix that is read."""
    for store, scan in e.used:
        if scan.store is None:
            continue
        for key in e.recipe.layers_keys:
            facts = scan.matrix(e.recipe, key)
            if facts is not None:
                yield store, key, facts.dtype, scan.sample(e.recipe, key), scan
        for key in e.recipe.obsm_keys:
            element = scan.store.facts.obsm.get(key)
            if element is not None:
                yield store, key, element.dtype, None, scan


def _top(dtype: np.dtype[Any]) -> float:
    """Largest number up to which a type holds each whole number, or all, exactly."""
    if dtype.kind == "f":
        return float(2 ** (np.finfo(dtype).nmant + 1))
    return 1.0 if dtype.kind == "b" else float(np.iinfo(dtype).max)


def _bottom(dtype: np.dtype[Any]) -> float:
    return 0.0 if dtype.kind == "b" else float(np.iinfo(dtype).min)


def _lost(dtype: np.dtype[Any], stored: np.dtype[Any], sample: MatrixSample | None) -> str | None:
    """Words on what a conversion does to the values that were seen; None if it keeps them."""
    if np.can_cast(stored, dtype, "safe"):
        return None
    if sample is None:
        fractions = stored.kind == "f" and dtype.kind in "iub"
        return f"fractions of {stored} are cut off" if fractions else None
    size = max(abs(sample.low), abs(sample.high))
    if dtype.kind == "f":
        if size > float(np.finfo(dtype).max):
            return f"{size:,.0f} becomes infinite"
        if sample.whole and size > _top(dtype):
            return f"whole numbers beyond {_top(dtype):,.0f} are rounded, and there is {size:,.0f}"
        return None
    if sample.low < _bottom(dtype):
        return f"negative values such as {sample.low:g} wrap around"
    if sample.high > _top(dtype):
        return f"{sample.high:,.0f} is beyond {_top(dtype):,.0f}"
    return (
        None
        if sample.whole
        else f"fractions are cut off (values from {sample.low:g} to {sample.high:g})"
    )


@check(
    "dtype-loses",
    "warning",
    'Say dtype="float32", or none: then a batch gets a type that holds all.',
)
def dtype_loses(e: Evidence) -> Iterator[Found]:
    """dtype={dtype!r} does not hold the values of {key} in {n} stores: {what} in {store}."""
    dtype = _dtype(e)
    found: dict[str, dict[str, str]] = {}
    for store, key, stored, sample, _ in _matrices(e):
        words = _lost(dtype, stored, sample)
        if words is not None:
            found.setdefault(key, {})[store] = words
    for key, stores in found.items():
        first = next(iter(stores))
        yield Found(
            {
                "dtype": str(dtype),
                "key": key,
                "n": len(stores),
                "what": stores[first],
                "store": first,
            },
            stores=list(stores),
            number=len(stores),
            change={"dtype": _wider(e)},
        )


def _wider(e: Evidence) -> str | None:
    """A type that holds all values; None for the one that holds what is stored."""
    wide = np.dtype("float32")
    fits = all(_lost(wide, stored, sample) is None for _, _, stored, sample, _ in _matrices(e))
    return "float32" if fits and e.recipe.dtype != "float32" else None


@check("dtype-may-lose", "info", 'Say dtype="float32", or none, if there may be larger values.')
def dtype_may_lose(e: Evidence) -> Iterator[Found]:
    """{key} of {store} is stored as {stored}, which holds more than dtype={dtype!r}: of {rows:,} of
    {n_obs:,} rows the largest value is {high:,.0f}, and {top:,.0f} is the limit.
    """
    dtype = _dtype(e)
    several = False
    for store, key, stored, sample, scan in _matrices(e):
        if sample is None:
            continue
        several = True
        top = _top(dtype) if sample.whole or dtype.kind != "f" else float(np.finfo(dtype).max)
        if (
            sample.rows < scan.n_obs
            and not np.can_cast(stored, dtype, "safe")
            and _lost(dtype, stored, sample) is None
            and max(abs(sample.low), abs(sample.high)) > top / _NEAR
        ):
            yield Found(
                {
                    "key": key,
                    "store": store,
                    "stored": str(stored),
                    "dtype": str(dtype),
                    "rows": sample.rows,
                    "n_obs": scan.n_obs,
                    "high": max(abs(sample.low), abs(sample.high)),
                    "top": top,
                },
                stores=[store],
                number=sample.high,
            )
    if not several:
        raise NotApplicableError("no rows could be sampled")


@check(
    "dtype-nan", "error", 'Say dtype="float32", or none: whole numbers have no NaN and no infinity.'
)
def dtype_nan(e: Evidence) -> Iterator[Found]:
    """{key} has NaN or infinite values in {n} stores (by sampled rows), and dtype={dtype!r} makes any
    number of them.
    """
    dtype = _dtype(e)
    if dtype.kind == "f":
        raise NotApplicableError("the recipe converts values to numbers that may be NaN")
    found: dict[str, list[str]] = {}
    for store, key, _, sample, scan in _matrices(e):
        finite = scan.obsm_finite.get(key, True) if sample is None else sample.finite
        if not finite:
            found.setdefault(key, []).append(store)
    for key, stores in found.items():
        yield Found(
            {"key": key, "n": len(stores), "dtype": str(dtype)},
            stores=stores,
            number=len(stores),
            change={"dtype": _wider(e)},
        )


def _widths(e: Evidence) -> dict[str, dict[int, list[str]]]:
    """Column of a batch that no join makes equally wide -> width -> stores."""
    found: dict[str, dict[int, list[str]]] = {}
    for store, scan in e.used:
        assert scan.store is not None
        facts = scan.store.facts
        shapes = {f"obsm[{key!r}]": facts.obsm.get(key) for key in e.recipe.obsm_keys}
        for key in e.recipe.layers_keys:
            if not is_joined(e.recipe, key):
                shapes[key] = scan.matrix(e.recipe, key)  # type: ignore[assignment]
        for key, one in shapes.items():
            if one is not None and len(one.shape) > 1:
                found.setdefault(key, {}).setdefault(int(one.shape[1]), []).append(store)
    return found


@check(
    "batch-lists",
    "warning",
    "Join the genes, or ask for what is equally wide in all stores; or take the lists apart yourself.",
)
def batch_lists(e: Evidence) -> Iterator[Found]:
    """{key} is of different width: {widths} of {all} stores. A batch has a list of rows there, not one
    array.
    """
    widths = _widths(e)
    if not widths:
        raise NotApplicableError("all that is read is joined to one width")
    for key, stores in widths.items():
        if len(stores) < 2:
            continue
        common = max(stores, key=lambda width: len(stores[width]))
        others = [store for width, some in stores.items() if width != common for store in some]
        paths = [str(e.stores.loc[store, "path"]) for store in others]
        drop = {"drop": paths} if len(others) < len(stores[common]) else {}
        yield Found(
            {
                "key": key,
                "widths": ", ".join(f"{width:,} in {len(some)}" for width, some in stores.items()),
                "all": sum(map(len, stores.values())),
            },
            stores=others,
            number=len(stores),
            change=(_raw_joined(e) if key == RAW else {}) or drop,
        )


def _raw_joined(e: Evidence) -> dict[str, Any]:
    """The change that joins raw.X; none if the recipe joins nothing, or joins it already."""
    if e.recipe.join is None or RAW in e.recipe.layer_alias:
        return {}
    return {"layer_alias": {**e.recipe.layer_alias, RAW: (RAW,)}}


@check("gene-order", "error", "Join the genes with join='inner' or join='outer'.")
def gene_order(e: Evidence) -> Iterator[Found]:
    """join=None leaves the genes as they are, and the {n} stores with {width:,} genes have different ones,
    or another order: a column of a batch is not one gene.
    """
    if e.recipe.join is not None:
        raise NotApplicableError("the genes are joined")
    lists: dict[int, dict[bytes, list[str]]] = {}
    for store, scan in e.used:
        assert scan.store is not None
        for raw in frames_of(e.recipe, scan.store):
            names = (scan.raw_names if raw else scan.names).get(None)
            if names is not None:
                lists.setdefault(len(names), {}).setdefault(names.key, []).append(store)
    if len(lists) != 1:  # batch-lists says so
        raise NotApplicableError("the stores have different numbers of genes")
    for width, stores in lists.items():
        if len(stores) > 1 and width:
            common = max(stores, key=lambda key: len(stores[key]))
            yield Found(
                {"n": sum(map(len, stores.values())), "width": width},
                stores=[store for key, some in stores.items() if key != common for store in some],
                number=len(stores),
            )


@check(
    "raw-genes", "error", "Join it with layer_alias={'raw.X': ['raw.X']}, or leave the others out."
)
def raw_genes(e: Evidence) -> Iterator[Found]:
    """raw.X is not joined, and the {n} stores with {width:,} genes in raw have different ones, or another
    order: a column of a batch is not one gene.
    """
    if RAW not in e.recipe.layers_keys or RAW in e.recipe.layer_alias:
        raise NotApplicableError("raw.X is not read as it is")
    lists: dict[int, dict[bytes, list[str]]] = {}
    for store, scan in e.used:
        names = scan.raw_names.get(None)
        if names is not None:
            lists.setdefault(len(names), {}).setdefault(names.key, []).append(store)
    if len(lists) != 1:  # batch-lists says so
        raise NotApplicableError("the stores have different numbers of genes in raw")
    for width, stores in lists.items():
        if len(stores) > 1 and width:
            common = max(stores, key=lambda key: len(stores[key]))
            others = [store for key, some in stores.items() if key != common for store in some]
            yield Found(
                {"n": sum(map(len, stores.values())), "width": width},
                stores=others,
                number=len(stores),
                change=_raw_joined(e)
                or {"drop": [str(e.stores.loc[one, "path"]) for one in others]},
            )
