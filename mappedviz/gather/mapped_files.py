"""Files mapped into memory: fastest where the machine has them in its memory, and dangerous.

``pread`` copies what it reads; a mapped file is read where it lies, half again as fast. There are
two dangers, and each has its guard:

*A page that is gone.* Somebody truncates the file, or the disk fails: the process gets SIGBUS, which
ends it. A handler (compiled, in :mod:`mappedviz.gather.kernels`) notes the file and puts zeros in the place
of the page, what was read is thrown away, and the caller gets a StoreError. Signals that come
from elsewhere go to whom they went before. Where somebody installs another handler later, files
are read with ``pread``; forked processes begin anew.

*A page that is not in memory yet.* The kernel would fetch it while the loop waits, and a row page by
page, where ``pread`` asks for all of it at once. So a file is mapped only when a sample of its pages
is found in memory, and left for a while when reading had to wait more than a few times.

Linux on 64-bit processors has all that this takes; elsewhere, and with ``MAPPEDVIZ_MMAP=0``,
``pread`` reads everything.
"""

from __future__ import annotations

import atexit
import ctypes
import logging
import math
import mmap
import os
import platform
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from mappedviz.errors import StoreError
from mappedviz.gather import layout
from mappedviz.gather.native import function

if TYPE_CHECKING:
    from mappedviz.formats.chunks import FileHandle

if sys.platform != "win32":
    import resource

__all__ = ["Watch", "refuse_lost"]

_log = logging.getLogger(__name__)
#: A handle must have served so many readings: one that the pool closes again soon is not worth it.
_WORTH_MAPPING = 4
#: After this long a file that was not in memory is looked at again: soon, for looking is cheap.
_RETRY_SECONDS = 0.05
_N_SAMPLED = 32  # pages
#: A page among so many rows is fetched as quickly one way as the other.
_ROWS_PER_WAIT = 16
_MOST_MAPPED = 1024  # files
_NO_COPY_OF_FD: Any = {"trackfd": False} if sys.version_info >= (3, 13) else {}


class _SigAction(ctypes.Structure):
    """C's struct sigaction, as glibc and musl have it on 64-bit Linux."""

    _fields_ = (
        ("handler", ctypes.c_void_p),
        ("mask", ctypes.c_byte * 128),
        ("flags", ctypes.c_int),
        ("restorer", ctypes.c_void_p),
    )


_SA_SIGINFO, _SA_ONSTACK = 0x4, 0x08000000


def _supported() -> bool:
    return (
        sys.platform == "linux"
        and platform.machine() in ("x86_64", "aarch64")
        and ctypes.sizeof(ctypes.c_void_p) == 8
        and hasattr(os, "RWF_NOWAIT")
        and os.environ.get("MAPPEDVIZ_MMAP", "1") != "0"
    )


class _Guard:
    """The handler of SIGBUS of this process, and the table that it shares."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tried = False
        self._handler = 0
        self._previous = _SigAction()
        self._array = np.zeros(layout.ENTRIES + _MOST_MAPPED * layout.N_ENTRY, np.int64)
        self.table = self._array.data
        # Places in the table. No lock: it is changed by finalizers, which run at any time.
        self._free = deque(range(layout.ENTRIES, len(self._array), layout.N_ENTRY))

    def after_fork(self) -> None:
        self._lock = threading.Lock()  # some thread of the parent may have held it
        self._tried = False  # workers of torch have put theirs in place of ours

    def in_place(self) -> bool:
        """Whether SIGBUS on this thread goes to the handler, which the first call installs."""
        if not self._tried:
            with self._lock:
                if not self._tried:
                    self._install()
                    self._tried = True
        return (
            self._handler != 0
            and self._current() == self._handler
            # The kernel ends a process that gets it while it is blocked.
            and signal.SIGBUS not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
        )

    def _current(self) -> int:
        now = _SigAction()
        self._sigaction(signal.SIGBUS, None, ctypes.byref(now))
        return now.handler or 0

    def _install(self) -> None:
        if not _supported():
            return
        try:
            self._sigaction = ctypes.CDLL(None).sigaction
            self._sigaction.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
            self.table[layout.PAGE] = mmap.PAGESIZE
            self.table[layout.PREVIOUS] = ctypes.addressof(self._previous)
            self.table[layout.N_ENTRIES] = _MOST_MAPPED
            handler = function("guard")(self._array.ctypes.data)
        except Exception as error:  # another numba, another libc: all works without
            _log.debug("files are read without mapping them: %s", error)
            return
        self._handler = handler
        if self._current() != handler:  # never its own predecessor: signals would go in a circle
            action = _SigAction(handler=handler, flags=_SA_SIGINFO | _SA_ONSTACK)
            self._sigaction(signal.SIGBUS, ctypes.byref(action), ctypes.byref(self._previous))
            atexit.register(self._restore)  # table and handler are about to be freed

    def _restore(self) -> None:
        if self.in_place():
            self._sigaction(signal.SIGBUS, ctypes.byref(self._previous), None)
        self._handler = 0

    def add(self, start: int, n_bytes: int) -> int | None:
        """Enter what is mapped; its place in the table, None where that is full."""
        try:
            place = self._free.popleft()
        except IndexError:
            return None
        self.table[place + layout.LOST] = 0
        self.table[place + layout.START] = start
        self.table[place + layout.STOP] = start + n_bytes  # last: until then nothing lies inside
        return place

    def remove(self, place: int) -> None:
        """Strike off what is to be unmapped."""
        self.table[place + layout.STOP] = 0
        self._free.append(place)


_guard = _Guard()
_making = threading.Lock()


def _after_fork_in_child() -> None:
    global _making  # noqa: PLW0603
    _making = threading.Lock()
    _guard.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


class _Mapping:
    """What is known of one open file; it is unmapped when this is gone.

    Attributes
    ----------
    ready
        Whether it is to be read where it is mapped, until something changes.
    address
        Where that is.
    """

    __slots__ = ("_again", "_array", "_lock", "_n_readings", "_place", "address", "ready")

    def __init__(self) -> None:
        self.ready = False
        self.address = 0
        self._lock = threading.Lock()
        self._n_readings = 0
        self._again = 0.0  # when to try next
        self._place: int | None = None
        self._array: Any = None

    @property
    def lost(self) -> bool:
        """Whether a page was missing, so that nothing can be read here any more."""
        return self._place is not None and bool(_guard.table[self._place + layout.LOST])

    def prepare(self, handle: FileHandle) -> bool:
        """Map the file, if that is worth it by now."""
        self._n_readings += 1
        if self._n_readings < _WORTH_MAPPING or time.monotonic() < self._again or self.lost:
            return False
        with self._lock:
            if not self.ready:
                if not _in_memory(handle.fd, handle.stamp.size):
                    self.leave()
                    return False
                if self._place is None:
                    self._map(handle.fd, handle.stamp.size)
                self.ready = self._place is not None
        return self.ready

    def leave(self) -> None:
        """Read it otherwise for a while."""
        self.ready = False
        self._again = time.monotonic() + _RETRY_SECONDS

    def _map(self, fd: int, size: int) -> None:
        try:
            memory = mmap.mmap(fd, size, access=mmap.ACCESS_READ, **_NO_COPY_OF_FD)
            memory.madvise(mmap.MADV_RANDOM)  # no pages around one that has to be fetched
        except (OSError, ValueError) as error:  # it became shorter; a file system without
            _log.debug("a file is not mapped: %s", error)
            self._again = math.inf
            return
        self._array = np.frombuffer(memory, np.uint8)  # holds it, too
        self.address = self._array.ctypes.data
        self._place = _guard.add(self.address, size)
        if self._place is None:
            self._array = None
            self._again = math.inf

    def __del__(self, remove: Callable[[int], None] = _guard.remove) -> None:
        if self._place is not None:
            remove(self._place)


def _in_memory(fd: int, size: int) -> bool:
    """Whether a sample of the pages of a file can be read without waiting."""
    byte = bytearray(1)
    try:
        return all(
            os.preadv(fd, [byte], size * k // _N_SAMPLED, os.RWF_NOWAIT) for k in range(_N_SAMPLED)
        )
    except OSError:  # EAGAIN, or a file system that cannot tell
        return False


def _n_waits() -> int:
    """How often this thread waited for a page to be fetched."""
    return resource.getrusage(resource.RUSAGE_THREAD).ru_majflt


class Watch:
    """Over one reading of some files: made before it, settled after it.

    Examples
    --------
    >>> from mappedviz.formats.chunks import FileHandle
    >>> handle = FileHandle(__file__)
    >>> watch = Watch()
    >>> address = watch.address(handle)
    >>> watch.settle(1)
    >>> address  # it is not worth being mapped for one reading
    0
    """

    __slots__ = ("_guarded", "_n_waits", "_used")

    def __init__(self) -> None:
        self._guarded = _guard.in_place()
        self._n_waits = _n_waits() if self._guarded else 0
        self._used: list[FileHandle] = []  # which keeps them mapped

    def address(self, handle: FileHandle) -> int:
        """Where the whole of a file is mapped, 0 where it is better read with ``pread``.

        It stays there for as long as the watch lives.
        """
        mapping: _Mapping = handle.mapping or _new_mapping(handle)
        if not self._guarded:
            mapping.ready = False
        elif (mapping.ready and not mapping.lost) or mapping.prepare(handle):
            self._used.append(handle)
            return mapping.address
        return 0

    def settle(self, n_rows: int) -> None:
        """Raise StoreError if a mapped file is not what it was when it was opened.

        Pages that are missing are not all that may have happened: of the last page, what is
        behind the end of the file reads as zeros.

        Parameters
        ----------
        n_rows
            How many were read. Where more than a few of them had to be waited for, the files
            are read otherwise for a while.
        """
        for handle in self._used:
            handle.verify(handle.stamp)
            refuse_lost(handle)
        if self._used and _n_waits() - self._n_waits > 1 + n_rows // _ROWS_PER_WAIT:
            for handle in self._used:
                handle.mapping.leave()


def _new_mapping(handle: FileHandle) -> _Mapping:
    with _making:
        if handle.mapping is None:
            handle.mapping = _Mapping()
        mapping: _Mapping = handle.mapping
        return mapping


def refuse_lost(handle: FileHandle) -> None:
    """Raise StoreError if pages of a mapped file were missing."""
    if handle.mapping.lost:
        handle.mapping.ready = False
        handle.verify(handle.stamp)  # says what happened to it
        raise StoreError(
            "could not be read: its disk or network failed",
            store=handle.path,
            remedy="Copy it to another disk, or try again.",
        )
