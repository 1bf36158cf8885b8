"""Scans as sections of a record, and back: in files that travel, and in the cache.

A scan adds its own section to those of the engine: facts, obs columns, digests of names. What is in
a record does not depend on this version of Python or numpy, and nothing in it is run.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from mappedviz import errors
from mappedviz._types import Array
from mappedviz.audits.columns import ObsFacts
from mappedviz.audits.samples import MatrixSample
from mappedviz.audits.scan import Scan
from mappedviz.audits.scanned import ScannedStore
from mappedviz.errors import MappedvizError, StoreError
from mappedviz.formats.columns import Column
from mappedviz.recipe.fields import json_value
from mappedviz.recipe.labels import number_of_json
from mappedviz.stores.records import Section
from mappedviz.stores.sections import column_of, column_section, facts_of, facts_section, shared
from mappedviz.stores.store import Store

if TYPE_CHECKING:
    from mappedviz.formats.stamps import Stamp
    from mappedviz.recipe.labels import Label
    from mappedviz.recipe.names import Names

__all__ = ["SCAN", "lists_of", "recalled", "scan_of", "scan_sections"]

#: Name of the section, with its version: others are not read.
SCAN = "scan-1"
_NUMBERS = ("rows", "low", "high", "whole", "finite", "zeros", "repeats", "seconds", "asked")
_ARRAYS = ("totals", "genes", "mito", "hashes", "hashed_rows")
#: Bytes of obs columns that one record may hold.
MOST_COLUMN_BYTES = 64 << 20
#: So many lists of so many labels are shared.
_MOST_SHARED = 200
_shared_labels: dict[tuple[Any, ...], tuple[Label, ...]] = {}


def scan_sections(scan: Scan) -> dict[str, Section]:
    """Return a scan as sections; the names of variables are in it by their digests.

    Examples
    --------
    >>> from mappedviz.audits.reading import scan_store
    >>> from mappedviz.datasets import demo
    >>> sorted(scan_sections(scan_store(demo() / "berlin.h5ad")))
    ['facts', 'names/var', 'names/var/gene_ids', 'opened/X', 'scan-1']
    """
    if scan.known is None:
        assert scan.error is not None
        return {SCAN: Section({"error": _written(scan.error)})}
    sections = {"facts": facts_section(scan.known.store.facts)}
    for raw, every in ((False, scan.names), (True, scan.raw_names)):
        for column, names in every.items():
            frame = f"names/{'raw.var' if raw else 'var'}"
            sections[frame if column is None else f"{frame}/{column}"] = Section(names.key.hex())
    sections |= _columns(scan.known.columns)
    sections |= {f"opened/{key}": Section() for key in scan.samples}  # the engine may open them
    arrays = {"counts": _joined(facts.counts for facts in scan.obs.values())}
    for key in ("obs_hashes", "row_hashes"):
        if (values := getattr(scan, key)) is not None:
            arrays[key] = values
    samples = {}
    for i, (key, sample) in enumerate(scan.samples.items()):
        samples[key] = [*(json_value(getattr(sample, name)) for name in _NUMBERS), sample.scales]
        for name in _ARRAYS:
            if (values := getattr(sample, name)) is not None:
                arrays[f"{i}/{name}"] = values
    obs = [
        [name, facts.kind, facts.dtype, facts.missing, json_value(facts.labels)]
        for name, facts in scan.obs.items()
    ]
    sections[SCAN] = Section(
        {
            "nbytes": scan.nbytes,
            "source": scan.source,
            "contradictions": scan.contradictions,
            "filtered": scan.filtered,
            "names": _digests(scan.names),
            "raw_names": _digests(scan.raw_names),
            "obs": obs,
            "samples": samples,
            "obsm": scan.obsm_finite,
            "broken": [[key, _written(error)] for key, error in scan.broken.items()],
        },
        arrays,
    )
    return sections


def _digests(every: Mapping[str | None, Names]) -> list[tuple[str | None, str]]:
    return [(column, names.key.hex()) for column, names in every.items()]


def lists_of(scan: Scan) -> dict[bytes, Names]:
    """Return the lists of names of a scan by their digests."""
    return {one.key: one for every in (scan.names, scan.raw_names) for one in every.values()}


def _columns(columns: Mapping[Any, Column | Exception]) -> dict[str, Section]:
    """Return the columns as sections, as many as there is room for, and none that JSON cannot hold."""
    sections: dict[str, Section] = {}
    room = MOST_COLUMN_BYTES
    for name, column in columns.items():
        if not isinstance(column, Column):
            continue
        try:
            section = column_section(_small(column))
        except TypeError:
            continue
        room -= sum(values.nbytes for values in section.arrays.values())
        if room < 0:
            break
        sections[f"obs/{name}"] = section
    return sections


def _small(column: Column) -> Column:
    """Return the same column with codes of the smallest type."""
    if column.codes is None or column.categories is None:
        return column
    small = np.min_scalar_type(-max(len(column.categories), 1))
    codes = (
        column.codes.astype(small) if column.codes.dtype.itemsize > small.itemsize else column.codes
    )
    return Column(column.kind, codes, column.categories, ordered=column.ordered)


def _joined(arrays: Iterable[Array | None]) -> Array:
    there = [np.asarray(one, np.int64) for one in arrays if one is not None]
    return np.concatenate(there) if there else np.empty(0, np.int64)


# --- and back -----------------------------------------------------------------------------


def scan_of(
    record: Mapping[str, Section],
    path: str,
    address: str,
    stamp: Stamp,
    names: Callable[[bytes], Names | None],
    recall: Callable[[str], Column | None],
    *,
    afar: bool = False,
) -> Scan | None:
    """Return the scan that is in a record; None if there is none, or one of another version.

    Parameters
    ----------
    record
        Its sections.
    path
        The store, as the scan is to name it.
    address, stamp
        The store, and what it was when it was scanned.
    names
        Returns a list of names by its digest.
    recall, afar
        See :class:`~mappedviz.audits.scanned.ScannedStore`.
    """
    if SCAN not in record:
        return None
    section = record[SCAN]
    data = section.data
    # Copies: what shares the bytes of the record would keep all of them in memory.
    arrays = {key: values.copy() for key, values in section.arrays.items()}
    if "error" in data:
        return Scan(path, error=_error_of(data["error"]))
    lists = [_lists(data[key], names) for key in ("names", "raw_names")]
    if lists[0] is None or lists[1] is None:
        return None
    store = Store.known(address, facts_of(record["facts"]), stamp)
    scan = Scan(
        path,
        ScannedStore(store, recall, afar=afar),
        names=lists[0],
        raw_names=lists[1],
        filtered=data["filtered"],
        obs=_obs_of(data["obs"], arrays["counts"]),
        obsm_finite=data["obsm"],
        obs_hashes=arrays.get("obs_hashes"),
        row_hashes=arrays.get("row_hashes"),
        source=tuple(data["source"]),
        nbytes=data["nbytes"],
        contradictions=tuple((key, text, harm) for key, text, harm in data["contradictions"]),
        broken={key: _error_of(error) for key, error in data["broken"]},
    )
    for i, (key, (*numbers, scales)) in enumerate(data["samples"].items()):
        scan.samples[key] = MatrixSample(
            key=key,
            scales=tuple((scale, n) for scale, n in scales),
            **dict(zip(_NUMBERS, map(_number, numbers), strict=True)),
            **{name: arrays.get(f"{i}/{name}") for name in _ARRAYS},  # type: ignore[arg-type]
        )
    return scan


def _lists(
    digests: list[list[Any]], names: Callable[[bytes], Names | None]
) -> dict[str | None, Names] | None:
    found = {column: names(bytes.fromhex(key)) for column, key in digests}
    lacking = any(one is None for one in found.values())
    return None if lacking else {column: one for column, one in found.items() if one is not None}


def _number(value: Any) -> Any:
    return number_of_json(value) if isinstance(value, dict) else value


def _obs_of(rows: list[list[Any]], counts: Array) -> dict[str, ObsFacts]:
    obs: dict[str, ObsFacts] = {}
    at = 0
    for name, kind, dtype, missing, labels in rows:
        name, kind, dtype = shared(name), shared(kind), shared(dtype)
        if labels is None:
            obs[name] = ObsFacts(kind, dtype, missing)
            continue
        end = at + len(labels)
        obs[name] = ObsFacts(kind, dtype, missing, _labels_of(labels), counts[at:end])
        at = end
    if at != len(counts):
        raise ValueError("has another number of labels than of counts")
    return obs


def _labels_of(labels: list[Any]) -> tuple[Label, ...]:
    """Return labels as they were; those that thousands of stores have are in memory once."""
    kinds = set(map(type, labels))
    if dict in kinds:  # an infinite number
        return tuple(map(_number, labels))
    found = tuple(labels)
    # True is equal to 1, and -0.0 to 0.0, but they are others.
    if len(kinds) > 1 or float in kinds or len(found) > _MOST_SHARED:
        return found
    if len(_shared_labels) > _MOST_SHARED:
        _shared_labels.clear()
    return _shared_labels.setdefault((found, *kinds), found)


def recalled(record: Mapping[str, Section], name: str) -> Column | None:
    """Return an obs column of a record; None if it has it not."""
    key = f"obs/{name}"
    return column_of(record[key]) if key in record else None


# --- errors -------------------------------------------------------------------------------

_OURS = {
    name: one
    for name, one in vars(errors).items()
    if isinstance(one, type) and issubclass(one, MappedvizError)
}


def _written(error: Exception) -> dict[str, Any]:
    """Return an error as JSON has it."""
    if isinstance(error, MappedvizError):
        return {
            "type": type(error).__name__,
            "message": error.message,
            "store": error.store,
            "key": error.key,
            "remedy": error.remedy,
        }
    return {"type": type(error).__name__, "text": str(error)}


def _error_of(data: dict[str, Any]) -> Exception:
    """Return an error that says what the one that was written said; of its class, if it is known."""
    if "message" in data:
        ours = _OURS.get(data["type"], StoreError)
        return ours(data["message"], store=data["store"], key=data["key"], remedy=data["remedy"])
    found = getattr(builtins, data["type"], None)
    if isinstance(found, type) and issubclass(found, Exception):
        try:
            error = found(data["text"])
        except TypeError:  # it takes something else
            return StoreError(data["text"])
        if str(error) == data["text"]:
            return error
    return StoreError(data["text"])
