"""Bytes of remote chunks, fetched together while the first ones are decoded.

Whoever reads chunks one after the other waits for an answer each time. So the chunks that a batch lacks are listed
first, their ranges are merged per object, and all of them are asked for at once; decoding waits for those that it
needs. What was not foreseen is read as usual.
"""

from __future__ import annotations

import math
import threading
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from mappedviz._types import Array
from mappedviz.errors import AbsentStoreError, MappedvizError, StoreError
from mappedviz.formats.chunks import ChunkedArray, StoredArray
from mappedviz.formats.files import FilePool
from mappedviz.formats.forks import renewed_after_fork
from mappedviz.formats.grids import unravel
from mappedviz.formats.remote_client import Answer, request
from mappedviz.formats.remote_files import RemoteFile, at_once, begun, merged
from mappedviz.text.addresses import is_url

if TYPE_CHECKING:
    from mappedviz.formats.files import AnyFile
    from mappedviz.formats.sources import Source
    from mappedviz.formats.stamps import Stamp

__all__ = ["MOST_UNDECODED", "ahead", "fetched", "is_remote", "loaded", "read_rows", "window"]

#: Bytes of this process that were fetched, or are asked for, and are not decoded yet.
MOST_UNDECODED = 64 << 20
_PATIENCE = 10.0  # seconds


class _Room:
    """Bytes that may be under way: who needs more waits, unless there are none."""

    def __init__(self) -> None:
        self.after_fork()
        renewed_after_fork(self)

    def after_fork(self) -> None:
        """Start with all of it, in a forked child."""
        self._changed = threading.Condition()
        self._taken = 0

    @contextmanager
    def taken(self, n_bytes: int) -> Iterator[None]:
        """Wait for so many bytes, and give them back at the end."""
        with self._changed:
            # Whoever decodes may have to read more, and must not wait for itself for ever.
            self._changed.wait_for(
                lambda: not self._taken or self._taken + n_bytes <= MOST_UNDECODED, _PATIENCE
            )
            self._taken += n_bytes
        try:
            yield
        finally:
            with self._changed:
                self._taken -= n_bytes
                self._changed.notify_all()


_room = _Room()


class _Fetched:
    """A remote file of which some ranges, or all of it, are here already."""

    fd = -1

    def __init__(self, file: RemoteFile) -> None:
        self.file = file
        self.path = file.path
        self.answers: list[Future[Answer | MappedvizError]] = []
        self.starts: list[int] = []
        self.is_whole = False
        self.guard: Future[Answer | MappedvizError] | None = None

    @property
    def stamp(self) -> Stamp:
        """See :class:`~mappedviz.formats.remote_files.RemoteFile`."""
        return self.file.stamp

    def verify(self, stamp: Stamp) -> None:
        """See :class:`~mappedviz.formats.remote_files.RemoteFile`."""
        self.file.verify(stamp)

    def read(self, offset: int, nbytes: int) -> bytes:
        """See :class:`~mappedviz.formats.remote_files.RemoteFile`."""
        at = bisect_right(self.starts, offset) - 1
        parts = []
        start, stop = offset, offset + nbytes
        while 0 <= at < len(self.answers) and start < stop and self.starts[at] <= start:
            answer = self._answer(at)
            piece = answer.data[start - answer.start : stop - answer.start]
            if not piece:
                break
            parts.append(piece)
            start += len(piece)
            at += 1
        if start < stop or not nbytes:
            return self.file.read(offset, nbytes)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def whole(self) -> bytes | None:
        """See :class:`~mappedviz.formats.remote_files.RemoteFile`."""
        if not self.is_whole:
            return self.file.whole()
        try:
            return self._answer(0).data
        except AbsentStoreError:
            return None

    def _answer(self, at: int) -> Answer:
        """Wait for an answer; an error of its store, or of itself, is raised."""
        if self.guard is not None and isinstance(error := self.guard.result(), MappedvizError):
            # A root that is gone is no chunk that is absent by right.
            raise StoreError(error.message, store=error.store, remedy=error.remedy)
        answer = self.answers[at].result()
        if isinstance(answer, MappedvizError):
            raise answer
        return answer


class _Ahead(FilePool):
    """A pool whose remote files have bytes that were fetched before."""

    def __init__(self, files: FilePool, fetched: dict[str, _Fetched]) -> None:
        super().__init__(1)
        self._files = files
        self._fetched = fetched

    def get(self, path: str) -> AnyFile:
        """See :class:`~mappedviz.formats.files.FilePool`."""
        found: Any = self._fetched.get(path)
        return found if found is not None else self._files.get(path)


def is_remote(array: ChunkedArray) -> bool:
    """Return True if the chunks of an array are fetched from a server."""
    return isinstance(array, StoredArray) and array.is_remote


def window(arrays: Sequence[ChunkedArray]) -> int:
    """Return of how many arrays, one per chunk, the first chunks are fetched together: at least one."""
    total = 0
    for n, array in enumerate(arrays):
        total += _bound(array)
        if n and total > MOST_UNDECODED:
            return n
    return len(arrays)


def _bound(array: ChunkedArray) -> int:
    return math.prod(array.chunk_shape) * array.dtype.itemsize


@contextmanager
def ahead(items: Sequence[tuple[ChunkedArray, int]], files: FilePool) -> Iterator[FilePool]:
    """Fetch the bytes of remote chunks, and give the pool in which they are found.

    Errors are raised when a chunk is read, so that each store gets its own.

    Parameters
    ----------
    items
        Arrays and numbers of chunks.
    files
        Where other files come from.
    """
    sources = [(a.source, chunk) for a, chunk in items if isinstance(a, StoredArray)]
    with _room.taken(min(sum(_bound(array) for array, _ in items), MOST_UNDECODED)):
        yield fetched(sources, files)


def fetched(sources: Sequence[tuple[Source, int]], files: FilePool) -> FilePool:
    """Return a pool in which the bytes of remote chunks are found."""
    _prepare(sources, files)
    found: dict[str, _Fetched] = {}
    tasks: list[Callable[[], Answer]] = []
    owners: list[_Fetched] = []
    guarded: dict[tuple[str, Stamp], list[_Fetched]] = {}
    for path, (spans, stamp, guard) in _wanted(sources, files).items():
        handle = files.get(path)
        if not isinstance(handle, RemoteFile):
            continue
        one = found[path] = _Fetched(handle)
        parts: list[Any] = [None]
        if spans is None:
            one.is_whole = True
        else:
            parts = merged([start for start, _ in spans], [end for _, end in spans])
        for part in parts:
            tasks.append(partial(request, path, part, stamp))
            owners.append(one)
            one.starts.append(part[0] if part else 0)
        if guard is not None:
            guarded.setdefault(guard, []).append(one)
    roots: list[Callable[[], Answer]] = [
        partial(request, url, None, stamp, head=True) for url, stamp in guarded
    ]
    answers = begun([*roots, *tasks])
    for ones, root in zip(guarded.values(), answers, strict=False):
        for one in ones:
            one.guard = root
    for owner, answer in zip(owners, answers[len(roots) :], strict=True):
        owner.answers.append(answer)
    return _Ahead(files, found)


def _prepare(items: Sequence[tuple[Source, int]], files: FilePool) -> None:
    """Let sources read what says where chunks are: tables of shards, all at once."""
    todo: dict[Any, Callable[[], None]] = {}
    for source, chunk in items:
        prepare = getattr(source, "prepare", None)
        if prepare is not None:
            todo.update(prepare(chunk, files))
    if todo:
        at_once([partial(_tried, task) for task in todo.values()])


def _tried(task: Callable[[], None]) -> None:
    """Run a task whose errors come again when the chunk is read."""
    with suppress(Exception):
        task()


_Wanted = tuple[list[tuple[int, int]] | None, "Stamp | None", "tuple[str, Stamp] | None"]


def _wanted(sources: Sequence[tuple[Source, int]], files: FilePool) -> dict[str, _Wanted]:
    """Return the ranges that chunks are in, per URL; None for all of an object."""
    found: dict[str, _Wanted] = {}
    for source, chunk in sources:
        try:
            at = source.place(chunk, files)
        except Exception:  # noqa: S112 - raised again by whoever reads the chunk
            continue
        if at is None or not is_url(at.path):
            continue
        guard = getattr(source, "guard", None)
        if at.end < 0:
            found[at.path] = None, at.stamp, guard
        else:
            spans, *_ = found.setdefault(at.path, ([], at.stamp, guard))
            if spans is not None:
                spans.append((at.start, at.end))
    return found


def loaded(array: ChunkedArray, chunks: Sequence[int], files: FilePool) -> Iterator[Array]:
    """Return decoded chunks one after the other, past any cache; those of a server are fetched together."""
    if not is_remote(array):
        for chunk in chunks:
            yield array.load(chunk, files)
        return
    todo = [int(chunk) for chunk in chunks]
    while todo:
        n = window([array] * len(todo))
        some, todo = todo[:n], todo[n:]
        with ahead([(array, chunk) for chunk in some], files) as pool:
            values = [array.load(chunk, pool) for chunk in some]
        yield from values


def read_rows(array: ChunkedArray, start: int, stop: int, files: FilePool) -> Array:
    """Assemble the rows from `start` to `stop` of an array of any number of dimensions: fresh."""
    if not array.shape:
        return array.load(0, files).reshape(()).copy()
    out = np.empty((max(0, stop - start), *array.shape[1:]), array.dtype)
    if not out.size:
        return out
    per_row = math.prod(array.grid[1:])
    high = array.chunk_shape[0]
    chunks = range(start // high * per_row, ((stop - 1) // high + 1) * per_row)
    for chunk, decoded in zip(chunks, loaded(array, chunks, files), strict=True):
        where = unravel(chunk, array.grid)
        values = decoded.reshape(array.chunk_shape)
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
