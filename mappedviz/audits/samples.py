"""Samples of the rows of a matrix: their scale and depth, mitochondrial shares, hashes of some."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mappedviz._types import Array
from mappedviz.audits.scales import RowValues, Scales, scales_of, undo_of, undone_sums
from mappedviz.gather.request import Part, sum_dtype
from mappedviz.gather.row_hashes import known_by, not_often, telling_rows
from mappedviz.gather.rows import gather_csr

if TYPE_CHECKING:
    from mappedviz.audits.gene_marks import GeneMarks
    from mappedviz.gather.matrix import Matrix

SAMPLED_ROWS = 512
_BLOCK = 16  # neighbouring rows that are sampled together: a chunk holds many rows
_HASHED_OF_BLOCK = 2


@dataclass(frozen=True, eq=False)
class MatrixSample:
    """Sums and ranges of some rows of a matrix.

    Attributes
    ----------
    key
        ``"X"`` or a layer.
    rows
        Rows that were read.
    totals
        Sum of every row: float64 (rows,).
    genes
        Values that are not zero, per row: int64 (rows,).
    low, high
        Smallest and largest finite value.
    whole, finite
        Whether all values are whole numbers; whether none is NaN or infinite.
    scales
        Scales that the rows are on and the number of rows on each, see
        :func:`~mappedviz.audits.scales.scales_of`.
    zeros, repeats
        Values that are stored although they are zero; stored values beyond the first of one
        gene of one row.
    seconds
        What reading one row somewhere in the file took.
    asked
        Rows that were asked for; a small matrix has fewer.
    mito
        Share of mitochondrial genes in the counts of every row: float64 (rows,); None where it is
        not known which genes these are, or what the values are.
    hashes
        Hashes of some rows, of these and others, see :func:`~mappedviz.gather.row_hashes.telling_rows`:
        uint64, each once. Without those of rows that have few values or are repeated often.
    hashed_rows
        Numbers of these rows: int64.
    """

    key: str
    rows: int
    totals: Array
    genes: Array
    low: float
    high: float
    whole: bool
    finite: bool
    scales: Scales
    zeros: int
    repeats: int
    seconds: float
    asked: int
    mito: Array | None = None
    hashes: Array | None = None
    hashed_rows: Array | None = None

    @property
    def scale(self) -> str:
        """Scale of the values, on the evidence of the sample.

        ``"empty"``, ``"not finite"``, ``"mixed"`` where rows are on several scales, or the one of
        :attr:`scales`.
        """
        if not self.finite:
            return "not finite"
        if not self.scales:
            return "empty"
        return "mixed" if len(self.scales) > 1 else self.scales[0][0]


def spread_rows(n_obs: int, rows: int, block: int = _BLOCK) -> list[Array]:
    """About `rows` row numbers in blocks that are spread evenly over a store.

    Examples
    --------
    >>> [part.tolist() for part in spread_rows(100, 4, block=2)]
    [[0, 1], [98, 99]]
    >>> [len(part) for part in spread_rows(10, 512)]
    [10]
    """
    if n_obs <= rows:
        return [np.arange(n_obs)] if n_obs else []
    n = max(rows // block, 1)
    starts = np.unique(np.linspace(0, n_obs - block, n).astype(np.int64))
    return [np.arange(start, start + block) for start in starts]


def sample_of(matrix: Matrix, key: str, rows: int, genes: GeneMarks | None = None) -> MatrixSample:
    """A sample of a matrix that has rows and columns.

    Parameters
    ----------
    matrix
        The open matrix.
    key
        Its name.
    rows
        About how many rows to read.
    genes
        What is known of its genes. Without it there are no mitochondrial shares and no hashes.
    """
    facts = matrix.facts
    blocks = spread_rows(facts.shape[0], rows)
    firsts = np.array([block[0] for block in blocks])
    start = time.perf_counter()
    _rows_of(matrix, firsts)
    seconds = (time.perf_counter() - start) / len(firsts)
    found: list[RowValues] = []
    marks = None if genes is None else _Marked(genes, len(blocks))
    zeros = repeats = n_values = 0
    eps = float(np.finfo(facts.dtype).eps) if facts.dtype.kind == "f" else 1e-9
    pointers = matrix.opened().pointers if facts.kind == "csr" else None
    per_read = max(1, int(2_000_000 / max(facts.shape[1] * facts.density, 1)) // len(blocks[0]))
    for at in range(0, len(blocks), per_read):
        numbers = np.concatenate(blocks[at : at + per_read])
        indptr, indices, data = _rows_of(matrix, numbers)
        values = data.astype(np.float64, copy=False)
        found.append(RowValues.of(indptr, values, eps))
        if marks is not None:
            marks.add(numbers, indptr, indices, values)
        n_values += len(data)
        if pointers is not None:
            zeros += int((data == 0).sum())
            stored = pointers[numbers + 1].astype(np.int64) - pointers[numbers]
            repeats += int(stored.sum()) - len(data)
    rows_of_sample = RowValues.joined(found)
    n = len(rows_of_sample.totals)
    ends = np.concatenate([rows_of_sample.low, rows_of_sample.high])
    ends = ends[~np.isnan(ends)]
    if n_values < n * facts.shape[1] or not len(ends):
        ends = np.append(ends, 0.0)
    sample = MatrixSample(
        key,
        n,
        rows_of_sample.totals,
        rows_of_sample.genes,
        float(ends.min()),
        float(ends.max()),
        bool(rows_of_sample.whole.all()),
        bool(rows_of_sample.finite.all()),
        scales_of(rows_of_sample),
        zeros,
        repeats,
        seconds,
        rows,
    )
    if marks is None:
        return sample
    mito = marks.shares(rows_of_sample, sample.scale)
    hashed_rows, hashes = marks.hashes(matrix)
    return replace(sample, mito=mito, hashes=hashes, hashed_rows=hashed_rows)


class _Marked:
    """What is gathered of the rows of a sample while they are read, by what is known of the genes."""

    def __init__(self, genes: GeneMarks, n_blocks: int) -> None:
        self._genes = genes
        self._every = n_blocks == 1  # all rows of a small store
        self._n = 0
        self._mito: list[tuple[Array, Array]] = []  # row of the sample, value
        self._seen: list[Array] = []  # rows of the matrix of which hashes were made
        self._rows: list[Array] = []  # those that are known by them
        self._hashes: list[Array] = []

    def add(self, numbers: Array, indptr: Array, indices: Array, values: Array) -> None:
        """Note rows that were read."""
        if self._genes.mito is not None:
            at = np.flatnonzero(self._genes.mito[indices])
            row = np.searchsorted(indptr, at, side="right") - 1
            self._mito.append((self._n + row, values[at]))
        self._n += len(numbers)
        some = slice(None) if self._every else np.arange(len(numbers)) % _BLOCK < _HASHED_OF_BLOCK
        self._hash(numbers[some], *_of_rows(indptr, indices, values, some))

    def _hash(self, numbers: Array, indptr: Array, indices: Array, values: Array) -> None:
        at, hashes = known_by(indptr, indices, values, self._genes.hashes)
        self._seen.append(numbers)
        self._rows.append(numbers[at])
        self._hashes.append(hashes)

    def shares(self, rows: RowValues, scale: str) -> Array | None:
        """Share of mitochondrial genes per row; None where it is not known."""
        undo, sums = undo_of(scale), undone_sums(rows, scale)
        if undo is None or sums is None or not self._mito:
            return None
        row, values = (np.concatenate(parts) for parts in zip(*self._mito, strict=True))
        mito = np.bincount(row, weights=undo(values), minlength=len(sums))
        shares: Array = np.full(len(sums), np.nan)
        np.divide(mito, sums, out=shares, where=sums > 0)
        return shares

    def hashes(self, matrix: Matrix) -> tuple[Array, Array]:
        """Rows, and their hashes: some of the sample, and some that tell a store by its content."""
        if not self._every:
            more = np.setdiff1d(telling_rows(matrix), np.concatenate(self._seen))
            indptr, indices, data = _rows_of(matrix, more)
            self._hash(more, indptr, indices, data.astype(np.float64, copy=False))
        rows, hashes = np.concatenate(self._rows), np.concatenate(self._hashes)
        at = not_often(hashes)
        return rows[at], hashes[at]


def _of_rows(
    indptr: Array, indices: Array, data: Array, rows: slice | Array
) -> tuple[Array, Array, Array]:
    """Some rows of rows in CSR: all of them, or those of a mask."""
    if isinstance(rows, slice):
        return indptr, indices, data
    spans = zip(indptr[:-1][rows].tolist(), indptr[1:][rows].tolist(), strict=True)
    at = np.concatenate([np.arange(begin, end) for begin, end in spans] or [np.arange(0)])
    lengths = np.diff(indptr)[rows]
    return np.concatenate([[0], np.cumsum(lengths)]), indices[at], data[at]


def _rows_of(matrix: Matrix, rows: Array) -> tuple[Array, Array, Array]:
    """Row pointers, numbers of genes and values of some rows."""
    part = Part(matrix, rows, np.arange(len(rows)), None)
    dtype = sum_dtype(matrix.facts.dtype)  # entries may be repeated
    return gather_csr([part], len(rows), matrix.facts.shape[1], dtype)


def all_finite(element: Matrix | Array, rows: int) -> bool:
    """Return True if no value of about `rows` sampled rows is NaN or infinite.

    Parameters
    ----------
    element
        An open matrix, or an array in memory whose rows are observations.
    rows
        As of :func:`sample_of`.
    """
    if isinstance(element, np.ndarray):
        dtype, n_obs = element.dtype, len(element)
    else:
        dtype, n_obs = element.facts.dtype, element.facts.shape[0]
    if dtype.kind not in "fc":
        return True
    for block in spread_rows(n_obs, rows):
        some = element[block] if isinstance(element, np.ndarray) else _rows_of(element, block)[2]
        if not np.isfinite(some).all():
            return False
    return True
