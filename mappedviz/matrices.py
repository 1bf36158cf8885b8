"""Rows out of stored matrices, whatever their format, into one dense or CSR batch.

A :class:`Matrix` knows where its chunks lie; :func:`gather_dense` and :func:`gather_csr` read rows of
many matrices in one call of a compiled loop. Unfiltered chunks are read by that loop, straight
from the file; compressed ones come decoded out of the cache.

The result is, bit for bit, what this slow route gives: the rows as stored, repeated entries of a
row summed in the stored type (booleans: or); columns mapped, those that become one summed in the
stored type and in the order of the columns; then ``astype`` to the type of the output. float16
is summed as float32.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import math
import os
import struct
import sys
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from mappedviz import layout
from mappedviz.chunks import (
    ChunkCache,
    ChunkedArray,
    Direct,
    FileHandle,
    FilePool,
    StoredArray,
    default_threads,
    os_error,
)
from mappedviz.elements import MatrixFacts, matrix_facts
from mappedviz.errors import ElementError, StoreError
from mappedviz.layout import N_FIELDS, N_FIXED
from mappedviz.mapped_files import Watch, refuse_lost
from mappedviz.native import function
from mappedviz.nodes import ArrayNode, GroupNode

__all__ = ["Matrix", "Part", "decode_ahead", "gather_csr", "gather_dense", "gather_row"]

Array: TypeAlias = npt.NDArray[Any]

_FIXED = struct.Struct(f"={N_FIXED}q")
_OF_BATCH = struct.Struct(f"={N_FIELDS - N_FIXED}q")
_CODES = {name: code for code, name in enumerate(layout.CODES)}
_TYPES = [np.dtype(name) for name in layout.CODES]
# Decoded chunks of one batch beyond a share of the cache (or this) are gathered in several steps.
_STEP_BYTES = 64 << 20
#: Reading rows one by one, a file is looked at again after this long: what changes it faster could
#: as well have done so during the read before.
TRUST_SECONDS = 1e-3
# Rows of smaller batches are too far apart for their order to matter.
_WORTH_SORTING = 256
_CAN_PREAD = sys.platform != "win32"
_WRITE_AGAIN = "Write the store again with anndata, or leave it out."


# ------------------------------------------------------------------------------- conversions
# What becomes of stored values: they are of the output's type (or the same bits), the loop
# converts them, or numpy does, after a gather in the stored type.
_SAME, _CONVERT, _BY_NUMPY = 0, 1, 2


@dataclass(frozen=True)
class _Target:
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


_targets: dict[Any, _Target] = {}


def _target(dtype: Any) -> _Target:
    found = _targets.get(dtype)
    if found is None:
        dtype = np.dtype(dtype)
        if dtype.str[1:] not in _CODES or not dtype.isnative:
            raise TypeError(f"rows cannot be read as {dtype}")
        routes = tuple(_route(stored, dtype) for stored in _TYPES)
        is_float = dtype.kind == "f" and dtype.itemsize > 2
        kind = dtype.str[1:] if is_float else f"u{dtype.itemsize}"
        # float16 read as float32 is summed as that, too.
        convert = tuple(
            2 if (stored.str[1:], kind) == ("f2", "f4") else int(route != _SAME)
            for stored, route in zip(_TYPES, routes, strict=True)
        )
        found = _targets[dtype] = _Target(dtype, kind, routes, convert)
    return found


def _route(stored: np.dtype[Any], dtype: np.dtype[Any]) -> int:
    if dtype.kind == "f" and dtype.itemsize > 2:
        return _SAME if stored == dtype else _CONVERT
    if dtype.kind == "b":
        return _SAME if stored == dtype else _BY_NUMPY
    if dtype.kind in "iu" and stored.kind in "iub" and stored.itemsize == dtype.itemsize:
        return _SAME
    # What a float out of an integer's range becomes, only numpy knows.
    return _BY_NUMPY


# --------------------------------------------------------------------------------- addresses
def _slow_address(array: Array) -> int:
    return array.ctypes.data


def _fast_address() -> Callable[[Array], int] | None:
    """Read the data pointer where numpy's ABI has it, behind the head of the object.

    ``array.ctypes.data`` takes four times as long, and a row at a time is a matter of
    microseconds.
    """
    head, at = object.__basicsize__, ctypes.c_void_p.from_address
    for probe in (np.zeros(3), np.zeros((4, 4), np.int8)[1:]):
        if sys.implementation.name != "cpython" or at(id(probe) + head).value != probe.ctypes.data:
            return None
    return lambda array: at(id(array) + head).value or 0


_address = _fast_address() or _slow_address


def _addresses(arrays: Sequence[Array]) -> Array:
    """int64 (n,): where the elements of many arrays are."""
    if _address is _slow_address:
        return np.fromiter(map(_slow_address, arrays), np.int64, len(arrays))
    heads = np.fromiter(map(id, arrays), np.int64, len(arrays))
    heads += object.__basicsize__
    function("follow")(_address(heads), len(heads))
    return heads


# ---------------------------------------------------------------------------------- matrices
class _Opened:
    """What reading a matrix needs in memory; addresses of it stand in ``fixed``."""

    __slots__ = (
        "__weakref__",
        "checked",
        "columns_file",
        "fixed",
        "held",
        "lengths",
        "mappable",
        "most_chunks",
        "nbytes",
        "pointers",
        "row_call",
        "values_file",
    )

    def __init__(
        self,
        fields: dict[int, int],
        held: Sequence[Array],
        pointers: Array | None = None,
        values_file: Direct | None = None,
        columns_file: Direct | None = None,
        most_chunks: int = 0,
        *,
        mappable: bool = False,
    ) -> None:
        row = [0] * N_FIXED
        for field, value in fields.items():
            row[field] = value
        self.fixed = _FIXED.pack(*row)
        self.held = held
        self.pointers = pointers
        self.values_file = values_file
        self.columns_file = columns_file
        self.most_chunks = most_chunks
        self.mappable = mappable
        self.nbytes = sum(array.nbytes for array in held) + 512
        self.checked = 0.0
        self.row_call: tuple[Any, ...] | None = None
        self.lengths: _Lengths | None = None


class Matrix:
    """One stored matrix, opened in this process for reading rows; thread-safe.

    It holds no file open. Row pointers are read at the first gather, checked, and counted in
    the cache. A CSC matrix is converted to CSR in memory, once, as long as it fits in half of the
    cache.

    Attributes
    ----------
    facts
        What the matrix is.
    store, key
        Where it is.
    """

    def __init__(self, facts: MatrixFacts, store: str, key: str) -> None:
        self.facts = facts
        self.store = store
        self.key = key
        self._cache: ChunkCache | None = None
        self._values: ChunkedArray | None = None
        self._columns: ChunkedArray | None = None
        self._indptr: ChunkedArray | None = None
        self._strong: _Opened | None = None
        self._weak: Callable[[], _Opened | None] = lambda: None
        self._name = object()  # in the cache
        self.is_dense = facts.kind == "dense"
        if facts.dtype.str[1:] not in _CODES:
            raise self._error(f"has values of {facts.dtype}", "Write it as float32.")
        if facts.shape[1] >= 2**31:
            raise self._error(f"has {facts.shape[1]} columns, more than can be joined")
        self.code = _CODES[facts.dtype.str[1:]]

    def __repr__(self) -> str:
        shape = " × ".join(map(str, self.facts.shape))
        return f"<Matrix {self.key} of {self.store}: {shape} {self.facts.dtype} {self.facts.kind}>"

    @classmethod
    def open(cls, node: GroupNode | ArrayNode, cache: ChunkCache) -> Matrix:
        """The matrix at a node, whose store may be closed afterwards.

        Parameters
        ----------
        node
            A group (CSR, CSC) or an array of two dimensions.
        cache
            Keeps decoded chunks and row pointers.

        Raises
        ------
        ElementError
            The node is no matrix, or its parts contradict each other.
        """
        facts = matrix_facts(node)
        if facts is None:
            raise ElementError("is null, no matrix", store=node.store, key=node.name)
        matrix = cls(facts, node.store, node.name)
        matrix._cache = cache
        if isinstance(node, ArrayNode):
            matrix._values = node.chunked()
        else:
            matrix._values, matrix._columns, matrix._indptr = (
                cast(ArrayNode, node[name]).chunked() for name in ("data", "indices", "indptr")
            )
            if isinstance(matrix._columns, StoredArray):
                # Weakly: a cycle would keep gigabytes of cached chunks until the next collection.
                this = weakref.ref(matrix)
                matrix._columns = replace(matrix._columns, absent=lambda chunk: _check(this, chunk))
        return matrix

    @classmethod
    def from_csr(
        cls,
        indptr: Array,
        indices: Array,
        data: Array,
        n_vars: int,
        *,
        store: str = "",
        key: str = "",
    ) -> Matrix:
        """A CSR matrix that is in memory already; the arrays must not change.

        Parameters
        ----------
        indptr, indices, data
            As of scipy, in native byte order; any type of integers as indices.
        n_vars
            Number of columns.
        store, key
            What errors call it.
        """
        indices, data = np.ascontiguousarray(indices), np.ascontiguousarray(data)
        if len(indices) != len(data):
            raise ValueError("as many indices as values are needed")
        facts = MatrixFacts("csr", (len(indptr) - 1, n_vars), data.dtype, indices.dtype, len(data))
        matrix = cls(facts, store, key)
        pointers = matrix._checked_pointers(indptr)
        matrix._strong = _resident(matrix, pointers, indices, data)
        return matrix

    # ---------------------------------------------------------------------------- opening
    def check(self) -> None:
        """Read and check the row pointers now, not at the first gather."""
        self._opened()

    def _opened(self) -> _Opened:
        """What reading needs, made at the first call."""
        return self._strong or self._weak() or self._touched()

    def _touched(self) -> _Opened:
        """The same, marked as recently used in the cache."""
        cache = self._cache
        if cache is None:
            return cast(_Opened, self._strong)
        opened = cache.get_or_make(self._name, self._make, _size)
        if self.facts.kind == "csc":
            self._weak = weakref.ref(opened)  # so large that the cache must be able to drop it
        else:
            self._strong = opened
        return opened

    def _make(self) -> _Opened:
        if self._strong is not None:  # the cache had dropped it
            return self._strong
        values, columns, facts = self._values, self._columns, self.facts
        assert values is not None
        if facts.kind == "csc":
            return self._converted()
        held: list[Array] = []
        fields = {
            layout.N_ROWS: facts.shape[0],
            layout.N_VARS: facts.shape[1],
            layout.CODE: self.code,
            layout.ITEM: facts.dtype.itemsize,
            layout.D_LEN: max(values.chunk_shape[0], 1),
        }
        values_file = _located(values, fields, layout.D_TABLE, layout.D_COUNT, held)
        if columns is None:
            fields[layout.DENSE] = 1
            fields[layout.I_TABLE] = -1  # no column indices, hence none to look for
            fields[layout.D_COLS] = max(values.chunk_shape[1], 1)
            fields[layout.D_GRID] = values.grid[1]
            most = 0 if values_file else values.grid[0]
            mappable = _mappable(values)
            return _Opened(fields, held, None, values_file, None, most, mappable=mappable)
        columns_file = _located(columns, fields, layout.I_TABLE, layout.I_COUNT, held)
        pointers = self._read_pointers()
        held.append(pointers)
        fields |= _sparse_fields(self, pointers)
        fields[layout.I_LEN] = max(columns.chunk_shape[0], 1)
        most = max(0 if values_file else values.n_chunks, 0 if columns_file else columns.n_chunks)
        mappable = _mappable(values) and _mappable(columns)
        return _Opened(fields, held, pointers, values_file, columns_file, most, mappable=mappable)

    def _read_pointers(self) -> Array:
        assert self._indptr is not None
        return self._checked_pointers(self._whole(self._indptr))

    def _check_absent(self, chunk: int) -> None:
        """Refuse a chunk of indices that was never written, unless all of it can be column 0.

        zarr leaves out chunks of zeros, but a row has column 0 no more than once: what is
        absent otherwise was lost.
        """
        assert self._columns is not None
        length = self._columns.chunk_shape[0]
        inside = np.clip(self._read_pointers(), chunk * length, (chunk + 1) * length)
        if np.diff(inside).max(initial=0) > 1:
            raise self._error(
                f"has lost chunk {chunk} of its indices", "Copy or download it again."
            )

    def _whole(self, array: ChunkedArray) -> Array:
        """All elements of a 1-d array, past the cache: they are asked for once."""
        assert self._cache is not None
        whole = np.empty(array.shape, array.dtype)
        size = max(array.chunk_shape[0], 1)
        for chunk in range(array.n_chunks):
            here = whole[chunk * size : (chunk + 1) * size]
            here[:] = array.load(chunk, self._cache.files)[: len(here)]
        return whole

    def _checked_pointers(self, pointers: Array) -> Array:
        """Row pointers in the smallest type that the loops know."""
        nnz = cast(int, self.facts.nnz)
        if pointers.dtype.kind not in "iu":
            raise self._error(f"has an indptr of {pointers.dtype}, not of integers")
        if nnz and not pointers.any():
            raise self._error(
                f"has an indptr of zeros although {nnz} values are stored: it was never "
                "written, or lost"
            )
        if int(pointers[0]) != 0:
            raise self._error(f"has an indptr that begins with {pointers[0]}, not with 0")
        descents = np.flatnonzero(pointers[1:] < pointers[:-1])
        if len(descents):
            at = int(descents[0])
            line = "column" if self.facts.kind == "csc" else "row"
            raise self._error(
                f"has an indptr that descends from {pointers[at]} to {pointers[at + 1]} "
                f"at {line} {at}"
            )
        if int(pointers[-1]) != nnz:
            raise self._error(f"has an indptr that ends with {pointers[-1]}, but {nnz} values")
        return np.ascontiguousarray(pointers, dtype=np.uint32 if nnz < 2**32 else np.int64)

    def _converted(self) -> _Opened:
        """A CSC matrix as a CSR one."""
        assert self._cache is not None
        values, columns, indptr = self._values, self._columns, self._indptr
        assert values is not None
        assert columns is not None
        assert indptr is not None
        nnz = cast(int, self.facts.nnz)
        n_rows, n_vars = self.facts.shape
        index = np.dtype(np.int32 if max(nnz, n_rows, n_vars) < 2**31 else np.int64)
        size = nnz * (self.facts.dtype.itemsize + index.itemsize) + 4 * n_rows
        if size > self._cache.max_bytes // 2:
            raise self._error(
                f"is stored by columns (CSC), of which rows need {size / 2**20:.0f} MiB in memory, "
                f"more than half of the cache of {self._cache.max_bytes / 2**20:.0f} MiB",
                f"Raise cache_bytes, or convert it: {self._conversion()}",
            )
        from scipy import sparse

        pointers = self._checked_pointers(self._whole(indptr))
        rows = self._whole(columns)
        wrong = np.flatnonzero((rows < 0) | (rows >= n_rows))
        if len(wrong):
            at = int(wrong[0])
            column = int(np.searchsorted(pointers, at, side="right")) - 1
            raise self._error(
                f"has the row index {rows[at]} in column {column}, outside of its {n_rows} rows"
            )
        data = self._whole(values)
        bits = data.view(f"u{data.itemsize}")  # moved, not computed with
        csc = sparse.csc_matrix(
            (bits, rows.astype(index), pointers.astype(index)), shape=self.facts.shape
        )
        csr = csc.tocsr()
        small = csr.indptr.astype(np.uint32 if nnz < 2**32 else np.int64)
        return _resident(self, small, csr.indices, csr.data.view(data.dtype))

    def _conversion(self) -> str:
        """Code that writes the store with this matrix as CSR."""
        group, _, name = self.key.partition("/")
        if group == "raw":
            change = "raw = a.raw.to_adata(); raw.X = raw.X.tocsr(); a.raw = raw"
        else:
            what = f'a.{group}["{name}"]' if name else f"a.{group}"
            change = f"{what} = {what}.tocsr()"
        reader = "read_zarr" if ".zarr" in self.store else "read_h5ad"
        return (
            f'import anndata; a = anndata.{reader}("{self.store}"); {change}; '
            'a.write_h5ad("converted.h5ad")'
        )

    # ----------------------------------------------------------------------------- errors
    def _error(self, found: str, remedy: str = _WRITE_AGAIN) -> ElementError:
        return ElementError(found, store=self.store or None, key=self.key or None, remedy=remedy)

    def _bad_index(self, row: int) -> ElementError:
        """Say which of a row's column indices is outside of the matrix."""
        opened = self._opened()
        pointers = cast(Array, opened.pointers)
        start, stop = int(pointers[row]), int(pointers[row + 1])
        if self._columns is None or self.facts.kind == "csc":
            columns = opened.held[-2][start:stop]
        else:
            assert self._cache is not None
            size = self._columns.chunk_shape[0]
            first = start // size
            chunks = [
                self._columns.load(chunk, self._cache.files)
                for chunk in range(first, (stop - 1) // size + 1)
            ]
            columns = np.concatenate(chunks)[start - first * size : stop - first * size]
        wrong = columns[(columns < 0) | (columns >= self.facts.shape[1])]
        value = wrong[0] if len(wrong) else "?"
        return self._error(
            f"has the column index {value} in row {row}, outside of its "
            f"{self.facts.shape[1]} columns"
        )


def _check(matrix: weakref.ref[Matrix], chunk: int) -> None:
    this = matrix()
    if this is not None:
        this._check_absent(chunk)


def _size(opened: _Opened) -> int:
    return opened.nbytes


def _located(
    array: ChunkedArray, fields: dict[int, int], table: int, count: int, held: list[Array]
) -> Direct | None:
    """Let the loop read an array from its file, where that is possible."""
    direct = array.direct
    if direct is None or not _CAN_PREAD or not array.n_chunks:
        return None
    offsets = np.ascontiguousarray(direct.offsets, dtype=np.int64)
    held.append(offsets)
    fields[table] = _address(offsets)
    fields[count] = array.n_chunks
    return direct


def _mappable(array: ChunkedArray) -> bool:
    """Whether the file has all of an array, at addresses that its type may have."""
    direct = array.direct
    if direct is None or not array.n_chunks:
        return False
    length, *width = array.chunk_shape
    item = array.dtype.itemsize
    first = np.arange(array.n_chunks) // math.prod(array.grid[1:]) * length
    n_bytes = np.minimum(length, array.shape[0] - first) * math.prod(width) * item
    ends = direct.offsets + n_bytes
    return int(ends.max()) <= direct.stamp.size and not (direct.offsets % item).any()


def _sparse_fields(matrix: Matrix, pointers: Array) -> dict[int, int]:
    index_dtype = cast("np.dtype[Any]", matrix.facts.index_dtype)
    return {
        layout.NNZ: cast(int, matrix.facts.nnz),
        layout.INDPTR: _address(pointers),
        layout.INDPTR_WIDE: int(pointers.dtype.itemsize == 8),
        layout.INDEX_CODE: _CODES[index_dtype.str[1:]],
        layout.INDEX_ITEM: index_dtype.itemsize,
    }


def _resident(matrix: Matrix, pointers: Array, indices: Array, data: Array) -> _Opened:
    """Arrays in memory as a matrix of one chunk."""
    tables = np.array([_address(data), _address(indices)], dtype=np.int64)
    size = max(len(data), 1)
    fields = {
        layout.N_ROWS: matrix.facts.shape[0],
        layout.N_VARS: matrix.facts.shape[1],
        layout.CODE: matrix.code,
        layout.ITEM: data.itemsize,
        layout.D_LEN: size,
        layout.I_LEN: size,
        layout.D_TABLE: _address(tables),
        layout.I_TABLE: _address(tables) + 8,
        layout.D_COUNT: 1,
        layout.I_COUNT: 1,
        **_sparse_fields(matrix, pointers),
        layout.INDEX_CODE: _CODES[indices.dtype.str[1:]],
        layout.INDEX_ITEM: indices.itemsize,
    }
    return _Opened(fields, [pointers, tables, indices, data], pointers)


# ------------------------------------------------------------------------------------ remaps
class _Remap:
    """A remap that was looked at once."""

    __slots__ = ("address", "array", "highest", "injective", "keeps_all", "size", "source")

    def __init__(self, remap: Array) -> None:
        array = np.ascontiguousarray(remap, dtype=np.int32)
        if array.ndim != 1 or remap.dtype.kind not in "iu" or (array.min(initial=0) < -1):
            raise ValueError("a remap has one integer per column, -1 where it is dropped")
        kept = array[array >= 0]
        self.array = array if array is not remap else None  # the caller holds its own
        self.size = len(array)
        self.highest = int(kept.max(initial=-1))
        self.keeps_all = len(kept) == len(array)
        self.injective = int(not len(kept) or int(np.bincount(kept).max()) == 1)
        if (kept[1:] > kept[:-1]).all():
            self.injective = 2
        self.address = _address(array)
        key = id(remap)
        forget = _remaps.pop  # the module may be gone before the last array, when Python exits
        self.source = weakref.ref(remap, lambda _: forget(key, None))


_remaps: dict[int, _Remap] = {}


def _looked_at(remap: Array, n_vars: int, n_cols: int) -> _Remap:
    found = _remaps.get(id(remap))
    if found is None or found.source() is not remap:
        found = _remaps[id(remap)] = _Remap(remap)
    if found.size != n_vars or found.highest >= n_cols:
        raise ValueError(
            f"a remap of {found.size} columns to 0 … {found.highest} "
            f"for {n_vars} columns and an output of {n_cols}"
        )
    return found


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


class _Batch:
    """Parts as the loops see them, and everything that must stay alive while they run."""

    __slots__ = ("descriptors", "held", "most_chunks", "out_rows", "parts", "rows", "sums", "watch")

    def __init__(self, parts: Sequence[Part], n_cols: int, target: _Target) -> None:
        self.parts = parts
        self.watch: Watch | None = None
        self.held: list[Any] = []
        self.most_chunks = 0
        packed = []
        pack, convert = _OF_BATCH.pack, target.convert
        end = 0
        for part in parts:
            matrix = part.matrix
            opened = matrix._touched()
            values_fd = columns_fd = -1
            if opened.values_file is not None or opened.columns_file is not None:
                self.watch = self.watch or Watch()
                values_fd, columns_fd = _open_files(matrix, opened, self.held, self.watch)
            if opened.most_chunks > self.most_chunks:
                self.most_chunks = opened.most_chunks
            if part.remap is None:
                address, injective = 0, 2
                if matrix.facts.shape[1] != n_cols:
                    raise ValueError(
                        f"{matrix!r} has another width than the output ({n_cols}) and no remap"
                    )
            else:
                remap = _looked_at(part.remap, matrix.facts.shape[1], n_cols)
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
            _address(self.descriptors),
            len(self.parts),
            _address(self.rows),
            _address(self.out_rows),
            n_out,
            parts,
            slots,
            _address(self.sums),
        )
        longest, total, spans, p, row = self.sums.tolist()
        if code < 0:
            raise self.error(code, p, row)
        return longest, total, spans

    def wanted(self, spans: int) -> tuple[list[tuple[ChunkedArray, Array]], Array, int]:
        """The chunks that are not read by the loop, all their numbers, and their bytes."""
        ids = np.empty(spans, np.int64)
        n_ids = function("plan")(
            _address(self.descriptors),
            len(self.parts),
            _address(self.rows),
            self.most_chunks,
            _address(ids),
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
                (matrix._values, row[:3]),
                (matrix._columns, row[3:]),
            ):
                if not at and count and array is not None:
                    wants.append((array, ids[first : first + count]))
                    n_bytes += count * _chunk_nbytes(array)
        return wants, ids, n_bytes

    def cache(self) -> ChunkCache:
        """That of the matrices that have one."""
        return next(part.matrix._cache for part in self.parts if part.matrix._cache is not None)

    def decode(self, spans: int) -> bool:
        """Get the chunks that are not read by the loop; False where they are too many for one step."""
        wants, ids, n_bytes = self.wanted(spans)
        if not wants:
            return True
        cache, table = self.cache(), self.descriptors
        if n_bytes > max(cache.max_bytes // 4, _STEP_BYTES) and len(self.rows) > 1:
            return False
        chunks = cache.get_many_of(wants)
        flat = list(itertools.chain.from_iterable(chunks))
        found = _addresses(flat)
        self.held += (flat, ids, found)
        for at, first in ((layout.D_TABLE, layout.D_IDS), (layout.I_TABLE, layout.I_IDS)):
            missing = table[:, at] == 0
            table[missing, at] = _address(found) + 8 * table[missing, first]
            table[missing, first] = _address(ids) + 8 * table[missing, first]
        return True

    def settle(self) -> None:
        """Raise StoreError if a file was lost while it was read."""
        if self.watch is not None:
            self.watch.settle()

    def error(self, code: int, p: int, row: int) -> Exception:
        """What a return code means."""
        self.settle()
        matrix = self.parts[p].matrix
        if code == layout.BAD_ROW:
            return IndexError(f"{matrix!r} has no row {row}")
        if code == layout.BAD_OUT_ROW:
            return IndexError(f"the output has no row {row}")
        if code == layout.BAD_INDEX:
            return matrix._bad_index(row)
        if code in (layout.SHORT, layout.UNREADABLE):
            return _file_error(matrix, code)
        if code == layout.NO_MEMORY:
            return MemoryError()
        return matrix._error(f"has row pointers or chunks that do not fit together at row {row}")


def _chunk_nbytes(array: ChunkedArray) -> int:
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


def _open_files(matrix: Matrix, opened: _Opened, held: list[Any], watch: Watch) -> tuple[int, int]:
    """Sources of the values and of the columns, as the loop knows them; -1 where it reads no file."""
    files = cast(ChunkCache, matrix._cache).files
    values, columns = opened.values_file, opened.columns_file
    values_from = columns_from = -1
    if values is not None:
        handle = files.get(values.path)
        held.append(handle)
        values_from = _source(handle, values, files, opened, watch)
    if columns is not None:
        if values is not None and values.path == columns.path:
            columns_from = values_from
        else:
            handle = files.get(columns.path)
            held.append(handle)
            columns_from = _source(handle, columns, files, opened, watch)
    return values_from, columns_from


def _source(
    handle: FileHandle, direct: Direct, files: FilePool, opened: _Opened, watch: Watch
) -> int:
    handle.verify(direct.stamp)
    # To map and unmap a file again and again costs more than it saves.
    address = watch.address(handle) if opened.mappable and not files.crowded else 0
    return -1 - address if address else handle.fd


def _file_error(matrix: Matrix, code: int) -> Exception:
    """Why the loop could not read a file."""
    opened = matrix._opened()
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


def _blocks(part: Part, width: int, itemsize: int) -> Iterable[tuple[Array, Array]]:
    """Rows and rows of the output of a part, as many at a time as fit in some memory."""
    size = max(1, _STEP_BYTES // max(1, width * itemsize))
    for begin in range(0, len(part.rows), size):
        yield part.rows[begin : begin + size], part.out_rows[begin : begin + size]


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
    batch = _Batch(parts, n_cols, _target(dtype))
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
    target = _target(out.dtype)
    direct = []
    for part in parts:
        if not len(part.rows):
            continue
        if target.routes[part.matrix.code] != _BY_NUMPY:
            direct.append(part)
            continue
        stored = _summed_as(part.matrix)
        for rows, out_rows in _blocks(part, out.shape[1], stored.itemsize):
            block = np.empty((len(rows), out.shape[1]), stored)
            gather_dense([Part(part.matrix, rows, np.arange(len(rows)), part.remap)], block)
            out[out_rows] = block
    if direct:
        _dense(direct, out, target, threads)


def _dense(parts: list[Part], out: Array, target: _Target, threads: int) -> None:
    n_out, n_cols = out.shape
    batch = _Batch(parts, n_cols, target)
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
            _address(batch.descriptors),
            len(parts),
            _address(batch.rows),
            _address(batch.out_rows),
            begin,
            end,
            longest,
            _address(out),
            n_cols,
            _address(waiting),
            _address(failed),
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
        for rows, out_rows in _blocks(part, out.shape[1], stored.itemsize):
            block = np.empty((len(rows), out.shape[1]), stored)
            gather_dense([Part(matrix, rows, np.arange(len(rows)), remap)], block)
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
    opened = matrix._strong or matrix._opened()
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
            values_from, columns_from = _open_files(matrix, opened, held, watch)
        elif values is not None:
            files = cast(ChunkCache, matrix._cache).files
            handle = files.get(values.path)
            now = time.monotonic()
            if now - opened.checked > TRUST_SECONDS:
                watch = Watch()
                values_from = _source(handle, values, files, opened, watch)
                opened.checked = now
            elif opened.mappable and handle.mapping is not None and handle.mapping.ready:
                values_from = -1 - handle.mapping.address
            else:
                values_from = handle.fd
            columns_from = values_from
        code = call(descriptor, values_from, columns_from, int(row), _address(out), n_cols)
        if watch is not None:
            watch.settle()
        elif handle is not None and values_from < -1:
            refuse_lost(handle)
        if code == 0:
            return out
    # Chunks to be decoded, values to be summed, an error to be named: as a batch.
    gather_dense([Part(matrix, np.array([row]), np.array([0]), remap)], out[None])
    return out


def _prepare_row(
    matrix: Matrix, opened: _Opened, remap: Array | None, n_cols: int, dtype: Any
) -> tuple[Any, ...]:
    """All that is the same for every row: what was asked, the function and its arguments."""
    target = _target(dtype)
    batch = _Batch(
        [Part(matrix, np.empty(0, np.int64), np.empty(0, np.int64), remap)], n_cols, target
    )
    values, columns = opened.values_file, opened.columns_file
    call = None
    in_memory = values is None and columns is None
    ready = bool(batch.descriptors[0, layout.D_TABLE]) and (
        matrix.is_dense or bool(batch.descriptors[0, layout.I_TABLE])
    )
    if ready and target.routes[matrix.code] != _BY_NUMPY and (in_memory or values is not None):
        call = function("row", target.kind)
    if values is not None and columns is not None and values.path == columns.path:
        columns = None  # one descriptor serves both
    # No more: open files and the matrix itself would live as long as this.
    keep = (batch.descriptors, [held for held in batch.held if isinstance(held, _Remap)])
    prepared = (
        remap,
        n_cols,
        dtype,
        target.dtype,
        call,
        _address(batch.descriptors),
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
    target = _target(dtype)
    if n_cols >= 2**31:
        raise ValueError(f"{n_cols} columns are more than int32 can count")
    parts = [part for part in parts if len(part.rows)]
    if not parts:
        return np.zeros(n_rows + 1, np.int64), empty((0,), np.int32), empty((0,), target.dtype)
    if all(
        not part.matrix.is_dense and target.routes[part.matrix.code] != _BY_NUMPY for part in parts
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
    parts: list[Part], n_rows: int, n_cols: int, target: _Target, empty: Callable[..., Array]
) -> tuple[Array, Array, Array] | None:
    """In one call; None where that cannot be."""
    batch = _Batch(parts, n_cols, target)
    counted = n_rows >= _WORTH_SORTING and all(
        part.matrix._opened().values_file is not None for part in parts
    )
    if counted:
        batch.sort()
    part_of = np.empty(len(batch.rows), np.int32)
    slots = np.empty(n_rows, np.int64)
    longest, total, spans = batch.check(n_rows, _address(part_of), _address(slots))
    if spans and not batch.decode(spans):
        return None
    # One more: an entry is written before it is known whether its column is dropped.
    indices, data = empty((total + 1,), np.int32), empty((total + 1,), target.dtype)
    failed = np.zeros(2, np.int64)

    def run(indptr: Array, order: Array | None) -> int:
        code = function("csr", target.kind)(
            _address(batch.descriptors),
            _address(batch.rows),
            _address(part_of),
            _address(slots),
            n_rows,
            n_cols,
            longest,
            0 if order is None else _address(order),
            0 if order is None else len(order),
            _address(indptr),
            _address(indices),
            _address(data),
            _address(failed),
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
        opened = matrix._opened()
        found = opened.lengths
        if found is None or found.remap is not remap or found.n_cols != n_cols:
            n_rows, n_vars = matrix.facts.shape
            dtype = np.uint16 if n_vars < 2**16 - 1 else np.uint32
            if remap is None or _looked_at(remap, n_vars, n_cols).keeps_all:
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
        for rows, out_rows in _blocks(part, n_cols, stored.itemsize):
            block = np.empty((len(rows), n_cols), stored)
            gather_dense([Part(matrix, rows, np.arange(len(rows)), remap)], block)
            where, columns = np.nonzero(block)
            counts = np.bincount(where, minlength=len(rows))
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
        whole = _csr([Part(matrix, one.rows, here)], len(here), n_vars, _target(stored), np.empty)
        if whole is None:  # more chunks than are decoded in one step
            first, second = _split([one], len(here) // 2)
            waiting += first + second
            continue
        if remap is not None:
            summed = Part(Matrix.from_csr(*whole, n_vars), here, here, remap)
            done = _csr([summed], len(here), n_cols, _target(stored), np.empty)
            assert done is not None
            whole = done
        indptr, indices, data = whole
        yield _piece(indptr, indices, data.astype(dtype, copy=False), n_cols, one.out_rows)


def _piece(indptr: Array, indices: Array, data: Array, n_cols: int, out_rows: Array) -> Part:
    matrix = Matrix.from_csr(indptr, indices, data, n_cols)
    return Part(matrix, np.arange(len(out_rows)), out_rows)
