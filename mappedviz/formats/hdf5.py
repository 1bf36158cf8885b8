"""Nodes of HDF5 files, and where the chunks of their data sets lie."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import import_module
from itertools import chain
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5d, h5l, h5o, h5s, h5t, h5z

from mappedviz._types import Array, lazy
from mappedviz.errors import ElementError, StoreError
from mappedviz.formats import codecs
from mappedviz.formats.chunks import (
    HUGE_CHUNK_BYTES,
    VIRTUAL_CHUNK_BYTES,
    ChunkedArray,
    Extents,
    FilePool,
    Held,
    RoutedArray,
    Stamp,
    StoredArray,
    cut_extents,
    grid_of,
    os_error,
    pread,
    read_rows,
    virtual_chunks,
)
from mappedviz.formats.nodes import (
    ArrayNode,
    GroupNode,
    Node,
    join,
    not_utf8,
    plain,
    read_selection,
    split,
    strings,
)

#: More than a table of chunks may have; nobody writes so many, but a damaged shape says anything.
_MAX_CHUNKS = 1 << 28


@contextmanager
def open_hdf5(path: str) -> Iterator[GroupNode]:
    """The root group of an HDF5 file."""
    full = os.path.abspath(path)
    try:
        stamp = Stamp.of(full)
        file = h5py.File(full, "r")
    except OSError as error:
        raise _cannot_open(path, error) from error
    shared = _File(path, full, stamp, file)
    try:
        yield Hdf5Group(shared, "", file.id)
    finally:
        shared.nodes.clear()  # nodes know their file: this ends the circle
        file.close()


def _cannot_open(path: str, error: OSError) -> StoreError:
    if isinstance(error, (FileNotFoundError, PermissionError)):
        return os_error(error, path)
    text = str(error)
    if "truncated" in text or "addr overflow" in text:
        return StoreError(
            f"is truncated: HDF5 says {text!r}",
            store=path,
            remedy="Copy or download the file again.",
        )
    if "lock" in text or "already open" in text:
        return StoreError(
            f"is open for writing elsewhere: HDF5 says {text!r}",
            store=path,
            remedy="Close it there first.",
        )
    return StoreError(
        f"cannot be opened: HDF5 says {text!r}",
        store=path,
        remedy="Copy or download the file again.",
    )


class _File:
    """What all nodes of one open file share."""

    __slots__ = ("file", "fileno", "nodes", "path", "stamp", "store")

    def __init__(self, store: str, path: str, stamp: Stamp, file: h5py.File) -> None:
        self.store = store
        self.path = path
        self.stamp = stamp
        self.file = file
        self.fileno = h5o.get_info(file.id).fileno
        self.nodes: dict[str, Hdf5Group | Hdf5Array] = {}


class _readable:  # noqa: N801 - a context manager; as a generator it would cost twice as much
    """HDF5's own errors, with the path and the key."""

    __slots__ = ("node",)

    def __init__(self, node: Node) -> None:
        self.node = node

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: Any, error: BaseException | None, __: Any) -> None:
        if error is None or isinstance(error, StoreError):
            return
        node = self.node
        if isinstance(error, UnicodeDecodeError):
            raise not_utf8(node, error) from error
        if isinstance(error, MemoryError):
            raise node.error(
                "claims a size that no memory holds", "Write the store again."
            ) from error
        if isinstance(error, (OSError, RuntimeError, ValueError, TypeError, KeyError, SystemError)):
            raise node.error(
                f"cannot be read: HDF5 says {error}", "Copy or download the file again."
            ) from error


class _Identified:
    """All that h5py's attributes want of their object."""

    __slots__ = ("id",)

    def __init__(self, ident: Any) -> None:
        self.id = ident


_NUMBERS = (h5t.TypeIntegerID, h5t.TypeFloatID, h5t.TypeEnumID)
_TEXT: np.dtype[Any] = np.dtype(h5py.string_dtype())
_TEXT_TYPE = h5t.py_create(_TEXT)


def _is_text(kind: Any) -> bool:
    """Whether a type of HDF5 is a string of variable length."""
    return isinstance(kind, h5t.TypeStringID) and bool(kind.is_variable_str())


class _Attributes(Mapping[str, Any]):
    """Attributes, read when asked for."""

    def __init__(self, node: Hdf5Group | Hdf5Array, ident: Any) -> None:
        self._where = _Somewhere(node.store, node.name)
        self._id = ident
        self._known: dict[str, Any] = {}

    @property
    def _raw(self) -> Any:
        return h5py.AttributeManager(_Identified(self._id))

    def __getitem__(self, name: str) -> Any:
        if name not in self._known:
            if name not in self:
                raise KeyError(name)
            with _readable(self._where):
                self._known[name] = self._read(name)
        return self._known[name]

    def _read(self, name: str) -> Any:
        attribute = h5a.open(self._id, name.encode("utf-8", "surrogateescape"))
        kind, shape = attribute.get_type(), attribute.shape
        # Nearly all are of these kinds; h5py takes twice as long.
        if shape is not None and len(shape) < 2 and _is_text(kind):
            values = np.empty(shape, _TEXT)
            attribute.read(values, _TEXT_TYPE)
            texts = [text.decode("utf-8", "surrogateescape") for text in values.flat]
            return texts if shape else texts[0]
        if shape is not None and isinstance(kind, _NUMBERS):
            values = np.empty(shape, kind.dtype)
            attribute.read(values)
            return plain(values)
        return self._plain(self._raw[name])

    def _plain(self, value: Any) -> Any:
        if isinstance(value, h5py.Empty):
            return None
        if isinstance(value, h5py.Reference):  # anndata 0.7: the categories of a column
            found = h5py.h5r.get_name(value, self._id) if value else None
            return None if found is None else found.decode().strip("/")
        return plain(value)

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        return bool(h5a.exists(self._id, name.encode("utf-8", "surrogateescape")))

    def __iter__(self) -> Iterator[str]:
        return iter(self._raw)

    def __len__(self) -> int:
        return len(self._raw)


class Hdf5Group(GroupNode):
    """A group of an HDF5 file."""

    def __init__(self, file: _File, name: str, ident: Any) -> None:
        self._file = file
        self.store = file.store
        self.name = name
        self._id = ident
        self._attrs: _Attributes | None = None
        self._links_seen: dict[str, int] | None = None

    @property
    def attrs(self) -> Mapping[str, Any]:
        """See :class:`~mappedviz.formats.detect.Node`."""
        if self._attrs is None:
            self._attrs = _Attributes(self, self._id)
        return self._attrs

    @property
    def _links(self) -> dict[str, int]:
        """The names of the children, and what kind of link leads to each: asked for once."""
        if self._links_seen is None:
            found: list[tuple[bytes, int]] = []

            def note(name: bytes, info: Any) -> None:
                found.append((name, info.type))

            with _readable(self):
                self._id.links.iterate(note, info=True)
            self._links_seen = dict(
                sorted((name.decode("utf-8", "surrogateescape"), kind) for name, kind in found)
            )
        return self._links_seen

    def keys(self) -> list[str]:
        """See :class:`~mappedviz.formats.detect.GroupNode`."""
        return list(self._links)

    def __contains__(self, name: object) -> bool:
        parts = split(name)
        if parts is None:
            return False
        if len(parts) == 1:
            return parts[0] in self._links
        try:
            parent = self["/".join(parts[:-1])]
        except KeyError:
            return False
        return isinstance(parent, Hdf5Group) and parts[-1] in parent._links

    def __getitem__(self, name: str) -> Hdf5Group | Hdf5Array:
        known = self._file.nodes.get(join(self.name, name))
        if known is not None:
            return known
        parts = split(name)
        if parts is None:
            raise self.missing(name)
        node: Hdf5Group | Hdf5Array = self
        for part in parts:
            if not isinstance(node, Hdf5Group):
                raise self.missing(name)
            node = node._child(part)
        return node

    def _child(self, name: str) -> Hdf5Group | Hdf5Array:
        key = join(self.name, name)
        node = self._file.nodes.get(key)
        if node is None:
            node = self._file.nodes[key] = self._open(name, key)
        return node

    def _open(self, name: str, key: str) -> Hdf5Group | Hdf5Array:
        raw = name.encode("utf-8", "surrogateescape")
        here = _Somewhere(self.store, key)
        kind = self._links.get(name)
        if kind is None:
            raise self.missing(name)
        if kind == h5l.TYPE_EXTERNAL:
            with _readable(here):
                file, target = self._id.links.get_val(raw)
            raise here.error(
                f"is a link to {target.decode(errors='replace')!r} in another file, "
                f"{file.decode(errors='replace')!r}",
                "Write the store again, with all of its data in one file.",
            )
        try:
            found = h5o.open(self._id, raw)
        except (KeyError, RuntimeError, OSError) as error:
            if kind != h5l.TYPE_SOFT:
                raise here.error(
                    f"cannot be read: HDF5 says {error}", "Copy or download the file again."
                ) from error
            target = self._id.links.get_val(raw).decode(errors="replace")
            raise here.error(
                f"is a link to {target!r}, which is not there", "Write the store again."
            ) from error
        if kind != h5l.TYPE_HARD and h5o.get_info(found).fileno != self._file.fileno:
            raise here.error(
                "is a link that leads to another file",
                "Write the store again, with all of its data in one file.",
            )
        if isinstance(found, h5py.h5g.GroupID):
            return Hdf5Group(self._file, key, found)
        if isinstance(found, h5d.DatasetID):
            return Hdf5Array(self._file, key, found)
        raise here.error("is neither a group nor a data set", "Write the store again.")


class _Somewhere(Node):
    """A place that could not be opened, for its errors."""

    def __init__(self, store: str, name: str) -> None:
        self.store = store
        self.name = name

    @property
    def attrs(self) -> Mapping[str, Any]:
        return {}


class Hdf5Array(ArrayNode):
    """A data set of an HDF5 file."""

    def __init__(self, file: _File, name: str, ident: Any) -> None:
        self._file = file
        self.store = file.store
        self.name = name
        self._id = ident
        self._attrs: _Attributes | None = None
        with _readable(self):
            shape = ident.shape
        self._null = shape is None  # a data set without values: how anndata writes None
        self.shape = () if shape is None else tuple(shape)

    # Each of these costs HDF5 some microseconds, and most nodes are asked for few of them.
    @lazy
    def _data(self) -> Any:
        with _readable(self):
            return h5py.Dataset(self._id)

    @lazy
    def _kind(self) -> Any:
        with _readable(self):
            return self._id.get_type()

    @lazy
    def _stored(self) -> np.dtype[Any]:
        if _is_text(self._kind):
            return _TEXT
        with _readable(self):
            dtype: np.dtype[Any] = self._kind.dtype
            return dtype

    @lazy
    def dtype(self) -> np.dtype[Any]:
        """See :class:`~mappedviz.formats.detect.ArrayNode`."""
        return np.dtype(object) if self._null else _native(self._stored)

    @property
    def attrs(self) -> Mapping[str, Any]:
        """See :class:`~mappedviz.formats.detect.Node`."""
        if self._attrs is None:
            self._attrs = _Attributes(self, self._id)
        return self._attrs

    @lazy
    def _made(self) -> Any:
        """How the data set was made."""
        with _readable(self):
            return self._id.get_create_plist()

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """See :class:`~mappedviz.formats.detect.ArrayNode`."""
        if self._null or self._made.get_layout() != h5d.CHUNKED:
            return None
        chunks: tuple[int, ...] = self._made.get_chunk()
        return chunks

    @property
    def codec(self) -> str:
        """See :class:`~mappedviz.formats.detect.ArrayNode`."""
        names = []
        for number, values in self._filters:
            step = codecs.hdf5_step(number, values, self._stored.itemsize)
            names.append(step.name if step else codecs.hdf5_filter_name(number))
        return "+".join(reversed(names)) or "none"

    @property
    def stored_nbytes(self) -> int | None:
        """See :class:`~mappedviz.formats.detect.ArrayNode`."""
        with _readable(self):
            return int(self._id.get_storage_size())

    @lazy
    def _filters(self) -> list[tuple[int, tuple[int, ...]]]:
        """The filters in the order of encoding."""
        made = self._made
        found = [made.get_filter(i) for i in range(made.get_nfilters())]
        return [(code, tuple(values)) for code, _, values, _ in found]

    def read(self, selection: Any = ()) -> Array:
        """See :class:`~mappedviz.formats.detect.ArrayNode`."""
        if self._null:
            return np.array(None, dtype=object)
        try:
            return self._read(selection)
        except ElementError:
            if all(h5z.filter_avail(number) for number, _ in self._filters):
                raise
            lacking = self._lacks_filter()
        return self._read(selection) if lacking is None else self._read_ourselves(selection)

    def _read(self, selection: Any) -> Array:
        with _readable(self):
            if _is_text(self._kind):
                values = self._values(selection)
                if not isinstance(values, np.ndarray):
                    return np.array(values.decode(), dtype=object)
                # HDF5 hands out C strings, so none holds a zero: all are decoded at once.
                decoded = b"\0".join(values.reshape(-1).tolist()).decode().split("\0")
                out = np.empty(values.shape, dtype=object)
                out.reshape(-1)[:] = decoded[: values.size]
                return out
            values = np.asarray(self._values(selection))
        if values.dtype.kind in "SUO" or values.dtype.names:
            return strings(values, self)
        return values.astype(self.dtype, copy=False)

    def _values(self, selection: Any) -> Any:
        whole = isinstance(selection, tuple) and not selection
        if not whole or not self.shape or self._stored.subdtype is not None:
            return self._data[selection]
        values = np.zeros(self.shape, self._stored)
        if values.size:  # as h5py does it, without looking at the data set from all sides
            kind = _TEXT_TYPE if self._stored is _TEXT else None
            self._id.read(h5s.ALL, h5s.ALL, values, kind)
        return values

    def chunked(self) -> ChunkedArray:
        """See :class:`~mappedviz.formats.detect.ArrayNode`."""
        self.check_numeric()
        with _readable(self):
            return self._chunked()

    def _chunked(self) -> ChunkedArray:
        layout = self._made.get_layout()
        key = (self._file.path, self.name)
        size = self._stored.itemsize
        # A type that numpy cannot express exactly (12 bits, odd mantissas) is converted by h5py.
        exact = self._id.get_type().equal(h5t.py_create(self._stored, logical=True))
        if exact and layout == h5d.COMPACT:
            values = self.read()
            pipeline = codecs.Pipeline((), self.dtype, _at_least_one(self.shape))
            data = values.tobytes().ljust(pipeline.nbytes, b"\0")
            return StoredArray(key, self.shape, Held(data, self._file.stamp), pipeline)
        if exact and layout == h5d.CONTIGUOUS and not self._made.get_external_count():
            return self._contiguous(key)
        if exact and layout == h5d.CHUNKED:
            steps = [codecs.hdf5_step(code, values, size) for code, values in self._filters]
            known = [step for step in steps if step is not None]
            if len(known) == len(steps):
                return self._chunks(key, tuple(reversed(known)))
        lacking = self._lacks_filter()
        if lacking is not None:
            raise self._no_filter(lacking)
        chunk_shape = self.chunks or virtual_chunks(
            self.shape, self.shape, size, VIRTUAL_CHUNK_BYTES
        )
        path, name, store, dtype = self._file.path, self.name, self.store, self.dtype

        def read(selection: tuple[slice, ...]) -> Array:
            with open_hdf5(path) as root, _readable(_Somewhere(store, name)):
                node = root[name]
                assert isinstance(node, Hdf5Array)
                return node.read(selection).astype(dtype, copy=False)

        return RoutedArray(
            key, self.shape, dtype, _at_least_one(chunk_shape), read, self._file.stamp
        )

    def _contiguous(self, key: tuple[str, str]) -> ChunkedArray:
        start = self._id.get_offset()
        size = self._stored.itemsize
        whole = _at_least_one(self.shape)
        cut = virtual_chunks(self.shape, whole, size, VIRTUAL_CHUNK_BYTES)
        offsets = np.full(1, -1 if start is None else start, np.int64)
        sizes = np.full(1, math.prod(self.shape) * size, np.int64)
        if 0 in self.shape:
            offsets, sizes = offsets[:0], sizes[:0]
        offsets, sizes = cut_extents(self.shape, whole, cut, size, offsets, sizes)
        pipeline = codecs.Pipeline((), self._stored, cut)
        source = Extents(self._file.path, self._file.stamp, offsets, sizes, pad=pipeline.nbytes)
        return StoredArray(key, self.shape, source, pipeline, self._fill())

    def _chunks(self, key: tuple[str, str], steps: tuple[codecs.Step, ...]) -> ChunkedArray:
        chunk_shape = self._made.get_chunk()
        size = self._stored.itemsize
        grid = grid_of(self.shape, chunk_shape)
        infos = self._infos()
        n = math.prod(grid)
        if n > _MAX_CHUNKS:
            raise self.error(
                f"claims {n} chunks of {chunk_shape} values", "Write the store with larger chunks."
            )
        offsets = np.full(n, -1, np.int64)
        sizes = np.zeros(n, np.int64)
        masks = np.zeros(n, np.uint32)
        if infos:
            # Turned around without a loop in Python: there may be a million of them.
            at, skipped, places, lengths = zip(*infos, strict=True)
            count = len(infos)
            corner = np.fromiter(chain.from_iterable(at), np.int64).reshape(count, len(grid))
            where = np.zeros(count, np.int64)
            for axis, step in enumerate(chunk_shape):
                where = where * grid[axis] + corner[:, axis] // step
            offsets[where] = np.fromiter(places, np.int64, count) + self._shift(infos[0])
            sizes[where] = np.fromiter(lengths, np.int64, count)
            masks[where] = np.fromiter(skipped, np.uint32, count)
        if masks.any():  # HDF5 counts filters in the order of encoding
            turned = np.zeros_like(masks)
            for i in range(len(steps)):
                turned |= (masks >> np.uint32(i) & np.uint32(1)) << np.uint32(len(steps) - 1 - i)
            masks = turned
        pipeline = codecs.Pipeline(steps, self._stored, chunk_shape)
        pad = 0
        if pipeline.plain:
            cut = virtual_chunks(self.shape, chunk_shape, size, HUGE_CHUNK_BYTES)
            if cut != chunk_shape:
                offsets, sizes = cut_extents(self.shape, chunk_shape, cut, size, offsets, sizes)
                pipeline = codecs.Pipeline((), self._stored, cut)
                masks, pad = masks[:0], pipeline.nbytes
        source = Extents(
            self._file.path,
            self._file.stamp,
            offsets,
            sizes,
            masks if masks.any() else None,
            pad,
        )
        return StoredArray(key, self.shape, source, pipeline, self._fill())

    def _fill(self) -> Any:
        value = np.zeros(1, self._stored)
        self._made.get_fill_value(value)
        return value[0]

    def _infos(self) -> list[Any]:
        ident = self._id
        infos: list[Any] = []
        if hasattr(ident, "chunk_iter"):
            ident.chunk_iter(infos.append)
        else:  # HDF5 before 1.12.3
            infos = [ident.get_chunk_info(i) for i in range(ident.get_num_chunks())]
        return infos

    def _shift(self, info: Any) -> int:
        """What has to be added to the offsets: old HDF5 left out the user block."""
        block = int(self._file.file.userblock_size)
        if not block:
            return 0
        _, raw = self._id.read_direct_chunk(info.chunk_offset)
        with open(self._file.path, "rb") as file:
            for shift in (0, block):
                if pread(file.fileno(), info.size, info.byte_offset + shift) == bytes(raw):
                    return shift
        raise self.error("has chunks that are not where HDF5 says", "Write the store again.")

    def _lacks_filter(self) -> int | None:
        """The number of a filter that the data need and HDF5 does not have."""
        for number, _ in self._filters:
            if not h5z.filter_avail(number):
                with suppress(ImportError):
                    import_module("hdf5plugin")  # registers its filters
                if not h5z.filter_avail(number):
                    return number
        return None

    def _no_filter(self, number: int) -> ElementError:
        return self.error(
            f"is compressed with HDF5's {codecs.hdf5_filter_name(number)} ({number}), "
            "which is not installed",
            "Run `pip install hdf5plugin`.",
        )

    def _read_ourselves(self, selection: Any) -> Array:
        with _readable(self):
            array = self._chunked() if self.dtype.kind in "biufc" else None
        if array is None:
            raise self._no_filter(self._lacks_filter() or 0)
        files = FilePool(1)
        return read_selection(
            self.shape, selection, lambda start, stop: read_rows(array, start, stop, files)
        )


def _native(dtype: np.dtype[Any]) -> np.dtype[Any]:
    if dtype.kind == "O" or dtype.names:
        return np.dtype(object) if dtype.kind == "O" else dtype
    return np.dtype(dtype.newbyteorder("=").str) if dtype.metadata else dtype.newbyteorder("=")


def _at_least_one(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(max(1, n) for n in shape)
