"""Rows that are asked for, as the compiled core gets them.

A :class:`Part` names rows of one matrix; a :class:`Batch` is what the core is called with: a
descriptor per part (:mod:`mappedviz.gather.layout`), and everything that must stay alive meanwhile.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from mappedviz._types import Array
from mappedviz.errors import StoreError
from mappedviz.formats.cache import ChunkCache
from mappedviz.formats.files import AnyFile, FileHandle, FilePool, os_error
from mappedviz.gather import layout
from mappedviz.gather.addresses import address
from mappedviz.gather.layout import CODES, N_FIELDS, N_FIXED
from mappedviz.gather.mapped_files import MappedFile, Watch
from mappedviz.native import function

if TYPE_CHECKING:
    from mappedviz.formats.chunks import ChunkedArray
    from mappedviz.formats.sources import Direct
    from mappedviz.gather.matrix import Matrix, Opened
    from mappedviz.recipe.column_map import ColumnMap

__all__ = ["Batch", "Part", "Target", "open_files", "order_of", "sum_dtype", "target_of"]


_OF_BATCH = struct.Struct(f"={N_FIELDS - N_FIXED}q")
#: Decoded chunks of one batch beyond a share of the cache (or this) are gathered in several steps.
STEP_BYTES = 64 << 20


# ------------------------------------------------------------------------------------- types
@dataclass(frozen=True)
class Target:
    """A type of output.

    Attributes
    ----------
    dtype
        The type.
    code
        The number that the core knows it by.
    bound
        The number of the integer type that sums must fit, -1 for none.
    """

    dtype: np.dtype[Any]
    code: int
    bound: int

    def by_numpy(self, matrix: Matrix) -> bool:
        """Whether numpy must convert: only it knows what floats outside of a range become."""
        return self.dtype.kind in "iu" and matrix.facts.dtype.kind == "f"

    def before_numpy(self, matrix: Matrix) -> Target:
        """The type that numpy converts from, with the bound of this one."""
        code = CODES["f8" if matrix.facts.dtype.itemsize == 8 else "f4"]
        return Target(np.dtype(layout.TYPES[code]), code, self.bound)


_targets: dict[Any, Target] = {}


def target_of(dtype: Any) -> Target:
    """The output of a type; TypeError for a type that cannot be one."""
    found = _targets.get(dtype)
    if found is None:
        dtype = np.dtype(dtype)
        code = CODES.get(dtype.str[1:], -1)
        if code < 0 or not dtype.isnative:
            raise TypeError(f"rows cannot be read as {dtype}")
        found = _targets[dtype] = Target(dtype, code, code if dtype.kind in "iu" else -1)
    return found


def sum_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """A type that holds sums of values of a type: that in which they are summed.

    Examples
    --------
    >>> sum_dtype(np.dtype("uint8")), sum_dtype(np.dtype("float16"))
    (dtype('int64'), dtype('float32'))
    """
    if dtype.kind in "biu":
        return np.dtype(np.uint64 if dtype == np.uint64 else np.int64)
    return np.dtype(np.float32) if dtype == np.float16 else dtype


def order_of(columns: ColumnMap) -> int:
    """What the core may rely on: 1, no two columns become one; 2, and they stay in order."""
    return 2 if columns.ascending else int(columns.injective)


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
    columns
        The column of the output of each column of the matrix; those that become one are summed.
        None: columns stay what they are.
    """

    matrix: Matrix
    rows: Array
    out_rows: Array
    columns: ColumnMap | None = None


class Batch:
    """Parts as the core gets them, and everything that must stay alive while it runs."""

    __slots__ = (
        "_descriptors",
        "call",
        "held",
        "is_whole",
        "most_chunks",
        "out_rows",
        "parts",
        "rows",
        "table",
        "target",
        "watch",
    )

    def __init__(self, parts: Sequence[Part], n_cols: int, target: Target) -> None:
        self.parts = parts
        self.target = target
        self.watch: Watch | None = None
        self.held: list[Any] = []
        self.most_chunks = 0
        packed = []
        pack = _OF_BATCH.pack
        end = 0
        for part in parts:
            matrix = part.matrix
            opened = matrix.touched()
            sources = (-1, 0, -1, 0)
            if opened.values_file is not None or opened.columns_file is not None:
                self.watch = self.watch or Watch()
                sources = open_files(matrix, opened, self.held, self.watch)
            if opened.most_chunks > self.most_chunks:
                self.most_chunks = opened.most_chunks
            at, order = check_columns(matrix, part.columns, n_cols)
            begin, end = end, end + len(part.rows)
            if len(part.out_rows) != end - begin:
                raise ValueError("as many rows as out_rows are needed")
            self.held.append(opened)
            packed.append(opened.fixed)
            packed.append(pack(*sources, at, order, begin, end))
        self._descriptors = bytearray(b"".join(packed))
        self.table: Array = np.frombuffer(self._descriptors, np.int64).reshape(-1, N_FIELDS)
        self.rows = _as_int64([part.rows for part in parts])
        self.out_rows = _as_int64([part.out_rows for part in parts])
        self.is_whole = False
        if self.most_chunks:  # some have to be decoded
            for part, row in zip(parts, self.table, strict=True):
                self.is_whole |= self._use_whole(part.matrix, row)
        self.call = layout.BatchCall(
            matrices=address(self.table),
            n_matrices=len(parts),
            n_cols=n_cols,
            type=target.code,
            bound=target.bound,
        )

    def _use_whole(self, matrix: Matrix, row: Array) -> bool:
        """Read compressed arrays from the cache without a look-up, where it has all of them."""
        cache = matrix.cache
        if cache is None:
            return False
        used = False
        for array, at in ((matrix.values, layout.VALUES), (matrix.columns, layout.COLUMNS)):
            if array is not None and not row[at + layout.TABLE]:
                whole = cache.whole(array)
                if whole is not None:
                    row[at + layout.TABLE] = address(whole.addresses)
                    row[at + layout.COUNT] = len(whole.chunks)
                    self.held.append(whole)
                    used = True
        return used

    def sort(self) -> None:
        """Put the rows of each matrix in the order of the file.

        So that blocks of rows are read at once, and a disk is read in one direction.
        """
        lengths = [len(part.rows) for part in self.parts]
        order = np.lexsort((self.rows, np.repeat(np.arange(len(lengths)), lengths)))
        self.rows, self.out_rows = self.rows[order], self.out_rows[order]

    def check(self, n_out: int) -> None:
        """Check rows and row pointers, and size up the work (fields of ``call``)."""
        call = self.call
        call.rows, call.out_rows = address(self.rows), address(self.out_rows)
        call.n_out = n_out
        self.run("check", call)

    def run(self, name: str, call: layout.BatchCall) -> int:
        """Call the core; the error that a return code means is raised."""
        code = function(name)(ctypes.addressof(call))
        if code < 0 and code != layout.RECOUNT:
            raise self._error(code, call.failed_part, call.failed_row)
        return code

    def wanted(self) -> tuple[list[tuple[ChunkedArray, Array]], Array, int]:
        """The chunks that have to be decoded, all their numbers, and their bytes."""
        ids = np.empty(self.call.spans, np.int64)
        self.call.ids, self.call.most_chunks = address(ids), self.most_chunks
        self.run("plan", self.call)
        wants: list[tuple[ChunkedArray, Array]] = []
        n_bytes = 0
        for part, row in zip(self.parts, self.table.tolist(), strict=True):
            matrix = part.matrix
            for array, at in ((matrix.values, layout.VALUES), (matrix.columns, layout.COLUMNS)):
                count = row[at + layout.COUNT]
                if not row[at + layout.TABLE] and count and array is not None:
                    first = (row[at + layout.IDS] - self.call.ids) // 8
                    wants.append((array, ids[first : first + count]))
                    n_bytes += count * chunk_nbytes(array)
        return wants, ids, n_bytes

    def cache(self) -> ChunkCache:
        """That of the matrices that have one."""
        return next(part.matrix.cache for part in self.parts if part.matrix.cache is not None)

    def decode(self) -> bool:
        """Get the chunks that have to be decoded; False where they are too many for one step."""
        if not self.call.spans:
            return True
        wants, ids, n_bytes = self.wanted()
        if not wants:
            return True
        cache, table = self.cache(), self.table
        if n_bytes > max(cache.max_bytes // 4, STEP_BYTES) and len(self.rows) > 1:
            return False
        flat = list(itertools.chain.from_iterable(cache.get_many_of(wants)))
        found = np.array([chunk.address for chunk in flat], np.int64)
        self.held += (flat, ids, found)
        # The addresses stand in the order of the numbers: what is found there lies as far in one
        # array as in the other.
        for at in (layout.VALUES, layout.COLUMNS):
            missing = (table[:, at + layout.TABLE] == 0) & (table[:, at + layout.COUNT] > 0)
            moved = table[missing, at + layout.IDS] - self.call.ids
            table[missing, at + layout.TABLE] = address(found) + moved
        return True

    def settle(self) -> None:
        """Raise StoreError if a mapped file is not what it was when it was opened."""
        if self.watch is not None:
            self.watch.settle(len(self.rows))

    def _error(self, code: int, p: int, row: int) -> Exception:
        """The error that a return code means."""
        self.settle()
        if code == layout.NO_MEMORY:
            return MemoryError()
        matrix = self.parts[p].matrix
        if code == layout.BAD_ROW:
            return IndexError(f"{matrix!r} has no row {row}")
        if code == layout.BAD_OUT_ROW:
            return IndexError(f"the output has no row {row}")
        if code == layout.BAD_INDEX:
            return matrix.bad_index(row)
        if code == layout.TOO_LARGE:
            dtype = np.dtype(layout.TYPES[self.target.bound if self.target.bound >= 0 else 7])
            return matrix.error(
                f"repeats columns in row {row}, whose sum does not fit {dtype}",
                'Ask for a type that holds it, such as dtype="'
                + ("int64" if dtype.itemsize < 8 else "float64")
                + '".',
            )
        if code in (layout.SHORT, layout.UNREADABLE):
            return _file_error(matrix, code)
        return matrix.error(f"has row pointers or chunks that do not fit together at row {row}")


def check_columns(matrix: Matrix, columns: ColumnMap | None, n_cols: int) -> tuple[int, int]:
    """Address and order of a column map, which must fit a matrix and an output."""
    n_vars = matrix.facts.shape[1]
    if columns is None:
        if n_vars != n_cols:
            raise ValueError(
                f"{matrix!r} has another width than the output ({n_cols}) and no column map"
            )
        return 0, 2
    if len(columns.array) != n_vars or columns.highest >= n_cols:
        raise ValueError(
            f"a column map of {len(columns)} columns to 0 … {columns.highest} "
            f"for {n_vars} columns and an output of {n_cols}"
        )
    return columns.address, order_of(columns)


def chunk_nbytes(array: ChunkedArray) -> int:
    """The bytes of a decoded chunk."""
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


# --------------------------------------------------------------------------------- its files
def open_files(
    matrix: Matrix, opened: Opened, held: list[Any], watch: Watch
) -> tuple[int, int, int, int]:
    """Sources (descriptor, origin) of the values and of the columns; -1, 0 where there is no file."""
    files = cast(ChunkCache, matrix.cache).files
    values, columns = opened.values_file, opened.columns_file
    values_from = columns_from = (-1, 0)
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
    return *values_from, *columns_from


def source_of(
    handle: AnyFile, direct: Direct, files: FilePool, opened: Opened, watch: Watch
) -> tuple[int, int]:
    """Descriptor of a file, or -1 and the address where it is mapped."""
    # To map and unmap a file again and again costs more than it saves.
    if (
        opened.mappable
        and isinstance(handle, MappedFile)
        and not files.crowded
        and handle.stamp == direct.stamp
    ):
        place = watch.address(handle)
        if place:
            return -1, place
    handle.verify(direct.stamp)
    return handle.fd, 0


def _file_error(matrix: Matrix, code: int) -> Exception:
    """Why the core could not read a file."""
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
