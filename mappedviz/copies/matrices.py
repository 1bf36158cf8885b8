"""Matrices of a copy: read in blocks of rows, written, and compared with what was written."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from mappedviz._types import Array
from mappedviz.errors import StoreError
from mappedviz.formats.cache import ChunkCache
from mappedviz.formats.files import FilePool
from mappedviz.formats.spools import CsrSpool, DenseSpool, Spool
from mappedviz.gather.csr import CsrRows
from mappedviz.gather.request import Part
from mappedviz.gather.row_hashes import hash_csr, hash_positions
from mappedviz.gather.rows import gather_csr, gather_dense
from mappedviz.gather.transposition import rows_of_csc

if TYPE_CHECKING:
    from mappedviz.gather.matrix import Matrix
    from mappedviz.stores.store import Store

__all__ = ["Spooled", "blocks_of", "cache_for_copying", "rows_at_a_time", "verify"]

#: Memory for decoded chunks: rows are read in order, so those of a few blocks are enough.
_CACHE_BYTES = 128 << 20
_VALUES_AT_A_TIME = 4_000_000

Block: TypeAlias = "CsrRows | Array"


def cache_for_copying() -> ChunkCache:
    """Return a cache in which rows that are read in order find their chunks again."""
    return ChunkCache(_CACHE_BYTES, FilePool())


def rows_at_a_time(values_per_row: float) -> int:
    """Return how many rows of a matrix are read together."""
    return max(1, int(_VALUES_AT_A_TIME / max(values_per_row, 1.0)))


def blocks_of(
    matrix: Matrix, folder: str, stop: Callable[[], None], *, sparse: bool = False
) -> Iterator[Block]:
    """Yield all rows of a matrix in order.

    Parameters
    ----------
    matrix
        The open matrix.
    folder
        For files on the way, if it is stored by columns.
    stop
        Called before each block; it may raise, to cancel.
    sparse
        Rows in CSR form, also of a dense matrix.
    """
    facts = matrix.facts
    n_obs, n_vars = facts.shape
    if facts.kind == "csc":
        os.makedirs(folder)
        for _, indptr, indices, data in rows_of_csc(matrix, folder, stop):
            yield CsrRows(indptr, indices, data, (len(indptr) - 1, n_vars))
        return
    step = rows_at_a_time(n_vars * facts.density if 0 not in facts.shape else 1)
    for begin in range(0, n_obs, step):
        stop()
        rows = np.arange(begin, min(begin + step, n_obs))
        part = Part(matrix, rows, np.arange(len(rows)), None)
        if sparse or facts.kind == "csr":
            arrays = gather_csr([part], len(rows), n_vars, facts.dtype)
            yield CsrRows(*arrays, (len(rows), n_vars))
        else:
            out = np.empty((len(rows), n_vars), facts.dtype)
            gather_dense([part], out)
            yield out


class Spooled:
    """A matrix on its way into a store, and the hashes of its rows as they were read.

    Parameters
    ----------
    folder
        Folder for the files of the matrix, which is made.
    n_vars, dtype, index_dtype
        Of the matrix; no type of indices for a dense one.
    narrow
        Keep its values in a smaller type where one holds all of them exactly.
    """

    def __init__(
        self,
        folder: str,
        n_vars: int,
        dtype: np.dtype[Any],
        index_dtype: np.dtype[Any] | None,
        *,
        narrow: bool,
    ) -> None:
        self._folder = folder
        self.spool: Spool = (
            DenseSpool(folder, n_vars, dtype, narrow=narrow)
            if index_dtype is None
            else CsrSpool(folder, n_vars, dtype, index_dtype, narrow=narrow)
        )
        self._columns = hash_positions(n_vars)
        self._hashes: list[Array] = []

    def append(self, block: Block) -> None:
        """Append rows."""
        self._hashes.append(_hashes(block, self._columns))
        if isinstance(self.spool, DenseSpool):
            assert not isinstance(block, CsrRows)
            self.spool.append(block)
        else:
            assert isinstance(block, CsrRows)
            self.spool.append(block.indptr, block.indices, block.data)

    def finish(self, order: Array | None = None) -> Array:
        """Put the rows into another order, if one is given; return their hashes."""
        hashes = np.concatenate([np.empty(0, np.uint64), *self._hashes])
        if order is not None:
            self.spool = self.spool.reordered(f"{self._folder}-reordered", order)
            hashes = hashes[order]
        return hashes


def _hashes(block: Block, columns: Array) -> Array:
    rows = block if isinstance(block, CsrRows) else CsrRows.from_dense(block)
    return hash_csr(rows.indptr, rows.indices, rows.data, columns)


def verify(store: Store, key: str, hashes: Array, stop: Callable[[], None]) -> None:
    """Read a matrix of a new store, and compare each row with the one that it is the copy of.

    Parameters
    ----------
    store
        The new store.
    key
        ``"X"``, ``"raw.X"`` or a layer.
    hashes
        Hashes of the rows as they were read of the sources.
    stop
        Called now and then; it may raise, to cancel.

    Raises
    ------
    StoreError
        A row is another one.
    """
    matrix = store.open_matrix(key, cache_for_copying())
    columns = hash_positions(matrix.facts.shape[1])
    begin = 0
    for block in blocks_of(matrix, "", stop, sparse=True):
        found = _hashes(block, columns)
        expected = hashes[begin : begin + len(found)]
        wrong = np.flatnonzero(found != expected) if len(found) == len(expected) else [0]
        if len(wrong):
            raise _not_equal(store, key, begin + int(wrong[0]))
        begin += len(found)
    if begin != len(hashes):
        raise _not_equal(store, key, begin)


def _not_equal(store: Store, key: str, row: int) -> StoreError:
    return StoreError(
        f"has another row {row} than the store that it is a copy of, and was removed",
        store=store.path,
        key=key,
        remedy="Check the disk and the memory of this machine, and copy again.",
    )
