"""Rows that are asked for, as the compiled loops see them.

A :class:`Part` names rows of one matrix, a :class:`Batch` is what one call of a loop gets: a
descriptor per part (:mod:`mappedviz.gather.layout`), and everything that must stay alive meanwhile.
"""

from __future__ import annotations

import itertools
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from mappedviz._types import Array
from mappedviz.errors import StoreError
from mappedviz.formats.chunks import (
    ChunkCache,
    ChunkedArray,
    Direct,
    FileHandle,
    FilePool,
    os_error,
)
from mappedviz.gather import layout
from mappedviz.gather.addresses import address, addresses
from mappedviz.gather.layout import N_FIELDS, N_FIXED
from mappedviz.gather.mapped_files import Watch
from mappedviz.gather.matrix import CODES, Matrix, Opened
from mappedviz.gather.native import function
from mappedviz.gather.remaps import looked_at

__all__ = ["Batch", "Part", "Target", "target_of"]


_OF_BATCH = struct.Struct(f"={N_FIELDS - N_FIXED}q")
_TYPES = [np.dtype(name) for name in layout.CODES]
#: Decoded chunks of one batch beyond a share of the cache (or this) are gathered in several steps.
STEP_BYTES = 64 << 20


# ------------------------------------------------------------------------------- conversions
# What becomes of stored values: they are of the output's type (or the same bits), the loop
# converts them, or numpy does, after a gather in the stored type.
_SAME, _CONVERT, BY_NUMPY = 0, 1, 2


@dataclass(frozen=True)
class Target:
    """A type of output.

    Attributes
    ----------
    dtype
        The type.
    kind
        Type that the compiled loop writes: the same bits.
    routes, convert
        By stored type: what is done, and what the loop is told.
    """

    dtype: np.dtype[Any]
    kind: str
    routes: tuple[int, ...]
    convert: tuple[int, ...]


_targets: dict[Any, Target] = {}


def target_of(dtype: Any) -> Target:
    """What becomes of stored values in an output of a type; TypeError for one that is none."""
    found = _targets.get(dtype)
    if found is None:
        dtype = np.dtype(dtype)
        if dtype.str[1:] not in CODES or not dtype.isnative:
            raise TypeError(f"rows cannot be read as {dtype}")
        routes = tuple(_route(stored, dtype) for stored in _TYPES)
        is_float = dtype.kind == "f" and dtype.itemsize > 2
        kind = dtype.str[1:] if is_float else f"u{dtype.itemsize}"
        # float16 read as float32 is summed as that, too.
        convert = tuple(
            2 if (stored.str[1:], kind) == ("f2", "f4") else int(route != _SAME)
            for stored, route in zip(_TYPES, routes, strict=True)
        )
        found = _targets[dtype] = Target(dtype, kind, routes, convert)
    return found


def _route(stored: np.dtype[Any], dtype: np.dtype[Any]) -> int:
    if dtype.kind == "f" and dtype.itemsize > 2:
        return _SAME if stored == dtype else _CONVERT
    if dtype.kind == "b":
        return _SAME if stored == dtype else BY_NUMPY
    if dtype.kind in "iu" and stored.kind in "iub" and stored.itemsize == dtype.itemsize:
        return _SAME
    # What a float out of an integer's range becomes, only numpy knows.
    return BY_NUMPY


# --------------------------------------------------------------------------------- one batch
@dataclass(slots=True, eq=False)
class Part:
    """The rows of one matrix in a batch.

    Attributes
    ----------
    matrix
        Where they come from.
    rows
        int64 (k,): rows of the matrix, in any order, repeats welcome.
    out_rows
        int64 (k,): rows of the output that they become; each at most once in a batch.
    remap
        int32 (n_vars,): column of the matrix -> column of the output. -1 drops a column,
        columns that become one are summed. None: columns stay what they are. The array must not
        change once it was used.
    """

    matrix: Matrix
    rows: Array
    out_rows: Array
    remap: Array | None = None


class Batch:
    """Parts as the loops see them, and everything that must stay alive while they run."""

    __slots__ = ("descriptors", "held", "most_chunks", "out_rows", "parts", "rows", "sums", "watch")

    def __init__(self, parts: Sequence[Part], n_cols: int, target: Target) -> None:
        self.parts = parts
        self.watch: Watch | None = None
        self.held: list[Any] = []
        self.most_chunks = 0
        packed = []
        pack, convert = _OF_BATCH.pack, target.convert
        end = 0
        for part in parts:
            matrix = part.matrix
            opened = matrix.touched()
            values_fd = columns_fd = -1
            if opened.values_file is not None or opened.columns_file is not None:
                self.watch = self.watch or Watch()
                values_fd, columns_fd = open_files(matrix, opened, self.held, self.watch)
            if opened.most_chunks > self.most_chunks:
                self.most_chunks = opened.most_chunks
            if part.remap is None:
                address, injective = 0, 2
                if matrix.facts.shape[1] != n_cols:
                    raise ValueError(
                        f"{matrix!r} has another width than the output ({n_cols}) and no remap"
                    )
            else:
                remap = looked_at(part.remap, matrix.facts.shape[1], n_cols)
                address, injective = remap.address, remap.injective
                self.held.append(remap)
            begin, end = end, end + len(part.rows)
            if len(part.out_rows) != end - begin:
                raise ValueError("as many rows as out_rows are needed")
            self.held.append(opened)
            packed.append(opened.fixed)
            packed.append(
                pack(values_fd, columns_fd, address, injective, convert[matrix.code], begin, end)
            )
        self.descriptors = np.frombuffer(bytearray(b"".join(packed)), np.int64)
        self.descriptors = self.descriptors.reshape(len(parts), N_FIELDS)
        self.rows = _as_int64([part.rows for part in parts])
        self.out_rows = _as_int64([part.out_rows for part in parts])
        self.sums = np.zeros(5, np.int64)

    def sort(self) -> None:
        """Put the rows of each matrix in the order of the file.

        So that blocks of rows are read at once, and a disk is read in one direction.
        """
        lengths = [len(part.rows) for part in self.parts]
        order = np.lexsort((self.rows, np.repeat(np.arange(len(lengths)), lengths)))
        self.rows, self.out_rows = self.rows[order], self.out_rows[order]

    def check(self, n_out: int, parts: int = 0, slots: int = 0) -> tuple[int, int, int]:
        """Check rows and row pointers; most values of a row, of all rows, chunk numbers."""
        code = function("check")(
            address(self.descriptors),
            len(self.parts),
            address(self.rows),
            address(self.out_rows),
            n_out,
            parts,
            slots,
            address(self.sums),
        )
        longest, total, spans, p, row = self.sums.tolist()
        if code < 0:
            raise self.error(code, p, row)
        return longest, total, spans

    def wanted(self, spans: int) -> tuple[list[tuple[ChunkedArray, Array]], Array, int]:
        """The chunks that are not read by the loop, all their numbers, and their bytes."""
        ids = np.empty(spans, np.int64)
        n_ids = function("plan")(
            address(self.descriptors),
            len(self.parts),
            address(self.rows),
            self.most_chunks,
            address(ids),
        )
        if n_ids == layout.NO_MEMORY:
            raise MemoryError
        table = self.descriptors
        fields = [layout.D_TABLE, layout.D_IDS, layout.D_COUNT]
        fields += [layout.I_TABLE, layout.I_IDS, layout.I_COUNT]
        wants: list[tuple[ChunkedArray, Array]] = []
        n_bytes = 0
        for part, row in zip(self.parts, table[:, fields].tolist(), strict=True):
            matrix = part.matrix
            for array, (at, first, count) in (
                (matrix.values, row[:3]),
                (matrix.columns, row[3:]),
            ):
                if not at and count and array is not None:
                    wants.append((array, ids[first : first + count]))
                    n_bytes += count * chunk_nbytes(array)
        return wants, ids, n_bytes

    def cache(self) -> ChunkCache:
        """That of the matrices that have one."""
        return next(part.matrix.cache for part in self.parts if part.matrix.cache is not None)

    def decode(self, spans: int) -> bool:
        """Get the chunks that are not read by the loop; False where they are too many for one step."""
        wants, ids, n_bytes = self.wanted(spans)
        if not wants:
            return True
        cache, table = self.cache(), self.descriptors
        if n_bytes > max(cache.max_bytes // 4, STEP_BYTES) and len(self.rows) > 1:
            return False
        chunks = cache.get_many_of(wants)
        flat = list(itertools.chain.from_iterable(chunks))
        found = addresses(flat)
        self.held += (flat, ids, found)
        for at, first in ((layout.D_TABLE, layout.D_IDS), (layout.I_TABLE, layout.I_IDS)):
            missing = table[:, at] == 0
            table[missing, at] = address(found) + 8 * table[missing, first]
            table[missing, first] = address(ids) + 8 * table[missing, first]
        return True

    def settle(self) -> None:
        """Raise StoreError if a mapped file is not what it was when it was opened."""
        if self.watch is not None:
            self.watch.settle(len(self.rows))

    def error(self, code: int, p: int, row: int) -> Exception:
        """What a return code means."""
        self.settle()
        matrix = self.parts[p].matrix
        if code == layout.BAD_ROW:
            return IndexError(f"{matrix!r} has no row {row}")
        if code == layout.BAD_OUT_ROW:
            return IndexError(f"the output has no row {row}")
        if code == layout.BAD_INDEX:
            return matrix.bad_index(row)
        if code in (layout.SHORT, layout.UNREADABLE):
            return _file_error(matrix, code)
        if code == layout.NO_MEMORY:
            return MemoryError()
        return matrix.error(f"has row pointers or chunks that do not fit together at row {row}")


def chunk_nbytes(array: ChunkedArray) -> int:
    n = array.dtype.itemsize
    for size in array.chunk_shape:
        n *= size
    return n


def _as_int64(arrays: list[Array]) -> Array:
    whole = np.concatenate(arrays) if len(arrays) > 1 else np.ascontiguousarray(arrays[0])
    if whole.dtype != np.int64:
        if whole.dtype.kind not in "iu":
            raise TypeError(f"rows are integers, not {whole.dtype}")
        whole = whole.astype(np.int64)
    return whole


def open_files(matrix: Matrix, opened: Opened, held: list[Any], watch: Watch) -> tuple[int, int]:
    """Sources of the values and of the columns, as the loop knows them; -1 where it reads no file."""
    files = cast(ChunkCache, matrix.cache).files
    values, columns = opened.values_file, opened.columns_file
    values_from = columns_from = -1
    if values is not None:
        handle = files.get(values.path)
        held.append(handle)
        values_from = source_of(handle, values, files, opened, watch)
    if columns is not None:
        if values is not None and values.path == columns.path:
            columns_from = values_from
        else:
            handle = files.get(columns.path)
            held.append(handle)
            columns_from = source_of(handle, columns, files, opened, watch)
    return values_from, columns_from


def source_of(
    handle: FileHandle, direct: Direct, files: FilePool, opened: Opened, watch: Watch
) -> int:
    # To map and unmap a file again and again costs more than it saves.
    if opened.mappable and not files.crowded and handle.stamp == direct.stamp:
        place = watch.address(handle)
        if place:
            return -1 - place
    handle.verify(direct.stamp)
    return handle.fd


def _file_error(matrix: Matrix, code: int) -> Exception:
    """Why the loop could not read a file."""
    opened = matrix.opened()
    path = matrix.store
    for direct in (opened.values_file, opened.columns_file):
        if direct is None:
            continue
        path = direct.path
        try:
            handle = FileHandle(path)
            handle.verify(direct.stamp)
            if code == layout.UNREADABLE:
                os.pread(handle.fd, 1, int(direct.offsets.max()))
        except StoreError as error:
            return error
        except OSError as error:
            return os_error(error, path)
    found = "is shorter than when it was opened" if code == layout.SHORT else "could not be read"
    return StoreError(found, store=path, key=matrix.key, remedy="Open the collection again.")
