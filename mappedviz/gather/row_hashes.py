"""Hashes of rows and of names, by which the same cells are found in two stores."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import numpy as np

from mappedviz._types import Array
from mappedviz.gather.request import Part
from mappedviz.gather.rows import gather_csr

if TYPE_CHECKING:
    from mappedviz.gather.matrix import Matrix

_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_FEW_VALUES = 16  # rows with fewer may be alike by chance
_OFTEN = 3  # times that a row may be repeated in a store
_TELLING_ROWS = 32
_FEWEST_TELLING_ROWS = 8
_BYTES_TO_DECODE = 16 << 20


def hash_rows(matrix: Matrix, genes: Array, stop: Callable[[], None]) -> Array:
    """A hash of each row: which genes have which values, in whatever order the genes are.

    Parameters
    ----------
    matrix
        The open matrix.
    genes
        Names of its columns.
    stop
        Called now and then; it may raise, to cancel.

    Returns
    -------
    ndarray
        uint64 (n_obs,); 0 for a row without values.
    """
    facts = matrix.facts
    gene = hash_texts(genes)
    n_obs, n_vars = facts.shape
    hashes = np.zeros(n_obs, dtype=np.uint64)
    if 0 in facts.shape:
        return hashes
    step = max(1, int(4_000_000 / max(n_vars * facts.density, 1)))
    for begin in range(0, n_obs, step):
        stop()
        rows = np.arange(begin, min(begin + step, n_obs))
        part = Part(matrix, rows, np.arange(len(rows)), None)
        filled = _without_zeros(*gather_csr([part], len(rows), n_vars, np.float64))
        hashes[begin : begin + len(rows)] = _hashes_of(*filled, gene)
    return hashes


def hash_csr(indptr: Array, indices: Array, data: Array, columns: Array) -> Array:
    """Return a hash of each row in CSR form: uint64, 0 for a row without values.

    Parameters
    ----------
    indptr, indices, data
        Row pointers, numbers of columns, and values of any type.
    columns
        uint64: a hash of each column, such as of its name or its position.
    """
    return _hashes_of(*_without_zeros(indptr, indices, data.astype(np.float64)), columns)


def hash_positions(n: int) -> Array:
    """uint64 (n,): a hash of each number from 0."""
    return _mixed(np.arange(1, n + 1, dtype=np.uint64))


def hash_texts(texts: Array) -> Array:
    """uint64 (n,) of texts: equal for equal ones, in every process."""
    from pandas.util import hash_array

    return cast(Array, hash_array(np.asarray(texts, dtype=object), categorize=False))


def known_by(indptr: Array, indices: Array, data: Array, genes: Array) -> tuple[Array, Array]:
    """Which rows in CSR have enough values to be known by, and the hashes of these: uint64.

    Parameters
    ----------
    indptr, indices, data
        Row pointers, numbers of genes, and values as float64.
    genes
        Hash of the name of each gene.
    """
    indptr, indices, data = _without_zeros(indptr, indices, data)
    enough: Array = np.flatnonzero(np.diff(indptr) >= _FEW_VALUES)
    return enough, _hashes_of(indptr, indices, data, genes)[enough]


def not_often(hashes: Array) -> Array:
    """Positions of hashes, one of each, without those of rows that are repeated more than three times.

    Examples
    --------
    >>> not_often(np.array([7, 5, 7, 9, 9, 9, 9], dtype=np.uint64)).tolist()
    [1, 0]
    """
    _, first, times = np.unique(hashes, return_index=True, return_counts=True)
    return first[times <= _OFTEN]


def telling_rows(matrix: Matrix) -> Array:
    """Numbers of some rows, which are those of the same cells in any store that has these cells.

    Rows are chosen by what they are, not by where they are: by how many values they store and how many
    the next row does, which the row pointers say of all rows without reading any. Of two stores of
    which one holds all cells of the other, that many rows of the same cells are chosen as the smaller is
    of the larger one; in whatever order the cells are, unless there are more than about a hundred
    thousand: then only where a cell is followed by the same cell in both.

    Returns
    -------
    ndarray
        int64, at most 32; none of a matrix without row pointers. Fewer where chunks are large, because
        each row may be in one of its own.
    """
    facts = matrix.facts
    pointers = matrix.opened().pointers if facts.kind == "csr" else None
    if pointers is None or len(pointers) < 2:
        return np.empty(0, dtype=np.int64)
    stored = np.diff(pointers).astype(np.uint64)
    following = np.append(stored[1:], np.uint64(0))
    # The upper half is of the row alone, the lower one decides among those with as many values.
    keys = (_mixed(stored + np.uint64(1)) >> np.uint64(32)) << np.uint64(32)
    keys |= _mixed((stored << np.uint64(32)) | following) >> np.uint64(32)
    keys[stored < _FEW_VALUES] = np.iinfo(np.uint64).max
    chunk = facts.chunks[0] * facts.dtype.itemsize if facts.chunks else 1
    n = int(np.clip(_BYTES_TO_DECODE // max(2 * chunk, 1), _FEWEST_TELLING_ROWS, _TELLING_ROWS))
    n = min(n, int((stored >= _FEW_VALUES).sum()))
    if n == 0:
        return np.empty(0, dtype=np.int64)
    return np.sort(np.argpartition(keys, n - 1)[:n])


def _without_zeros(indptr: Array, indices: Array, data: Array) -> tuple[Array, Array, Array]:
    """The same rows in CSR without stored zeros, which say nothing."""
    filled = data != 0
    if filled.all():
        return indptr, indices, data
    ends = np.concatenate([[0], np.cumsum(filled)])
    return ends[indptr], indices[filled], data[filled]


def _hashes_of(indptr: Array, indices: Array, data: Array, gene: Array) -> Array:
    # Summed, because the order of the genes must not matter; each pair of a gene and its value
    # is mixed first.
    hashes = np.zeros(len(indptr) - 1, dtype=np.uint64)
    filled = np.flatnonzero(np.diff(indptr))
    if len(filled):
        mixed = _mixed(data.view(np.uint64) ^ gene[indices])
        hashes[filled] = np.add.reduceat(mixed, indptr[filled])
    return hashes


def _mixed(values: Array) -> Array:
    mixed = values * _FACTOR
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    return mixed
