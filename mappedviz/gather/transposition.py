"""Rows of a matrix that is stored by columns (CSC), in bounded memory.

The values are read once, in the order of the file, and put into one pair of files per band of
rows; then each band is sorted in memory. However large the matrix, memory holds one band.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np

from mappedviz._types import Array
from mappedviz.gather.request import sum_dtype

if TYPE_CHECKING:
    from mappedviz.formats.chunks import ChunkedArray
    from mappedviz.formats.files import FilePool
    from mappedviz.gather.matrix import Matrix

__all__ = ["Rows", "rows_of_csc"]

#: Values of one band: some 200 MB while it is sorted.
BAND_VALUES = 8_000_000
_MOST_BANDS = 120  # one file each is open at a time


class Rows(NamedTuple):
    """Consecutive rows in CSR form: columns ascend in each row and none occurs twice."""

    first: int
    indptr: Array
    indices: Array
    data: Array


def rows_of_csc(
    matrix: Matrix,
    folder: str,
    stop: Callable[[], None] = lambda: None,
    *,
    band_values: int = BAND_VALUES,
) -> Iterator[Rows]:
    """Yield all rows of a matrix that is stored by columns, in bands.

    Parameters
    ----------
    matrix
        The open matrix, of kind ``"csc"``.
    folder
        An empty folder for the files of the bands, each of which is removed after its use. Together
        they are about as large as the matrix is uncompressed.
    stop
        Called now and then; it may raise, to cancel.
    band_values
        About how many values a band has.

    Raises
    ------
    ElementError
        The row pointers make no sense, a row index is outside of the matrix, or a sum of repeated
        entries does not fit the type of the values.
    """
    n_obs = matrix.facts.shape[0]
    pointers = matrix.column_pointers()
    lengths = _lengths(matrix, pointers, stop)
    indptr = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    nnz = int(indptr[-1])
    n_bands = int(np.clip(-(-nnz // band_values), 1, min(_MOST_BANDS, max(n_obs, 1))))
    cuts = np.searchsorted(indptr, np.arange(1, n_bands) * nnz // n_bands)
    cuts = np.unique(np.concatenate([[0], cuts, [n_obs]]))
    bands = _Bands(folder, cuts, matrix.stored)
    try:
        for row, column, value in _entries(matrix, pointers):
            stop()
            bands.put(row, column, value)
    finally:
        bands.close()
    for i, (begin, end) in enumerate(zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True)):
        stop()
        row, column, value = bands.take(i)
        # Columns ascend in the file, and a stable sort keeps that.
        order = np.argsort(row, kind="stable")
        made = indptr[begin : end + 1] - indptr[begin], column[order], value[order]
        yield Rows(begin, *_summed(matrix, row[order], *made))


class _Bands:
    """Entries in files, one set per band of rows."""

    def __init__(self, folder: str, cuts: Array, dtype: np.dtype[np.generic]) -> None:
        self._cuts = cuts
        self._paths = [os.path.join(folder, f"band-{i}") for i in range(len(cuts) - 1)]
        self._files = [open(path, "wb") for path in self._paths]  # noqa: SIM115 - see close()
        # The smallest file format there is: blocks of structs.
        self._type = np.dtype([("row", "<i8"), ("column", "<i4"), ("value", dtype)])

    def put(self, row: Array, column: Array, value: Array) -> None:
        entries = np.empty(len(row), self._type)
        entries["row"], entries["column"], entries["value"] = row, column, value
        if len(self._files) == 1:
            self._files[0].write(entries.data)
            return
        band = np.searchsorted(self._cuts, row, side="right") - 1
        entries = entries[np.argsort(band, kind="stable")]
        ends = np.cumsum(np.bincount(band, minlength=len(self._files))).tolist()
        begin = 0
        for file, end in zip(self._files, ends, strict=True):
            if end > begin:
                file.write(entries[begin:end].data)
            begin = end

    def close(self) -> None:
        for file in self._files:
            file.close()

    def take(self, i: int) -> tuple[Array, Array, Array]:
        entries = np.fromfile(self._paths[i], self._type)
        os.remove(self._paths[i])
        return entries["row"], entries["column"], entries["value"]


def _lengths(matrix: Matrix, pointers: Array, stop: Callable[[], None]) -> Array:
    """The number of values of each row; a row index outside of the matrix is an error."""
    n_obs = matrix.facts.shape[0]
    lengths = np.zeros(n_obs, np.int64)
    at = 0
    for row in _pieces(cast("ChunkedArray", matrix.columns), matrix.files):
        stop()
        wrong = np.flatnonzero((row < 0) | (row >= n_obs))
        if len(wrong):
            column = int(np.searchsorted(pointers, at + int(wrong[0]), side="right")) - 1
            raise matrix.error(
                f"has the row index {row[wrong[0]]} in column {column}, outside of its {n_obs} rows"
            )
        lengths += np.bincount(row, minlength=n_obs)
        at += len(row)
    return lengths


def _entries(matrix: Matrix, pointers: Array) -> Iterator[tuple[Array, Array, Array]]:
    """Rows, columns and values in the order of the file, some at a time."""
    rows = _pieces(cast("ChunkedArray", matrix.columns), matrix.files)
    values = _pieces(cast("ChunkedArray", matrix.values), matrix.files)
    row, value = np.empty(0, np.int64), np.empty(0, matrix.stored)
    at = 0
    while True:
        if not len(row):
            row = next(rows, row)
        if not len(value):
            value = next(values, value)
        n = min(len(row), len(value))
        if not n:
            return
        first, last = np.searchsorted(pointers, [at, at + n - 1], side="right") - 1
        inside = np.clip(pointers[first : last + 2].astype(np.int64), at, at + n)
        column = np.repeat(np.arange(first, last + 1), np.diff(inside))
        yield row[:n], column, value[:n]
        row, value, at = row[n:], value[n:], at + n


def _pieces(array: ChunkedArray, files: FilePool) -> Iterator[Array]:
    """The elements of a 1-d array chunk by chunk."""
    size = max(array.chunk_shape[0], 1)
    for chunk in range(array.n_chunks):
        yield array.load(chunk, files)[: array.shape[0] - chunk * size]


def _summed(
    matrix: Matrix, row: Array, indptr: Array, column: Array, value: Array
) -> tuple[Array, Array, Array]:
    """Rows whose repeated entries are summed; those of most matrices have none."""
    # Inside of a column the file may have its rows in any order, and more than once.
    first = np.ones(len(row), bool)
    first[1:] = (row[1:] != row[:-1]) | (column[1:] != column[:-1])
    if first.all():
        return indptr, column, value
    starts = np.flatnonzero(first)
    if value.dtype.kind == "b":
        summed = np.logical_or.reduceat(value, starts)
    else:
        wide = np.add.reduceat(value.astype(sum_dtype(value.dtype)), starts)
        summed = wide.astype(matrix.facts.dtype)
        if value.dtype.kind in "iu" and (summed != wide).any():
            raise matrix.error(f"repeats entries whose sum does not fit {matrix.facts.dtype}")
    ends = np.concatenate([[0], np.cumsum(first)])
    return ends[indptr], column[first], summed
