"""Nodes of zarr stores, version 2 and 3, in a directory or a zip: our own small reader.

Reading a node through zarr-python costs 1 to 2 ms, reading its JSON costs 0.03 ms; with 200 stores
that is the difference between seconds and nothing. Consolidated metadata are not looked at, so
stale ones do no harm. Arrays with codecs or types that are not known here are read by zarr-python.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from mappedviz._types import Array
from mappedviz.errors import StoreError
from mappedviz.formats import codecs, zarr_python
from mappedviz.formats.chunks import ChunkedArray, RoutedArray, StoredArray
from mappedviz.formats.files import FilePool
from mappedviz.formats.grids import HUGE_CHUNK_BYTES, cut_extents, grid_of, unravel, virtual_chunks
from mappedviz.formats.limits import Budget
from mappedviz.formats.nodes import ArrayNode, GroupNode, join, read_selection, split, strings
from mappedviz.formats.prefetch import fetched, read_rows
from mappedviz.formats.remote_look import look_at
from mappedviz.formats.sources import Extents, Members, Place, Shards, Source
from mappedviz.formats.stamps import Stamp
from mappedviz.formats.zarr_files import CHECKED_BYTES, ZarrDirectory, ZarrFiles, ZarrZip
from mappedviz.formats.zarr_metadata import Layout, is_pickled, layout_v2, layout_v3
from mappedviz.formats.zarr_remote import ZarrRemote
from mappedviz.formats.zarr_text import decode_texts
from mappedviz.text.addresses import absolute, is_url

_COPY_AGAIN = "Copy or download the store again."


@contextmanager
def open_zarr(path: str, zipped: bool) -> Iterator[GroupNode]:
    """The root group of a zarr store."""
    files = FilePool(16)
    full = absolute(path)
    disk: ZarrFiles
    if zipped:
        if is_url(full):
            files.get(full).verify(look_at(full).stamp)  # which is no further request
        disk = ZarrZip(path, full, files)
    else:
        disk = ZarrRemote(path, full) if is_url(full) else ZarrDirectory(path, full)
    tree = _Tree(path, full, disk, files)
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


class _Tree:
    """What all nodes of one open store share."""

    def __init__(self, store: str, path: str, disk: ZarrFiles, files: FilePool) -> None:
        self.store = store
        self.path = path
        self.disk = disk
        self.files = files
        self.nodes: dict[str, ZarrGroup | ZarrArray | None] = {}
        self.version = 3
        self.budget = Budget(disk.size)

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
        # A zip has the checksum of attributes that nobody asks for: damage is noticed at once.
        attrs = self.json(name, ".zattrs") if self.disk.zipped else None
        if self.json(name, ".zgroup") is not None:
            return ZarrGroup(self, name, attrs)
        meta = self.json(name, ".zarray")
        return None if meta is None else ZarrArray(self, name, attrs, meta, ".zarray")

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
        self.budget = tree.budget
        self.name = name
        self._attrs: dict[str, Any] | None = attrs if isinstance(attrs, dict) else None

    @property
    def attrs(self) -> Mapping[str, Any]:
        """See :class:`~mappedviz.formats.nodes.Node`."""
        if self._attrs is None:
            found = self._tree.json(self.name, ".zattrs") if self._tree.version == 2 else None
            self._attrs = found or {}
        return self._attrs


class ZarrGroup(_ZarrNode, GroupNode):
    """A group of a zarr store."""

    @property
    def metadata(self) -> Callable[[str], bytes | None]:
        """See :class:`~mappedviz.formats.nodes.GroupNode`."""
        tree, prefix = self._tree, self.name
        return lambda key: tree.disk.read(join(prefix, key), tree.files)

    def keys(self) -> list[str]:
        """See :class:`~mappedviz.formats.nodes.GroupNode`."""
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
            self._layout = layout_v3(meta) if tree.version == 3 else layout_v2(meta)
        except Exception as error:  # sizes and types may be anything
            raise self.error(
                f"has metadata that cannot be understood ({type(error).__name__}: {error})",
                _COPY_AGAIN,
            ) from error
        if is_pickled(meta):
            raise self.error(
                "is pickled, which could run any code on this machine, and is not read",
                "Write it again as strings.",
            )
        self.shape = self._layout.shape
        self._routed: Any = None
        if self._layout.pipeline is None:
            self.dtype = zarr_python.dtype_of(self, tree.path, tree.disk.zipped)
        elif self._layout.text:
            self.dtype = np.dtype(object)
        else:
            self.dtype = self._layout.dtype or self._layout.pipeline.stored.newbyteorder("=")

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """See :class:`~mappedviz.formats.nodes.ArrayNode`."""
        return self._layout.chunks

    @property
    def codec(self) -> str:
        """See :class:`~mappedviz.formats.nodes.ArrayNode`."""
        return self._layout.codec

    @property
    def stored_nbytes(self) -> int | None:
        """See :class:`~mappedviz.formats.nodes.ArrayNode`."""
        return self._tree.disk.nbytes(self.name)

    def read(self, selection: Any = ()) -> Array:
        """See :class:`~mappedviz.formats.nodes.ArrayNode`."""
        try:
            return self._read(selection)
        except MemoryError as error:
            raise self.error(
                f"claims the shape {self.shape}, for which there is no memory", _COPY_AGAIN
            ) from error

    def _read(self, selection: Any) -> Array:
        layout = self._layout
        self.take_values(selection)
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
        if values.dtype.kind in "SU":
            return strings(values, self)
        return np.asarray(values, self.dtype)

    def chunked(self) -> ChunkedArray:
        """See :class:`~mappedviz.formats.nodes.ArrayNode`."""
        self.check_numeric()
        if self._layout.pipeline is not None:
            return self._stored(self._layout)
        chunks = self._layout.chunks or tuple(max(1, n) for n in self.shape)
        stamp = self._tree.disk.stamp(self._meta_key)
        key = (self._tree.path, self.name)
        return RoutedArray(key, self.shape, self.dtype, chunks, self._read_by_zarr, stamp)

    # ---------------------------------------------------------------------- our own reader
    def _stored(self, layout: Layout, whole: bool = False) -> StoredArray:
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
                    and isinstance(disk, ZarrZip)
                    and prefix + name(shard) in disk.members
                ):
                    raise self.error(
                        "is sharded inside a compressed zip",
                        "Unpack it into a directory, or zip it without compression.",
                    )
                return place

            inner = tuple(s // c for s, c in zip(layout.shard, pipeline.shape, strict=True))
            guard = disk.guard if isinstance(disk, ZarrRemote) else None
            source = Shards(locate, grid, inner, at_end, checked, stamp, guard)
            return StoredArray(key, self.shape, source, pipeline, layout.fill, omits_zeros=True)
        if pipeline.plain and not whole and not layout.text and not is_url(disk.path):
            source_pipeline = self._extents(layout, grid, prefix, stamp)
            if source_pipeline is not None:
                return StoredArray(key, self.shape, *source_pipeline, layout.fill, omits_zeros=True)

        def read(chunk: str, files: FilePool) -> bytes | None:
            if isinstance(disk, ZarrDirectory):
                disk.verify(meta_key, stamp)
            return disk.read(chunk, files)

        def chunk_name(chunk: int) -> str:
            return prefix + name(unravel(chunk, grid))

        members = Members(read, chunk_name, stamp)
        if isinstance(disk, ZarrRemote):
            members = Members(read, chunk_name, stamp, disk.stretch, disk.guard)
        elif isinstance(disk, ZarrZip) and is_url(disk.path):
            members = Members(read, chunk_name, stamp, disk.stretch)
        return StoredArray(key, self.shape, members, pipeline, layout.fill, omits_zeros=True)

    def _extents(
        self, layout: Layout, grid: tuple[int, ...], prefix: str, stamp: Stamp
    ) -> tuple[Source, codecs.Pipeline] | None:
        """Uncompressed chunks that lie in one file: they are used as they lie there."""
        assert layout.pipeline is not None
        disk, files, pipeline = self._tree.disk, self._tree.files, layout.pipeline
        n = math.prod(grid)
        if not n or (n > 1 and not isinstance(disk, ZarrZip)):
            return None
        if n > 1000 + 100 * len(getattr(disk, "members", ())):
            return None  # nearly all chunks are absent
        offsets = np.full(n, -1, np.int64)
        for i in range(n):
            key = prefix + layout.key(unravel(i, grid))
            place = disk.place(key, files, n * pipeline.nbytes <= CHECKED_BYTES)
            if place is None:
                if isinstance(disk, ZarrZip) and key not in disk.members:
                    continue
                return None  # compressed by the zip, or absent: a chunk for Members
            if place.size != pipeline.nbytes:
                raise self.error(
                    f"has a chunk of {place.size} bytes where {pipeline.nbytes} were expected",
                    _COPY_AGAIN,
                )
            offsets[i] = place.offset
        path = place.path if place is not None else disk.path
        if isinstance(disk, ZarrDirectory):
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
        chunks = []
        for chunk in range(math.prod(grid)):
            first = unravel(chunk, grid)[0] * pipeline.shape[0] if grid else 0
            if not grid or (first < stop and first + pipeline.shape[0] > start):
                chunks.append(chunk)
        files = self._tree.files
        if is_url(self._tree.path):
            files = fetched([(source, chunk) for chunk in chunks], files)
        for chunk in chunks:
            where = unravel(chunk, grid)
            target = tuple(
                slice(i * c, min(n, (i + 1) * c))
                for i, c, n in zip(where, pipeline.shape, self.shape, strict=True)
            )
            values = self._text_chunk(chunk, source, files)
            if values is None:
                out[target] = layout.fill
            else:
                values = values.reshape(pipeline.shape)
                out[target] = values[tuple(slice(0, s.stop - s.start) for s in target)]
        return out[start:stop] if self.shape else out

    def _text_chunk(self, chunk: int, source: Source, files: FilePool) -> Array | None:
        pipeline = self._layout.pipeline
        assert pipeline is not None
        try:
            found = source.fetch(chunk, files)
            if found is None:
                return None
            data = found[0]
            for step in pipeline.steps:
                data = step.decode(data, None)
            values = decode_texts(data, self._layout.text, self)
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
        return values

    def _read_by_zarr(self, selection: Any) -> Array:
        return zarr_python.read(self, self._tree.path, self._tree.disk.zipped, selection)
