"""How one process reads the rows of a plan: open matrices, decoded chunks, output buffers."""

from __future__ import annotations

import copy
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import parent_process
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from mappedviz._types import Array
from mappedviz.collection.matrices import RAW, is_joined, slot_and_facts
from mappedviz.collection.row_batch import RowBatch
from mappedviz.collection.window import Piece, Window
from mappedviz.errors import ElementError, MappedvizError, RecipeError
from mappedviz.formats.cache import ChunkCache
from mappedviz.formats.files import FilePool
from mappedviz.formats.forks import ForkSafeLock
from mappedviz.gather.buffers import BufferPool
from mappedviz.gather.csr import CsrRows
from mappedviz.gather.excerpts import excerpts
from mappedviz.gather.mapped_files import MappedFile
from mappedviz.gather.matrix import Matrix
from mappedviz.gather.request import Part, sum_dtype
from mappedviz.gather.rows import TRUST_SECONDS, decode_ahead, gather_csr, gather_dense, gather_row

if TYPE_CHECKING:
    from mappedviz.collection.plan import Plan
    from mappedviz.formats.matrices import MatrixFacts
    from mappedviz.formats.obsm import ObsmFacts
    from mappedviz.recipe.column_map import ColumnMap
    from mappedviz.stores.store import Store

_KEPT_BUFFERS = 1 << 30  # bytes of output buffers kept for reuse
_SHARED_OUTPUT = 1 << 24  # bytes of output from which on several threads fill one batch,
_HELPED_OUTPUT = 1 << 22  # and where no other batch is being read

_thread = threading.local()


def one_of_several() -> None:
    """Say, on a thread that reads batches while others read other ones, that it is one of these."""
    _thread.one_of_several = True


def default_cache_bytes() -> int:
    """A quarter of the memory that this process may use: of the machine, or of its control group."""
    limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            limits.append(int(Path(path).read_text()))
        except (OSError, ValueError):  # no such group, or "max"
            continue
    return min(limits) // 4


@dataclass(frozen=True, eq=False)
class _Columns:
    """How one matrix or obsm element of all stores becomes one column of a batch.

    Attributes
    ----------
    name
        Key in the batch.
    key
        Key in the recipe.
    slots
        Per store the element that is read for it, or None where the store lacks it.
    obsm
        Whether it is an obsm element.
    shapes
        Per store the shape of one row after the join, or None where the store lacks it.
    dtypes
        Per store the type of one row of a single sample.
    shape
        Shape of one row, None where stores differ in it.
    dtype
        Type in a batch: one that holds the types of all stores, and NaN where a store lacks it.
    joined
        Whether the join applies.
    compact
        Whether a window of it is kept sparse: all stores have it, sparse, in one width.
    """

    name: str
    key: str
    slots: tuple[str | None, ...]
    obsm: bool
    shapes: tuple[tuple[int, ...] | None, ...]
    dtypes: tuple[np.dtype[Any] | None, ...]
    shape: tuple[int, ...] | None
    dtype: np.dtype[Any]
    joined: bool
    compact: bool


class Reader:
    """Reads rows of a plan's stores in this process; thread-safe.

    Parameters
    ----------
    plan
        What to read.
    cache_bytes
        Bound of the decoded chunks that are kept; default: :func:`default_cache_bytes`.
    """

    def __init__(self, plan: Plan, cache_bytes: int | None) -> None:
        self.plan = plan
        files = FilePool(handle=MappedFile)
        self.cache = ChunkCache(
            default_cache_bytes() if cache_bytes is None else cache_bytes, files
        )
        # The loops hold the files of all their stores open at once.
        self._most_files = max(1, files.max_files // 2)
        self.buffers = BufferPool(_KEPT_BUFFERS)
        recipe = plan.recipe
        self.columns = [_column(plan, key, obsm=False) for key in recipe.layers_keys]
        self.columns += [_column(plan, key, obsm=True) for key in recipe.obsm_keys]
        self._opened: dict[tuple[int, str, bool], Matrix | Array] = {}
        self._of_store: list[list[tuple[Any, ...]] | None] = [None] * len(plan.stores)
        self._checked = [0.0] * len(plan.stores)  # when, for rows that are read singly
        self._lock = ForkSafeLock()
        self._first: Reader | None = None

    def of(self, plan: Plan) -> Reader:
        """A reader of other rows of the same stores: open matrices and chunks are shared."""
        other = copy.copy(self)
        other.plan = plan
        other._first = self._first or self  # what is shared lives as long as one of them
        return other

    def open(self, store: int, column: _Columns) -> Matrix | Array:
        """The matrix (or, for odd obsm elements, whole array) of one store, opened once."""
        slot = column.slots[store]
        assert slot is not None  # what a store lacks is not read
        key = (store, slot, column.obsm)
        found = self._opened.get(key)
        if found is None:
            with self._lock():  # HDF5 itself is not entered by two threads for one store
                found = self._opened.get(key)
                if found is None:
                    where = self.plan.stores[store]
                    where.check_unchanged()
                    opener = where.open_obsm if column.obsm else where.open_matrix
                    found = self._opened[key] = opener(slot, self.cache)
        return found

    def sample(self, store: int, row: int) -> dict[str, Any]:
        """Matrices and obsm of one row of one store; what the store lacks is left out.

        Whether the file is what it was is looked at after a row, but not after every one: that
        takes as long as reading the values of one.
        """
        sample: dict[str, Any] = {}
        now = time.monotonic()
        try:
            for name, opened, to, n_cols, dtype in self._of_store[store] or self._look_up(store):
                if isinstance(opened, Matrix):
                    sample[name] = gather_row(opened, row, to, n_cols, dtype)
                else:
                    sample[name] = opened[row].astype(dtype)
        except MappedvizError:
            self.plan.stores[store].check_unchanged()
            raise
        if now - self._checked[store] > TRUST_SECONDS:
            self.plan.stores[store].check_unchanged()
            self._checked[store] = now
        return sample

    def _look_up(self, store: int) -> list[tuple[Any, ...]]:
        """What reading one row of a store takes, looked up once: rows may be asked for singly."""
        found: list[tuple[Any, ...]] = []
        for column in self.columns:
            shape = column.shapes[store]
            if shape is None:
                continue
            opened = self.open(store, column)
            to = self._column_map(column, store)
            found.append((column.name, opened, to, shape[-1], column.dtypes[store]))
        self._of_store[store] = found
        return found

    def batch(self, rows: Array, *, sparse: bool) -> RowBatch:
        """The batch of some rows of the collection, complete and in one type per key."""
        store, local = self.plan.rows.locate(rows)
        groups = _by_store(store)
        with _told_by_change([self.plan.stores[s] for s, _ in groups]):
            columns = {
                column.name: self._column(column, groups, local, sparse and not column.obsm)
                for column in self.columns
            }
        return self._complete(columns, rows, store)

    def window(
        self,
        rows: Array,
        *,
        sparse: bool,
        batch_size: int = 0,
        in_steps: bool = False,
        soon: bool = False,
    ) -> Window:
        """Many rows of the collection at once, each read once and in the order of the files.

        Where batches of `batch_size` rows are better read from the decoded chunks, only these are
        made. With `in_steps` nothing is read yet: :meth:`Window.steps` does.
        """
        window = Window(self, rows, sparse, batch_size, in_steps=in_steps, soon=soon)
        if not in_steps:
            for _ in window.steps():
                pass
        return window

    def window_columns(self, unique: Array, *, soon: bool = False) -> dict[str, Any]:
        """The columns of ascending rows, in the form that batches are cut from.

        `soon`: no more of a chunk is decoded than the rows need, where that is possible.
        """
        groups, local = self._located(unique)
        with _told_by_change([self.plan.stores[s] for s, _ in groups]):
            return {
                column.name: self._excerpt(column, groups, local)
                if soon and column.compact
                else _kept(self._column(column, groups, local, column.compact))
                for column in self.columns
            }

    def _excerpt(self, column: _Columns, groups: list[tuple[int, Array]], row: Array) -> Any:
        """A column that is kept sparse, out of parts of chunks."""
        assert column.shape is not None
        n, n_cols = len(row), column.shape[0]
        parts = [
            self._part(column, store, cast(Matrix, self.open(store, column)), row[here], here)
            for store, here in groups
        ]
        try:
            parts = excerpts(parts, self.cache.threads)
            return _kept(self._gather(parts, n, n_cols, column.dtype, sparse=True))
        except ElementError:  # the row that it names is one of the copy
            return _kept(self._column(column, groups, row, sparse=True))

    def decoded_chunks(self, unique: Array, batch_size: int) -> list[Any] | None:
        """The decoded chunks of ascending rows, if batches are better read from there."""
        groups, local = self._located(unique)
        with _told_by_change([self.plan.stores[s] for s, _ in groups]):
            return self._decoded(groups, local, batch_size)

    def _located(self, rows: Array) -> tuple[list[tuple[int, Array]], Array]:
        store, local = self.plan.rows.locate(rows)
        return _by_store(store), local

    def chunk_of_rows(self, unique: Array) -> Array | None:
        """A number for each row, the same for rows that begin in one compressed chunk; None: there is none."""
        groups, local = self._located(unique)
        column = next((c for c in self.columns if not c.obsm and None not in c.shapes), None)
        if column is None:
            return None
        found = np.zeros(len(unique), np.int64)
        first, compressed = 0, False
        for store, here in groups:
            opened = self.open(store, column)
            assert isinstance(opened, Matrix)  # only obsm elements are whole arrays
            chunks = opened.chunk_of_rows(local[here])
            compressed |= chunks is not None
            found[here] = first + (np.arange(len(here)) if chunks is None else chunks)
            first = int(found[here].max()) + 1
        return found if compressed else None

    def _decoded(
        self, groups: list[tuple[int, Array]], row: Array, batch_size: int
    ) -> list[Any] | None:
        """Decoded chunks of all columns, if batches are to be read from there."""
        held = []
        for column in self.columns:
            if column.obsm:
                continue
            if not column.compact or column.shape is None or len(groups) > self._most_files:
                return None
            parts = []
            for store, here in groups:
                opened = self.open(store, column)
                assert isinstance(opened, Matrix)  # only obsm elements are whole arrays
                parts.append(self._part(column, store, opened, row[here], here))
            found = decode_ahead(parts, column.shape[0], column.dtype, most_chunks=batch_size)
            if found is None:
                return None
            held.append(found)
        return held

    def _complete(self, columns: dict[str, Any], rows: Array, store: Array) -> RowBatch:
        """A batch out of its matrices: the obs keys and the position of the store added."""
        for key, column in self.plan.obs.items():
            values = column.batch(rows)
            # Codes are kept in the smallest type and handed out in the one that losses expect.
            columns[key] = values if column.encoder is None else values.astype(np.int64)
        for name, found in columns.items():
            # scipy has no matrices of float16: its rows stay what they are.
            if isinstance(found, CsrRows) and found.dtype != np.float16:
                columns[name] = found.to_scipy()
        columns["_store_idx"] = store
        return RowBatch(columns, len(rows))

    def cut(self, pieces: list[Piece], rows: Array, *, sparse: bool) -> RowBatch:
        """The batch of some rows of a window.

        Parameters
        ----------
        pieces
            Where the rows are.
        rows
            The same rows in the collection.
        sparse
            Whether X and layers come as CSR matrices.
        """
        columns = {
            column.name: self._joined(column, pieces, len(rows), sparse and not column.obsm)
            for column in self.columns
        }
        store, _ = self.plan.rows.locate(rows)
        return self._complete(columns, rows, store)

    def _joined(self, column: _Columns, pieces: list[Piece], n: int, as_csr: bool) -> Any:
        """One column of a batch out of pieces of a window."""
        first = pieces[0].columns[column.name]
        if isinstance(first, list):
            rows: list[Any] = [None] * n
            for piece in pieces:
                for k, at in zip(piece.out_rows.tolist(), piece.at.tolist(), strict=True):
                    rows[k] = piece.columns[column.name][at]
            return rows
        if isinstance(first, Matrix):
            parts = [Part(p.columns[column.name], p.at, p.out_rows, None) for p in pieces]
            return self._gather(parts, n, first.facts.shape[1], column.dtype, as_csr)
        if as_csr and len(pieces) == 1:
            return CsrRows.from_dense(first[pieces[0].at])
        out = self.buffers.empty((n, *first.shape[1:]), first.dtype)
        if len(pieces) == 1:
            first.take(pieces[0].at, axis=0, out=out)
        else:
            for piece in pieces:
                out[piece.out_rows] = piece.columns[column.name][piece.at]
        return CsrRows.from_dense(out) if as_csr else out

    def _gather(
        self, parts: list[Part], n: int, n_cols: int, dtype: np.dtype[Any], sparse: bool
    ) -> Any:
        if not sparse:
            out = self.buffers.empty((n, n_cols), dtype)
            self._gather_dense(parts, out)
            return out
        if len(parts) > self._most_files:
            parts = [
                self._in_memory(some, n_cols, dtype) for some in _batched(parts, self._most_files)
            ]
        arrays = gather_csr(parts, n, n_cols, dtype, empty=self.buffers.empty)
        return CsrRows(*arrays, (n, n_cols))

    def _in_memory(self, parts: list[Part], n_cols: int, dtype: np.dtype[Any]) -> Part:
        """Rows of many matrices as rows of one in memory."""
        ends = np.cumsum([0, *(len(part.rows) for part in parts)])
        here = np.arange(ends[-1])
        moved = [
            Part(part.matrix, part.rows, here[begin:end], part.columns)
            for part, begin, end in zip(parts, ends[:-1], ends[1:], strict=True)
        ]
        arrays = gather_csr(moved, len(here), n_cols, dtype)
        out_rows = np.concatenate([part.out_rows for part in parts])
        return Part(Matrix.from_csr(*arrays, n_cols), here, out_rows)

    def _gather_dense(self, parts: list[Part], out: Array) -> None:
        # Others are at other batches, in this process or in those beside it.
        busy = getattr(_thread, "one_of_several", False) or parent_process() is not None
        worth = out.nbytes >= (_SHARED_OUTPUT if busy else _HELPED_OUTPUT)
        for some in _batched(parts, self._most_files):
            gather_dense(some, out, threads=self.cache.threads if worth else 1)

    def _column(
        self, column: _Columns, groups: list[tuple[int, Array]], row: Array, sparse: bool
    ) -> Any:
        if column.shape is None:
            if sparse:
                raise RecipeError(
                    "has another width in each store, which no sparse batch can have",
                    key=column.key,
                    remedy="Join the stores, or read dense rows.",
                )
            return self._ragged(column, groups, row)
        if sparse:
            return self._sparse(column, groups, row)
        out = self.buffers.empty((len(row), *column.shape), column.dtype)
        self._fill(column, groups, row, out)
        return out

    def _fill(
        self, column: _Columns, groups: list[tuple[int, Array]], row: Array, out: Array
    ) -> None:
        parts = []
        for store, here in groups:
            if column.shapes[store] is None:
                out[here] = np.nan
                continue
            opened = self.open(store, column)
            if isinstance(opened, Matrix):
                parts.append(self._part(column, store, opened, row[here], here))
            else:
                out[here] = opened[row[here]]
        self._gather_dense(parts, out)

    def _part(
        self, column: _Columns, store: int, matrix: Matrix, rows: Array, out_rows: Array
    ) -> Part:
        return Part(matrix, rows, out_rows, self._column_map(column, store))

    def _column_map(self, column: _Columns, store: int) -> ColumnMap | None:
        join = self.plan.join
        if not column.joined or join is None:
            return None
        return join.column_map(store, raw=column.slots[store] == RAW)

    def _ragged(self, column: _Columns, groups: list[tuple[int, Array]], row: Array) -> list[Array]:
        out: list[Array] = [np.empty(0, column.dtype)] * len(row)
        for store, here in groups:
            shape = column.shapes[store]
            if shape is None:
                continue  # no width to fill: an empty row
            block = np.empty((len(here), *shape), column.dtype)
            self._fill(column, [(store, np.arange(len(here)))], row[here], block)
            for k, values in zip(here.tolist(), block, strict=True):
                out[k] = values
        return out

    def _sparse(self, column: _Columns, groups: list[tuple[int, Array]], row: Array) -> Any:
        assert column.shape is not None
        n_cols = column.shape[0]
        parts, absent = [], []
        for store, here in groups:
            if column.shapes[store] is None:
                absent.append(here)
                continue
            opened = self.open(store, column)
            assert isinstance(opened, Matrix)  # only obsm elements are whole arrays
            parts.append(self._part(column, store, opened, row[here], here))
        if absent:
            rows = np.concatenate(absent)
            indptr, indices = np.array([0, n_cols]), np.arange(n_cols, dtype=np.int32)
            nan = Matrix.from_csr(indptr, indices, np.full(n_cols, np.nan, np.float32), n_cols)
            parts.append(Part(nan, np.zeros(len(rows), np.int64), rows))
        return self._gather(parts, len(row), n_cols, column.dtype, sparse=True)


def _batched(parts: list[Part], n: int) -> Iterator[list[Part]]:
    return (parts[i : i + n] for i in range(0, len(parts), n))


def _kept(values: Any) -> Any:
    """A column of a window in the form that batches are cut from."""
    if isinstance(values, (np.ndarray, list)):
        return values
    return Matrix.from_csr(values.indptr, values.indices, values.data, values.shape[1])


def _by_store(store: Array) -> list[tuple[int, Array]]:
    """Positions of the rows of each store that occurs."""
    if not len(store):
        return []
    order = np.argsort(store, kind="stable")
    ordered = store[order]
    cuts = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
    begins = [0, *cuts.tolist()]
    return [
        (int(ordered[begin]), order[begin:end])
        for begin, end in zip(begins, [*begins[1:], len(order)], strict=True)
    ]


@contextmanager
def _told_by_change(stores: list[Store]) -> Iterator[None]:
    """Look at the files after reading.

    What was read from a file that changed is worth nothing, and an error that the change
    caused should say so.
    """
    try:
        yield
    except MappedvizError:
        for store in stores:
            store.check_unchanged()
        raise
    for store in stores:
        store.check_unchanged()


def _column(plan: Plan, key: str, *, obsm: bool) -> _Columns:
    recipe = plan.recipe
    joined = not obsm and is_joined(recipe, key)
    slots: list[str | None] = []
    shapes: list[tuple[int, ...] | None] = []
    stored: list[np.dtype[Any] | None] = []
    kinds = set()
    for store in plan.stores:
        slot: str | None = key
        facts: MatrixFacts | ObsmFacts | None
        if obsm:
            facts = store.facts.obsm.get(key)
        else:
            slot, facts = slot_and_facts(recipe, key, store)
        slots.append(slot)
        if facts is None:
            shapes.append(None)
            stored.append(None)
            continue
        kinds.add(facts.kind)
        shapes.append((len(plan.join),) if joined and plan.join is not None else facts.shape[1:])
        # A batch's type must not depend on which rows were drawn, nor on the names that repeat.
        summed = joined and recipe.duplicates == "sum"
        stored.append(sum_dtype(facts.dtype) if summed else facts.dtype)
    wanted = None if recipe.dtype is None else np.dtype(recipe.dtype)
    present = [dtype for dtype in stored if dtype is not None]
    dtype = np.result_type(*present) if wanted is None else wanted
    if len(present) < len(stored) and dtype.kind != "f":
        dtype = np.result_type(dtype, np.float32)  # rows of a store that lacks it are NaN
    distinct = {shape for shape in shapes if shape is not None}
    compact = not obsm and None not in shapes and len(distinct) == 1 and "dense" not in kinds
    return _Columns(
        f"obsm_{key}" if obsm else key,
        key,
        tuple(slots),
        obsm,
        tuple(shapes),
        tuple(None if one is None else wanted or one for one in stored),
        distinct.pop() if len(distinct) == 1 else None,
        dtype,
        joined,
        compact,
    )
