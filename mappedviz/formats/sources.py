"""Where the stored bytes of chunks are: at offsets of a file, a file each, or inside of shards."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

import numpy as np

from mappedviz._types import Array
from mappedviz.errors import StoreError
from mappedviz.formats.codecs import DecodeError, crc32c
from mappedviz.formats.grids import unravel
from mappedviz.text.addresses import is_url

if TYPE_CHECKING:
    from mappedviz.formats.files import FilePool
    from mappedviz.formats.stamps import Stamp

__all__ = ["Direct", "Extents", "Held", "Members", "Place", "Shards", "Source", "Stretch"]

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


class Stretch(NamedTuple):
    """A part of a file, to be fetched before it is needed.

    Attributes
    ----------
    path
        The file.
    start, end
        Its first byte and the one after the last; (0, -1) for the whole of a file.
    stamp
        What the file is to be, if that is known.
    """

    path: str
    start: int
    end: int
    stamp: Stamp | None = None


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

    def place(self, chunk: int, files: FilePool) -> Stretch | None:
        """Return what of which file a chunk needs; None if it is absent, or needs none."""
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
        if is_url(self.path):
            return None
        return Direct(self.path, self.offsets, self.stamp)

    def place(self, chunk: int, files: FilePool) -> Stretch | None:
        """See :class:`Source`."""
        offset = int(self.offsets[chunk])
        end = offset + int(self.sizes[chunk])
        return None if offset < 0 else Stretch(self.path, offset, end, self.stamp)


@dataclass(frozen=True, eq=False)
class Members:
    """One file, or one member of a zip, per chunk.

    Attributes
    ----------
    read
        Bytes of a name, None where there is none; StoreError where the store was replaced.
    name
        Name of a chunk.
    where
        What of which file has the bytes of a name, to be fetched before; None for local files.
    guard
        An object that is replaced when the store is, and its stamp; None for local files.
    """

    read: Callable[[str, FilePool], bytes | None]
    name: Callable[[int], str]
    stamp: Hashable
    where: Callable[[str], Stretch | None] | None = None
    guard: tuple[str, Stamp] | None = None

    def fetch(self, chunk: int, files: FilePool) -> tuple[bytes, int] | None:
        """See :class:`Source`."""
        data = self.read(self.name(chunk), files)
        return None if data is None else (data, 0)

    def direct(self) -> Direct | None:
        """See :class:`Source`."""
        return None

    def place(self, chunk: int, files: FilePool) -> Stretch | None:
        """See :class:`Source`."""
        return None if self.where is None else self.where(self.name(chunk))


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

    def place(self, chunk: int, files: FilePool) -> Stretch | None:
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
    guard
        See :class:`Members`.
    """

    locate: Callable[[tuple[int, ...], FilePool], Place | None]
    grid: tuple[int, ...]
    inner: tuple[int, ...]
    at_end: bool
    checked: bool
    stamp: Hashable
    guard: tuple[str, Stamp] | None = None
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
        at = self.place(chunk, files)
        if at is None:
            return None
        handle = files.get(at.path)
        handle.verify(cast("Stamp", at.stamp))
        return handle.read(at.start, at.end - at.start), 0

    def _where(self, chunk: int) -> tuple[tuple[int, ...], int]:
        """The shard of a chunk, and its number in there."""
        shard, within = [], 0
        for position, n in zip(unravel(chunk, self.grid), self.inner, strict=True):
            shard.append(position // n)
            within = within * n + position % n
        return tuple(shard), within

    def direct(self) -> Direct | None:
        """See :class:`Source`."""
        return None

    def place(self, chunk: int, files: FilePool) -> Stretch | None:
        """See :class:`Source`."""
        shard, within = self._where(chunk)
        found = self._table(shard, files)
        if found is None:
            return None
        place, table, stamp = found
        offset, size = int(table[within, 0]), int(table[within, 1])
        if offset == size == 0xFFFFFFFFFFFFFFFF:
            return None
        if offset + size > place.size:
            raise DecodeError("lies outside of its shard")
        return Stretch(place.path, place.offset + offset, place.offset + offset + size, stamp)

    def prepare(self, chunk: int, files: FilePool) -> dict[Hashable, Callable[[], None]]:
        """Return what reads the table of a chunk's shard, if that has not been read yet."""
        shard, _ = self._where(chunk)
        if shard in self._tables:
            return {}

        def read() -> None:
            self._table(shard, files)

        return {(id(self), shard): read}
