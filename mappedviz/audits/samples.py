"""Rows of a matrix: a sample that tells its scale and depth, and a hash of every row."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from mappedviz._types import Array
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
    totals, exp_totals
        Sum of every row, and of expm1 of its values: float64 (rows,).
    genes
        Values that are not zero, per row: int64 (rows,).
    low, high
        Smallest and largest value.
    whole, finite
        Whether all values are whole numbers; whether none is NaN or infinite.
    seconds
        What reading one row somewhere in the file took.
    asked
        Rows that were asked for; a small matrix has fewer.
    """

    key: str
    rows: int
    totals: Array
    exp_totals: Array
    genes: Array
    low: float
    high: float
    whole: bool
    finite: bool
    seconds: float
    asked: int

    @property
    def scale(self) -> str:
        """Scale of the values, on the evidence of the sample.

        ``"empty"``, ``"not finite"``, ``"scaled"`` (negative values), ``"counts"``, ``"log1p"`` (expm1
        of all rows sums to the same), ``"normalised"`` (all rows sum to the same), ``"logarithms"`` (no
        value is large), or ``"fractions"``.
        """
        filled = self.totals[self.genes > 0]
        if not len(filled):
            return "empty"
        if not self.finite:
            return "not finite"
        if self.low < 0:
            return "scaled"
        if self.whole:
            return "counts"
        if self.high < 30 and len(filled) > 1 and spread(self.exp_totals[self.genes > 0]) < 0.01:
            return "log1p"
        if len(filled) > 1 and spread(filled) < 0.01:
            return "normalised"
        return "logarithms" if self.high < 20 else "fractions"


def spread(values: Array) -> float:
    """Coefficient of variation: standard deviation over mean.

    Examples
    --------
    >>> spread(np.array([10.0, 10.0])), round(spread(np.array([5.0, 15.0])), 2)
    (0.0, 0.5)
    """
    mean = float(np.mean(values))
    return float(np.std(values)) / mean if mean else float("inf")


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
    totals, exp_totals, genes, ends = [], [], [], []
    whole = finite = True
    per_read = max(1, int(2_000_000 / max(facts.shape[1] * facts.density, 1)) // len(blocks[0]))
    for at in range(0, len(blocks), per_read):
        indptr, data = _rows_of(matrix, np.concatenate(blocks[at : at + per_read]))
        data = data.astype(np.float64, copy=False)
        row = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
        n = len(indptr) - 1
        finite = finite and bool(np.isfinite(data).all())
        with np.errstate(over="ignore", invalid="ignore"):
            totals.append(np.bincount(row, weights=data, minlength=n))
            exp_totals.append(np.bincount(row, weights=np.expm1(data), minlength=n))
            whole = whole and bool((data == np.rint(data)).all())
        genes.append(np.bincount(row, weights=data != 0, minlength=n).astype(np.int64))
        if len(data):
            ends += [float(data.min()), float(data.max())]
        if len(data) < n * facts.shape[1]:
            ends.append(0.0)
    return MatrixSample(
        key,
        sum(map(len, totals)),
        np.concatenate(totals),
        np.concatenate(exp_totals),
        np.concatenate(genes),
        min(ends),
        max(ends),
        whole,
        finite,
        seconds,
        rows,
    )


def _rows_of(matrix: Matrix, rows: Array) -> tuple[Array, Array]:
    """Row pointers and values of some rows."""
    part = Part(matrix, rows, np.arange(len(rows)), None)
    dtype = sum_dtype(matrix.facts.dtype)  # entries may be repeated
    indptr, _, data = gather_csr([part], len(rows), matrix.facts.shape[1], dtype)
    return indptr, data


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
