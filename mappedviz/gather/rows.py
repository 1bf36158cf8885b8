"""Rows out of stored matrices into one dense or CSR batch.

:func:`gather_dense` and :func:`gather_csr` read rows of many matrices in one call of a compiled
loop. Unfiltered chunks are read by that loop, straight from the file; compressed ones come decoded
out of the cache.

The result is, bit for bit, what this slow route gives: the rows as stored, repeated entries of a
row summed in the stored type (booleans: or); columns mapped, those that become one summed in the
stored type and in the order of the columns; then ``astype`` to the type of the output. float16
is summed as float32.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import numpy as np

from mappedviz._types import Array
from mappedviz.formats.chunks import ChunkCache, default_threads
from mappedviz.gather import layout
from mappedviz.gather.addresses import address
from mappedviz.gather.mapped_files import Watch, refuse_lost
from mappedviz.gather.matrix import Matrix, Opened
from mappedviz.gather.native import function
from mappedviz.gather.remaps import Remap, looked_at
from mappedviz.gather.request import (
    BY_NUMPY,
    STEP_BYTES,
    Batch,
    Part,
    Target,
    open_files,
    source_of,
    target_of,
)

__all__ = ["decode_ahead", "gather_csr", "gather_dense", "gather_row"]


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
    >>> remap = np.array([1, -1, 0], dtype=np.int32)
    >>> gather_dense([Part(matrix, np.array([1, 0]), np.array([0, 1]), remap)], out)
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
        if target.routes[part.matrix.code] != BY_NUMPY:
            direct.append(part)
            continue
        for block, out_rows in _blocks(part, out.shape[1]):
            out[out_rows] = block
    if direct:
        _dense(direct, out, target, threads)


def _dense(parts: list[Part], out: Array, target: Target, threads: int) -> None:
    n_out, n_cols = out.shape
    batch = Batch(parts, n_cols, target)
    n = len(batch.rows)
    if n >= _WORTH_SORTING:
        batch.sort()
    longest, _, spans = batch.check(n_out)
    if spans and not batch.decode(spans):
        for half in _split(parts, n // 2):
            _dense(half, out, target, threads)
        return
    waiting = np.zeros(n, np.uint8)
    call = function("dense", target.kind)

    def run(begin: int, end: int) -> int:
        failed = np.zeros(2, np.int64)
        code = call(
            address(batch.descriptors),
            len(parts),
            address(batch.rows),
            address(batch.out_rows),
            begin,
            end,
            longest,
            address(out),
            n_cols,
            address(waiting),
            address(failed),
        )
        if code < 0:
            raise batch.error(code, *failed.tolist())
        return code

    n_waiting = run(0, n) if threads <= 1 else _shared(run, n, threads)
    batch.settle()
    if n_waiting == 0:
        return
    places = np.flatnonzero(waiting)
    bounds = np.cumsum([0, *(len(part.rows) for part in parts)])
    for part, begin, end in zip(parts, bounds[:-1], bounds[1:], strict=True):
        here = places[(places >= begin) & (places < end)]
        if len(here):
            _by_slow_route(
                Part(part.matrix, batch.rows[here], batch.out_rows[here], part.remap), out
            )


def _shared(run: Callable[[int, int], int], n: int, threads: int) -> int:
    """Run over stretches of a batch on several threads; the sum of what they return."""
    n_pieces = min(n, 4 * threads)  # more than threads: some start late
    cuts = [n * i // n_pieces for i in range(n_pieces + 1)]
    results: list[int | BaseException] = [0] * n_pieces
    left = deque(range(n_pieces))

    def work() -> None:
        while left:
            try:
                i = left.popleft()
            except IndexError:  # another thread was faster
                return
            try:
                results[i] = run(cuts[i], cuts[i + 1])
            except BaseException as error:
                results[i] = error

    helping: list[Future[None]] = []
    with contextlib.suppress(RuntimeError):  # Python exits: this thread does it all
        helping += [_helpers().submit(work) for _ in range(threads - 1)]
    work()
    for helper in helping:
        if not helper.cancel():  # it has begun
            helper.result()
    total = 0
    for result in results:
        if isinstance(result, BaseException):
            raise result
        total += result
    return total


@cache
def _helpers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(default_threads(), "mappedviz-fill")


if hasattr(os, "register_at_fork"):  # threads do not survive it
    os.register_at_fork(after_in_child=_helpers.cache_clear)


def _by_slow_route(part: Part, out: Array) -> None:
    """Rows in which values must be summed, before they are converted or their columns mapped."""
    matrix, remap = part.matrix, part.remap
    stored = _summed_as(matrix)
    if out.dtype != stored:
        for block, out_rows in _blocks(part, out.shape[1]):
            out[out_rows] = block
        return
    as_stored = Part(matrix, part.rows, part.out_rows)
    for piece in _pieces(as_stored, matrix.facts.shape[1], stored):
        gather_dense([Part(piece.matrix, piece.rows, piece.out_rows, remap)], out)


# ----------------------------------------------------------------------------------- one row
def gather_row(
    matrix: Matrix,
    row: int,
    remap: Array | None,
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
    remap
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
    prepared = opened.row_call
    if (
        prepared is None
        or prepared[0] is not remap
        or prepared[1] != n_cols
        or prepared[2] is not dtype
    ):
        prepared = _prepare_row(matrix, opened, remap, n_cols, dtype)
    _, _, _, target_dtype, call, descriptor, values, columns, _ = prepared
    if out is None:
        out = np.empty(n_cols, target_dtype)
    elif out.shape != (n_cols,) or out.dtype != target_dtype or not out.flags.c_contiguous:
        raise ValueError(f"the output must be contiguous: ({n_cols},) of {target_dtype}")
    if call is not None:
        values_from = columns_from = -1
        handle = watch = None
        if columns is not None:
            held: list[Any] = []
            watch = Watch()
            values_from, columns_from = open_files(matrix, opened, held, watch)
        elif values is not None:
            files = cast(ChunkCache, matrix.cache).files
            handle = files.get(values.path)
            now = time.monotonic()
            if now - opened.checked > TRUST_SECONDS:
                watch = Watch()
                values_from = source_of(handle, values, files, opened, watch)
                opened.checked = now
            else:
                mapping = handle.mapping if opened.mappable else None
                if mapping is not None and mapping.ready and handle.stamp == values.stamp:
                    values_from = -1 - mapping.address
                else:
                    values_from = handle.fd
            columns_from = values_from
        code = call(descriptor, values_from, columns_from, int(row), address(out), n_cols)
        if watch is not None:
            watch.settle(1)
        elif handle is not None and values_from < -1:
            refuse_lost(handle)
        if code == 0:
            return out
    # Chunks to be decoded, values to be summed, an error to be named: as a batch.
    gather_dense([Part(matrix, np.array([row]), np.array([0]), remap)], out[None])
    return out


def _prepare_row(
    matrix: Matrix, opened: Opened, remap: Array | None, n_cols: int, dtype: Any
) -> tuple[Any, ...]:
    """All that is the same for every row: what was asked, the function and its arguments."""
    target = target_of(dtype)
    batch = Batch(
        [Part(matrix, np.empty(0, np.int64), np.empty(0, np.int64), remap)], n_cols, target
    )
    values, columns = opened.values_file, opened.columns_file
    call = None
    in_memory = values is None and columns is None
    ready = bool(batch.descriptors[0, layout.D_TABLE]) and (
        matrix.is_dense or bool(batch.descriptors[0, layout.I_TABLE])
    )
    if ready and target.routes[matrix.code] != BY_NUMPY and (in_memory or values is not None):
        call = function("row", target.kind)
    if values is not None and columns is not None and values.path == columns.path:
        columns = None  # one descriptor serves both
    # No more: open files and the matrix itself would live as long as this.
    keep = (batch.descriptors, [held for held in batch.held if isinstance(held, Remap)])
    prepared = (
        remap,
        n_cols,
        dtype,
        target.dtype,
        call,
        address(batch.descriptors),
        values,
        columns,
        keep,
    )
    opened.row_call = prepared
    return prepared


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
    >>> remap = np.array([1, -1, 0], dtype=np.int32)
    >>> gather_csr([Part(matrix, np.array([1, 0]), np.array([0, 1]), remap)], 2, 2, np.float32)
    (array([0, 0, 2]), array([0, 1], dtype=int32), array([2., 1.], dtype=float32))
    """
    target = target_of(dtype)
    if n_cols >= 2**31:
        raise ValueError(f"{n_cols} columns are more than int32 can count")
    parts = [part for part in parts if len(part.rows)]
    if not parts:
        return np.zeros(n_rows + 1, np.int64), empty((0,), np.int32), empty((0,), target.dtype)
    if all(
        not part.matrix.is_dense and target.routes[part.matrix.code] != BY_NUMPY for part in parts
    ):
        done = _csr(parts, n_rows, n_cols, target, empty)
        if done is not None:
            return done
    pieces: list[Part] = []
    for part in parts:
        pieces += _pieces(part, n_cols, target.dtype)
    done = _csr(pieces, n_rows, n_cols, target, empty)
    assert done is not None  # sorted, summed, of the right type, in memory
    return done


def _csr(
    parts: list[Part], n_rows: int, n_cols: int, target: Target, empty: Callable[..., Array]
) -> tuple[Array, Array, Array] | None:
    """In one call; None where that cannot be."""
    batch = Batch(parts, n_cols, target)
    counted = n_rows >= _WORTH_SORTING and all(
        part.matrix.opened().values_file is not None for part in parts
    )
    if counted:
        batch.sort()
    part_of = np.empty(len(batch.rows), np.int32)
    slots = np.empty(n_rows, np.int64)
    longest, total, spans = batch.check(n_rows, address(part_of), address(slots))
    if spans and not batch.decode(spans):
        return None
    # One more: an entry is written before it is known whether its column is dropped.
    indices, data = empty((total + 1,), np.int32), empty((total + 1,), target.dtype)
    failed = np.zeros(2, np.int64)

    def run(indptr: Array, order: Array | None) -> int:
        code = function("csr", target.kind)(
            address(batch.descriptors),
            address(batch.rows),
            address(part_of),
            address(slots),
            n_rows,
            n_cols,
            longest,
            0 if order is None else address(order),
            0 if order is None else len(order),
            address(indptr),
            address(indices),
            address(data),
            address(failed),
        )
        batch.settle()
        return code

    lengths = [_Lengths.of(part, n_cols) for part in parts] if counted else []
    known = _pointers(parts, lengths, n_rows) if counted else None
    indptr = np.empty(n_rows + 1, np.int64) if known is None else known
    n = layout.RECOUNT if known is None else run(indptr, batch.out_rows)
    if n == layout.RECOUNT:
        n = run(indptr, None)
        for part, one in zip(parts, lengths, strict=False):
            if n >= 0:
                one.counts[part.rows] = np.diff(indptr)[part.out_rows]
    if n == layout.COLLISION:
        return None
    if n < 0:
        raise batch.error(n, *failed.tolist())
    return indptr, indices[:n], data[:n]


@dataclass(slots=True, eq=False)
class _Lengths:
    """How many values the rows of a matrix in a file have in the output, as far as it is known.

    Where it is, rows can be read in the order of the file, and each be written to its place. A
    number may be wrong, but never above that of the values stored: memory is as large as these.

    Attributes
    ----------
    remap, n_cols
        What that depends on.
    counts
        Per row; the highest number of its type where nothing is known yet.
    """

    remap: Array | None
    n_cols: int
    counts: Array

    @classmethod
    def of(cls, part: Part, n_cols: int) -> _Lengths:
        """Those of a part, kept with its matrix."""
        matrix, remap = part.matrix, part.remap
        opened = matrix.opened()
        found = cast(_Lengths | None, opened.lengths)
        if found is None or found.remap is not remap or found.n_cols != n_cols:
            n_rows, n_vars = matrix.facts.shape
            dtype = np.uint16 if n_vars < 2**16 - 1 else np.uint32
            if remap is None or looked_at(remap, n_vars, n_cols).keeps_all:
                counts = np.diff(cast(Array, opened.pointers)).astype(dtype)
            else:
                counts = np.full(n_rows, np.iinfo(dtype).max, dtype)
            found = opened.lengths = cls(remap, n_cols, counts)
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


def _pieces(part: Part, n_cols: int, dtype: np.dtype[Any]) -> Iterable[Part]:
    """The rows of a part as matrices in memory that need nothing but to be put in order."""
    matrix, remap = part.matrix, part.remap
    stored = _summed_as(matrix)
    if matrix.is_dense:
        for block, out_rows in _blocks(part, n_cols):
            where, columns = np.nonzero(block)
            counts = np.bincount(where, minlength=len(block))
            yield _piece(
                np.concatenate([[0], np.cumsum(counts)]),
                columns.astype(np.int32),
                block[where, columns].astype(dtype, copy=False),
                n_cols,
                out_rows,
            )
        return
    waiting = [part]
    while waiting:
        one = waiting.pop()
        here = np.arange(len(one.rows))
        n_vars = matrix.facts.shape[1]
        # Summed first: in the stored type, within the stored columns.
        whole = _csr([Part(matrix, one.rows, here)], len(here), n_vars, target_of(stored), np.empty)
        if whole is None:  # more chunks than are decoded in one step
            first, second = _split([one], len(here) // 2)
            waiting += first + second
            continue
        if remap is not None:
            summed = Part(Matrix.from_csr(*whole, n_vars), here, here, remap)
            done = _csr([summed], len(here), n_cols, target_of(stored), np.empty)
            assert done is not None
            whole = done
        indptr, indices, data = whole
        yield _piece(indptr, indices, data.astype(dtype, copy=False), n_cols, one.out_rows)


def _piece(indptr: Array, indices: Array, data: Array, n_cols: int, out_rows: Array) -> Part:
    matrix = Matrix.from_csr(indptr, indices, data, n_cols)
    return Part(matrix, np.arange(len(out_rows)), out_rows)


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
                half.append(Part(part.matrix, part.rows[here], part.out_rows[here], part.remap))
        n -= len(order)
    return first, second


def _summed_as(matrix: Matrix) -> np.dtype[Any]:
    """The type in which repeated entries are summed."""
    return np.dtype(np.float32) if matrix.facts.dtype == np.float16 else matrix.facts.dtype


def _blocks(part: Part, width: int) -> Iterable[tuple[Array, Array]]:
    """Dense rows in the type that they are summed in, and their rows of the output.

    As many at a time as fit in some memory.
    """
    stored = _summed_as(part.matrix)
    size = max(1, STEP_BYTES // max(1, width * stored.itemsize))
    for begin in range(0, len(part.rows), size):
        rows = part.rows[begin : begin + size]
        block = np.empty((len(rows), width), stored)
        gather_dense([Part(part.matrix, rows, np.arange(len(rows)), part.remap)], block)
        yield block, part.out_rows[begin : begin + size]


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
    _, total, spans = batch.check(1 + max(int(part.out_rows.max(initial=0)) for part in parts))
    if not spans:
        return None
    wants, _, n_bytes = batch.wanted(spans)
    if not wants:
        return None
    used = total * (4 + max(part.matrix.facts.dtype.itemsize for part in parts))
    few = sum(len(chunks) for _, chunks in wants) <= most_chunks
    if not few or n_bytes > min(batch.cache().max_bytes // 4, 4 * used):
        return None
    return batch.cache().get_many_of(wants)
