"""Where the stored bytes of chunks are: at offsets of a file, a file each, or inside of shards."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from mappedviz._types import Array
from mappedviz.errors import StoreError
from mappedviz.formats.codecs import DecodeError, crc32c
from mappedviz.formats.grids import unravel

if TYPE_CHECKING:
    from mappedviz.formats.files import FilePool
    from mappedviz.formats.stamps import Stamp

__all__ = ["Direct", "Extents", "Held", "Members", "Place", "Shards", "Source"]

_COPY_AGAIN = "Copy or download the file again."


@dataclass(frozen=True)
class Direct:
    """Chunks that can be used as they lie on disk.

    Attributes
    ----------
    path
        The one file.
    offsets
        Absolute byte offset of every chunk. The last chunk of contiguous data may be shorter
        than `chunk_shape` on disk: read no further than the shape of the array.
    stamp
        To be checked with :meth:`FileHandle.verify` before bytes are used.
    """

    path: str
    offsets: Array
    stamp: Stamp


class Source(Protocol):
    """Where the stored bytes of the chunks lie."""

    @property
    def stamp(self) -> Hashable:
        """Tells one content of the store from another."""
        ...

    def fetch(self, chunk: int, files: FilePool) -> tuple[bytes, int] | None:
        """The bytes of a chunk and the steps that were skipped; None where it is absent."""
        ...

    def direct(self) -> Direct | None:
        """Where all chunks lie, if they lie in one file."""
        ...


@dataclass(frozen=True, eq=False)
class Extents:
    """Chunks at given places of one file: HDF5, uncompressed members of a zip.

    Attributes
    ----------
    path, stamp
        The file.
    offsets, sizes
        Bytes of every chunk; offset -1 where the chunk was never written.
    masks
        Filters skipped per chunk, in the order of decoding; None where there are none.
    pad
        Fill up to this many bytes: for virtual chunks, the last of which ends with the data.
    """

    path: str
    stamp: Stamp
    offsets: Array
    sizes: Array
    masks: Array | None = None
    pad: int = 0

    def fetch(self, chunk: int, files: FilePool) -> tuple[bytes, int] | None:
        """See :class:`Source`."""
        offset = int(self.offsets[chunk])
        if offset < 0:
            return None
        handle = files.get(self.path)
        handle.verify(self.stamp)
        data = handle.read(offset, int(self.sizes[chunk]))
        if len(data) < self.pad:
            data += bytes(self.pad - len(data))
        return data, 0 if self.masks is None else int(self.masks[chunk])

    def direct(self) -> Direct | None:
        """See :class:`Source`."""
        if self.masks is not None or not len(self.offsets) or self.offsets.min() < 0:
            return None
        return Direct(self.path, self.offsets, self.stamp)


@dataclass(frozen=True, eq=False)
class Members:
    """One file, or one member of a zip, per chunk.

    Attributes
    ----------
    read
        Bytes of a name, None where there is none; StoreError where the store was replaced.
    name
        Name of a chunk.
    """

    read: Callable[[str, FilePool], bytes | None]
    name: Callable[[int], str]
    stamp: Hashable

    def fetch(self, chunk: int, files: FilePool) -> tuple[bytes, int] | None:
        """See :class:`Source`."""
        data = self.read(self.name(chunk), files)
        return None if data is None else (data, 0)

    def direct(self) -> Direct | None:
        """See :class:`Source`."""
        return None


@dataclass(frozen=True, eq=False)
class Held:
    """The one chunk of a small array, in memory (HDF5's compact layout lies in its metadata)."""

    data: bytes
    stamp: Hashable

    def fetch(self, chunk: int, files: FilePool) -> tuple[bytes, int] | None:
        """See :class:`Source`."""
        return self.data, 0

    def direct(self) -> Direct | None:
        """See :class:`Source`."""
        return None


@dataclass(frozen=True)
class Place:
    """A file, or a stretch of one."""

    path: str
    offset: int
    size: int


@dataclass(frozen=True, eq=False)
class Shards:
    """Inner chunks of zarr's ``sharding_indexed``.

    Every shard ends (or begins) with a table of offset and size of its inner chunks. It is read
    once and kept.

    Attributes
    ----------
    locate
        Where a shard lies, None where there is none.
    grid, inner
        Grid of the inner chunks over the array, and inner chunks per shard.
    at_end, checked
        Whether the table is at the end, and followed by a crc32c.
    """

    locate: Callable[[tuple[int, ...], FilePool], Place | None]
    grid: tuple[int, ...]
    inner: tuple[int, ...]
    at_end: bool
    checked: bool
    stamp: Hashable
    _tables: dict[tuple[int, ...], tuple[Place, Array, Stamp] | None] = field(
        default_factory=dict, repr=False
    )

    def _table(self, shard: tuple[int, ...], files: FilePool) -> Any:
        # Two threads may read the same table: the same result, no lock needed.
        try:
            return self._tables[shard]
        except KeyError:
            pass
        place = self.locate(shard, files)
        if place is None:
            self._tables[shard] = None
            return None
        handle = files.get(place.path)
        size = 16 * math.prod(self.inner) + 4 * self.checked
        if place.size < size:
            raise StoreError(
                "is truncated: a shard without its table of chunks",
                store=place.path,
                remedy=_COPY_AGAIN,
            )
        start = place.offset + (place.size - size if self.at_end else 0)
        data = handle.read(start, size)
        if self.checked and crc32c(data[:-4]) != int.from_bytes(data[-4:], "little"):
            raise DecodeError("has a shard whose table does not match its crc32c checksum")
        table = np.frombuffer(data, "<u8", 2 * math.prod(self.inner)).reshape(-1, 2)
        self._tables[shard] = place, table, handle.stamp
        return self._tables[shard]

    def fetch(self, chunk: int, files: FilePool) -> tuple[bytes, int] | None:
        """See :class:`Source`."""
        shard, within = [], 0
        for position, n in zip(unravel(chunk, self.grid), self.inner, strict=True):
            shard.append(position // n)
            within = within * n + position % n
        found = self._table(tuple(shard), files)
        if found is None:
            return None
        place, table, stamp = found
        offset, size = int(table[within, 0]), int(table[within, 1])
        if offset == size == 0xFFFFFFFFFFFFFFFF:
            return None
        if offset + size > place.size:
            raise DecodeError("lies outside of its shard")
        handle = files.get(place.path)
        handle.verify(stamp)
        return handle.read(place.offset + offset, size), 0

    def direct(self) -> Direct | None:
        """See :class:`Source`."""
        return None
