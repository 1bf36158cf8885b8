"""Sparse rows as arrays: what scipy has no matrices of, such as float16, included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mappedviz._types import Array
from mappedviz.errors import RecipeError

if TYPE_CHECKING:
    import scipy.sparse as sp

__all__ = ["CsrRows"]


@dataclass(frozen=True, eq=False, slots=True)
class CsrRows:
    """Rows of a matrix in CSR form; columns ascend in each row and none occurs twice.

    Attributes
    ----------
    indptr, indices, data
        As of ``scipy.sparse.csr_matrix``.
    shape
        Rows and columns.

    Examples
    --------
    >>> rows = CsrRows.from_dense(np.array([[0, 1.5], [0, 0]], np.float16))
    >>> rows, rows[0].toarray().tolist()
    (CsrRows (2, 2) float16, [[0.0, 1.5]])
    """

    indptr: Array
    indices: Array
    data: Array
    shape: tuple[int, int]

    @classmethod
    def from_dense(cls, rows: Array) -> CsrRows:
        """The values of an array of two dimensions that are not zero."""
        row, column = np.nonzero(rows)
        indptr = np.zeros(len(rows) + 1, np.int64)
        np.cumsum(np.bincount(row, minlength=len(rows)), out=indptr[1:])
        n_rows, n_cols = rows.shape
        return cls(indptr, column.astype(np.int32), rows[row, column], (n_rows, n_cols))

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        return self.data.dtype

    @property
    def nnz(self) -> int:
        """Number of values."""
        return len(self.data)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: int | slice | Array) -> CsrRows:
        """Some of the rows: a number, a slice, or an array of numbers or booleans."""
        chosen = np.atleast_1d(np.arange(len(self))[rows])
        counts = np.diff(self.indptr)[chosen]
        indptr = np.zeros(len(chosen) + 1, np.int64)
        np.cumsum(counts, out=indptr[1:])
        at = np.repeat(self.indptr[chosen] - indptr[:-1], counts) + np.arange(indptr[-1])
        return CsrRows(indptr, self.indices[at], self.data[at], (len(chosen), self.shape[1]))

    def toarray(self) -> Array:
        """The rows as a dense array."""
        out = np.zeros(self.shape, self.dtype)
        out[np.repeat(np.arange(len(self)), np.diff(self.indptr)), self.indices] = self.data
        return out

    def to_scipy(self) -> sp.csr_matrix:
        """The rows as a matrix of scipy, which shares their memory.

        Raises
        ------
        RecipeError
            scipy has no matrices of this type: float16.
        """
        if self.dtype == np.float16:
            raise RecipeError(
                "is read as float16, of which scipy has no sparse matrices",
                key="dtype",
                remedy='Read it as dtype="float32", or use the tensors of RowBatch.to_torch().',
            )
        import scipy.sparse as sp  # a tenth of a second, in a fresh installation more

        indptr = self.indptr
        if self.nnz >= 2**31:
            return sp.csr_matrix((self.data, self.indices, indptr), shape=self.shape, copy=False)
        # scipy's constructor takes slices of reused buffers for what is left of a larger array,
        # and copies them.
        matrix = sp.csr_matrix(self.shape, dtype=self.dtype)
        matrix.indptr, matrix.indices, matrix.data = (
            indptr.astype(np.int32),
            self.indices,
            self.data,
        )
        return matrix

    def __repr__(self) -> str:
        return f"CsrRows {self.shape} {self.dtype}"
