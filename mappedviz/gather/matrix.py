"""Stored matrices, whatever their format: where their chunks lie, and their row pointers.

Rows are read out of them by :mod:`mappedviz.gather.rows`.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np

from mappedviz._types import Array
from mappedviz.errors import ElementError
from mappedviz.formats.chunks import ChunkedArray, HeldArray, StoredArray
from mappedviz.formats.foreign import named
from mappedviz.formats.matrices import MatrixFacts, matrix_facts
from mappedviz.formats.nodes import ArrayNode, GroupNode
from mappedviz.formats.prefetch import loaded
from mappedviz.gather import layout
from mappedviz.gather.addresses import address
from mappedviz.gather.layout import CODES, N_FIXED
from mappedviz.text.addresses import in_memory

if TYPE_CHECKING:
    from mappedviz.formats.cache import ChunkCache
    from mappedviz.formats.files import FilePool
    from mappedviz.formats.sources import Direct

__all__ = ["KeptPointers", "Matrix"]


_WRITE_AGAIN = "Write the store again with anndata, or leave it out."


class KeptPointers(Protocol):
    """Where the row pointers of a matrix are kept, so that they are not fetched again."""

    def read(self) -> Array | None:
        """Return those that are kept, None if there are none."""
        ...

    def keep(self, pointers: Array) -> None:
        """Keep those that were read."""
        ...


class Opened:
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
        "row_reader",
        "shared",
        "values_file",
    )

    def __init__(
        self,
        fields: layout.MatrixFields,
        held: Sequence[Array],
        pointers: Array | None = None,
        values_file: Direct | None = None,
        columns_file: Direct | None = None,
        most_chunks: int = 0,
        *,
        mappable: bool = False,
        shared: Sequence[Array] = (),
    ) -> None:
        self.fixed = bytes(fields)[: 8 * N_FIXED]
        self.held = held
        self.shared = shared  # arrays of others, which are no memory of ours
        self.pointers = pointers
        self.values_file = values_file
        self.columns_file = columns_file
        self.most_chunks = most_chunks
        self.mappable = mappable
        self.nbytes = sum(array.nbytes for array in held) + 512
        self.checked = 0.0
        self.row_reader: Any = None  # rows read singly: gather's
        self.lengths: Any = None  # of the rows of the output: gather's


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
    stored
        Type of the values as they are kept: that of the facts, or a smaller one.
    """

    def __init__(self, facts: MatrixFacts, store: str, key: str) -> None:
        self.facts = facts
        self.store = store
        self.key = key
        self.cache: ChunkCache | None = None
        self.values: ChunkedArray | None = None
        self.columns: ChunkedArray | None = None
        self._indptr: ChunkedArray | None = None
        self._kept: KeptPointers | None = None
        self._strong: Opened | None = None
        self._weak: Callable[[], Opened | None] = lambda: None
        self._name = object()  # in the cache
        self.is_dense = facts.kind == "dense"
        if facts.dtype.str[1:] not in CODES:
            raise self.error(f"has values of {facts.dtype}", "Write it as float32.")
        if facts.shape[1] >= 2**31:
            raise self.error(f"has {facts.shape[1]} columns, more than can be joined")
        self._keep_as(facts.dtype)

    def _keep_as(self, dtype: np.dtype[Any]) -> None:
        self.stored = dtype
        self.code = CODES[dtype.str[1:]]

    def __repr__(self) -> str:
        shape = " × ".join(map(str, self.facts.shape))
        return f"<Matrix {self.key} of {self.store}: {shape} {self.facts.dtype} {self.facts.kind}>"

    @classmethod
    def open(
        cls, node: GroupNode | ArrayNode, cache: ChunkCache, kept: KeptPointers | None = None
    ) -> Matrix:
        """The matrix at a node, whose store may be closed afterwards.

        Parameters
        ----------
        node
            A group (CSR, CSC) or an array of two dimensions.
        cache
            Keeps decoded chunks and row pointers.
        kept
            Keeps row pointers from one process to the next.

        Raises
        ------
        ElementError
            The node is no matrix, or its parts contradict each other.
        """
        facts = matrix_facts(node)
        if facts is None:
            raise ElementError("is null, no matrix", store=node.store, key=node.name)
        matrix = cls(facts, node.store, node.name)
        matrix.cache = cache
        matrix._kept = kept
        if isinstance(node, ArrayNode):
            matrix.values = node.chunked()
        else:
            matrix.values, matrix.columns, matrix._indptr = (
                cast(ArrayNode, node[name]).chunked() for name in ("data", "indices", "indptr")
            )
            if isinstance(matrix.columns, StoredArray):
                # Weakly: a cycle would keep gigabytes of cached chunks until the next collection.
                this = weakref.ref(matrix)
                matrix.columns = replace(matrix.columns, absent=lambda chunk: _check(this, chunk))
        matrix._keep_as(matrix.values.dtype)
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
        self.opened()

    def opened(self) -> Opened:
        """What reading needs, made at the first call."""
        return self._strong or self._weak() or self.touched()

    def touched(self) -> Opened:
        """The same, marked as recently used in the cache."""
        cache = self.cache
        if cache is None:
            return cast(Opened, self._strong)
        with named(self.store, self.key):
            opened = cache.get_or_make(self._name, self._make, _size)
        if self.facts.kind == "csc":
            self._weak = weakref.ref(opened)  # so large that the cache must be able to drop it
        else:
            self._strong = opened
        return opened

    def chunk_of_rows(self, rows: Array) -> Array | None:
        """The chunk that each row begins in; None where none has to be decoded."""
        opened = self.opened()
        if not opened.most_chunks or self.values is None:
            return None
        length = max(self.values.chunk_shape[0], 1)
        starts = rows if opened.pointers is None else opened.pointers[rows]
        chunks: Array = starts // length
        return chunks

    def _make(self) -> Opened:
        if self._strong is not None:  # the cache had dropped it
            return self._strong
        values, columns, facts = self.values, self.columns, self.facts
        assert values is not None
        if facts.kind == "csc":
            return self._converted()
        held: list[Array] = []
        shared = [array.values for array in (values, columns) if isinstance(array, HeldArray)]
        fields = _fields(self)
        values_file = _located(values, fields.values, held)
        if columns is None:
            fields.dense = 1
            fields.width = max(values.chunk_shape[1], 1)
            fields.grid = values.grid[1]
            most = 0 if values_file or shared else values.grid[0]
            mappable = _mappable(values)
            return Opened(
                fields, held, None, values_file, None, most, mappable=mappable, shared=shared
            )
        columns_file = _located(columns, fields.columns, held)
        pointers = self._read_pointers()
        held.append(pointers)
        _point(fields, pointers)
        most = max(0 if values_file else values.n_chunks, 0 if columns_file else columns.n_chunks)
        most = 0 if shared else most
        mappable = _mappable(values) and _mappable(columns)
        return Opened(
            fields,
            held,
            pointers,
            values_file,
            columns_file,
            most,
            mappable=mappable,
            shared=shared,
        )

    def _read_pointers(self) -> Array:
        assert self._indptr is not None
        kept = None if self._kept is None else self._kept.read()
        if kept is not None and kept.shape == self._indptr.shape:
            with suppress(ElementError):
                return self._checked_pointers(kept)
        pointers = self._checked_pointers(self._whole(self._indptr))
        if self._kept is not None:
            self._kept.keep(pointers)
        return pointers

    @property
    def files(self) -> FilePool:
        """Where the descriptors of a stored matrix come from."""
        assert self.cache is not None
        return self.cache.files

    def column_pointers(self) -> Array:
        """Return the column pointers of a CSC matrix, read and checked: (n_vars + 1,)."""
        return self._read_pointers()

    def _check_absent(self, chunk: int) -> None:
        """Refuse a chunk of indices that was never written, unless all of it can be column 0.

        zarr leaves out chunks of zeros, but a row has column 0 no more than once: what is
        absent otherwise was lost. Entries may be repeated, though: where no chunk at all was
        written, the matrix has entries in column 0 only.
        """
        assert self.columns is not None
        if self._has_no_indices():
            return
        length = self.columns.chunk_shape[0]
        inside = np.clip(self._read_pointers(), chunk * length, (chunk + 1) * length)
        if np.diff(inside).max(initial=0) > 1:
            raise self.error(f"has lost chunk {chunk} of its indices", "Copy or download it again.")

    def _has_no_indices(self) -> bool:
        columns, values = self.columns, self.values
        if not isinstance(columns, StoredArray) or not isinstance(values, StoredArray):
            return False
        if not columns.omits_zeros or columns.fill != 0:
            return False
        if self.facts.shape[1] == 1:
            return True
        assert self.cache is not None
        files = self.cache.files
        none = all(columns.source.fetch(i, files) is None for i in range(columns.n_chunks))
        return none and any(
            values.source.fetch(i, files) is not None for i in range(values.n_chunks)
        )

    def _whole(self, array: ChunkedArray) -> Array:
        """All elements of a 1-d array, past the cache: they are asked for once."""
        assert self.cache is not None
        whole = np.empty(array.shape, array.dtype)
        size = max(array.chunk_shape[0], 1)
        numbers = range(array.n_chunks)
        for chunk, values in zip(numbers, loaded(array, numbers, self.cache.files), strict=True):
            here = whole[chunk * size : (chunk + 1) * size]
            here[:] = values[: len(here)]
        return whole

    def _checked_pointers(self, pointers: Array) -> Array:
        """Row pointers in the smallest type that the loops know."""
        nnz = cast(int, self.facts.nnz)
        if pointers.dtype.kind not in "iu":
            raise self.error(f"has an indptr of {pointers.dtype}, not of integers")
        if nnz and not pointers.any():
            raise self.error(
                f"has an indptr of zeros although {nnz} values are stored: it was never "
                "written, or lost"
            )
        if int(pointers[0]) != 0:
            raise self.error(f"has an indptr that begins with {pointers[0]}, not with 0")
        descents = np.flatnonzero(pointers[1:] < pointers[:-1])
        if len(descents):
            at = int(descents[0])
            line = "column" if self.facts.kind == "csc" else "row"
            raise self.error(
                f"has an indptr that descends from {pointers[at]} to {pointers[at + 1]} "
                f"at {line} {at}"
            )
        if int(pointers[-1]) != nnz:
            raise self.error(f"has an indptr that ends with {pointers[-1]}, but {nnz} values")
        return np.ascontiguousarray(pointers, dtype=np.uint32 if nnz < 2**32 else np.int64)

    def _converted(self) -> Opened:
        """A CSC matrix as a CSR one."""
        assert self.cache is not None
        values, columns, indptr = self.values, self.columns, self._indptr
        assert values is not None
        assert columns is not None
        assert indptr is not None
        nnz = cast(int, self.facts.nnz)
        n_rows, n_vars = self.facts.shape
        index = np.dtype(np.int32 if max(nnz, n_rows, n_vars) < 2**31 else np.int64)
        size = nnz * (self.stored.itemsize + index.itemsize) + 4 * n_rows
        if size > self.cache.max_bytes // 2:
            raise self.error(
                f"is stored by columns (CSC), of which rows need {size / 2**20:.0f} MiB in memory, "
                f"more than half of the cache of {self.cache.max_bytes / 2**20:.0f} MiB",
                f"Raise cache_bytes, or convert it: {self._conversion()}",
            )
        from scipy import sparse

        pointers = self._checked_pointers(self._whole(indptr))
        rows = self._whole(columns)
        wrong = np.flatnonzero((rows < 0) | (rows >= n_rows))
        if len(wrong):
            at = int(wrong[0])
            column = int(np.searchsorted(pointers, at, side="right")) - 1
            raise self.error(
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
        if in_memory(self.store):
            return f"{change}, where a is the AnnData object"
        reader = "read_zarr" if ".zarr" in self.store else "read_h5ad"
        return (
            f'import anndata; a = anndata.{reader}("{self.store}"); {change}; '
            'a.write_h5ad("converted.h5ad")'
        )

    # ----------------------------------------------------------------------------- errors
    def error(self, found: str, remedy: str = _WRITE_AGAIN) -> ElementError:
        """What was found in it, with its store and key."""
        return ElementError(found, store=self.store or None, key=self.key or None, remedy=remedy)

    def bad_index(self, row: int) -> ElementError:
        """Say which of a row's column indices is outside of the matrix."""
        opened = self.opened()
        pointers = cast(Array, opened.pointers)
        start, stop = int(pointers[row]), int(pointers[row + 1])
        if self.columns is None or self.facts.kind == "csc":
            columns = opened.held[-2][start:stop]
        else:
            assert self.cache is not None
            size = self.columns.chunk_shape[0]
            first = start // size
            chunks = [
                self.columns.load(chunk, self.cache.files)
                for chunk in range(first, (stop - 1) // size + 1)
            ]
            columns = np.concatenate(chunks)[start - first * size : stop - first * size]
        wrong = columns[(columns < 0) | (columns >= self.facts.shape[1])]
        value = wrong[0] if len(wrong) else "?"
        return self.error(
            f"has the column index {value} in row {row}, outside of its "
            f"{self.facts.shape[1]} columns"
        )


def _check(matrix: weakref.ref[Matrix], chunk: int) -> None:
    this = matrix()
    if this is not None:
        this._check_absent(chunk)


def _size(opened: Opened) -> int:
    return opened.nbytes


def _fields(matrix: Matrix) -> layout.MatrixFields:
    """What the core is told of a matrix, but for places in memory."""
    facts = matrix.facts
    fields = layout.MatrixFields(
        n_rows=facts.shape[0], n_vars=facts.shape[1], nnz=facts.nnz or 0, type=matrix.code
    )
    fields.values.item = matrix.stored.itemsize
    if facts.index_dtype is not None:
        kept = facts.index_dtype if matrix.columns is None else matrix.columns.dtype
        fields.index = CODES[kept.str[1:]]
        fields.columns.item = kept.itemsize
    return fields


def _point(fields: layout.MatrixFields, pointers: Array) -> None:
    """Tell the core where row pointers are."""
    fields.indptr = address(pointers)
    fields.wide = int(pointers.dtype.itemsize == 8)


def _located(array: ChunkedArray, chunks: layout.Chunks, held: list[Array]) -> Direct | None:
    """Let the core read an array where it is: in memory, or in its file, where that is possible."""
    chunks.length = max(array.chunk_shape[0], 1)
    if isinstance(array, HeldArray):
        if array.n_chunks:
            place = np.array([address(array.values)], dtype=np.int64)
            held.append(place)
            chunks.table, chunks.count = address(place), 1
        return None
    direct = array.direct
    if direct is None or not array.n_chunks:
        return None
    offsets = np.ascontiguousarray(direct.offsets, dtype=np.int64)
    held.append(offsets)
    chunks.table, chunks.count = address(offsets), array.n_chunks
    return direct


def _mappable(array: ChunkedArray) -> bool:
    """Whether the file has all of an array, at addresses that its type may have."""
    direct = array.direct
    if direct is None or not array.n_chunks:
        return False
    size, item = direct.stamp.size, array.dtype.itemsize
    length, *width = array.chunk_shape
    row = math.prod(width) * item
    if row * min(length, array.shape[0]) > size or int(direct.offsets.max()) > size:
        return False  # nor can the sums below be too large for an int64
    first = np.arange(array.n_chunks) // math.prod(array.grid[1:]) * length
    n_bytes = np.minimum(length, array.shape[0] - first) * row
    return int((direct.offsets + n_bytes).max()) <= size and not (direct.offsets % item).any()


def _resident(matrix: Matrix, pointers: Array, indices: Array, data: Array) -> Opened:
    """Arrays in memory as a matrix of one chunk."""
    tables = np.array([address(data), address(indices)], dtype=np.int64)
    fields = _fields(matrix)
    _point(fields, pointers)
    fields.index = CODES[indices.dtype.str[1:]]
    fields.columns.item = indices.itemsize
    for chunks, place in ((fields.values, 0), (fields.columns, 8)):
        chunks.table, chunks.count = address(tables) + place, 1
        chunks.length = max(len(data), 1)
    return Opened(fields, [pointers, tables, indices, data], pointers)
