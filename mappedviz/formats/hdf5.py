"""Nodes of HDF5 files."""

from __future__ import annotations

import atexit
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from h5py import h5d, h5g, h5l, h5o, h5z

from mappedviz._types import Array, lazy
from mappedviz.errors import ElementError, MappedvizError
from mappedviz.formats.files import FilePool
from mappedviz.formats.hdf5_attributes import Attributes
from mappedviz.formats.hdf5_chunks import chunk_map, touch_chunks
from mappedviz.formats.hdf5_dataset import Hdf5Dataset, OpenFile
from mappedviz.formats.hdf5_errors import Somewhere, cannot_open, readable
from mappedviz.formats.nodes import GroupNode, join, read_selection, split
from mappedviz.formats.prefetch import read_rows
from mappedviz.formats.remote_files import BlockFile, RemoteFile
from mappedviz.formats.remote_look import look_at
from mappedviz.formats.stamps import Stamp
from mappedviz.text.addresses import absolute, is_url

if TYPE_CHECKING:
    from mappedviz.formats.chunks import ChunkedArray

#: h5py crashes at the end of a process if files of Python are open in it.
_open_remotely: weakref.WeakSet[Any] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for file in list(_open_remotely):
        file.close()


@contextmanager
def open_hdf5(path: str) -> Iterator[GroupNode]:
    """The root group of an HDF5 file."""
    full = absolute(path)
    try:
        if is_url(full):
            remote = RemoteFile(full, look_at(full).stamp)
            stamp, file = remote.stamp, h5py.File(BlockFile(remote), "r")
            _open_remotely.add(file)
        else:
            stamp, file = Stamp.of(full), h5py.File(full, "r")
    except MappedvizError:
        raise
    except Exception as error:  # damage makes HDF5 and h5py raise all kinds
        raise cannot_open(path, error) from error
    shared = OpenFile(path, full, stamp, file)
    try:
        yield Hdf5Group(shared, "", file.id)
    finally:
        shared.nodes.clear()  # nodes know their file: this ends the circle
        file.close()


class Hdf5Group(GroupNode):
    """A group of an HDF5 file."""

    def __init__(self, file: OpenFile, name: str, ident: Any) -> None:
        self._file = file
        self.budget = file.budget
        self.store = file.store
        self.name = name
        self._id = ident

    @lazy
    def attrs(self) -> Mapping[str, Any]:
        """See :class:`~mappedviz.formats.nodes.Node`."""
        return Attributes(self, self._id)

    @lazy
    def _links(self) -> dict[str, int]:
        """The names of the children, and what kind of link leads to each: asked for once."""
        found: list[tuple[str, int]] = []

        def note(name: bytes, info: Any) -> None:
            found.append((name.decode("utf-8", "surrogateescape"), info.type))

        with readable(self):
            self._id.links.iterate(note, info=True)
        return dict(sorted(found))

    def keys(self) -> list[str]:
        """See :class:`~mappedviz.formats.nodes.GroupNode`."""
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
        nodes = self._file.nodes
        known: Hdf5Group | Hdf5Array | None = nodes.get(join(self.name, name))
        if known is not None:
            return known
        parts = split(name)
        if parts is None:
            raise self.missing(name)
        node: Hdf5Group | Hdf5Array = self
        for part in parts:
            if not isinstance(node, Hdf5Group):
                raise self.missing(name)
            key = join(node.name, part)
            child = nodes.get(key)
            if child is None:
                child = nodes[key] = node._open(part, key)
            node = child
        return node

    def _open(self, name: str, key: str) -> Hdf5Group | Hdf5Array:
        kind = self._links.get(name)
        if kind is None:
            raise self.missing(name)
        raw = name.encode("utf-8", "surrogateescape")
        if kind != h5l.TYPE_HARD:
            self._refuse_link(raw, key, kind)
        try:
            found = h5o.open(self._id, raw)
        except Exception as error:
            raise Somewhere(self.store, key).error(
                f"cannot be read: HDF5 says {error}", "Copy or download the file again."
            ) from error
        if isinstance(found, h5g.GroupID):
            return Hdf5Group(self._file, key, found)
        if isinstance(found, h5d.DatasetID):
            return Hdf5Array(self._file, key, found)
        raise Somewhere(self.store, key).error(
            "is neither a group nor a data set", "Write the store again."
        )

    def _refuse_link(self, raw: bytes, key: str, kind: int) -> None:
        """Raise ElementError if a link leads to another file, or nowhere."""
        here = Somewhere(self.store, key)
        if kind == h5l.TYPE_EXTERNAL:
            with readable(here):
                file, target = self._id.links.get_val(raw)
            raise here.error(
                f"is a link to {target.decode(errors='replace')!r} in another file, "
                f"{file.decode(errors='replace')!r}",
                "Write the store again, with all of its data in one file.",
            )
        try:
            found = h5o.open(self._id, raw)
        except Exception as error:
            if kind != h5l.TYPE_SOFT:
                raise here.error(
                    f"cannot be read: HDF5 says {error}", "Copy or download the file again."
                ) from error
            with readable(here):
                target = self._id.links.get_val(raw).decode(errors="replace")
            raise here.error(
                f"is a link to {target!r}, which is not there", "Write the store again."
            ) from error
        if not self._file.holds(found):
            raise here.error(
                "is a link that leads to another file",
                "Write the store again, with all of its data in one file.",
            )


class Hdf5Array(Hdf5Dataset):
    """A data set of an HDF5 file, read by HDF5 or from its chunks."""

    def read(self, selection: Any = ()) -> Array:
        """See :class:`~mappedviz.formats.nodes.ArrayNode`."""
        if self.is_null:
            return np.array(None, dtype=object)
        try:
            return self.read_by_hdf5(selection)
        except ElementError:
            if all(h5z.filter_avail(number) for number, _ in self.filters):
                raise
            lacking = self.lacking_filter()
        if lacking is None:  # its plugin has been imported
            return self.read_by_hdf5(selection)
        return self._read_ourselves(selection, lacking)

    def chunked(self) -> ChunkedArray:
        """See :class:`~mappedviz.formats.nodes.ArrayNode`."""
        self.check_numeric()
        return self._map()

    def touch(self) -> None:
        """See :class:`~mappedviz.formats.nodes.ArrayNode`."""
        self.check_numeric()
        if not touch_chunks(self):
            self.chunked()

    def _map(self) -> ChunkedArray:
        path, name, store, dtype = self.file.path, self.name, self.store, self.dtype

        def route(selection: tuple[slice, ...]) -> Array:
            with open_hdf5(path) as root, readable(Somewhere(store, name)):
                node = root[name]
                assert isinstance(node, Hdf5Array)
                return node.read(selection).astype(dtype, copy=False)

        with readable(self):
            return chunk_map(self, route)

    def _read_ourselves(self, selection: Any, lacking: int) -> Array:
        if self.dtype.kind not in "biufc":
            raise self.no_filter(lacking)
        array, files = self._map(), FilePool(1)
        return read_selection(
            self.shape, selection, lambda start, stop: read_rows(array, start, stop, files)
        )
