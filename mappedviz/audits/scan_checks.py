"""Scans of others are looked through before an audit believes them: nothing in them may break or deceive it."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from mappedviz.recipe.names import Names

if TYPE_CHECKING:
    from mappedviz.audits.samples import MatrixSample
    from mappedviz.audits.scan import Scan
    from mappedviz.formats.columns import Column
    from mappedviz.stores.facts import StoreFacts

__all__ = ["check_column", "check_scan", "unpacked_names"]

#: Numbers of rows, genes and values are smaller, so that their products are numbers as well.
_MOST = 1 << 52
#: Lists of names become so much larger at most; zlib makes a gigabyte of a megabyte of zeros.
_MOST_TEXT, _MOST_RATIO = 4 << 20, 100


def unpacked_names(packed: bytes, key: bytes) -> Names:
    """Return a list of names that was packed by zlib, if it is the one of a digest.

    Raises
    ------
    ValueError
        It is another one: it would stand for the genes of other stores, too.
    """
    most = max(_MOST_TEXT, _MOST_RATIO * len(packed))
    unpacking = zlib.decompressobj()
    try:
        text = unpacking.decompress(packed, most)
    except zlib.error as error:
        raise ValueError("has a list of names that is damaged") from error
    _check(unpacking.eof, "has a list of names that is cut off, or too long")
    values = json.loads(text)
    _check(_are(str, values), "has names that are no text")
    array = np.empty(len(values), dtype=object)
    array[:] = values
    found = Names.of(array)
    _check(found.key == key, "has a list of names that is not the one of its digest")
    return found


def check_column(column: Column, n_obs: int) -> None:
    """Raise ValueError if a column is not one of a store of so many rows."""
    codes, categories = column.codes, column.categories
    if codes is None:
        lengths = [one.shape for one in (column.data, column.missing) if one is not None]
    else:
        lengths = [codes.shape]
        _check(categories is not None and codes.dtype.kind in "iu", "has a column without labels")
        n = 0 if categories is None else len(categories)
        inside = not codes.size or (codes.min() >= -1 and codes.max() < n)
        _check(bool(inside), "has a column with codes of no label")
    _check(bool(lengths) and set(lengths) == {(n_obs,)}, "has a column of another length")


def check_scan(scan: Scan) -> None:
    """Raise ValueError if parts of a scan do not fit each other, or are not of their types."""
    if scan.known is None:
        return
    facts = scan.known.store.facts
    _check_facts(facts)
    for names in scan.names.values():
        _check(len(names) == facts.n_vars, "has another number of names than of variables")
    for hashes in (scan.obs_hashes, scan.row_hashes):
        _check(hashes is None or hashes.ndim == 1, "has hashes of no rows")
    _check(
        scan.obs_hashes is None or len(scan.obs_hashes) == facts.n_obs,
        "has another number of names of cells than of cells",
    )
    for name, one in scan.obs.items():
        _check(_are(str, [name, one.kind, one.dtype]), "has an obs column without a type")
        _check(
            _are_counts([one.missing]), "has an obs column with a wrong number of missing values"
        )
        _check(
            one.labels is None or (one.counts is not None and len(one.counts) == len(one.labels)),
            "has an obs column with labels that are not counted",
        )
    _check(set(scan.samples) <= set(facts.matrices), "has samples of matrices that are not there")
    for sample in scan.samples.values():
        _check_sample(sample)
    _check(scan.nbytes is None or _are_counts([scan.nbytes]), "has a size that is no number")
    _check(_are(str, scan.source), "has a source that is no text")
    for key, text, harm in scan.contradictions:
        _check(_are(str, [key, text]) and _are(bool, [harm]), "has contradictions without a text")


def _check_facts(facts: StoreFacts) -> None:
    _check(_are_counts([facts.n_obs, facts.n_vars]), "has a shape that is none")
    _check(_are(str, [*facts.obs_columns, *facts.var_columns]), "has columns without names")
    for one in facts.matrices.values():
        numbers = [*one.shape, *(one.chunks or ()), one.nnz or 0, one.stored_nbytes or 0]
        _check(np.shape(one.shape) == (2,), "has a matrix of no shape")
        _check(_are_counts(numbers), "has a matrix of no shape")
        _check(_are(str, [one.kind, one.codec]), "has a matrix of no kind")
    for element in facts.obsm.values():
        _check(_are_counts(element.shape), "has an obsm element of no shape")


def _check_sample(sample: MatrixSample) -> None:
    _check(_are_counts([sample.rows, sample.zeros, sample.repeats, sample.asked]), "has no sample")
    _check(
        _are((int, float), [sample.low, sample.high, sample.seconds]), "has a sample of no range"
    )
    for scale in sample.scales:
        _check(_are(str, scale[:1]) and _are_counts(scale[1:]), "has a sample of no scale")
    of_rows = [sample.totals, sample.genes, *([] if sample.mito is None else [sample.mito])]
    _check(
        all(np.shape(one) == (sample.rows,) for one in of_rows),
        "has a sample with another number of rows",
    )
    if sample.hashes is not None and sample.hashed_rows is not None:
        _check(sample.hashes.shape == sample.hashed_rows.shape, "has a sample with other hashes")


def _are(kinds: type | tuple[type, ...], values: Iterable[Any]) -> bool:
    return isinstance(values, (list, tuple)) and all(isinstance(one, kinds) for one in values)


def _are_counts(values: Iterable[Any]) -> bool:
    return all(isinstance(one, int) and 0 <= one < _MOST for one in values)


def _check(holds: bool, found: str) -> None:
    if not holds:
        raise ValueError(found)
