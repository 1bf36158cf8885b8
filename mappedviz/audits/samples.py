"""Rows of a matrix: a sample that tells its scale and depth, and a hash of every row."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from mappedviz._types import Array
from mappedviz.audits.scales import RowValues, Scales, scales_of
from mappedviz.gather.request import Part, sum_dtype
from mappedviz.gather.rows import gather_csr

if TYPE_CHECKING:
    from mappedviz.gather.matrix import Matrix

SAMPLED_ROWS = 512
_BLOCK = 16  # neighbouring rows that are sampled together: a chunk holds many rows


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


def sample_of(matrix: Matrix, key: str, rows: int) -> MatrixSample:
    """A sample of a matrix that has rows and columns.

    Parameters
    ----------
    matrix
        The open matrix.
    key
        Its name.
    rows
        About how many rows to read.
    """
    facts = matrix.facts
    blocks = spread_rows(facts.shape[0], rows)
    firsts = np.array([block[0] for block in blocks])
    start = time.perf_counter()
    _rows_of(matrix, firsts)
    seconds = (time.perf_counter() - start) / len(firsts)
    found: list[RowValues] = []
    zeros = repeats = n_values = 0
    eps = float(np.finfo(facts.dtype).eps) if facts.dtype.kind == "f" else 1e-9
    pointers = matrix.opened().pointers if facts.kind == "csr" else None
    per_read = max(1, int(2_000_000 / max(facts.shape[1] * facts.density, 1)) // len(blocks[0]))
    for at in range(0, len(blocks), per_read):
        numbers = np.concatenate(blocks[at : at + per_read])
        indptr, data = _rows_of(matrix, numbers)
        found.append(RowValues.of(indptr, data.astype(np.float64, copy=False), eps))
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
    return MatrixSample(
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


def _rows_of(matrix: Matrix, rows: Array) -> tuple[Array, Array]:
    """Row pointers and values of some rows."""
    part = Part(matrix, rows, np.arange(len(rows)), None)
    dtype = sum_dtype(matrix.facts.dtype)  # entries may be repeated
    indptr, _, data = gather_csr([part], len(rows), matrix.facts.shape[1], dtype)
    return indptr, data


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
        some = element[block] if isinstance(element, np.ndarray) else _rows_of(element, block)[1]
        if not np.isfinite(some).all():
            return False
    return True


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
        indptr, indices, data = gather_csr([part], len(rows), n_vars, np.float64)
        # Summed, because the order of the genes must not matter; each pair of a gene and
        # its value is mixed first. Stored zeros say nothing.
        mixed = (data.view(np.uint64) ^ gene[indices]) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
        mixed *= np.uint64(0xBF58476D1CE4E5B9)
        mixed[data == 0] = 0
        sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(mixed, dtype=np.uint64)])
        hashes[begin : begin + len(rows)] = sums[indptr[1:]] - sums[indptr[:-1]]
    return hashes


def hash_texts(texts: Array) -> Array:
    """uint64 (n,) of texts: equal for equal ones, in every process."""
    from pandas.util import hash_array

    return cast(Array, hash_array(np.asarray(texts, dtype=object), categorize=False))
