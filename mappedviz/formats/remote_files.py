"""Remote files: read at offsets like local ones, in blocks that are kept, or in many ranges at once."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from mappedviz.errors import AbsentStoreError, MappedvizError, StoreError
from mappedviz.formats.forks import renewed_after_fork
from mappedviz.formats.remote_client import MOST_REQUESTS, Answer, changed, request
from mappedviz.text.addresses import shown

if TYPE_CHECKING:
    from mappedviz.formats.stamps import Stamp

__all__ = ["BlockFile", "RemoteFile", "at_once", "begun", "merged"]

_T = TypeVar("_T")

#: What HDF5 and zip read piecewise is fetched and kept in blocks.
BLOCK = 256 << 10
_KEPT_BYTES = 64 << 20
#: One request reads no more; longer stretches are several requests at once.
MOST_BYTES = 8 << 20
#: Ranges that lie no further apart become one request: what lies between costs less than another one.
GAP = 128 << 10


class _Blocks:
    """Blocks of remote files that were read lately, the same for all threads: bounded."""

    def __init__(self) -> None:
        self.after_fork()
        renewed_after_fork(self)

    def after_fork(self) -> None:
        """Start with none, in a forked child."""
        self._lock = threading.Lock()
        self._held: OrderedDict[tuple[str, Stamp, int], bytes] = OrderedDict()
        self._size = 0

    def get(self, key: tuple[str, Stamp, int]) -> bytes | None:
        """Return a block, None if it is not held."""
        with self._lock:
            found = self._held.get(key)
            if found is not None:
                self._held.move_to_end(key)
            return found

    def put(self, key: tuple[str, Stamp, int], data: bytes) -> None:
        """Keep a block; the oldest ones make room."""
        with self._lock:
            if key not in self._held:
                self._held[key] = data
                self._size += len(data)
                while self._size > _KEPT_BYTES:
                    self._size -= len(self._held.popitem(last=False)[1])


class _Threads:
    """The threads that wait for answers: as many as there may be requests."""

    def __init__(self) -> None:
        self.after_fork()
        renewed_after_fork(self)

    def after_fork(self) -> None:
        """Forget threads that only the parent has."""
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None

    def submit(self, task: Callable[[], _T]) -> Future[_T]:
        """Run a task on one of them."""
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(
                    MOST_REQUESTS, thread_name_prefix="mappedviz-remote"
                )
        return self._pool.submit(task)


_blocks = _Blocks()
_threads = _Threads()


def begun(tasks: Sequence[Callable[[], _T]]) -> list[Future[_T | MappedvizError]]:
    """Begin requests, and return their results to come; our errors among them."""
    if len(tasks) > 1:
        try:
            return [_threads.submit(partial(_caught, task)) for task in tasks]
        except RuntimeError:  # the interpreter is shutting down
            pass
    done: list[Future[_T | MappedvizError]] = [Future() for _ in tasks]
    for future, task in zip(done, tasks, strict=True):
        future.set_result(_caught(task))
    return done


def _caught(task: Callable[[], _T]) -> _T | MappedvizError:
    try:
        return task()
    except MappedvizError as error:
        return error


def at_once(tasks: Sequence[Callable[[], _T]]) -> list[_T | MappedvizError]:
    """Return the results of requests that are made at the same time; our errors in their places."""
    futures = begun(tasks)
    try:
        return [future.result() for future in futures]
    except BaseException:  # Ctrl-C
        for future in futures:
            future.cancel()
        raise


def merged(starts: Sequence[int], ends: Sequence[int]) -> list[tuple[int, int]]:
    """Return the requests that cover ranges: near ones together, long ones in parts; in order.

    Examples
    --------
    >>> merged([1_000_000, 0, 90], [1_000_010, 50, 100])
    [(0, 100), (1000000, 1000010)]
    """
    found: list[tuple[int, int]] = []
    for start, end in sorted(zip(starts, ends, strict=True)):
        if end <= start:
            continue
        if found and start <= found[-1][1] + GAP and end - found[-1][0] <= MOST_BYTES:
            found[-1] = found[-1][0], max(found[-1][1], end)
            continue
        start = max(start, found[-1][1]) if found and start < found[-1][1] else start
        while end - start > MOST_BYTES:
            found.append((start, start + MOST_BYTES))
            start += MOST_BYTES
        if end > start:
            found.append((start, end))
    return found


class RemoteFile:
    """An object of a remote store, with the members of a local :class:`~mappedviz.formats.files.FileHandle`.

    It belongs to one content of the object: that of the first stamp that it meets. Each request asks for
    that content, so that an object that is replaced meanwhile is noticed.

    Parameters
    ----------
    path
        Its URL.
    stamp
        What it is, if that is known; else the first request finds out.

    Attributes
    ----------
    fd
        -1: it has no descriptor.
    """

    fd = -1

    def __init__(self, path: str, stamp: Stamp | None = None) -> None:
        self.path = path
        self._stamp = stamp
        self._run = (0, 1)  # where the last blocks ended, and how many they were
        self._tail: Answer | None = None

    @property
    def stamp(self) -> Stamp:
        """What the object is; asked for if nothing has been read yet."""
        if self._stamp is None:
            self._stamp = request(self.path, head=True).stamp
        return self._stamp

    @property
    def is_known(self) -> bool:
        """Whether the stamp is known without a request."""
        return self._stamp is not None

    def verify(self, stamp: Stamp) -> None:
        """Raise StoreError if this is not the object of a stamp; its requests are conditional on it."""
        if self._stamp is None:
            self._stamp = stamp
        elif self._stamp != stamp:
            raise changed(self.path)

    def open_end(self, nbytes: int) -> None:
        """Read the end of the object, and find out by the same request what it is."""
        answer = request(self.path, -nbytes, self._stamp)
        self._tail = answer
        self._stamp = answer.stamp

    def open_start(self) -> bytes:
        """Return the first block of the object, and find out by the same request what it is."""
        try:
            answer = request(self.path, (0, BLOCK), self._stamp)
        except AbsentStoreError:
            raise
        except StoreError:  # of an empty object, there is no first byte
            answer = request(self.path, stamp=self._stamp, head=True)
            if answer.stamp.size:
                raise
        self._stamp = answer.stamp
        _blocks.put((self.path, self._stamp, 0), answer.data)
        return answer.data

    def read(self, offset: int, nbytes: int) -> bytes:
        """Return exactly `nbytes` at `offset`; StoreError if the object ends before."""
        stamp = self.stamp
        if offset < 0 or nbytes < 0 or offset + nbytes > stamp.size:
            there = max(0, stamp.size - max(offset, 0))
            raise StoreError(
                f"is truncated: {nbytes} bytes at {offset} were expected, {there} are there",
                store=shown(self.path),
                remedy="Copy or download the file again.",
            )
        tail = self._tail
        if tail is not None and offset >= tail.start:
            return tail.data[offset - tail.start : offset - tail.start + nbytes]
        if nbytes > MOST_BYTES // 2:
            return b"".join(self.read_many([offset], [offset + nbytes]))
        first, last = offset // BLOCK, (offset + nbytes - 1) // BLOCK
        data = b"".join(self._read_blocks(first, last)) if nbytes else b""
        return data[offset - first * BLOCK : offset - first * BLOCK + nbytes]

    def _read_blocks(self, first: int, last: int) -> list[bytes]:
        stamp = self.stamp
        found = [_blocks.get((self.path, stamp, number)) for number in range(first, last + 1)]
        missing = [first + i for i, block in enumerate(found) if block is None]
        if missing:
            begin, end = missing[0], missing[-1] + 1
            # Reading on from where the last reading ended: twice as much, as disks do it.
            at, count = self._run
            count = max(end - begin, 2 * count if begin == at else 1)
            count = min(count, MOST_BYTES // BLOCK)
            end = min(max(end, begin + count), -(-stamp.size // BLOCK))
            self._run = end, end - begin
            start, stop = begin * BLOCK, min(end * BLOCK, stamp.size)
            data = b"".join(self.read_many([start], [stop]))
            for number in range(begin, end):
                block = data[(number - begin) * BLOCK : (number - begin + 1) * BLOCK]
                _blocks.put((self.path, stamp, number), block)
                if number <= last:
                    found[number - first] = block
        return [block for block in found if block is not None]

    def read_many(self, starts: Sequence[int], ends: Sequence[int]) -> list[bytes]:
        """Return the bytes of several ranges: few requests, made at once."""
        stamp = self.stamp
        parts = merged(starts, ends)
        answers = at_once([lambda part=part: request(self.path, part, stamp) for part in parts])  # type: ignore[misc]
        for answer in answers:
            if isinstance(answer, MappedvizError):
                raise answer
        got = [answer for answer in answers if isinstance(answer, Answer)]
        out = []
        for start, end in zip(starts, ends, strict=True):
            pieces = [
                one.data[max(start - one.start, 0) : end - one.start]
                for one in got
                if one.start < end and one.start + len(one.data) > start
            ]
            out.append(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        return out

    def whole(self) -> bytes | None:
        """Return all of the object, None if there is none."""
        try:
            answer = request(self.path, None, self._stamp)
        except AbsentStoreError:
            return None
        self._stamp = answer.stamp
        return answer.data


class BlockFile(io.RawIOBase):
    """A remote file as a file of Python, for libraries that want one."""

    def __init__(self, file: RemoteFile) -> None:
        super().__init__()
        self.file = file
        self._at = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Change the position, and return it."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.file.stamp.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Read from the position on; less only at the end of the file."""
        view = memoryview(buffer).cast("B")
        n = max(0, min(len(view), self.file.stamp.size - self._at))
        view[:n] = self.file.read(self._at, n)
        self._at += n
        return n
