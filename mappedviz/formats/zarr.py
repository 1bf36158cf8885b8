"""Nodes of zarr stores, version 2 and 3, in a directory or a zip: our own small reader.

Reading a node through zarr-python costs 1 to 2 ms, reading its JSON costs 0.03 ms; with 200 stores
that is the difference between seconds and nothing. Consolidated metadata are not looked at, so
stale ones do no harm. Arrays with codecs or types that are not known here are read by zarr-python.
"""

from __future__ import annotations

import json
import math
import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from mappedviz._types import Array
from mappedviz.errors import StoreError
from mappedviz.formats import codecs
from mappedviz.formats.chunks import (
    HUGE_CHUNK_BYTES,
    ChunkedArray,
    Extents,
    FilePool,
    Members,
    Place,
    RoutedArray,
    Shards,
    Source,
    Stamp,
    StoredArray,
    cut_extents,
    grid_of,
    os_error,
    read_file,
    read_rows,
    unravel,
    virtual_chunks,
)
from mappedviz.formats.forks import not_forked_within
from mappedviz.formats.nodes import (
    ArrayNode,
    GroupNode,
    join,
    not_utf8,
    read_selection,
    split,
    strings,
    to_str,
)

_COPY_AGAIN = "Copy or download the store again."
_REOPEN = "Open the collection again."


@contextmanager
def open_zarr(path: str, zipped: bool) -> Iterator[GroupNode]:
    """The root group of a zarr store."""
    files = FilePool(16)
    full = os.path.abspath(path)
    tree = _Tree(path, full, _Zip(path, full, files) if zipped else _Directory(path, full), files)
    try:
        root = tree.root()
        if not isinstance(root, ZarrGroup):
            raise StoreError(
                "is a single zarr array, not an AnnData store",
                store=path,
                remedy="Give the path of the store that holds it.",
            )
        yield root
    finally:
        files.close()


# --------------------------------------------------------------------------- kinds of store
class _Directory:
    """Files below a directory."""

    zipped = False

    def __init__(self, store: str, path: str) -> None:
        self.store = store
        self.path = path

    def read(self, key: str, files: FilePool) -> bytes | None:
        return read_file(f"{self.path}/{key}")

    def children(self, name: str, markers: Sequence[str]) -> list[str]:
        path = f"{self.path}/{name}" if name else self.path
        try:
            with os.scandir(path) as entries:
                names = [entry.name for entry in entries if entry.is_dir()]
        except OSError as error:
            raise os_error(error, path) from error
        return [n for n in names if any(os.path.exists(f"{path}/{n}/{m}") for m in markers)]

    def place(self, key: str, files: FilePool) -> Place | None:
        path = f"{self.path}/{key}"
        try:
            return Place(path, 0, os.stat(path).st_size)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise os_error(error, path) from error

    def stamp(self, key: str) -> Stamp:
        return Stamp.of(f"{self.path}/{key}")

    def verify(self, key: str, stamp: Stamp) -> None:
        """A chunk may be absent by right; not so the metadata of its array."""
        path = f"{self.path}/{key}"
        try:
            now = Stamp.of(path)
        except OSError as error:
            raise os_error(error, path) from error
        if now != stamp:
            raise StoreError(
                "was changed or replaced while open", store=self.store, key=key, remedy=_REOPEN
            )

    def nbytes(self, name: str) -> int | None:
        return None  # a stat for every chunk is not cheap


class _Zip:
    """Members of a zip archive, read by byte range; their names are never file paths."""

    zipped = True

    def __init__(self, store: str, path: str, files: FilePool) -> None:
        self.store = store
        self.path = path
        self._stamp = files.get(path).stamp
        try:
            with zipfile.ZipFile(path) as archive:
                self.members = {info.filename: info for info in archive.infolist()}
        except (zipfile.BadZipFile, OSError, ValueError, struct.error) as error:
            raise StoreError(
                f"is a damaged or truncated zip archive ({error})", store=store, remedy=_COPY_AGAIN
            ) from error
        for member in self.members:
            if member.startswith(("/", "\\")) or ".." in member.replace("\\", "/").split("/"):
                raise StoreError(
                    f"has a member {member!r}, which points outside of the archive",
                    store=store,
                    remedy="Do not unpack it; get the store from somebody you trust.",
                )
        self._tree: dict[str, set[str]] | None = None

    def read(self, key: str, files: FilePool) -> bytes | None:
        info = self.members.get(key)
        if info is None:
            return None
        self.verify("", self._stamp, files)
        if info.flag_bits & 1:
            raise StoreError(
                "is encrypted", store=self.store, key=key, remedy="Unpack it into a directory."
            )
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            return self._through_zipfile(info)
        data = files.get(self.path).read(self._start(info, files), info.compress_size)
        if info.compress_type == zipfile.ZIP_DEFLATED:
            try:
                stream = zlib.decompressobj(-15)
                data = stream.decompress(data, info.file_size + 1)
            except zlib.error as error:
                raise self._damaged(key, str(error)) from error
            if len(data) != info.file_size or zlib.crc32(data) != info.CRC:
                raise self._damaged(key, "wrong size or checksum")
        return data

    def _through_zipfile(self, info: zipfile.ZipInfo) -> bytes:
        try:
            with zipfile.ZipFile(self.path) as archive:
                return archive.read(info.filename)
        except Exception as error:  # each compression has its own
            raise self._damaged(info.filename, str(error)) from error

    def _damaged(self, key: str, why: str) -> StoreError:
        return StoreError(
            f"is a damaged member of the zip ({why})",
            store=self.store,
            key=key,
            remedy=_COPY_AGAIN,
        )

    def _start(self, info: zipfile.ZipInfo, files: FilePool) -> int:
        header = files.get(self.path).read(info.header_offset, 30)
        if header[:4] != b"PK\x03\x04":
            raise self._damaged(info.filename, "no header")
        n_name, n_extra = struct.unpack("<HH", header[26:30])
        return int(info.header_offset + 30 + n_name + n_extra)

    def children(self, name: str, markers: Sequence[str]) -> list[str]:
        if self._tree is None:
            self._tree = {}
            for member in self.members:
                parent, _, last = member.rpartition("/")
                if last in markers and parent:
                    above, _, child = parent.rpartition("/")
                    self._tree.setdefault(above, set()).add(child)
        return list(self._tree.get(name, ()))

    def place(self, key: str, files: FilePool) -> Place | None:
        info = self.members.get(key)
        if info is None or info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
            return None
        return Place(self.path, self._start(info, files), info.file_size)

    def stamp(self, key: str) -> Stamp:
        return self._stamp

    def verify(self, key: str, stamp: Stamp, files: FilePool | None = None) -> None:
        if files is not None:
            files.get(self.path).verify(stamp)

    def nbytes(self, name: str) -> int | None:
        start = f"{name}/"
        return sum(i.compress_size for n, i in self.members.items() if n.startswith(start))


class _Tree:
    """What all nodes of one open store share."""

    def __init__(self, store: str, path: str, disk: _Directory | _Zip, files: FilePool) -> None:
        self.store = store
        self.path = path
        self.disk = disk
        self.files = files
        self.nodes: dict[str, ZarrGroup | ZarrArray | None] = {}
        self.version = 3

    def root(self) -> ZarrGroup | ZarrArray:
        for self.version in (3, 2):
            node = self.node("")
            if node is not None:
                return node
            self.nodes.clear()
        raise StoreError(
            "has no zarr metadata at its root (zarr.json or .zgroup)",
            store=self.store,
            remedy="Write it again with anndata.",
        )

    @property
    def markers(self) -> tuple[str, ...]:
        return ("zarr.json",) if self.version == 3 else (".zgroup", ".zarray")

    def node(self, name: str) -> ZarrGroup | ZarrArray | None:
        if name not in self.nodes:
            self.nodes[name] = self._node3(name) if self.version == 3 else self._node2(name)
        return self.nodes[name]

    def _node3(self, name: str) -> ZarrGroup | ZarrArray | None:
        meta = self.json(name, "zarr.json")
        if meta is None:
            return None
        node = ZarrGroup(self, name, meta.get("attributes"))
        if meta.get("zarr_format") != 3:
            raise node.error(f"has zarr_format {meta.get('zarr_format')!r} in its zarr.json")
        kind = meta.get("node_type")
        if kind == "group":
            return node
        if kind == "array":
            return ZarrArray(self, name, meta.get("attributes"), meta, "zarr.json")
        raise node.error(f"has the unknown node_type {kind!r}", "Write the store again.")

    def _node2(self, name: str) -> ZarrGroup | ZarrArray | None:
        if self.json(name, ".zgroup") is not None:
            return ZarrGroup(self, name, None)
        meta = self.json(name, ".zarray")
        return None if meta is None else ZarrArray(self, name, None, meta, ".zarray")

    def json(self, name: str, file: str) -> dict[str, Any] | None:
        data = self.disk.read(join(name, file), self.files)
        if data is None:
            return None
        try:
            found = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise ZarrGroup(self, name, {}).error(
                f"has a {file} that is not JSON ({error})", _COPY_AGAIN
            ) from error
        if not isinstance(found, dict):
            raise ZarrGroup(self, name, {}).error(f"has a {file} that is no object", _COPY_AGAIN)
        return found


# ------------------------------------------------------------------------------------ nodes
class _ZarrNode:
    """What groups and arrays have in common."""

    def __init__(self, tree: _Tree, name: str, attrs: Any) -> None:
        self._tree = tree
        self.store = tree.store
        self.name = name
        self._attrs: dict[str, Any] | None = attrs if isinstance(attrs, dict) else None

    @property
    def attrs(self) -> Mapping[str, Any]:
        """See :class:`~mappedviz.formats.detect.Node`."""
        if self._attrs is None:
            found = self._tree.json(self.name, ".zattrs") if self._tree.version == 2 else None
            self._attrs = found or {}
        return self._attrs


class ZarrGroup(_ZarrNode, GroupNode):
    """A group of a zarr store."""

    def keys(self) -> list[str]:
        """See :class:`~mappedviz.formats.detect.GroupNode`."""
        return sorted(self._tree.disk.children(self.name, self._tree.markers))

    def _find(self, name: object) -> ZarrGroup | ZarrArray | None:
        parts = split(name)
        return None if parts is None else self._tree.node(join(self.name, "/".join(parts)))

    def __contains__(self, name: object) -> bool:
        return self._find(name) is not None

    def __getitem__(self, name: str) -> ZarrGroup | ZarrArray:
        node = self._find(name)
        if node is None:
            raise self.missing(name)
        return node


class ZarrArray(_ZarrNode, ArrayNode):
    """An array of a zarr store."""

    def __init__(self, tree: _Tree, name: str, attrs: Any, meta: dict[str, Any], file: str) -> None:
        super().__init__(tree, name, attrs)
        self._meta_key = join(name, file)
        try:
            self._layout = _layout3(meta) if tree.version == 3 else _layout2(meta)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise self.error(
                f"has metadata that cannot be understood ({type(error).__name__}: {error})",
                _COPY_AGAIN,
            ) from error
        if _pickled(meta):
            raise self.error(
                "is pickled, which could run any code on this machine, and is not read",
                "Write it again as strings.",
            )
        self.shape = self._layout.shape
        self._routed: Any = None
        if self._layout.pipeline is None:
            self.dtype = self._zarr_dtype()
        elif self._layout.text:
            self.dtype = np.dtype(object)
        else:
            self.dtype = self._layout.pipeline.stored.newbyteorder("=")

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """See :class:`~mappedviz.formats.detect.ArrayNode`."""
        return self._layout.chunks

    @property
    def codec(self) -> str:
        """See :class:`~mappedviz.formats.detect.ArrayNode`."""
        return self._layout.codec

    @property
    def stored_nbytes(self) -> int | None:
        """See :class:`~mappedviz.formats.detect.ArrayNode`."""
        return self._tree.disk.nbytes(self.name)

    def read(self, selection: Any = ()) -> Array:
        """See :class:`~mappedviz.formats.detect.ArrayNode`."""
        try:
            return self._read(selection)
        except MemoryError as error:
            raise self.error(
                f"claims the shape {self.shape}, for which there is no memory", _COPY_AGAIN
            ) from error

    def _read(self, selection: Any) -> Array:
        layout = self._layout
        if layout.pipeline is None:
            return self._read_by_zarr(selection)
        if layout.text:
            return read_selection(self.shape, selection, self._read_text)
        array = self._stored(layout, whole=True)
        values = read_selection(
            self.shape,
            selection,
            lambda start, stop: read_rows(array, start, stop, self._tree.files),
        )
        return strings(values, self) if values.dtype.kind in "SU" else np.asarray(values)

    def chunked(self) -> ChunkedArray:
        """See :class:`~mappedviz.formats.detect.ArrayNode`."""
        self.check_numeric()
        if self._layout.pipeline is not None:
            return self._stored(self._layout)
        chunks = self._layout.chunks or tuple(max(1, n) for n in self.shape)
        stamp = self._tree.disk.stamp(self._meta_key)
        key = (self._tree.path, self.name)
        return RoutedArray(key, self.shape, self.dtype, chunks, self._read_by_zarr, stamp)

    # ---------------------------------------------------------------------- our own reader
    def _stored(self, layout: _Layout, whole: bool = False) -> StoredArray:
        assert layout.pipeline is not None
        key = (self._tree.path, self.name)
        disk, meta_key = self._tree.disk, self._meta_key
        stamp = disk.stamp(meta_key)
        grid = grid_of(self.shape, layout.pipeline.shape)
        name, prefix = layout.key, f"{self.name}/" if self.name else ""
        pipeline = layout.pipeline
        source: Source
        if layout.shard is not None:
            at_end, checked = layout.index

            def locate(shard: tuple[int, ...], files: FilePool) -> Place | None:
                disk.verify(meta_key, stamp)
                place = disk.place(prefix + name(shard), files)
                if (
                    place is None
                    and isinstance(disk, _Zip)
                    and prefix + name(shard) in disk.members
                ):
                    raise self.error(
                        "is sharded inside a compressed zip",
                        "Unpack it into a directory, or zip it without compression.",
                    )
                return place

            inner = tuple(s // c for s, c in zip(layout.shard, pipeline.shape, strict=True))
            source = Shards(locate, grid, inner, at_end, checked, stamp)
            return StoredArray(key, self.shape, source, pipeline, layout.fill)
        if pipeline.plain and not whole and not layout.text:
            source_pipeline = self._extents(layout, grid, prefix, stamp)
            if source_pipeline is not None:
                return StoredArray(key, self.shape, *source_pipeline, layout.fill)

        def read(chunk: str, files: FilePool) -> bytes | None:
            if isinstance(disk, _Directory):
                disk.verify(meta_key, stamp)
            return disk.read(chunk, files)

        def chunk_name(chunk: int) -> str:
            return prefix + name(unravel(chunk, grid))

        return StoredArray(key, self.shape, Members(read, chunk_name, stamp), pipeline, layout.fill)

    def _extents(
        self, layout: _Layout, grid: tuple[int, ...], prefix: str, stamp: Stamp
    ) -> tuple[Source, codecs.Pipeline] | None:
        """Uncompressed chunks that lie in one file: they are used as they lie there."""
        assert layout.pipeline is not None
        disk, files, pipeline = self._tree.disk, self._tree.files, layout.pipeline
        n = math.prod(grid)
        if not n or (n > 1 and not isinstance(disk, _Zip)):
            return None
        offsets = np.full(n, -1, np.int64)
        for i in range(n):
            key = prefix + layout.key(unravel(i, grid))
            place = disk.place(key, files)
            if place is None:
                if isinstance(disk, _Zip) and key not in disk.members:
                    continue
                return None  # compressed by the zip, or absent: a chunk for Members
            if place.size != pipeline.nbytes:
                raise self.error(
                    f"has a chunk of {place.size} bytes where {pipeline.nbytes} were expected",
                    _COPY_AGAIN,
                )
            offsets[i] = place.offset
        path = place.path if place is not None else disk.path
        if isinstance(disk, _Directory):
            stamp = Stamp.of(path)
        sizes = np.full(n, pipeline.nbytes, np.int64)
        size = pipeline.stored.itemsize
        cut = virtual_chunks(self.shape, pipeline.shape, size, HUGE_CHUNK_BYTES)
        offsets, sizes = cut_extents(self.shape, pipeline.shape, cut, size, offsets, sizes)
        pipeline = codecs.Pipeline((), pipeline.stored, cut)
        return Extents(path, stamp, offsets, sizes, pad=pipeline.nbytes), pipeline

    def _read_text(self, start: int, stop: int) -> Array:
        """Strings of variable length: every chunk is a list of its own."""
        layout = self._layout
        assert layout.pipeline is not None
        pipeline = layout.pipeline
        source = self._stored(layout, whole=True).source
        grid = grid_of(self.shape, pipeline.shape)
        out = np.full(self.shape, "", dtype=object)
        for chunk in range(math.prod(grid)):
            where = unravel(chunk, grid)
            first = where[0] * pipeline.shape[0] if where else 0
            if where and not (first < stop and first + pipeline.shape[0] > start):
                continue
            target = tuple(
                slice(i * c, min(n, (i + 1) * c))
                for i, c, n in zip(where, pipeline.shape, self.shape, strict=True)
            )
            values = self._text_chunk(chunk, source)
            if values is None:
                out[target] = layout.fill
            else:
                values = values.reshape(pipeline.shape)
                out[target] = values[tuple(slice(0, s.stop - s.start) for s in target)]
        return out[start:stop] if self.shape else out

    def _text_chunk(self, chunk: int, source: Source) -> Array | None:
        from numcodecs import vlen

        pipeline = self._layout.pipeline
        assert pipeline is not None
        try:
            found = source.fetch(chunk, self._tree.files)
            if found is None:
                return None
            data = found[0]
            for step in pipeline.steps:
                data = step.decode(data, None)
            if self._layout.text == "utf8":
                values = vlen.VLenUTF8().decode(data)
            elif self._layout.text == "json":  # the list, its dtype and its shape
                values = np.array(json.loads(bytes(data))[:-2], dtype=object)
            else:
                raw = vlen.VLenBytes().decode(data)
                values = np.empty(len(raw), dtype=object)
                values[:] = to_str(raw.tolist(), self)
        except UnicodeDecodeError as error:
            raise not_utf8(self, error) from error
        except StoreError:
            raise
        except Exception as error:
            raise self.error(f"chunk {chunk} does not decode ({error})", _COPY_AGAIN) from error
        if len(values) != math.prod(pipeline.shape):
            raise self.error(
                f"chunk {chunk} has {len(values)} strings where "
                f"{math.prod(pipeline.shape)} were expected",
                _COPY_AGAIN,
            )
        return np.asarray(values)

    # ----------------------------------------------------------------------- zarr-python
    def _read_by_zarr(self, selection: Any) -> Array:
        try:
            with _opened_by_zarr(self._tree.path, self.name, self._tree.disk.zipped) as array:
                values = np.asarray(array[selection if selection != () else ...])
        except UnicodeDecodeError as error:
            raise not_utf8(self, error) from error
        except Exception as error:  # zarr's codecs raise whatever they like
            raise self.error(f"cannot be read: zarr says {error}", _COPY_AGAIN) from error
        if values.dtype.kind == "T":  # numpy's own variable strings
            values = values.astype(object)
        if values.dtype.kind in "SUO" or values.dtype.names:
            return strings(values, self)
        return values.astype(values.dtype.newbyteorder("="), copy=False)

    def _zarr_dtype(self) -> np.dtype[Any]:
        try:
            with _opened_by_zarr(self._tree.path, self.name, self._tree.disk.zipped) as array:
                found: np.dtype[Any] = np.dtype(array.dtype)
        except Exception as error:
            raise self.error(f"cannot be read: zarr says {error}", _COPY_AGAIN) from error
        if found.kind in "TO":
            return np.dtype(object)
        return found if found.names else found.newbyteorder("=")


@contextmanager
def _opened_by_zarr(path: str, name: str, zipped: bool) -> Iterator[Any]:
    """An array of zarr-python: for what our own reader does not know."""
    import zarr

    with not_forked_within():  # its event loop and its cached properties have locks
        if not zipped:
            yield zarr.open_array(f"{path}/{name}" if name else path, mode="r")
            return
        store = zarr.storage.ZipStore(path, mode="r")
        try:
            yield zarr.open_array(store, path=name, mode="r")
        finally:
            store.close()


# --------------------------------------------------------------------------------- metadata
@dataclass(frozen=True)
class _Layout:
    """What the metadata of an array say.

    `pipeline` is None where zarr-python has to read the array. `text` is "utf8", "bytes" or "json" for
    strings of variable length: the pipeline then ends before they are told apart.
    """

    shape: tuple[int, ...]
    chunks: tuple[int, ...] | None
    codec: str
    key: Callable[[tuple[int, ...]], str] = lambda where: ""
    pipeline: codecs.Pipeline | None = None
    fill: Any = 0
    text: str | None = None
    shard: tuple[int, ...] | None = None
    index: tuple[bool, bool] = (True, True)


def _pickled(meta: dict[str, Any]) -> bool:
    """Whether reading would unpickle: zarr-python does it without asking."""
    listed = [*(meta.get("filters") or []), meta.get("compressor"), *(meta.get("codecs") or [])]
    names = [str(c.get("id", c.get("name"))) if isinstance(c, dict) else str(c) for c in listed]
    return any("pickle" in name for name in names)


def _ints(values: Any) -> tuple[int, ...]:
    out = tuple(int(v) for v in values)
    if any(n < 0 for n in out):
        raise ValueError(f"negative size in {list(out)}")
    return out


def _at_least_one(values: Any) -> tuple[int, ...]:
    return tuple(max(1, n) for n in _ints(values))


def _joined(separator: str, start: str, lone: str) -> Callable[[tuple[int, ...]], str]:
    def key(where: tuple[int, ...]) -> str:
        return start + separator.join(map(str, where)) if where else lone

    return key


_TEXTS2 = {"vlen-utf8": "utf8", "vlen-bytes": "bytes", "json2": "json"}


def _layout2(meta: dict[str, Any]) -> _Layout:
    shape = _ints(meta["shape"])
    chunks = _at_least_one(meta["chunks"])
    if len(chunks) != len(shape):
        raise ValueError(f"chunks {list(chunks)} for shape {list(shape)}")
    configs = list(meta.get("filters") or [])
    compressor = meta.get("compressor")
    if compressor:
        configs.append(compressor)
    name = "+".join(_name2(c) for c in reversed(configs) if c["id"] not in _TEXTS2)
    exotic = _Layout(shape, chunks, name or "none")
    key = _joined(str(meta.get("dimension_separator") or "."), "", "0")
    text = None
    if meta["dtype"] == "|O":
        text = _TEXTS2.get(configs[0]["id"]) if configs else None
        if text is None:
            return exotic
        configs = configs[1:]
        stored = np.dtype("u1")
    elif isinstance(meta["dtype"], str):
        stored = np.dtype(meta["dtype"])
        if stored.kind not in "biufcSU":
            return exotic
    else:
        return exotic
    steps = [codecs.numcodecs_step(config) for config in reversed(configs)]
    known = tuple(step for step in steps if step is not None)
    if len(known) != len(steps):
        return exotic
    order = None
    if meta.get("order") == "F" and len(shape) > 1:
        if text:
            return exotic
        order = tuple(reversed(range(len(shape))))
    fill = _fill_text(meta.get("fill_value")) if text else _fill(meta.get("fill_value"), stored)
    if fill is None:
        return exotic
    pipeline = codecs.Pipeline(known, stored, chunks, order)
    return _Layout(shape, chunks, pipeline.name, key, pipeline, fill, text)


def _name2(config: Mapping[str, Any]) -> str:
    step = codecs.numcodecs_step(config)
    return step.name if step else str(config["id"])


_TYPES3 = {
    **{name: name for name in ("bool", "int8", "int16", "int32", "int64")},
    **{name: name for name in ("uint8", "uint16", "uint32", "uint64")},
    **{name: name for name in ("float16", "float32", "float64", "complex64", "complex128")},
}
_FIXED3 = {"fixed_length_utf32": ("U", 4), "null_terminated_bytes": ("S", 1)}
_TEXTS3 = {"string": "utf8", "bytes": "bytes", "variable_length_bytes": "bytes"}


def _dtype3(data_type: Any) -> np.dtype[Any] | None:
    if isinstance(data_type, str):
        return np.dtype(_TYPES3[data_type]) if data_type in _TYPES3 else None
    kind, size = _FIXED3.get(str(data_type["name"]), ("", 0))
    if not kind:
        return None
    return np.dtype(f"{kind}{int(data_type['configuration']['length_bytes']) // size}")


def _layout3(meta: dict[str, Any]) -> _Layout:
    shape = _ints(meta["shape"])
    grid = meta["chunk_grid"]
    listed = [_codec3(c) for c in meta["codecs"]]
    names = "+".join(_name3(*c) for c in reversed(listed) if c[0] not in _UNNAMED)
    if grid.get("name") != "regular" or meta.get("storage_transformers"):
        return _Layout(shape, None, names or "none")
    chunks = _at_least_one(grid["configuration"]["chunk_shape"])
    if len(chunks) != len(shape):
        raise ValueError(f"chunks {list(chunks)} for shape {list(shape)}")
    exotic = _Layout(shape, chunks, names or "none")
    key = _key3(meta.get("chunk_key_encoding"))
    text = _TEXTS3.get(meta["data_type"]) if isinstance(meta["data_type"], str) else None
    stored = np.dtype("u1") if text else _dtype3(meta["data_type"])
    if key is None or stored is None:
        return exotic
    shard, index = None, (True, True)
    if [name for name, _ in listed] == ["sharding_indexed"]:
        config = listed[0][1]
        found = _index3(config)
        shard, chunks = chunks, _at_least_one(config["chunk_shape"])
        exotic = _Layout(shape, chunks, names)
        if found is None:
            return exotic
        if len(chunks) != len(shard) or any(s % c for s, c in zip(shard, chunks, strict=True)):
            raise ValueError(f"shards {list(shard)} of chunks {list(chunks)}")
        index = found
        listed = [_codec3(c) for c in config["codecs"]]
    pipeline = _pipeline3(listed, stored, chunks, text)
    fill = _fill_text(meta.get("fill_value")) if text else _fill(meta.get("fill_value"), stored)
    if pipeline is None or fill is None:
        return exotic
    return _Layout(shape, chunks, names or "none", key, pipeline, fill, text, shard, index)


_UNNAMED = ("bytes", "transpose", "vlen-utf8", "vlen-bytes")


def _codec3(config: Any) -> tuple[str, dict[str, Any]]:
    if isinstance(config, str):
        return config, {}
    return str(config["name"]), dict(config.get("configuration") or {})


def _name3(name: str, config: dict[str, Any]) -> str:
    if name == "sharding_indexed":
        listed = [_codec3(c) for c in config.get("codecs", ())]
        inner = "+".join(_name3(*c) for c in reversed(listed) if c[0] not in _UNNAMED)
        return f"{inner or 'none'}, sharded"
    step = codecs.zarr3_step(name, config)
    return step.name if step else name


def _key3(config: Any) -> Callable[[tuple[int, ...]], str] | None:
    name, options = _codec3(config or "default")
    if name == "default":
        separator = str(options.get("separator", "/"))
        return _joined(separator, f"c{separator}", "c")
    if name == "v2":
        return _joined(str(options.get("separator", ".")), "", "0")
    return None


def _index3(config: Mapping[str, Any]) -> tuple[bool, bool] | None:
    """Whether the table of a shard is at its end, and has a checksum; None where it is exotic."""
    listed = [_codec3(c) for c in config.get("index_codecs", ())]
    if not listed or listed[0][0] != "bytes" or listed[0][1].get("endian", "little") != "little":
        return None
    rest = [name for name, _ in listed[1:]]
    if rest not in ([], ["crc32c"]):
        return None
    location = config.get("index_location", "end")
    return (location == "end", bool(rest)) if location in ("start", "end") else None


def _pipeline3(
    listed: list[tuple[str, dict[str, Any]]],
    stored: np.dtype[Any],
    chunks: tuple[int, ...],
    text: str | None,
) -> codecs.Pipeline | None:
    order: tuple[int, ...] | None = None
    listed = list(listed)
    if listed and listed[0][0] == "transpose" and text is None:
        wanted = listed.pop(0)[1].get("order")
        if not isinstance(wanted, list) or sorted(wanted) != list(range(len(chunks))):
            return None
        order = tuple(int(axis) for axis in wanted)
        if order == tuple(range(len(chunks))):
            order = None
    if not listed:
        return None
    name, config = listed.pop(0)
    if text is not None:
        if name != f"vlen-{text}":
            return None
    elif name != "bytes":
        return None
    elif config.get("endian") == "big":
        stored = stored.newbyteorder(">")
    elif stored.itemsize > 1:
        stored = stored.newbyteorder("<")
    steps = [codecs.zarr3_step(*codec) for codec in reversed(listed)]
    known = tuple(step for step in steps if step is not None)
    if len(known) != len(steps):
        return None
    return codecs.Pipeline(known, stored, chunks, order)


def _fill_text(value: Any) -> Any:
    return value if isinstance(value, str) else ""


def _fill(value: Any, dtype: np.dtype[Any]) -> Any:
    """The fill value as a scalar of the dtype; None where zarr-python should find out."""
    native = dtype.newbyteorder("=")
    if value is None or (dtype.kind in "SU" and value in ("", 0)):
        return np.zeros((), native)[()]
    if dtype.kind in "SUc":
        return None  # base64, pairs
    if isinstance(value, str):
        if value in ("NaN", "Infinity", "-Infinity") and dtype.kind == "f":
            return native.type(value.replace("Infinity", "inf"))
        if value.startswith("0x") and dtype.kind == "f":
            bits = int(value, 16)
            return np.array(bits, f"u{dtype.itemsize}").view(native)[()]
        return None
    return native.type(value)
