"""Checks of the files: can they be read, how fast, do they fit together, where are they from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mappedviz.audits.findings import Found, NotApplicableError, check
from mappedviz.errors import MappedvizError

if TYPE_CHECKING:
    from mappedviz.audits.evidence import Evidence


@check("unreadable-store", "error", "Get the file again, or leave it out.")
def unreadable_store(e: Evidence) -> Iterator[Found]:
    """{message}"""
    for store, scan in zip(e.names, e.scans, strict=True):
        if scan.error is not None:
            refused = e.error is not None and (
                e.recipe.on_error == "raise" or str(scan.error) == str(e.error)
            )
            yield Found(
                {"message": str(scan.error)},
                stores=[store],
                severity="fatal" if refused else None,
                remedy=_remedy(scan.error),
                change={"drop": [scan.path]} if len(e.paths) > 1 else {},
            )


@check("refused", "fatal", "Change the recipe.")
def refused(e: Evidence) -> Iterator[Found]:
    """{message}"""
    if e.error is None or any(str(scan.error) == str(e.error) for scan in e.scans if scan.error):
        return
    path = getattr(e.error, "store", None)
    stores = [
        store
        for store, scan in e.readable
        if path is not None and scan.store is not None and scan.store.path == path
    ]
    drop = [scan.path for store, scan in e.readable if store in stores]
    yield Found(
        {"message": str(e.error)},
        stores=stores,
        remedy=_remedy(e.error),
        change={"drop": drop} if drop and len(e.paths) > len(drop) else {},
    )


def _remedy(error: Exception) -> str | None:
    return error.remedy if isinstance(error, MappedvizError) else None


@check(
    "unreadable-element", "error", "Write the store again with anndata, or do not use this element."
)
def unreadable_element(e: Evidence) -> Iterator[Found]:
    """{message}"""
    if not e.readable:
        raise NotApplicableError("no store can be read")
    for store, scan in e.readable:
        for key, error in scan.broken.items():
            if e.error is None or str(error) != str(e.error):
                yield Found(
                    {"message": str(error)},
                    stores=[store],
                    severity="warning" if key == "uns" else None,  # no row needs it
                    remedy=_remedy(error),
                )


@check("contradiction", "warning", "Write the store again with anndata.")
def contradiction(e: Evidence) -> Iterator[Found]:
    """{store}, {key}: {what}."""
    if not e.readable:
        raise NotApplicableError("no store can be read")
    for store, scan in e.readable:
        for key, what, harms in scan.contradictions:
            yield Found(
                {"store": store, "key": key or "/", "what": what},
                stores=[store],
                severity=None if harms else "info",
            )


@check(
    "layout",
    "warning",
    "Write the store in smaller chunks, in CSR, or uncompressed; or read in blocks of rows.",
)
def layout(e: Evidence) -> Iterator[Found]:
    """{store} reads {speed:,.0f} cells a second at random ({key}: {what}, chunks of {chunks})."""
    found = [
        (store, key, facts, sample.seconds)
        for store, scan in e.readable
        for key in e.recipe.layers_keys
        if (facts := scan.matrix(e.recipe, key)) and (sample := scan.sample(e.recipe, key))
    ]
    if not found:
        raise NotApplicableError("no rows could be sampled")
    for store, key, facts, seconds in found:
        speed = 1 / max(seconds, 1e-9)
        # A small store is decoded once and stays in memory.
        small = facts.shape[0] * facts.shape[1] * facts.density * facts.dtype.itemsize < 64 << 20
        if not small and (speed < e.thresholds.least_cells_per_second or facts.kind == "csc"):
            yield Found(
                {
                    "store": store,
                    "speed": speed,
                    "key": key,
                    "what": f"{facts.kind} {facts.codec}",
                    "chunks": "no size" if facts.chunks is None else f"{facts.chunks}",
                },
                stores=[store],
                number=speed,
            )


@check("column-oriented", "warning", "Write X as CSR: adata.X = adata.X.tocsr().")
def column_oriented(e: Evidence) -> Iterator[Found]:
    """{key} is stored by columns (CSC) in {n} of {all} stores: reading a row needs all of it in memory."""
    if not e.readable:
        raise NotApplicableError("no store can be read")
    for key in e.recipe.layers_keys:
        stores = [
            store
            for store, scan in e.readable
            if (facts := scan.matrix(e.recipe, key)) is not None and facts.kind == "csc"
        ]
        if stores:
            yield Found({"key": key, "n": len(stores), "all": len(e.readable)}, stores, len(stores))


@check("obs-schema", "info", "Relabel or convert the columns that you use.")
def schema(e: Evidence) -> Iterator[Found]:
    """{n} obs columns have different types in different stores: {some}."""
    if len(e.readable) < 2:
        raise NotApplicableError("there are fewer than two readable stores")
    kinds: dict[str, set[str]] = {}
    stores: dict[str, list[str]] = {}
    for store, scan in e.readable:
        for name, facts in scan.obs.items():
            kind = "text" if facts.kind in ("categorical", "string") else facts.kind
            kinds.setdefault(name, set()).add(kind)
            stores.setdefault(name, []).append(store)
    mixed = [name for name, several in kinds.items() if len(several) > 1]
    if mixed:
        some = ", ".join(f"{name!r} ({' and '.join(sorted(kinds[name]))})" for name in mixed[:5])
        yield Found(
            {"n": len(mixed), "some": some},
            stores=list(dict.fromkeys(store for name in mixed for store in stores[name])),
            number=len(mixed),
        )


@check("assay", "warning", "Give the model the assay as a covariate, or train on one.")
def assay(e: Evidence) -> Iterator[Found]:
    """Cells of {n} assays are mixed (obs column {key!r}): {some}."""
    for key in ("assay", "technology", "platform", "chemistry", "library_preparation"):
        found: dict[str, list[str]] = {}
        for store, scan in e.readable:
            facts = scan.obs.get(key)
            if facts is not None and facts.labels is not None and facts.counts is not None:
                for label, n in zip(facts.labels, facts.counts.tolist(), strict=True):
                    if n:
                        found.setdefault(str(label), []).append(store)
        if found:
            if len(found) > 1:
                some = ", ".join(repr(label) for label in list(found)[:5])
                yield Found(
                    {"n": len(found), "key": key, "some": some},
                    stores=list(dict.fromkeys(s for stores in found.values() for s in stores)),
                    number=len(found),
                )
            return
    raise NotApplicableError("no store says its assay in obs")


@check("provenance", "info", "Write title and citation into uns, so that results can be traced.")
def provenance(e: Evidence) -> Iterator[Found]:
    """{n} of {all} stores do not say where they come from (no title, citation, DOI or source in uns)."""
    if not e.readable:
        raise NotApplicableError("no store can be read")
    silent = [store for store, scan in e.readable if not scan.source]
    if silent:
        yield Found({"n": len(silent), "all": len(e.readable)}, silent, len(silent))
