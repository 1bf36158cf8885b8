"""Rows out of stored matrices into one dense or CSR batch.

:func:`gather_dense` and :func:`gather_csr` read rows of many matrices in one call of the compiled
core. Unfiltered chunks are read there, straight from the file; compressed ones come decoded out of
the cache.

The result is, bit for bit, what this slow route gives: the rows as stored, in a type that holds
sums (integers and booleans in int64, uint64 in uint64, float16 in float32); repeated entries of a row
summed; columns mapped, those that become one summed in the order of the columns; then ``astype`` to
the type of the output. A sum that does not fit an integer output is an error. In a boolean output, a
value is true if any of those that were to be summed is not zero.
"""

from __future__ import annotations

import contextlib
import ctypes
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from mappedviz._types import Array
from mappedviz.formats.cache import default_threads
from mappedviz.formats.forks import renewed_after_fork
from mappedviz.gather import layout
from mappedviz.gather.addresses import address, addressof, byte_of
from mappedviz.gather.layout import LOST_AT, OUT, ROW, SOURCES
from mappedviz.gather.mapped_files import MappedFile, Watch
from mappedviz.gather.matrix import Matrix, Opened
from mappedviz.gather.request import (
    STEP_BYTES,
    Batch,
    Part,
    Target,
    check_columns,
    open_files,
    source_of,
    target_of,
)
from mappedviz.native import function

if TYPE_CHECKING:
    from mappedviz.recipe.column_map import ColumnMap

__all__ = ["decode_ahead", "gather_csr", "gather_dense", "gather_row", "run_shared"]


#: Reading rows one by one, a file is looked at again after this long: what changes it faster could
#: as well have done so during the read before.
TRUST_SECONDS = 1e-3
# Rows of smaller batches are too far apart for their order to matter.
_WORTH_SORTING = 256


# ------------------------------------------------------------------------------------- dense
def gather_dense(parts: Sequence[Part], out: Array, *, threads: int = 1) -> None:
    """Read rows into a dense array.

    Parameters
    ----------
    parts
        What to read; all matrices opened with one cache.
    out
        C-contiguous array (n, n_cols). Rows named in ``out_rows`` are written fully, zeros
        included; others are left as they are.
    threads
        Threads that share the work. Two are worth it from some hundred rows on.

    Raises
    ------
    ElementError
        A stored column index lies outside of its matrix, or row pointers make no sense.
    StoreError
        A file cannot be read, or changed since it was opened.
    IndexError
        There is no such row.

    Examples
    --------
    >>> indptr, indices, data = np.array([0, 2, 3]), np.array([0, 2, 1]), np.array([1.0, 2.0, 3.0])
    >>> matrix = Matrix.from_csr(indptr, indices, data, 3)
    >>> out = np.empty((2, 2), np.float32)
    >>> from mappedviz.recipe.column_map import ColumnMap
    >>> columns = ColumnMap([1, -1, 0])
    >>> gather_dense([Part(matrix, np.array([1, 0]), np.array([0, 1]), columns)], out)
    >>> out
    array([[0., 0.],
           [2., 1.]], dtype=float32)
    """
    if out.ndim != 2 or not out.flags.c_contiguous or not out.flags.writeable:
        raise ValueError("the output must be a writeable, C-contiguous array of two dimensions")
    target = target_of(out.dtype)
    direct = []
    for part in parts:
        if not len(part.rows):
            continue
        if target.by_numpy(part.matrix):
            for block, out_rows in _blocks(part, out.shape[1], target):
                out[out_rows] = block
        else:
            direct.append(part)
    if direct:
        _dense(direct, out, target, threads)


def _blocks(part: Part, width: int, target: Target) -> Iterable[tuple[Array, Array]]:
    """Dense rows for numpy to convert, and their rows of the output, a few at a time."""
    before = target.before_numpy(part.matrix)
    size = max(1, STEP_BYTES // max(1, width * before.dtype.itemsize))
    for begin in range(0, len(part.rows), size):
        rows = part.rows[begin : begin + size]
        block = np.empty((len(rows), width), before.dtype)
        _dense([Part(part.matrix, rows, np.arange(len(rows)), part.columns)], block, before, 1)
        yield block, part.out_rows[begin : begin + size]


def _dense(parts: list[Part], out: Array, target: Target, threads: int) -> None:
    n_out, n_cols = out.shape
    batch = Batch(parts, n_cols, target)
    n = len(batch.rows)
    if n >= _WORTH_SORTING:
        batch.sort()
    batch.check(n_out)
    if not batch.decode():
        for half in _split(parts, n // 2):
            _dense(half, out, target, threads)
        return
    call = batch.call
    call.out, call.end = address(out), n

    def run(begin: int, end: int) -> None:
        part = layout.BatchCall.from_buffer_copy(call)
        part.begin, part.end = begin, end
        batch.run("dense", part)

    if threads <= 1:
        batch.run("dense", call)
    else:
        run_shared(run, n, threads)
    batch.settle()


def run_shared(
    run: Callable[[int, int], None], n: int, threads: int, *, pieces: int | None = None
) -> None:
    """Run over parts of a batch on several threads."""
    n_pieces = min(n, pieces or 4 * threads)  # more than threads: some start late
    cuts = [n * i // n_pieces for i in range(n_pieces + 1)]
    errors: list[BaseException] = []
    left = deque(range(n_pieces))

    def work() -> None:
        while left:
            try:
                i = left.popleft()
            except IndexError:  # another thread was faster
                return
            try:
                run(cuts[i], cuts[i + 1])
            except BaseException as error:
                errors.append(error)

    helping: list[Future[None]] = []
    with contextlib.suppress(RuntimeError):  # Python exits: this thread does it all
        helping += [_helpers().submit(work) for _ in range(threads - 1)]
    work()
    for helper in helping:
        if not helper.cancel():  # it has begun
            helper.result()
    if errors:
        raise errors[0]


class _Helpers:
    """The threads that help to fill batches; a forked child starts its own."""

    def __init__(self) -> None:
        self.after_fork()

    def after_fork(self) -> None:
        self._threads: ThreadPoolExecutor | None = None

    def __call__(self) -> ThreadPoolExecutor:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(default_threads(), "mappedviz-fill")
        return self._threads


_helpers = renewed_after_fork(_Helpers())


# ----------------------------------------------------------------------------------- one row
def gather_row(
    matrix: Matrix,
    row: int,
    columns: ColumnMap | None,
    n_cols: int,
    dtype: Any,
    out: Array | None = None,
) -> Array:
    """One row as a dense array, with as little ado as possible.

    Parameters
    ----------
    matrix
        Where it comes from.
    row
        Which one, from 0.
    columns
        As of :class:`Part`.
    n_cols
        Length of the result.
    dtype
        Its type.
    out
        Contiguous array (n_cols,) of that type to be written; default: a new one.

    Raises
    ------
    ElementError, StoreError, IndexError
        As :func:`gather_dense`.

    Examples
    --------
    >>> matrix = Matrix.from_csr(np.array([0, 1]), np.array([1]), np.array([5]), 3)
    >>> gather_row(matrix, 0, None, 3, np.float32)
    array([0., 5., 0.], dtype=float32)
    """
    opened = matrix.opened()
    reader: _RowReader | None = opened.row_reader
    if (
        reader is None
        or reader.columns is not columns
        or reader.n_cols != n_cols
        or reader.asked is not dtype
    ):
        reader = opened.row_reader = _RowReader(matrix, opened, columns, n_cols, dtype)
    if out is None:
        out = np.empty(n_cols, reader.dtype)
    elif out.shape != (n_cols,) or out.dtype != reader.dtype or not out.flags.c_contiguous:
        raise ValueError(f"the output must be contiguous: ({n_cols},) of {reader.dtype}")
    if not (reader.ready and reader.read(matrix, opened, int(row), out)):
        # Chunks to be decoded, values for numpy to convert, an error to be named: as a batch.
        gather_dense([Part(matrix, np.array([row]), np.array([0]), columns)], out[None])
    return out


class _RowReader:
    """All that is the same for each row of a matrix that is read singly.

    It holds neither files open nor the matrix itself.
    """

    __slots__ = (
        "_call",
        "_columns_file",
        "_free",
        "_template",
        "_values_file",
        "asked",
        "columns",
        "dtype",
        "n_cols",
        "ready",
    )

    def __init__(
        self, matrix: Matrix, opened: Opened, columns: ColumnMap | None, n_cols: int, dtype: Any
    ) -> None:
        target = target_of(dtype)
        self.asked, self.columns, self.n_cols, self.dtype = dtype, columns, n_cols, target.dtype
        call = layout.RowCall(n_cols=n_cols, type=target.code, bound=target.bound)
        ctypes.memmove(ctypes.addressof(call), opened.fixed, len(opened.fixed))
        fields = call.matrix
        fields.values_from.fd = fields.columns_from.fd = -1
        fields.remap, fields.order = check_columns(matrix, columns, n_cols)
        values, in_file = opened.values_file, opened.columns_file
        self.ready = (
            bool(fields.values.table)
            and (matrix.is_dense or bool(fields.columns.table))
            and not target.by_numpy(matrix)
            and (in_file is None or values is not None)
            and n_cols > 0
        )
        self._values_file = values
        # One descriptor serves both, where they are in one file.
        same = values is not None and in_file is not None and values.path == in_file.path
        self._columns_file = None if same else in_file
        self._call = function("row")
        self._template = bytes(call)
        # Descriptors that no thread uses, their addresses, and their source: a list changes at once.
        self._free: list[list[Any]] = []

    def _new(self) -> list[Any]:
        numbers = (ctypes.c_int64 * (len(self._template) // 8)).from_buffer_copy(self._template)
        return [numbers, ctypes.addressof(numbers), (-1, 0, 0)]

    def read(self, matrix: Matrix, opened: Opened, row: int, out: Array) -> bool:
        """Read a row; False if that did not succeed."""
        fd, origin, lost_at = -1, 0, 0
        watch = handle = columns_from = None
        held: list[Any] = []  # files stay open until the row is read, whatever the pool forgets
        values = self._values_file
        if values is not None:
            cache = matrix.cache
            assert cache is not None
            if self._columns_file is not None:
                watch = Watch()
                fd, origin, *columns_from = open_files(matrix, opened, held, watch)
            else:
                handle = cache.files.held(values.path) or cache.files.get(values.path)
                now = time.monotonic()
                if now - opened.checked > TRUST_SECONDS:
                    watch = Watch()
                    fd, origin = source_of(handle, values, cache.files, opened, watch)
                    if origin and isinstance(handle, MappedFile):
                        lost_at = handle.lost_at
                    opened.checked = now
                elif (
                    opened.mappable
                    and isinstance(handle, MappedFile)
                    and handle.ready
                    and handle.stamp == values.stamp
                ):
                    origin, lost_at = handle.address, handle.lost_at
                else:
                    fd = handle.fd
        try:
            descriptor = self._free.pop()
        except IndexError:
            descriptor = self._new()
        numbers, place, before = descriptor
        # Another mapping may come to be at the same address: its flag is its own.
        source = fd, origin, lost_at
        if source != before or columns_from is not None:
            descriptor[2] = source
            numbers[SOURCES : SOURCES + 4] = (fd, origin, *(columns_from or (fd, origin)))
            numbers[LOST_AT] = lost_at
        numbers[ROW] = row
        numbers[OUT] = addressof(byte_of(out))
        code = self._call(place)
        self._free.append(descriptor)
        if watch is not None:
            watch.settle(1)
        elif code == layout.LOST and isinstance(handle, MappedFile):
            handle.refuse_lost()
        return code == 0


# --------------------------------------------------------------------------------------- CSR
def gather_csr(
    parts: Sequence[Part],
    n_rows: int,
    n_cols: int,
    dtype: Any,
    *,
    empty: Callable[[tuple[int, ...], Any], Array] = np.empty,
) -> tuple[Array, Array, Array]:
    """Read rows into one CSR matrix.

    Columns ascend in every row and none is there twice. Of sparse matrices, zeros that are
    stored stay stored; of dense ones, only what is not zero is there.

    Parameters
    ----------
    parts
        What to read; all matrices opened with one cache.
    n_rows, n_cols
        Shape of the result. Rows that no part names are empty.
    dtype
        Type of the values.
    empty
        Makes the arrays (shape, dtype), as ``numpy.empty`` does. They are made as large as if no
        column were dropped.

    Returns
    -------
    indptr, indices, data
        int64 (n_rows + 1,), int32 (nnz,), and `dtype` (nnz,).

    Raises
    ------
    ElementError, StoreError, IndexError
        As :func:`gather_dense`.

    Examples
    --------
    >>> indptr, indices, data = np.array([0, 2, 3]), np.array([0, 2, 1]), np.array([1.0, 2.0, 3.0])
    >>> matrix = Matrix.from_csr(indptr, indices, data, 3)
    >>> from mappedviz.recipe.column_map import ColumnMap
    >>> columns = ColumnMap([1, -1, 0])
    >>> gather_csr([Part(matrix, np.array([1, 0]), np.array([0, 1]), columns)], 2, 2, np.float32)
    (array([0, 0, 2]), array([0, 1], dtype=int32), array([2., 1.], dtype=float32))
    """
    target = target_of(dtype)
    if n_cols >= 2**31:
        raise ValueError(f"{n_cols} columns are more than int32 can count")
    parts = [part for part in parts if len(part.rows)]
    if not parts:
        return np.zeros(n_rows + 1, np.int64), empty((0,), np.int32), empty((0,), target.dtype)
    done = None
    if not any(target.by_numpy(part.matrix) for part in parts):
        done = _csr(parts, n_rows, n_cols, target, empty)
    if done is None:
        pieces = [piece for part in parts for piece in _pieces(part, n_cols, target)]
        done = _csr(pieces, n_rows, n_cols, target, empty)
        assert done is not None  # in memory, of the right type
    return done


def _pieces(part: Part, n_cols: int, target: Target) -> Iterable[Part]:
    """The rows of a part as matrices in memory: read in several steps, or converted by numpy."""
    by_numpy = target.by_numpy(part.matrix)
    stored = target.before_numpy(part.matrix) if by_numpy else target
    waiting = [part]
    while waiting:
        one = waiting.pop()
        here = np.arange(len(one.rows))
        some = Part(one.matrix, one.rows, here, one.columns)
        done = _csr([some], len(here), n_cols, stored, np.empty)
        if done is None:  # more chunks than are decoded in one step
            first, second = _split([one], len(here) // 2)
            waiting += first + second
            continue
        indptr, indices, data = done
        data = data.astype(target.dtype, copy=False)
        yield Part(Matrix.from_csr(indptr, indices, data, n_cols), here, one.out_rows)


def _csr(
    parts: list[Part], n_rows: int, n_cols: int, target: Target, empty: Callable[..., Array]
) -> tuple[Array, Array, Array] | None:
    """In one call; None where more chunks are needed than are decoded in one step."""
    batch = Batch(parts, n_cols, target)
    counted = n_rows >= _WORTH_SORTING and all(
        part.matrix.opened().values_file is not None and not part.matrix.is_dense for part in parts
    )
    if counted:
        batch.sort()
    call = batch.call
    part_of = np.empty(len(batch.rows), np.int32)
    slots = np.empty(n_rows, np.int64)
    call.part_of, call.slot_of = address(part_of), address(slots)
    batch.check(n_rows)
    if not batch.decode():
        return None
    # One more: an entry is written before it is known whether its column is dropped.
    indices, data = empty((call.total + 1,), np.int32), empty((call.total + 1,), target.dtype)
    call.indices, call.data = address(indices), address(data)

    def run(indptr: Array, turns: Array | None) -> int:
        call.indptr = address(indptr)
        call.turns, call.n_turns = (0, 0) if turns is None else (address(turns), len(turns))
        n = batch.run("csr", call)
        batch.settle()
        return n

    lengths = [_Lengths.of(part, n_cols) for part in parts] if counted else []
    known = _pointers(parts, lengths, n_rows) if counted else None
    indptr = np.empty(n_rows + 1, np.int64) if known is None else known
    n = layout.RECOUNT if known is None else run(indptr, batch.out_rows)
    if n == layout.RECOUNT:
        n = run(indptr, None)
        for part, one in zip(parts, lengths, strict=False):
            one.counts[part.rows] = np.diff(indptr)[part.out_rows]
    return indptr, indices[:n], data[:n]


@dataclass(slots=True, eq=False)
class _Lengths:
    """How many values the rows of a matrix in a file have in the output, as far as it is known.

    Where it is, rows can be read in the order of the file, and each be written to its place. A
    number may be wrong, but never above that of the values stored: memory is as large as these.

    Attributes
    ----------
    columns, n_cols
        What that depends on.
    counts
        Per row; the highest number of its type where nothing is known yet.
    """

    columns: ColumnMap | None
    n_cols: int
    counts: Array

    @classmethod
    def of(cls, part: Part, n_cols: int) -> _Lengths:
        """Those of a part, kept with its matrix."""
        matrix, columns = part.matrix, part.columns
        opened = matrix.opened()
        found = cast(_Lengths | None, opened.lengths)
        if found is None or found.columns is not columns or found.n_cols != n_cols:
            n_rows, n_vars = matrix.facts.shape
            dtype = np.uint16 if n_vars < 2**16 - 1 else np.uint32
            if columns is None or columns.keeps_all:
                counts = np.diff(cast(Array, opened.pointers)).astype(dtype)
            else:
                counts = np.full(n_rows, np.iinfo(dtype).max, dtype)
            found = opened.lengths = cls(columns, n_cols, counts)
        return found


def _pointers(parts: list[Part], lengths: list[_Lengths], n_rows: int) -> Array | None:
    """Row pointers of the output, where the length of every row is known."""
    pointers = np.zeros(n_rows + 1, np.int64)
    for part, one in zip(parts, lengths, strict=True):
        counts = one.counts[part.rows]
        if (counts == np.iinfo(counts.dtype).max).any():
            return None
        pointers[1:][part.out_rows] = counts
    return np.cumsum(pointers, out=pointers)


# --------------------------------------------------------------------------------- in steps
def _split(parts: Iterable[Part], n: int) -> tuple[list[Part], list[Part]]:
    """The first n rows and the others, rows of one matrix in ascending order."""
    first: list[Part] = []
    second: list[Part] = []
    for part in parts:
        order = np.argsort(part.rows, kind="stable")
        cut = min(max(n, 0), len(order))
        for half, here in ((first, order[:cut]), (second, order[cut:])):
            if len(here):
                half.append(Part(part.matrix, part.rows[here], part.out_rows[here], part.columns))
        n -= len(order)
    return first, second


# ------------------------------------------------------------------------------------ ahead
def decode_ahead(
    parts: Sequence[Part], n_cols: int, dtype: Any, *, most_chunks: int
) -> list[Any] | None:
    """Decode the chunks that rows are in, if it is better to read batches of these rows from there.

    That is so where the rows make good use of the chunks, and where the cache has room for them.

    Parameters
    ----------
    parts, n_cols, dtype
        As of :func:`gather_csr`; all matrices are sparse.
    most_chunks
        More than these are too many to be looked up for a batch.

    Returns
    -------
    list or None
        What has to be held for so long; None where nothing was decoded.
    """
    batch = Batch(parts, n_cols, target_of(dtype))
    batch.check(1 + max(int(part.out_rows.max(initial=0)) for part in parts))
    if not batch.call.spans:
        return [] if batch.is_whole else None  # the cache has it all: nothing has to be held
    wants, _, n_bytes = batch.wanted()
    if not wants:
        return None
    used = batch.call.total * (4 + max(part.matrix.facts.dtype.itemsize for part in parts))
    few = sum(len(chunks) for _, chunks in wants) <= most_chunks
    if not few or n_bytes > min(batch.cache().max_bytes // 4, 4 * used):
        return None
    return batch.cache().get_many_of(wants)
