"""The bytes: where the chunks of a stored array lie, how they are read, decoded and kept.

A :class:`ChunkedArray` says where every chunk of one stored array lies and how it is decoded. It
holds paths and offsets, never an open file, so it outlives forks and closed handles. Descriptors
come from a bounded :class:`FilePool`, decoded chunks stay in a bounded :class:`ChunkCache`.
"""

from __future__ import annotations

import math
import os
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np

from mappedviz._types import Array
from mappedviz.errors import ElementError, StoreError
from mappedviz.formats.codecs import DecodeError, Pipeline, crc32c
from mappedviz.formats.forks import ForkSafeLock, renewed_after_fork

__all__ = ["ChunkCache", "ChunkedArray", "Direct", "FileHandle", "FilePool", "Stamp"]

T = TypeVar("T")

#: Unfiltered data are read in pieces of about this size, however they were written.
VIRTUAL_CHUNK_BYTES = 1 << 20
#: Chunks of unfiltered data are left as they are up to this size.
HUGE_CHUNK_BYTES = 4 << 20

_COPY_AGAIN = "Copy or download the file again."
_REOPEN = "Open the collection again."
_READ_ONLY = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


# ------------------------------------------------------------------------------------ files
class Stamp(NamedTuple):
    """What tells one content of a file from another: size and time of the last change.

    The inode is left out on purpose: file systems in user space make it up at every open.

    Examples
    --------
    >>> Stamp(size=10, mtime_ns=5) == Stamp(size=12, mtime_ns=5)
    False
    """

    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: str | os.PathLike[str] | int) -> Stamp:
        """The stamp of a path or of an open descriptor, now."""
        status = os.stat(path)
        return cls(status.st_size, status.st_mtime_ns)


def pread(fd: int, nbytes: int, offset: int) -> bytes:
    """Read up to `nbytes` at `offset`; less only at the end of the file."""
    if offset < 0 or nbytes < 0:
        return b""
    data = _pread(fd, nbytes, offset)
    if len(data) == nbytes:
        return data
    parts = [data]  # a signal, a network file system, or more than 2 GiB at once
    while data and (nbytes := nbytes - len(data)):
        offset += len(data)
        data = _pread(fd, nbytes, offset)
        parts.append(data)
    return b"".join(parts)


_seek_lock = ForkSafeLock()


def _pread_by_seek(fd: int, nbytes: int, offset: int) -> bytes:
    """Windows: a descriptor has one position, so there is one reader at a time."""
    with _seek_lock():
        os.lseek(fd, offset, os.SEEK_SET)
        return os.read(fd, nbytes)


_pread: Callable[[int, int, int], bytes] = getattr(os, "pread", _pread_by_seek)


def os_error(error: OSError, path: str) -> StoreError:
    """Say in our words why a file cannot be read."""
    if isinstance(error, FileNotFoundError):
        return StoreError("is gone: no such file", store=path, remedy=_REOPEN)
    if isinstance(error, PermissionError):
        return StoreError(
            "may not be read: permission denied", store=path, remedy="Ask its owner for access."
        )
    return StoreError(f"cannot be read ({error.strerror or error})", store=path)


class FileHandle:
    """An open descriptor, closed when the last reference to this object is gone.

    Attributes
    ----------
    fd, path
        The descriptor, and of what.
    stamp
        Of the file, when it was opened.
    """

    __slots__ = ("__weakref__", "fd", "path", "stamp")

    def __init__(self, path: str) -> None:
        self.fd = -1
        self.path = path
        try:
            self.fd = os.open(path, _READ_ONLY)
            self.stamp = Stamp.of(self.fd)
        except OSError as error:
            raise os_error(error, path) from error

    def read(self, offset: int, nbytes: int) -> bytes:
        """Exactly `nbytes` at `offset`; StoreError where the file ends before."""
        try:
            data = pread(self.fd, nbytes, offset)
        except OSError as error:
            raise os_error(error, self.path) from error
        if len(data) != nbytes:
            raise StoreError(
                f"is truncated: {nbytes} bytes at {offset} were expected, {len(data)} are there",
                store=self.path,
                remedy=_COPY_AGAIN,
            )
        return data

    def verify(self, stamp: Stamp) -> None:
        """Raise StoreError where the file is not as it was when the stamp was taken."""
        now = Stamp.of(self.fd)
        if now != stamp:
            if now.size < stamp.size:
                found = f"was truncated while open: {now.size} bytes of {stamp.size} are left"
            else:
                found = "was changed or replaced while open"
            raise StoreError(found, store=self.path, remedy=_REOPEN)

    def __del__(self, close: Callable[[int], None] = os.close) -> None:
        fd, self.fd = self.fd, -1  # `close` is bound here: at exit `os` may be gone
        if fd >= 0:
            close(fd)


def default_max_files() -> int:
    """How many descriptors a pool keeps: 128, or a quarter of what the process may open."""
    try:
        import resource

        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    except (ImportError, OSError, ValueError):
        return 128
    return 128 if soft == getattr(resource, "RLIM_INFINITY", -1) else max(4, min(128, soft // 4))


class FilePool:
    """Bounded least-recently-used pool of descriptors, one per path.

    Thread-safe; a forked child starts with an empty pool.

    Parameters
    ----------
    max_files
        How many descriptors are kept open. A handle that is in use stays open beyond that
        until it is released.
    handle
        What is made of a path: a :class:`FileHandle`.
    """

    def __init__(self, max_files: int | None = None, handle: type[FileHandle] = FileHandle) -> None:
        self._handle = handle
        self.max_files = default_max_files() if max_files is None else max(1, max_files)
        self.after_fork()
        renewed_after_fork(self)

    def after_fork(self) -> None:
        """Start with no descriptors and a free lock, in a forked child."""
        self._lock = threading.Lock()
        self._open: OrderedDict[str, FileHandle] = OrderedDict()
        self._n_calls = self._calm_at = 0

    @property
    def crowded(self) -> bool:
        """Whether a handle had to be dropped lately, so that none can be expected to stay."""
        return self._n_calls < self._calm_at

    def get(self, path: str) -> FileHandle:
        """The open file at `path`."""
        with self._lock:
            self._n_calls += 1
            handle = self._open.get(path)
            if handle is not None:
                self._open.move_to_end(path)
                return handle
        handle = self._handle(path)  # outside of the lock: a slow disk stops nobody else
        dropped = []  # closed outside of the lock as well
        with self._lock:
            handle = self._open.setdefault(path, handle)
            self._open.move_to_end(path)
            while len(self._open) > self.max_files:
                dropped.append(self._open.popitem(last=False))
                self._calm_at = self._n_calls + 64 * self.max_files
        return handle

    def __len__(self) -> int:
        return len(self._open)

    def close(self, path: str | None = None) -> None:
        """Forget one path, or all."""
        with self._lock:
            dropped: Any = self._open.pop(path, None) if path else self._open
            if not path:
                self._open = OrderedDict()
        del dropped

    def __reduce__(self) -> tuple[Any, ...]:
        return FilePool, (self.max_files, self._handle)


def read_file(path: str) -> bytes | None:
    """The whole of a small file, None where there is none."""
    try:
        fd = os.open(path, _READ_ONLY)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as error:
        raise os_error(error, path) from error
    try:
        return pread(fd, os.fstat(fd).st_size, 0)
    except IsADirectoryError:
        return None
    except OSError as error:
        raise os_error(error, path) from error
    finally:
        os.close(fd)


# ----------------------------------------------------------------------------------- arrays
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


class ChunkedArray(Protocol):
    """Where the chunks of one stored numeric array lie and how they are decoded.

    Chunk ids count the grid in C order. Holds paths and offsets, never an open file.
    """

    @property
    def key(self) -> tuple[str, str]:
        """Path of the store, and key of the array in it."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array: one or two dimensions."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the decoded chunks: native byte order."""
        ...

    @property
    def chunk_shape(self) -> tuple[int, ...]:
        """Shape of a decoded chunk."""
        ...

    @property
    def grid(self) -> tuple[int, ...]:
        """Chunks along each axis."""
        ...

    @property
    def n_chunks(self) -> int:
        """Product of the grid."""
        ...

    @property
    def direct(self) -> Direct | None:
        """Set where every chunk is as in memory, present, and in one file."""
        ...

    @property
    def stamp(self) -> Hashable:
        """Tells one content of the store from another; part of the identity in a cache."""
        ...

    def load(self, chunk: int, files: FilePool) -> Array:
        """One decoded chunk: 1-d, C order, ``prod(chunk_shape)`` elements, read-only."""
        ...


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


def unravel(chunk: int, grid: Sequence[int]) -> tuple[int, ...]:
    """Position in the grid of a chunk id (C order)."""
    out = []
    for n in reversed(grid):
        chunk, i = divmod(chunk, n)
        out.append(i)
    return tuple(reversed(out))


def grid_of(shape: Sequence[int], chunk_shape: Sequence[int]) -> tuple[int, ...]:
    """How many chunks there are along each axis."""
    return tuple(-(-n // c) for n, c in zip(shape, chunk_shape, strict=True))


@dataclass(frozen=True, eq=False)
class StoredArray:
    """A :class:`ChunkedArray` made of a source of bytes and a pipeline of decoders.

    Attributes
    ----------
    key
        Path of the store, and key of the array in it.
    fill
        The value of chunks that were never written.
    absent
        Called with such a chunk, to raise an error where it cannot be right.
    """

    key: tuple[str, str]
    shape: tuple[int, ...]
    source: Source
    pipeline: Pipeline
    fill: Any = 0
    absent: Callable[[int], None] | None = None
    dtype: np.dtype[Any] = field(init=False)
    grid: tuple[int, ...] = field(init=False)
    n_chunks: int = field(init=False)
    direct: Direct | None = field(init=False)

    def __post_init__(self) -> None:
        put = object.__setattr__  # frozen: these follow from the others
        put(self, "dtype", self.pipeline.stored.newbyteorder("="))
        put(self, "grid", grid_of(self.shape, self.chunk_shape))
        put(self, "n_chunks", math.prod(self.grid))
        put(self, "direct", self.source.direct() if self.pipeline.raw else None)

    @property
    def chunk_shape(self) -> tuple[int, ...]:
        """Shape of a decoded chunk."""
        return self.pipeline.shape

    @property
    def stamp(self) -> Hashable:
        """See :class:`ChunkedArray`."""
        return self.source.stamp

    def load(self, chunk: int, files: FilePool) -> Array:
        """See :class:`ChunkedArray`."""
        try:
            found = self.source.fetch(chunk, files)
            if found is None:
                if self.absent is not None:
                    self.absent(chunk)
                values = np.full(math.prod(self.chunk_shape), self.fill, self.dtype)
                values.flags.writeable = False
                return values
            return self.pipeline.decode(*found)
        except DecodeError as error:
            raise ElementError(
                f"chunk {chunk} {error}",
                store=self.key[0],
                key=self.key[1],
                remedy=_COPY_AGAIN,
            ) from error


@dataclass(frozen=True, eq=False)
class RoutedArray:
    """A :class:`ChunkedArray` whose chunks are read by h5py or zarr themselves: slow, always right.

    Attributes
    ----------
    read
        Reads a selection (a tuple of slices); opens and closes what it needs.
    """

    key: tuple[str, str]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunk_shape: tuple[int, ...]
    read: Callable[[tuple[slice, ...]], Array]
    stamp: Hashable
    direct: Direct | None = None
    grid: tuple[int, ...] = field(init=False)
    n_chunks: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "grid", grid_of(self.shape, self.chunk_shape))
        object.__setattr__(self, "n_chunks", math.prod(self.grid))

    def load(self, chunk: int, files: FilePool) -> Array:
        """See :class:`ChunkedArray`."""
        where = unravel(chunk, self.grid)
        selection = tuple(
            slice(i * c, min((i + 1) * c, n))
            for i, c, n in zip(where, self.chunk_shape, self.shape, strict=True)
        )
        values = np.zeros(self.chunk_shape, self.dtype)
        part = self.read(selection)
        values[tuple(slice(n) for n in part.shape)] = part
        values = values.reshape(-1)
        values.flags.writeable = False
        return values


def read_rows(array: ChunkedArray, start: int, stop: int, files: FilePool) -> Array:
    """Assemble the rows from `start` to `stop` of an array of any number of dimensions: fresh."""
    if not array.shape:
        return array.load(0, files).reshape(()).copy()
    out = np.empty((max(0, stop - start), *array.shape[1:]), array.dtype)
    if not out.size:
        return out
    per_row = math.prod(array.grid[1:])
    high = array.chunk_shape[0]
    for chunk in range(start // high * per_row, ((stop - 1) // high + 1) * per_row):
        where = unravel(chunk, array.grid)
        values = array.load(chunk, files).reshape(array.chunk_shape)
        first = where[0] * high
        lo, hi = max(start, first), min(stop, first + high)
        target = [slice(lo - start, hi - start)]
        source = [slice(lo - first, hi - first)]
        rest = zip(where[1:], array.chunk_shape[1:], array.shape[1:], strict=True)
        for i, c, n in rest:
            target.append(slice(i * c, min(n, (i + 1) * c)))
            source.append(slice(0, min(n, (i + 1) * c) - i * c))
        out[tuple(target)] = values[tuple(source)]
    return out


def virtual_chunks(
    shape: tuple[int, ...], chunk_shape: tuple[int, ...], itemsize: int, limit: int
) -> tuple[int, ...]:
    """Smaller chunks for unfiltered data, cut along the first axis and never across a chunk.

    Returns `chunk_shape` itself where it is below `limit` or cannot be cut evenly.
    """
    if not shape or math.prod(chunk_shape) * itemsize <= limit or 0 in shape:
        return chunk_shape
    n, row = chunk_shape[0], math.prod(chunk_shape[1:]) * itemsize
    want = max(1, VIRTUAL_CHUNK_BYTES // row)
    if want >= n:
        return chunk_shape
    if n < shape[0]:  # several chunks along the axis: the cut must divide them
        want = next((d for d in range(want, want // 8, -1) if n % d == 0), n)
    return (want, *chunk_shape[1:])


def cut_extents(
    shape: tuple[int, ...],
    chunk_shape: tuple[int, ...],
    cut: tuple[int, ...],
    itemsize: int,
    offsets: Array,
    sizes: Array,
) -> tuple[Array, Array]:
    """Offsets and sizes of the virtual chunks of :func:`virtual_chunks`."""
    if cut == chunk_shape:
        return offsets, sizes
    old, new = grid_of(shape, chunk_shape), grid_of(shape, cut)
    piece = math.prod(cut) * itemsize
    rows = np.arange(new[0], dtype=np.int64)
    # Row of the old grid, and the bytes before the piece inside the old chunk.
    parent, before = (
        rows * cut[0] // chunk_shape[0],
        rows * cut[0] % chunk_shape[0] // cut[0] * piece,
    )
    parents = offsets.reshape(old[0], -1)[parent]
    starts = np.where(parents < 0, -1, parents + before[:, None])
    left = sizes.reshape(old[0], -1)[parent] - before[:, None]
    return starts.reshape(-1), np.clip(left, 0, piece).reshape(-1)


# ------------------------------------------------------------------------------------ cache
class _Slot:
    """A chunk that is being decoded, or a value that is being made."""

    __slots__ = ("array", "chunk", "error", "key", "owner", "ready", "value")

    def __init__(self, key: Hashable, array: ChunkedArray | None = None, chunk: int = 0) -> None:
        self.key = key
        self.array = array
        self.chunk = chunk
        self.value: Any = None
        self.error: BaseException | None = None
        self.ready = False
        self.owner = threading.get_ident()


class _AbandonedError(Exception):
    """Whoever was to make a value was interrupted."""


def default_threads() -> int:
    """How many threads decode: the processors this process may use, at most 16."""
    try:
        return min(16, len(os.sched_getaffinity(0)))
    except AttributeError:  # not on Linux
        return min(16, os.cpu_count() or 1)


class ChunkCache:
    """Bounded least-recently-used cache of decoded chunks, shared by all stores of a collection.

    Thread-safe. A chunk is never decoded twice at once, and arrays that were handed out stay
    valid when they are evicted. A forked child keeps what was cached, with fresh locks and threads.

    Parameters
    ----------
    max_bytes
        Bound of :attr:`nbytes`. A single chunk above it is handed out but not kept.
    files
        Where descriptors come from.
    threads
        How many threads decode, the calling one included; default: one per processor.

    Attributes
    ----------
    nbytes
        Sum of the sizes of what is held: exact.
    hits, misses
        Chunks and values that were there, and that had to be made.
    """

    def __init__(self, max_bytes: int, files: FilePool, threads: int | None = None) -> None:
        self.max_bytes = max(0, int(max_bytes))
        self.files = files
        self.threads = default_threads() if threads is None else max(1, threads)
        self.nbytes = self.hits = self.misses = 0
        self._held: OrderedDict[Hashable, Any] = OrderedDict()
        self._sizes: dict[Hashable, int] = {}
        self._tokens: dict[Hashable, int] = {}
        self.after_fork()
        renewed_after_fork(self)

    def after_fork(self) -> None:
        """Keep what was cached, with fresh locks and no threads, in a forked child."""
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._waiters = 0
        self._pending: dict[Hashable, _Slot] = {}
        self._executor: ThreadPoolExecutor | None = None
        # A thread of the parent may have been in the middle of an insertion.
        for key in self._held.keys() ^ self._sizes.keys():
            self._held.pop(key, None)
            self._sizes.pop(key, None)
        self.nbytes = sum(self._sizes.values())

    def __len__(self) -> int:
        return len(self._held)

    def get_many(self, array: ChunkedArray, chunks: Array | Sequence[int]) -> list[Array]:
        """Decoded chunks of one array, in the order asked; missing ones are decoded in parallel."""
        return self.get_many_of([(array, chunks)])[0]

    def get_many_of(
        self, wants: Sequence[tuple[ChunkedArray, Array | Sequence[int]]]
    ) -> list[list[Array]]:
        """The same for several arrays in one parallel sweep."""
        out: list[list[Any]] = []
        mine: deque[_Slot] = deque()
        try:
            self._look_up(wants, out, mine)
            self._decode_all(mine)
            for row in out:
                for i, value in enumerate(row):
                    if type(value) is _Slot:
                        row[i] = self._wait(value)
        except BaseException:
            with self._lock:  # Ctrl-C: nobody must wait for what will never be made
                self._abandon(mine)
            raise
        return out

    def _look_up(
        self,
        wants: Sequence[tuple[ChunkedArray, Array | Sequence[int]]],
        out: list[list[Any]],
        mine: deque[_Slot],
    ) -> None:
        """Fill `out` with arrays, or slots for those to come; `mine` are for us to decode."""
        held = self._held
        with self._lock:
            for array, chunks in wants:
                numbers = np.asarray(chunks, dtype=np.int64)
                keys = (numbers | (self._token(array) << 44)).tolist()
                row = self._all_held(keys)
                if row is not None:
                    out.append(row)
                    continue
                row = []
                for key, chunk in zip(keys, numbers.tolist(), strict=True):
                    value = held.get(key)
                    if value is not None:
                        held.move_to_end(key)
                        self.hits += 1
                    else:
                        value = self._pending.get(key)
                        if value is None:
                            if not 0 <= chunk < array.n_chunks:
                                raise IndexError(f"{array.key}: no chunk {chunk}")
                            value = self._pending[key] = _Slot(key, array, chunk)
                            mine.append(value)
                            self.misses += 1
                        else:
                            self.hits += 1  # somebody, perhaps this very call, is at it
                    row.append(value)
                out.append(row)

    def _all_held(self, keys: list[int]) -> list[Any] | None:
        """What is asked for, if nothing of it is missing: without a loop in Python."""
        try:
            found = list(map(self._held.__getitem__, keys))
        except KeyError:
            return None
        deque(map(self._held.move_to_end, keys), 0)
        self.hits += len(keys)
        return found

    def get_or_make(self, key: Hashable, make: Callable[[], T], nbytes: Callable[[T], int]) -> T:
        """A value of another kind (an index, a converted matrix) under the same bound.

        Parameters
        ----------
        key
            Identity of the value.
        make
            Makes it; called once, however many threads ask at the same time.
        nbytes
            Its size.
        """
        key = ("made", key)
        with self._lock:
            value: Any = self._held.get(key)
            if value is not None:
                self._held.move_to_end(key)
                self.hits += 1
                return value  # type: ignore[no-any-return]
            slot = self._pending.get(key)
            mine = slot is None
            if slot is None:
                slot = self._pending[key] = _Slot(key)
                self.misses += 1
            else:
                self.hits += 1
                if slot.owner == threading.get_ident():
                    raise RuntimeError(f"{key[1]!r} is needed to make itself")
        if not mine:
            try:
                return self._wait(slot)  # type: ignore[no-any-return]
            except _AbandonedError:
                return self.get_or_make(key[1], make, nbytes)
        try:
            value = make()
            self._finish(slot, value, int(nbytes(value)))
        except Exception as error:
            self._finish(slot, error=error)
            raise
        except BaseException:
            self._finish(slot, error=_AbandonedError())
            raise
        return value  # type: ignore[no-any-return]

    def clear(self) -> None:
        """Forget everything that is held."""
        with self._lock:
            self._held.clear()
            self._sizes.clear()
            self.nbytes = 0

    def __reduce__(self) -> tuple[Any, ...]:
        return ChunkCache, (self.max_bytes, self.files, self.threads)

    # -------------------------------------------------------------------------- internals
    def _token(self, array: ChunkedArray) -> int:
        # A small integer instead of two strings makes a key that is quick to hash. The stamp
        # keeps the chunks of a file apart from those of the file that replaces it.
        return self._tokens.setdefault((array.key, array.stamp), len(self._tokens))

    def _abandon(self, slots: deque[_Slot]) -> None:  # with the lock held
        while slots:
            slot = slots.popleft()
            self._pending.pop(slot.key, None)
            slot.error = _AbandonedError()
            slot.ready = True
        if self._waiters:
            self._changed.notify_all()

    def _decode_all(self, mine: deque[_Slot]) -> None:
        if not mine:
            return
        helpers = min(self.threads, len(mine)) - 1
        if helpers > 0:
            try:
                if self._executor is None:
                    with self._lock:
                        if self._executor is None:
                            self._executor = ThreadPoolExecutor(
                                self.threads - 1, thread_name_prefix="mappedviz-decode"
                            )
                for _ in range(helpers):
                    self._executor.submit(self._work, mine)
            except RuntimeError:
                pass  # the interpreter is shutting down: this thread does it all
        self._work(mine)

    def _work(self, slots: deque[_Slot]) -> None:
        # The queue is shared by the calling thread and its helpers; nobody in here waits for
        # anybody, so helpers that start late or never cannot block.
        while True:
            try:
                slot = slots.popleft()
            except IndexError:
                return
            try:
                assert slot.array is not None
                value = slot.array.load(slot.chunk, self.files)
                self._finish(slot, value, value.nbytes)
            except Exception as error:
                self._finish(slot, error=error)
            except BaseException:  # Ctrl-C: leave nothing behind that others wait for
                self._finish(slot, error=_AbandonedError())
                raise

    def _finish(
        self, slot: _Slot, value: Any = None, size: int = 0, error: BaseException | None = None
    ) -> None:
        dropped = []  # freed outside of the lock
        with self._lock:
            slot.value, slot.error = value, error
            slot.ready = True
            if self._pending.get(slot.key) is slot:
                del self._pending[slot.key]
            keep = error is None and value is not None and size <= self.max_bytes
            if keep and slot.key not in self._held:
                while self.nbytes + size > self.max_bytes:
                    old, gone = self._held.popitem(last=False)
                    self.nbytes -= self._sizes.pop(old)
                    dropped.append(gone)
                self._held[slot.key] = value
                self._sizes[slot.key] = size
                self.nbytes += size
            if self._waiters:
                self._changed.notify_all()

    def _wait(self, slot: _Slot) -> Any:
        if not slot.ready:
            with self._lock:
                self._waiters += 1
                try:
                    while not slot.ready:
                        self._changed.wait()
                finally:
                    self._waiters -= 1
        if slot.error is None:
            return slot.value
        if isinstance(slot.error, _AbandonedError) and slot.array is not None:
            return self.get_many(slot.array, [slot.chunk])[0]  # somebody else's Ctrl-C
        raise slot.error
