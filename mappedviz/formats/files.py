"""Open files: bounded in number, read at offsets, and watched for changes."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from mappedviz.errors import AbsentStoreError, StoreError
from mappedviz.formats.forks import renewed_after_fork
from mappedviz.formats.inodes import inode_of
from mappedviz.formats.remote_files import RemoteFile
from mappedviz.formats.stamps import Stamp
from mappedviz.text.addresses import is_url

__all__ = [
    "AnyFile",
    "FileHandle",
    "FilePool",
    "default_max_files",
    "os_error",
    "pread",
    "read_file",
]

_COPY_AGAIN = "Copy or download the file again."
_REOPEN = "Open the collection again."
#: Files that are known again; of a store of more chunks, only some are.
_MOST_SEEN = 200_000
_READ_ONLY = os.O_RDONLY | os.O_CLOEXEC


def pread(fd: int, nbytes: int, offset: int) -> bytes:
    """Read up to `nbytes` at `offset`; less only at the end of the file."""
    if offset < 0 or nbytes < 0:
        return b""
    data = os.pread(fd, nbytes, offset)
    if len(data) == nbytes:
        return data
    parts = [data]  # a signal, a network file system, or more than 2 GiB at once
    while data and (nbytes := nbytes - len(data)):
        offset += len(data)
        data = os.pread(fd, nbytes, offset)
        parts.append(data)
    return b"".join(parts)


def os_error(error: OSError, path: str) -> StoreError:
    """Say in our words why a file cannot be read."""
    if isinstance(error, FileNotFoundError):
        return AbsentStoreError("is gone: no such file", store=path, remedy=_REOPEN)
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
        size = self.stamp.size  # of damaged places, no memory is taken for what is not there
        try:
            data = pread(self.fd, min(nbytes, max(0, size - offset)), offset)
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
        status = os.fstat(self.fd)
        # Compared by hand: this is done per chunk.
        if (
            status.st_size != stamp.size
            or status.st_mtime_ns != stamp.mtime_ns
            or (stamp.inode and status.st_ino != stamp.inode)
        ):
            now = Stamp.of(self.fd)
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


AnyFile = FileHandle | RemoteFile
"""An open file, wherever it is."""


class FilePool:
    """Bounded least-recently-used pool of descriptors, one per path.

    Thread-safe; a forked child starts with an empty pool. URLs have remote files in place of descriptors.

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
        self._open: OrderedDict[str, AnyFile] = OrderedDict()
        self._n_calls = self._calm_at = 0

    @property
    def crowded(self) -> bool:
        """Whether a handle had to be dropped lately, so that none can be expected to stay."""
        return self._n_calls < self._calm_at

    def get(self, path: str) -> AnyFile:
        """The open file at `path`."""
        with self._lock:
            self._n_calls += 1
            handle = self._open.get(path)
            if handle is not None:
                self._open.move_to_end(path)
                return handle
        # Outside of the lock: a slow disk stops nobody else.
        handle = RemoteFile(path) if is_url(path) else self._handle(path)
        dropped = []  # closed outside of the lock as well
        with self._lock:
            handle = self._open.setdefault(path, handle)
            self._open.move_to_end(path)
            while len(self._open) > self.max_files:
                dropped.append(self._open.popitem(last=False))
                self._calm_at = self._n_calls + 64 * self.max_files
        return handle

    def held(self, path: str) -> AnyFile | None:
        """The file at `path` if it is open; asking so does not count as using it."""
        return self._open.get(path)

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


def read_file(path: str, seen: dict[int, int] | None = None) -> bytes | None:
    """The whole of a small file, None where there is none.

    Parameters
    ----------
    path
        The file.
    seen
        Digests of stamps by those of paths: StoreError if the file is not the one that was read
        before.
    """
    try:
        fd = os.open(path, _READ_ONLY)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as error:
        raise os_error(error, path) from error
    try:
        status = os.fstat(fd)
        if seen is not None:
            key = hash(path)
            stamp = hash((status.st_size, status.st_mtime_ns, inode_of(status)))
            known = seen.setdefault(key, stamp) if len(seen) < _MOST_SEEN else seen.get(key, stamp)
            if known != stamp:
                raise StoreError("was changed or replaced while open", store=path, remedy=_REOPEN)
        return pread(fd, status.st_size, 0)
    except IsADirectoryError:
        return None
    except StoreError:
        raise
    except OSError as error:
        raise os_error(error, path) from error
    finally:
        os.close(fd)
