"""Files mapped into memory: fastest where the machine has them in its memory, and dangerous.

``pread`` copies what it reads; a mapped file is read where it lies, a third faster. There are
two dangers, and each has its guard:

*A page that is gone.* Somebody truncates the file, or the disk fails: the process gets SIGBUS, which
ends it. A handler (in the compiled core) notes the file and puts zeros in the place of the page, what
was read is thrown away, and the caller gets a StoreError. Signals that come from elsewhere go to
whom they went before. Where somebody installs another handler later, files are read with ``pread``;
forked processes begin again.

*A page that is not in memory yet.* The kernel would fetch it while the loop waits, and a row page by
page, where ``pread`` asks for all of it at once. So a file is mapped only when a sample of its pages
is found in memory, and left for a while when reading had to wait more than a few times.

Linux on 64-bit processors has all that this takes; elsewhere, and with ``MAPPEDVIZ_MMAP=0``,
``pread`` reads everything.
"""

from __future__ import annotations

import ctypes
import logging
import math
import mmap
import os
import platform
import resource
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from mappedviz.errors import CoreError, StoreError
from mappedviz.formats.files import FileHandle
from mappedviz.formats.forks import ForkSafeLock, renewed_after_fork
from mappedviz.gather.addresses import address
from mappedviz.gather.layout import LOST_PAGE, N_ENTRY, START, STOP
from mappedviz.native import function

__all__ = ["MappedFile", "Watch"]

_log = logging.getLogger(__name__)
#: A handle must have served so many readings: one that the pool closes again soon is not worth it.
_WORTH_MAPPING = 4
#: After this long a file that was not in memory is looked at again: soon, for looking is cheap.
_RETRY_SECONDS = 0.05
_N_SAMPLED = 32  # pages
#: A page among so many rows is fetched as quickly one way as the other.
_ROWS_PER_WAIT = 16
_NO_COPY_OF_FD: Any = {"trackfd": False} if sys.version_info >= (3, 13) else {}


def _supported() -> bool:
    return (
        sys.platform == "linux"
        and platform.machine() in ("x86_64", "aarch64")
        and ctypes.sizeof(ctypes.c_void_p) == 8
        and hasattr(os, "RWF_NOWAIT")
        and os.environ.get("MAPPEDVIZ_MMAP", "1") != "0"
    )


class _Guard:
    """The handler of SIGBUS of this process, and the table of mapped files that it looks at."""

    def __init__(self) -> None:
        self._lock = ForkSafeLock()
        self._tried = self._installed = False
        self._in_place: Callable[[int], int] = lambda _: 0
        self.table: Any = None  # int64, three a file
        self.address = 0
        # Places in the table. No lock: it is changed by finalizers, which run at any time.
        self._free: deque[int] = deque()

    def after_fork(self) -> None:
        self._tried = False  # workers of torch have put theirs in place of ours

    def in_place(self) -> bool:
        """Whether SIGBUS on this thread goes to the handler, which the first call installs."""
        if not self._tried:
            with self._lock():
                if not self._tried:
                    self._installed = self._install()
                    self._tried = True
        return self._installed and self._in_place(0) == 1

    def _install(self) -> bool:
        if not _supported():
            return False
        try:
            if self.table is None:
                self.address = function("guard_table")(0)
                n_numbers = N_ENTRY * function("guard_size")(0)
                self._free.extend(range(0, n_numbers, N_ENTRY))
                self.table = (ctypes.c_int64 * n_numbers).from_address(self.address)
            self._in_place = function("guard_in_place")
            return function("guard_install")(0) == 1
        except CoreError as error:
            _log.debug("files are read without mapping them: %s", error)
            return False

    def add(self, start: int, n_bytes: int) -> int | None:
        """Enter what is mapped; its place in the table, None where that is full."""
        try:
            place = self._free.popleft()
        except IndexError:
            return None
        self.table[place + LOST_PAGE] = 0
        self.table[place + START] = start
        self.table[place + STOP] = start + n_bytes  # last: until then nothing lies inside
        return place

    def remove(self, place: int) -> None:
        """Strike off what is to be unmapped."""
        self.table[place + STOP] = 0
        self._free.append(place)


_guard = renewed_after_fork(_Guard())


class MappedFile(FileHandle):
    """An open file that is mapped when that is worth it; unmapped when nobody holds it any more.

    A pool makes them where it is asked to: ``FilePool(handle=MappedFile)``.

    Attributes
    ----------
    ready
        Whether it is to be read where it is mapped, until something changes.
    address
        Where that is.
    lost_at
        The address of a number that is not 0 when a page was missing.
    """

    __slots__ = (
        "_again",
        "_array",
        "_making",
        "_n_readings",
        "_place",
        "address",
        "lost_at",
        "ready",
    )

    def __init__(self, path: str) -> None:
        self._place: int | None = None
        self.ready = False
        self.address = self.lost_at = 0
        self._making = ForkSafeLock()
        self._n_readings = 0
        self._again = 0.0  # when to try next
        self._array: Any = None
        super().__init__(path)

    @property
    def lost(self) -> bool:
        """Whether a page was missing, so that nothing can be read here any more."""
        return self._place is not None and bool(_guard.table[self._place + LOST_PAGE])

    def prepare(self) -> bool:
        """Map the file, if that is worth it by now."""
        self._n_readings += 1
        if self._n_readings < _WORTH_MAPPING or time.monotonic() < self._again or self.lost:
            return False
        with self._making():
            if not self.ready:
                if not _in_memory(self.fd, self.stamp.size):
                    self.leave()
                    return False
                if self._place is None:
                    self._map()
                self.ready = self._place is not None
        return self.ready

    def leave(self) -> None:
        """Read it otherwise for a while."""
        self.ready = False
        self._again = time.monotonic() + _RETRY_SECONDS

    def refuse_lost(self) -> None:
        """Raise StoreError if pages were missing."""
        if self.lost:
            self.ready = False
            self.verify(self.stamp)  # says what happened to it
            raise StoreError(
                "could not be read: its disk or network failed",
                store=self.path,
                remedy="Copy it to another disk, or try again.",
            )

    def _map(self) -> None:
        size = self.stamp.size
        try:
            memory = mmap.mmap(self.fd, size, access=mmap.ACCESS_READ, **_NO_COPY_OF_FD)
            memory.madvise(mmap.MADV_RANDOM)  # no pages around one that has to be fetched
        except (OSError, ValueError) as error:  # it became shorter; a file system without
            _log.debug("a file is not mapped: %s", error)
            self._again = math.inf
            return
        self._array = np.frombuffer(memory, np.uint8)  # holds it, too
        self.address = address(self._array)
        self._place = _guard.add(self.address, size)
        if self._place is None:
            self._array = None
            self._again = math.inf
        else:
            self.lost_at = _guard.address + 8 * (self._place + LOST_PAGE)

    def __del__(
        self,
        remove: Callable[[int], None] = _guard.remove,
        close: Callable[[Any], None] = FileHandle.__del__,
    ) -> None:
        place, self._place = self._place, None
        if place is not None:
            remove(place)
            self._array = None
        close(self)


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
    >>> handle = MappedFile(__file__)
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
        self._used: list[MappedFile] = []  # which keeps them mapped

    def address(self, handle: MappedFile) -> int:
        """Where the whole of a file is mapped, 0 where it is better read with ``pread``.

        It stays there for as long as the watch lives.
        """
        if not self._guarded:
            handle.ready = False
        elif (handle.ready and not handle.lost) or handle.prepare():
            self._used.append(handle)
            return handle.address
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
            handle.refuse_lost()
        if self._used and _n_waits() - self._n_waits > 1 + n_rows // _ROWS_PER_WAIT:
            for handle in self._used:
                handle.leave()
