"""The compiled loops: rows of stored matrices -> a dense batch or a CSR one.

This is numba's source, imported only where it has to be compiled; :mod:`mappedviz.gather.native` keeps
the result on disk and hands it out as plain functions. So nothing here touches a Python object
or memory of numba's: arguments are integers, many of them addresses, and a matrix is a row of
them, its *descriptor* (:mod:`mappedviz.gather.layout`). The loops hold no GIL, share nothing between
calls, and read unfiltered chunks themselves: with ``pread``, where a file that became shorter is
a return code, or from a mapped file (:mod:`mappedviz.gather.mapped_files`), where it is a signal: its
handler is the last function here.

One compiled version per width and kind of the *output* values (uint8 to uint64, float32,
float64) is enough: integers of one width are the same bits whatever their sign, and the stored
types of values and column indices are told apart while running.
"""

# numba infers types of its own: int64 where Python has one kind of int.
# mypy: disallow-untyped-defs=False, disallow-untyped-calls=False
# mypy: disallow-untyped-decorators=False, check-untyped-defs=False
from __future__ import annotations

import mmap
import signal
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import numba as nb
import numpy as np
from numba import types
from numba.extending import intrinsic

from mappedviz.gather.layout import (
    BAD_INDEX,
    BAD_OUT_ROW,
    BAD_POINTER,
    BAD_ROW,
    BEGIN,
    CODE,
    COLLISION,
    CONVERT,
    D_COLS,
    D_COUNT,
    D_FD,
    D_GRID,
    D_IDS,
    D_LEN,
    D_TABLE,
    DENSE,
    END,
    ENTRIES,
    I_COUNT,
    I_FD,
    I_IDS,
    I_LEN,
    I_TABLE,
    INDEX_CODE,
    INDEX_ITEM,
    INDPTR,
    INDPTR_WIDE,
    INJECTIVE,
    ITEM,
    LOST,
    N_ENTRIES,
    N_ENTRY,
    N_FIELDS,
    N_ROWS,
    N_VARS,
    NNZ,
    NO_CHUNK,
    NO_MEMORY,
    OK,
    PAGE,
    PREVIOUS,
    READ_AHEAD,
    RECOUNT,
    REMAP,
    SHORT,
    START,
    STOP,
    UNREADABLE,
)

F = TypeVar("F", bound=Callable[..., Any])

# Without exceptions, wrappers and reference counts the compiled code needs nothing but libc.
OPTIONS = {
    "nogil": True,
    "error_model": "numpy",
    "_nrt": False,
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}
jit = nb.njit(**OPTIONS)


def jit_later(function: F) -> F:
    """Mark what :mod:`mappedviz.gather.native` compiles: the functions that are called from outside."""
    return function


# --- addresses ------------------------------------------------------------------------------

if sys.platform == "win32":  # pragma: no cover - there is none; the cache reads all chunks

    @jit
    def _pread(fd, address, n_bytes, offset):
        return -1

else:
    _pread = types.ExternalFunction(
        "pread", types.intp(types.int32, types.voidptr, types.uintp, types.int64)
    )
_memcpy = types.ExternalFunction("memcpy", types.voidptr(types.voidptr, types.voidptr, types.uintp))
_malloc = types.ExternalFunction("malloc", types.intp(types.uintp))
_free = types.ExternalFunction("free", types.void(types.intp))
_mmap = types.ExternalFunction(
    "mmap",
    types.intp(types.intp, types.uintp, types.int32, types.int32, types.int32, types.int64),
)
_sigaction = types.ExternalFunction(
    "sigaction", types.int32(types.int32, types.voidptr, types.voidptr)
)
_raise = types.ExternalFunction("raise", types.int32(types.int32))


@intrinsic  # pragma: no cover - runs when compiled code was not kept
def _at(typingctx: Any, address: Any, dtype: Any) -> Any:
    """An address as a pointer to values of a type."""
    pointer = types.CPointer(dtype.dtype)

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], context.get_value_type(pointer))

    return pointer(types.int64, dtype), build


@intrinsic  # pragma: no cover - runs when compiled code was not kept
def _bytes(typingctx: Any, address: Any) -> Any:
    """An address as libc wants it."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], context.get_value_type(types.voidptr))

    return types.voidptr(types.int64), build


@intrinsic  # pragma: no cover - runs when compiled code was not kept
def _lowest_bit(typingctx: Any, word: Any) -> Any:
    """Position of the lowest of the bits that are set, of which there is one."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], context.get_constant(types.boolean, True))

    return types.uint64(types.uint64), build


@intrinsic  # pragma: no cover - runs when compiled code was not kept
def _count_bits(typingctx: Any, word: Any) -> Any:
    """How many bits are set."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ctpop(args[0])

    return types.uint64(types.uint64), build


@intrinsic  # pragma: no cover - runs when compiled code was not kept
def _float_of_bits(typingctx: Any, bits: Any) -> Any:
    """The float32 with these 32 bits."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], context.get_value_type(types.float32))

    return types.float32(types.uint32), build


@intrinsic  # pragma: no cover - runs when compiled code was not kept
def _chosen(typingctx: Any, condition: Any, one: Any, other: Any) -> Any:
    """One of two numbers, without a branch."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.select(args[0], args[1], args[2])

    return types.int64(types.boolean, types.int64, types.int64), build


# --- bytes ----------------------------------------------------------------------------------


@jit
def _read(fd, address, n_bytes, offset):
    """Bytes of a file into memory; OK, SHORT or UNREADABLE."""
    done = 0
    failures = 0
    while done < n_bytes:
        got = _pread(fd, _bytes(address + done), n_bytes - done, offset + done)
        if got == 0:
            return SHORT
        if got < 0:  # a signal, perhaps: network file systems let themselves be interrupted
            failures += 1
            if failures > 3:
                return UNREADABLE
        else:
            done += got
    return OK


@jit
def _chunk(table, ids, count, chunk):
    """Offset or address of a chunk; NO_CHUNK where the table has none."""
    position = chunk
    if ids != 0:
        known = _at(ids, np.int64)
        low, high = 0, count
        while low < high:
            middle = (low + high) >> 1
            if known[middle] < chunk:
                low = middle + 1
            else:
                high = middle
        if low >= count or known[low] != chunk:
            return NO_CHUNK
        position = low
    elif chunk >= count:
        return NO_CHUNK
    return _at(table, np.int64)[position]


@jit
def _span(fd, table, ids, count, length, item, start, stop, scratch):
    """Address of the elements [start, stop) of a 1-d array: in its chunk, or in `scratch`.

    Where `fd` is no descriptor but negative, the table counts from the address -1 - fd.
    """
    origin = -1 - fd
    chunk = start // length
    skip = start - chunk * length
    left = stop - start
    if fd < 0 and skip + left <= length:
        base = _chunk(table, ids, count, chunk)
        return base + origin + skip * item if base >= 0 else base
    address = scratch
    while left > 0:
        base = _chunk(table, ids, count, chunk)
        if base < 0:
            return base
        n = min(left, length - skip)
        if fd < 0:
            _memcpy(_bytes(address), _bytes(base + origin + skip * item), n * item)
        else:
            # Chunks that follow one another in the file are read at once.
            behind = base + length * item
            while n < left and _chunk(table, ids, count, chunk + 1) == behind:
                n = min(left, n + length)
                chunk += 1
                behind += length * item
            code = _read(fd, address, n * item, base + skip * item)
            if code != OK:
                return code
        address += n * item
        left -= n
        chunk += 1
        skip = 0
    return scratch


@jit
def _dense_span(d, fd, r, scratch):
    """Address of row `r` of a 2-d array: in its chunk, or in `scratch`."""
    table, ids, count = d[D_TABLE], d[D_IDS], d[D_COUNT]
    grid, width, n_vars, item = d[D_GRID], d[D_COLS], d[N_VARS], d[ITEM]
    origin = -1 - fd
    first = (r // d[D_LEN]) * grid
    skip = (r % d[D_LEN]) * width * item
    address = scratch
    for g in range(grid):
        base = _chunk(table, ids, count, first + g)
        if base < 0:
            return base
        n_bytes = min(width, n_vars - g * width) * item
        if fd >= 0:
            code = _read(fd, address, n_bytes, base + skip)
            if code != OK:
                return code
        elif grid == 1:
            return base + origin + skip
        else:
            _memcpy(_bytes(address), _bytes(base + origin + skip), n_bytes)
        address += n_bytes
    return scratch


@jit
def _pointers(d, r):
    """Where a row's values begin and end; -1, -1 where they cannot be."""
    if d[DENSE] != 0:
        return r * d[N_VARS], (r + 1) * d[N_VARS]
    if d[INDPTR_WIDE] != 0:
        wide = _at(d[INDPTR], np.int64)
        start, stop = wide[r], wide[r + 1]
    else:
        narrow = _at(d[INDPTR], np.uint32)
        start, stop = np.int64(narrow[r]), np.int64(narrow[r + 1])
    if start < 0 or stop < start or stop > d[NNZ]:
        return np.int64(-1), np.int64(-1)
    return start, stop


# --- stored types ---------------------------------------------------------------------------


@jit
def _columns(address, n, code, n_vars, narrow, mapped):
    """Address of the column indices as uint32, all below `n_vars`; else BAD_INDEX.

    What is `mapped` may change after it was checked: it is the copy that is checked and used.
    """
    bad = False
    limit = np.uint32(n_vars)
    out = _at(narrow, np.uint32)
    if code == 5 or code == 6:  # a negative int32 is a uint32 above every limit
        same = _at(address, np.uint32)
        if mapped:
            for j in range(n):
                column = same[j]
                out[j] = column
                bad |= column >= limit
            return BAD_INDEX if bad else narrow
        for j in range(n):
            bad |= same[j] >= limit
        return BAD_INDEX if bad else address
    if code == 7 or code == 8:
        wide = _at(address, np.uint64)
        wide_limit = np.uint64(n_vars)
        for j in range(n):
            far = wide[j]
            bad |= far >= wide_limit
            out[j] = np.uint32(far)
    elif code == 4:
        u2 = _at(address, np.uint16)
        for j in range(n):
            out[j] = u2[j]
    elif code == 3:
        i2 = _at(address, np.int16)
        for j in range(n):
            out[j] = np.uint32(np.int32(i2[j]))
    elif code == 2:
        u1 = _at(address, np.uint8)
        for j in range(n):
            out[j] = u1[j]
    else:
        i1 = _at(address, np.int8)
        for j in range(n):
            out[j] = np.uint32(np.int32(i1[j]))
    for j in range(n):
        bad |= out[j] >= limit
    return BAD_INDEX if bad else narrow


@jit
def _ascending(columns, n):
    """Whether every column is above the one before: sorted, and none twice."""
    wrong = False
    for j in range(1, n):
        wrong |= columns[j] <= columns[j - 1]
    return not wrong


@jit
def _as_stored(address, n, code, converted, dtype):
    # Integers become integers of the same width only, which are the same bits.
    return address


@jit
def _as_floats(address, n, code, converted, dtype):
    """Address of the values as floats, `converted`."""
    out = _at(converted, dtype)
    if code == 0:
        b1 = _at(address, np.uint8)
        for j in range(n):
            out[j] = b1[j] != 0
    elif code == 1:
        i1 = _at(address, np.int8)
        for j in range(n):
            out[j] = i1[j]
    elif code == 2:
        u1 = _at(address, np.uint8)
        for j in range(n):
            out[j] = u1[j]
    elif code == 3:
        i2 = _at(address, np.int16)
        for j in range(n):
            out[j] = i2[j]
    elif code == 4:
        u2 = _at(address, np.uint16)
        for j in range(n):
            out[j] = u2[j]
    elif code == 5:
        i4 = _at(address, np.int32)
        for j in range(n):
            out[j] = i4[j]
    elif code == 6:
        u4 = _at(address, np.uint32)
        for j in range(n):
            out[j] = u4[j]
    elif code == 7:
        i8 = _at(address, np.int64)
        for j in range(n):
            out[j] = i8[j]
    elif code == 8:
        u8 = _at(address, np.uint64)
        for j in range(n):
            out[j] = u8[j]
    elif code == 9:
        f2 = _at(address, np.uint16)
        for j in range(n):
            # Exponent and fraction moved to their places in a float32, whose exponent counts
            # from -127 where that of a float16 counts from -15.
            bits = np.uint32((f2[j] & 0x7FFF) << 13)
            if bits >= 0x0F800000:  # infinite or NaN
                value = _float_of_bits(np.uint32(bits | 0x7F800000))
            else:
                value = _float_of_bits(bits) * np.float32(2.0**112)
            out[j] = -value if f2[j] & 0x8000 else value
    elif code == 10:
        f4 = _at(address, np.float32)
        for j in range(n):
            out[j] = f4[j]
    else:
        f8 = _at(address, np.float64)
        for j in range(n):
            out[j] = f8[j]
    return converted


# --- one row --------------------------------------------------------------------------------


@jit
def _collide(columns, n, remap, seen, n_cols):
    """Whether two values of a row belong to one column of the output."""
    found = False
    limit = np.uint32(n_cols)
    mapped = _at(remap, np.uint32)
    marks = _at(seen, np.uint8)
    for j in range(n_cols):
        marks[j] = 0
    for j in range(n):
        c = mapped[columns[j]] if remap != 0 else columns[j]
        if c < limit:
            found |= marks[c] != 0
            marks[c] = 1
    return found


@jit
def _must_wait(d, columns, n, ascending, seen, n_cols):
    """Whether values must be summed in their own type, or within their own columns, first."""
    if d[CODE] == 0 or (ascending and d[INJECTIVE] != 0):
        return False
    if d[CONVERT] != 1 and (d[CODE] < 9 or ascending or d[INJECTIVE] != 0):
        return False
    return _collide(columns, n, d[REMAP], seen, n_cols)


@jit
def _fetch(d, fd_values, fd_columns, r, ahead, window, scratch, longest):
    """Addresses of the columns (uint32, checked) and of the stored values of a row.

    `ahead` says how many of the rows behind it come next; as many as fit are read with it from
    a file, and `window` (part, begin, end, columns, values) remembers them.
    """
    start, stop = _pointers(d, r)
    item = d[ITEM]
    if window[0] == d[BEGIN] and window[1] <= start and stop <= window[2]:
        skip = start - window[1]
        return window[3] + skip * 4, window[4] + skip * item
    end = stop
    if fd_values >= 0 or fd_columns >= 0:
        for m in range(1, ahead + 1):
            _, after = _pointers(d, r + m)
            if after < 0 or after - start > longest:
                break
            end = after
    window[0] = -1
    while True:
        n = end - start
        code = _span(
            fd_columns,
            d[I_TABLE],
            d[I_IDS],
            d[I_COUNT],
            d[I_LEN],
            d[INDEX_ITEM],
            start,
            end,
            scratch + 8 * longest,
        )
        if code >= 0:
            code = _columns(
                code, n, d[INDEX_CODE], d[N_VARS], scratch + 16 * longest, fd_columns < -1
            )
        if code >= 0:
            columns = code
            code = _span(
                fd_values, d[D_TABLE], d[D_IDS], d[D_COUNT], d[D_LEN], item, start, end, scratch
            )
        if code >= 0:
            window[0], window[1], window[2] = d[BEGIN], start, end
            window[3], window[4] = columns, code
            return columns, code
        if end == stop:
            return code, code
        end = stop  # another row may be to blame


# What a call needs: the window, then the stored values of a row (or of several that are read at
# once), their stored columns, their columns as uint32 (two places each), the converted values of
# a row; then one byte per column of the output.
_WINDOW_BYTES = 64


@jit
def _scratch(longest, n_cols):
    base = _malloc(_WINDOW_BYTES + 32 * longest + n_cols + 64)
    if base != 0:
        _at(base, np.int64)[0] = -1
    return base


def build_dense(dtype: Any) -> dict[str, Callable[..., Any]]:
    """Functions that write dense rows of one type, for numba to compile."""
    convert = _as_floats if np.dtype(dtype).kind == "f" else _as_stored
    item = np.dtype(dtype).itemsize

    @jit
    def sparse_row(d, fd_values, fd_columns, r, ahead, row_address, n_cols, base, longest):
        window, scratch = _at(base, np.int64), base + _WINDOW_BYTES
        row = _at(row_address, dtype)
        for j in range(n_cols):
            row[j] = 0
        start, stop = _pointers(d, r)
        n = stop - start
        if n == 0:
            return OK
        at_columns, at = _fetch(d, fd_values, fd_columns, r, ahead, window, scratch, longest)
        if at < 0:
            return at
        columns = _at(at_columns, np.uint32)
        ascending = _ascending(columns, n)
        if _must_wait(d, columns, n, ascending, scratch + 32 * longest, n_cols):
            return COLLISION
        if d[CONVERT] != 0:
            at = convert(at, n, d[CODE], scratch + 24 * longest, dtype)
        values = _at(at, dtype)
        remap = _at(d[REMAP], np.uint32)
        # -1 is a uint32 above every limit, and so is a wrong entry: nothing is written outside.
        limit = np.uint32(n_cols)
        if d[CODE] == 0:  # the sum of booleans is their disjunction
            for j in range(n):
                c = remap[columns[j]] if d[REMAP] != 0 else columns[j]
                if c < limit and values[j] != 0:
                    row[c] = 1
        elif d[REMAP] == 0:
            for j in range(n):
                c = columns[j]
                if c < limit:
                    row[c] += values[j]
        else:
            # Whether a column is dropped cannot be foreseen: an address is chosen, no branch
            # taken. Beside the row, there is the last word of the window to write to.
            beside = base + _WINDOW_BYTES - 8
            for j in range(n):
                c = remap[columns[j]]
                at = _chosen(c < limit, row_address + np.int64(c) * item, beside)
                _at(at, dtype)[0] += values[j]
        return OK

    @jit
    def dense_row(d, fd, r, row_address, n_cols, base, longest):
        scratch = base + _WINDOW_BYTES
        n = d[N_VARS]
        same = d[REMAP] == 0 and d[CONVERT] == 0
        at = _dense_span(d, fd, r, row_address if same else scratch)
        if at < 0:
            return at
        if same:
            if at != row_address:
                _memcpy(_bytes(row_address), _bytes(at), n * item)
            return OK
        if d[CONVERT] != 0:
            if d[CONVERT] == 1 and d[INJECTIVE] == 0 and d[CODE] != 0:
                return COLLISION
            at = convert(
                at, n, d[CODE], row_address if d[REMAP] == 0 else scratch + 24 * longest, dtype
            )
            if d[REMAP] == 0:
                return OK
        values = _at(at, dtype)
        row = _at(row_address, dtype)
        for j in range(n_cols):
            row[j] = 0
        limit = np.uint32(n_cols)
        remap = _at(d[REMAP], np.uint32)
        if d[CODE] == 0:
            for j in range(n):
                if remap[j] < limit and values[j] != 0:
                    row[remap[j]] = 1
        elif d[INJECTIVE] != 0:
            for j in range(n):
                if remap[j] < limit:
                    row[remap[j]] = values[j]
        else:
            for j in range(n):
                if remap[j] < limit:
                    row[remap[j]] += values[j]
        return OK

    @jit_later
    def dense(
        descriptors, n_parts, rows, out_rows, begin, end, longest, out, n_cols, status, error
    ):  # fmt: skip
        """Rows `begin` to `end` of a batch into a dense array.

        Rows whose values must be summed first are left out and marked in `status`; how many
        they are, or a code, is returned. At an error, `error` holds the part and the row.
        """
        scratch = _scratch(longest, n_cols)
        if scratch == 0:
            return np.int64(NO_MEMORY)
        local = _at(rows, np.int64)
        outer = _at(out_rows, np.int64)
        waiting = np.int64(0)
        for p in range(n_parts):
            d = _at(descriptors + p * N_FIELDS * 8, np.int64)
            last = min(end, d[END])
            run = np.int64(0)
            for k in range(max(begin, d[BEGIN]), last):
                if k >= run:  # rows from here to `run` follow one another
                    run = k + 1
                    while run < last and local[run] == local[run - 1] + 1:
                        run += 1
                row = out + outer[k] * n_cols * item
                if d[DENSE] != 0:
                    code = dense_row(d, d[D_FD], local[k], row, n_cols, scratch, longest)
                else:
                    code = sparse_row(
                        d, d[D_FD], d[I_FD], local[k], run - k - 1, row, n_cols, scratch, longest
                    )
                if code == COLLISION:
                    _at(status, np.uint8)[k] = 1
                    waiting += 1
                elif code != OK:
                    failed = _at(error, np.int64)
                    failed[0] = p
                    failed[1] = local[k]
                    _free(scratch)
                    return np.int64(code)
        _free(scratch)
        return waiting

    @jit_later
    def row(descriptor, fd_values, fd_columns, r, out, n_cols):
        """One row of one matrix; OK or a code."""
        d = _at(descriptor, np.int64)
        if r < 0 or r >= d[N_ROWS]:
            return np.int64(BAD_ROW)
        start, stop = _pointers(d, r)
        if start < 0:
            return np.int64(BAD_POINTER)
        longest = stop - start
        scratch = _scratch(longest, n_cols)
        if scratch == 0:
            return np.int64(NO_MEMORY)
        if d[DENSE] != 0:
            code = dense_row(d, fd_values, r, out, n_cols, scratch, longest)
        else:
            code = sparse_row(d, fd_values, fd_columns, r, 0, out, n_cols, scratch, longest)
        _free(scratch)
        return np.int64(code)

    return {"dense": dense, "row": row}


def build_csr(dtype: Any) -> dict[str, Callable[..., Any]]:
    """The function that writes CSR rows of one type, for numba to compile."""
    convert = _as_floats if np.dtype(dtype).kind == "f" else _as_stored
    is_float = np.dtype(dtype).kind == "f"
    item = np.dtype(dtype).itemsize

    @jit
    def by_rank(columns, values, n, remap, n_cols, memory, to, data):
        """Sort columns of which none is there twice: how many are below says where one goes.

        One bit per column is set, and all loops run without branches. What is dropped goes
        to the bit, and then to the place, behind the last one.
        """
        n_words = (n_cols + 63) >> 6
        bits = _at(memory, np.uint64)
        below = _at(memory + 8 * (n_words + 1), np.int64)
        for w in range(n_words + 1):
            bits[w] = 0
        limit = np.uint32(n_cols)
        behind = np.int64(n_words) * 64
        for j in range(n):
            c = remap[columns[j]]
            c = _chosen(c < limit, np.int64(c), behind)
            bits[c >> 6] |= np.uint64(1) << np.uint64(c & 63)
        n_out = np.int64(0)
        for w in range(n_words):
            below[w] = n_out
            n_out += np.int64(_count_bits(bits[w]))
        below[n_words] = n_out
        for j in range(n):
            c = remap[columns[j]]
            c = _chosen(c < limit, np.int64(c), behind)
            lower = (np.uint64(1) << np.uint64(c & 63)) - np.uint64(1)
            at = below[c >> 6] + np.int64(_count_bits(bits[c >> 6] & lower))
            to[at] = np.int32(c)
            data[at] = values[j]
        return n_out

    @jit
    def by_bits(d, columns, values, n, remap, n_cols, may_sum, sums, bits, to, data):
        """Sort and sum by way of a dense row and one bit per column."""
        limit = np.uint32(n_cols)
        n_words = (n_cols + 63) >> 6
        for w in range(n_words):
            bits[w] = 0
        for j in range(n):
            c = remap[columns[j]] if d[REMAP] != 0 else columns[j]
            if c < limit:
                w = np.int64(c) >> 6
                bit = np.uint64(1) << np.uint64(c & np.uint32(63))
                if bits[w] & bit:
                    if not may_sum:
                        return np.int64(COLLISION)
                    if d[CODE] != 0:
                        sums[c] += values[j]
                    elif values[j] != 0:
                        sums[c] = values[j]
                else:
                    bits[w] |= bit
                    sums[c] = values[j]
        n_out = np.int64(0)
        for w in range(n_words):
            word = bits[w]
            while word != np.uint64(0):
                c = np.int64(w) * 64 + np.int64(_lowest_bit(word))
                word &= word - np.uint64(1)
                to[n_out] = np.int32(c)
                data[n_out] = sums[c]
                n_out += 1
        return n_out

    @jit
    def csr_row(d, r, ahead, n_cols, at_to, at_data, base, longest):
        """One row after the ones before; how many values, or a code."""
        window, scratch = _at(base, np.int64), base + _WINDOW_BYTES
        start, stop = _pointers(d, r)
        n = stop - start
        if n == 0:
            return np.int64(0)
        at_columns, at = _fetch(d, d[D_FD], d[I_FD], r, ahead, window, scratch, longest)
        if at < 0:
            return np.int64(at)
        columns = _at(at_columns, np.uint32)
        if d[CONVERT] != 0:
            at = convert(at, n, d[CODE], scratch + 24 * longest, dtype)
        values = _at(at, dtype)
        to = _at(at_to, np.int32)
        data = _at(at_data, dtype)
        remap = _at(d[REMAP], np.uint32)
        ascending = _ascending(columns, n)
        if ascending and d[REMAP] == 0:
            _memcpy(_bytes(at_to), _bytes(at_columns), n * 4)
            _memcpy(_bytes(at_data), _bytes(at), n * item)
            return n
        if ascending and d[INJECTIVE] == 2:  # nothing gets out of order
            # Every entry is written; those to be dropped are written over by the next one.
            n_out = np.int64(0)
            limit = np.uint32(n_cols)
            for j in range(n):
                c = remap[columns[j]]
                to[n_out] = np.int32(c)
                data[n_out] = values[j]
                n_out += np.int64(c < limit)
            return n_out
        if ascending and d[INJECTIVE] != 0:
            return by_rank(columns, values, n, remap, n_cols, scratch + 32 * longest, to, data)
        # Sums in the stored type only, and of floats only in the order of the columns.
        may_sum = d[CODE] == 0 or (
            d[CONVERT] != 1 and (not is_float or ascending or d[INJECTIVE] != 0)
        )
        sums = _at(scratch + 32 * longest, dtype)
        bits = _at(scratch + 32 * longest + 8 * n_cols, np.uint64)
        return by_bits(d, columns, values, n, remap, n_cols, may_sum, sums, bits, to, data)

    @jit_later
    def csr(
        descriptors,
        rows,
        parts,
        slots,
        n_out,
        n_cols,
        longest,
        order,
        n_order,
        indptr,
        indices,
        data,
        error,
    ):
        """Rows in the order of the output; how many values, or a code.

        `slots` has the position in `rows` of every row of the output, -1 for an empty one. `order`,
        where it is not 0, names the rows of the output in the order in which they are read;
        `indptr` has to be filled then, and RECOUNT says that it does not fit.
        """
        scratch = _scratch(longest, 16 * n_cols + 64)
        if scratch == 0:
            return np.int64(NO_MEMORY)
        local = _at(rows, np.int64)
        part = _at(parts, np.int32)
        slot = _at(slots, np.int64)
        turns = _at(order, np.int64)
        pointers = _at(indptr, np.int64)
        columns = _at(indices, np.int32)
        values = _at(data, dtype)
        n = np.int64(0)
        if order == 0:
            pointers[0] = n
        run = np.int64(0)
        for k in range(n_order if order != 0 else n_out):
            i = turns[k] if order != 0 else np.int64(k)
            s = slot[i]
            if s >= 0:
                if k >= run:  # rows from here to `run` follow one another in one matrix
                    run = k + 1
                    while run < (n_order if order != 0 else n_out):
                        before = slot[turns[run - 1] if order != 0 else run - 1]
                        after = slot[turns[run] if order != 0 else run]
                        if after < 0 or part[after] != part[s] or local[after] != local[before] + 1:
                            break
                        run += 1
                if order != 0:
                    n = pointers[i]
                    end = pointers[i + 1]
                    # What is behind the row may be there already, and is written to.
                    behind_column, behind_value = columns[end], values[end]
                d = _at(descriptors + part[s] * np.int64(N_FIELDS * 8), np.int64)
                got = csr_row(
                    d,
                    local[s],
                    run - k - 1,
                    n_cols,
                    indices + n * 4,
                    data + n * item,
                    scratch,
                    longest,
                )
                if got < 0:
                    failed = _at(error, np.int64)
                    failed[0] = part[s]
                    failed[1] = local[s]
                    _free(scratch)
                    return got
                n += got
                if order != 0:
                    if n != end:
                        _free(scratch)
                        return np.int64(RECOUNT)
                    columns[end], values[end] = behind_column, behind_value
            if order == 0:
                pointers[i + 1] = n
        _free(scratch)
        return pointers[n_out]

    return {"csr": csr}


# --- before a batch -------------------------------------------------------------------------


def build_plan(dtype: Any) -> dict[str, Callable[..., Any]]:
    """Functions that look at the rows wanted, for numba to compile."""

    @jit_later
    def check(descriptors, n_parts, rows, out_rows, n_out, parts, slots, sums):
        """Check rows and row pointers; OK or a code.

        `sums` gets how many values are worked on at once (those of the longest row, or more
        where rows that follow one another can be read together), the values of all rows, the
        chunk numbers that `plan` may need to write, and, at an error, the part and the row.
        `parts` and `slots` are for `csr`; 0: not wanted.
        """
        local = _at(rows, np.int64)
        outer = _at(out_rows, np.int64)
        part = _at(parts, np.int32)
        slot = _at(slots, np.int64)
        result = _at(sums, np.int64)
        longest = np.int64(0)
        total = np.int64(0)
        spans = np.int64(0)
        runs = False
        if slots != 0:
            for i in range(n_out):
                slot[i] = -1
        for p in range(n_parts):
            d = _at(descriptors + p * N_FIELDS * 8, np.int64)
            for k in range(d[BEGIN], d[END]):
                result[3] = p
                result[4] = local[k]
                if local[k] < 0 or local[k] >= d[N_ROWS]:
                    return np.int64(BAD_ROW)
                if outer[k] < 0 or outer[k] >= n_out:
                    result[4] = outer[k]
                    return np.int64(BAD_OUT_ROW)
                start, stop = _pointers(d, local[k])
                if start < 0:
                    return np.int64(BAD_POINTER)
                n = stop - start
                longest = max(longest, n)
                total += n
                if k > d[BEGIN] and local[k] == local[k - 1] + 1 and d[DENSE] == 0:
                    runs = True
                if d[D_TABLE] == 0:
                    spans += d[D_GRID] if d[DENSE] != 0 else n // d[D_LEN] + 2
                if d[I_TABLE] == 0:
                    spans += n // d[I_LEN] + 2
                if slots != 0:
                    part[k] = p
                    slot[outer[k]] = k
        result[0] = max(longest, min(total, READ_AHEAD)) if runs else longest
        result[1] = total
        result[2] = spans
        return np.int64(OK)

    @jit
    def mark(d, local, length, bits):
        n_marked = np.int64(0)
        for k in range(d[BEGIN], d[END]):
            if d[DENSE] != 0:
                first = local[k] // length
                last = first
            else:
                start, stop = _pointers(d, local[k])
                if start == stop:
                    continue
                first = start // length
                last = (stop - 1) // length
            for c in range(first, last + 1):
                bit = np.uint64(1) << np.uint64(c & 63)
                if not bits[c >> 6] & bit:
                    bits[c >> 6] |= bit
                    n_marked += 1
        return n_marked

    @jit
    def emit(bits, n_marked, grid, ids, count):
        """Write the numbers marked, ascending, and take the marks away."""
        w = np.int64(0)
        while n_marked > 0:
            word = bits[w]
            while word != np.uint64(0):
                c = w * 64 + np.int64(_lowest_bit(word))
                word &= word - np.uint64(1)
                for g in range(grid):
                    ids[count] = c * grid + g
                    count += 1
                n_marked -= 1
            bits[w] = 0
            w += 1
        return count

    @jit_later
    def plan(descriptors, n_parts, rows, most_chunks, ids):
        """Chunks that rows of compressed arrays are in: ascending per array; their number.

        Counts and positions go to the descriptors.
        """
        n_words = (most_chunks >> 6) + 1
        scratch = _malloc(n_words * 8)
        if scratch == 0:
            return np.int64(NO_MEMORY)
        bits = _at(scratch, np.uint64)
        for w in range(n_words):
            bits[w] = 0
        local = _at(rows, np.int64)
        out = _at(ids, np.int64)
        count = np.int64(0)
        for p in range(n_parts):
            d = _at(descriptors + p * N_FIELDS * 8, np.int64)
            if d[D_TABLE] == 0:
                d[D_IDS] = count
                grid = d[D_GRID] if d[DENSE] != 0 else np.int64(1)
                count = emit(bits, mark(d, local, d[D_LEN], bits), grid, out, count)
                d[D_COUNT] = count - d[D_IDS]
            if d[I_TABLE] == 0:
                d[I_IDS] = count
                count = emit(bits, mark(d, local, d[I_LEN], bits), np.int64(1), out, count)
                d[I_COUNT] = count - d[I_IDS]
        _free(scratch)
        return count

    @jit_later
    def follow(addresses, n):
        """Replace addresses by what is there."""
        out = _at(addresses, np.int64)
        for i in range(n):
            out[i] = _at(out[i], np.int64)[0]
        return np.int64(OK)

    return {"check": check, "plan": plan, "follow": follow}


# --- missing pages --------------------------------------------------------------------------


def build_guard(dtype: Any) -> dict[str, Callable[..., Any]]:
    """The handler of SIGBUS, for numba to compile."""
    sigbus = getattr(signal, "SIGBUS", 7)
    read = getattr(mmap, "PROT_READ", 1)
    # Linux's, which Python has no names for.
    BUS_ADRERR, BUS_MCEERR_AR, BUS_MCEERR_AO = 2, 4, 5
    map_fixed = 0x10
    flags = getattr(mmap, "MAP_PRIVATE", 2) | getattr(mmap, "MAP_ANONYMOUS", 0x20) | map_fixed

    @jit_later
    def guard(table, info):
        """Put zeros where a page of a mapped file is missing, after noting it.

        The instruction that wanted it runs again when the handler returns. A signal that is
        none of ours goes to whom it went before: that disposition is put back, and the
        instruction repeated under it, or the signal sent again. Nothing here is forbidden in a
        handler: no memory is asked for, no lock taken.
        """
        shared = _at(table, np.int64)
        code = _at(info, np.int32)[2]  # siginfo_t.si_code
        address = _at(info, np.int64)[2]  # siginfo_t.si_addr
        if code in (BUS_ADRERR, BUS_MCEERR_AR, BUS_MCEERR_AO):
            for k in range(shared[N_ENTRIES]):
                at = ENTRIES + k * N_ENTRY
                start, stop = shared[at + START], shared[at + STOP]
                if 0 < start <= address < stop:
                    page = address - address % shared[PAGE]
                    shared[at + LOST] = 1  # before others can read the zeros
                    if _mmap(page, stop - page, read, flags, -1, 0) == page:
                        return np.int64(OK)
        _sigaction(sigbus, _bytes(shared[PREVIOUS]), _bytes(0))
        if code <= 0:  # somebody sent it: it would not come again
            _raise(sigbus)
        return np.int64(UNREADABLE)

    return {"guard": guard}
