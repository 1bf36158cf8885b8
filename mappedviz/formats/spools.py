"""Matrices that are written row by row into files of numbers, before a store takes these over."""

from __future__ import annotations

import os

import numpy as np

from mappedviz._types import Array
from mappedviz.formats.number_files import NumberFile, smallest_type

__all__ = ["CsrSpool", "DenseSpool", "Spool"]

_VALUES_AT_A_TIME = 4_000_000


class CsrSpool:
    """A sparse matrix whose rows are appended.

    Parameters
    ----------
    folder
        Folder for its files, which is made.
    n_vars
        Number of columns.
    dtype, index_dtype
        Types of the values and of the column indices.
    narrow
        Keep values and indices in smaller types where these hold all of them exactly.
    """

    kind = "csr"

    def __init__(
        self,
        folder: str,
        n_vars: int,
        dtype: np.dtype[np.generic],
        index_dtype: np.dtype[np.generic],
        *,
        narrow: bool = True,
    ) -> None:
        os.makedirs(folder)
        self.folder = folder
        self.n_vars = n_vars
        self.narrow = narrow
        self.dtype, self.index_dtype = dtype, index_dtype
        last = smallest_type(np.array([max(0, n_vars - 1)]), index_dtype)
        self.data = NumberFile(os.path.join(folder, "data"), dtype, narrow=narrow)
        self.indices = NumberFile(
            os.path.join(folder, "indices"), index_dtype, kept=last if narrow else index_dtype
        )
        self._lengths: list[Array] = []

    @property
    def indptr(self) -> Array:
        """Row pointers: int64 (n_obs + 1,)."""
        lengths = np.concatenate([np.zeros(1, np.int64), *self._lengths])
        return np.cumsum(lengths)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows so far, and columns."""
        return sum(map(len, self._lengths)), self.n_vars

    def append(self, indptr: Array, indices: Array, data: Array) -> None:
        """Append rows in CSR form."""
        self._lengths.append(np.diff(indptr).astype(np.int64))
        self.indices.append(indices)
        self.data.append(data)

    def reordered(self, folder: str, order: Array) -> CsrSpool:
        """Return its rows in another order, in new files; the files of this one are removed.

        Parameters
        ----------
        folder
            Folder for the new files.
        order
            The row of this matrix for each row of the new one.
        """
        new = CsrSpool(folder, self.n_vars, self.dtype, self.index_dtype, narrow=self.narrow)
        indptr, data, indices = self.indptr, self.data.mapped(), self.indices.mapped()
        ends = np.cumsum(np.diff(indptr)[order])
        for begin, end in _steps(ends):
            some = order[begin:end]
            lengths = indptr[some + 1] - indptr[some]
            pointers = np.concatenate([[0], np.cumsum(lengths)])
            at = np.repeat(indptr[some] - pointers[:-1], lengths) + np.arange(pointers[-1])
            new.append(pointers, indices[at], data[at].astype(self.dtype))
        self.remove()
        return new

    def remove(self) -> None:
        """Remove the files."""
        os.remove(self.data.path)
        os.remove(self.indices.path)


class DenseSpool:
    """A dense matrix whose rows are appended.

    Parameters
    ----------
    folder
        Folder for its file, which is made.
    n_vars
        Number of columns.
    dtype
        Type of the values.
    narrow
        Keep values in a smaller type where one holds all of them exactly.
    """

    kind = "dense"

    def __init__(
        self, folder: str, n_vars: int, dtype: np.dtype[np.generic], *, narrow: bool = True
    ) -> None:
        os.makedirs(folder)
        self.n_vars = n_vars
        self.narrow = narrow
        self.dtype = dtype
        self.data = NumberFile(os.path.join(folder, "data"), dtype, narrow=narrow)
        self._n_obs = 0

    @property
    def shape(self) -> tuple[int, int]:
        """Rows so far, and columns."""
        return self._n_obs, self.n_vars

    def append(self, rows: Array) -> None:
        """Append rows."""
        self._n_obs += len(rows)
        self.data.append(rows)

    def reordered(self, folder: str, order: Array) -> DenseSpool:
        """Return its rows in another order; see :meth:`CsrSpool.reordered`."""
        new = DenseSpool(folder, self.n_vars, self.dtype, narrow=self.narrow)
        rows = self.data.mapped().reshape(self.shape)
        step = max(1, _VALUES_AT_A_TIME // max(1, self.n_vars))
        for begin in range(0, len(order), step):
            new.append(rows[order[begin : begin + step]].astype(self.dtype))
        self.remove()
        return new

    def remove(self) -> None:
        """Remove the file."""
        os.remove(self.data.path)


Spool = CsrSpool | DenseSpool


def _steps(ends: Array) -> list[tuple[int, int]]:
    """Ranges of rows that have some million values, by the number of values up to each row."""
    cuts, begin = [], 0
    while begin < len(ends):
        before = int(ends[begin - 1]) if begin else 0
        end = int(np.searchsorted(ends, before + _VALUES_AT_A_TIME, side="right"))
        cuts.append((begin, max(end, begin + 1)))
        begin = cuts[-1][1]
    return cuts
