"""Many stores at a time: what is known already, worker processes, cancelling.

HDF5 reads with one thread at a time, so that threads gain nothing; processes do.
"""

from __future__ import annotations

import atexit
import os
import pickle
import threading
import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from queue import Empty, Queue
from typing import TYPE_CHECKING, TypeAlias

from mappedviz.audits.cache import ScanCache, default_cache
from mappedviz.audits.progress import Progress, reporting
from mappedviz.audits.scan import Scan, ScanCancelledError, Wants, read_store
from mappedviz.errors import StoreError, StoreWarning
from mappedviz.formats.forks import renewed_after_fork
from mappedviz.recipe.names import Names
from mappedviz.stores.deadline import Child, NotStartedError, serve
from mappedviz.text.addresses import absolute

if TYPE_CHECKING:
    from mappedviz._types import PathLike

Report: TypeAlias = Callable[[Scan], None]

#: A process of its own is worth its start for so many small stores; a file of so many bytes takes
#: as long as one of them, until most of it is values, which are not read.
STORES_PER_WORKER = 60
_BYTES_LIKE_A_STORE = 1_000_000
_TICK = 0.1
_PROGRAM = "from mappedviz.audits.workers import serve_scans; serve_scans()"


def scan_stores(
    paths: Iterable[PathLike],
    wants: Wants = Wants(),  # noqa: B008 - frozen
    *,
    progress: Progress = True,
    cancel: threading.Event | None = None,
    workers: int | None = None,
    timeout: float | None = None,
    cache: ScanCache | None = None,
) -> list[Scan]:
    """Read what the tables need of many stores; one that cannot be read is listed as such.

    Parameters
    ----------
    paths
        Stores.
    wants
        What to read of each.
    progress
        Show a bar when it takes long; or a function that is called with the number of
        stores done and of all stores, at most ten times a second.
    cancel
        Setting this event ends the scan.
    workers
        Processes that read; 0 reads in this one. Default: as many as there are processors and
        the stores are worth.
    timeout
        Seconds that one store may take; needs at least one process, which can be ended.
    cache
        What was read before, and where what is read now is kept. Default: one for the process.

    Returns
    -------
    list of Scan
        In the order of the paths.

    Raises
    ------
    ScanCancelledError
        `cancel` was set.
    """
    wanted = [os.fspath(path) for path in paths]
    cache = default_cache() if cache is None else cache
    stop = partial(stop_if, cancel)
    found: dict[str, Scan] = {}
    for path in dict.fromkeys(wanted):
        known = cache.get(path, wants, stop)
        if known is not None:
            found[path] = known
    left = [path for path in dict.fromkeys(wanted) if path not in found]
    if left:
        if workers is None:
            workers = _worth(left, _processors())
            workers = 0 if workers < 2 else workers
        if timeout is not None:
            workers = max(1, workers)

        with reporting(len(wanted), len(wanted) - len(left), progress) as step:

            def done(scan: Scan) -> None:
                found[scan.path] = cache.put(scan, wants)
                step()

            if workers:
                _scan_in_processes(left, wants, done, workers, stop, timeout)
            else:
                for path in left:
                    done(read_store(path, wants, stop))
    return [found[path] for path in wanted]


def stop_if(cancel: threading.Event | None) -> None:
    """Raise ScanCancelledError if an event is set."""
    if cancel is not None and cancel.is_set():
        raise ScanCancelledError("the scan was cancelled", remedy="Start it again to go on.")


def _worth(paths: Sequence[str], most: int) -> int:
    """Return how many processes stores are worth, at most so many: large stores take longer."""
    small = 0.0
    for path in paths:
        size = 0
        with suppress(OSError):  # whatever reads it says what is wrong
            size = os.stat(path).st_size
        small += 1 + min(size / _BYTES_LIKE_A_STORE, STORES_PER_WORKER)
        if small >= most * STORES_PER_WORKER:
            return most
    return int(small // STORES_PER_WORKER)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


# --- worker processes -----------------------------------------------------------------------


class _EndedError(Exception):
    """The scan is over, so that no more stores are read."""


class _Worker:
    """Reads one store after the other in a child process, which is replaced when it ends.

    Parameters
    ----------
    wants
        What to read of each store.
    timeout
        Seconds that one store may take; None for any time.
    """

    def __init__(self, wants: Wants, timeout: float | None) -> None:
        self._wants = wants
        self._timeout = timeout
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._names: dict[bytes, Names] = {}
        self._ended = False
        self._fresh = True  # nothing was read in this process yet
        self._here = False  # no child can be started

    def read(self, path: str) -> Scan:
        """Return the scan of a store, with the reason if the child process was late or ended.

        Where no child can be started, stores are read in this process, and a warning says so.
        """
        if self._here:
            return read_store(path, self._wants)
        full = absolute(path)  # a child that is used again may be in another folder
        try:
            child = self._living()
            packed, names = child.ask(full, (full, self._wants, self._fresh), self._timeout)
        except StoreError as error:
            if self._ended:
                raise _EndedError from error
            return Scan(path, error=error)
        except NotStartedError as error:
            if self._ended:
                raise _EndedError from error
            warnings.warn(str(error), StoreWarning, stacklevel=2)
            self._here = True
            return read_store(path, self._wants)
        self._fresh = False
        scan: Scan = pickle.loads(packed)  # noqa: S301 - written by our own child
        scan.path = path
        for (raw, column), found in names.items():
            if isinstance(found, Names):
                self._names[found.key] = found
            one = found if isinstance(found, Names) else self._names[found]
            (scan.raw_names if raw else scan.names)[column] = one
        return scan

    def _living(self) -> Child:
        with self._lock:
            if self._ended:
                raise _EndedError
            if self._child is None or self._child.ended:
                self._child, self._names, self._fresh = _idle.take(_PROGRAM), {}, True
            return self._child

    def stop(self) -> None:
        """Let :meth:`read` raise from now on; called on another thread."""
        with self._lock:
            self._ended = True
            if self._child is not None:
                self._child.kill()

    def close(self) -> None:
        """Leave the child process to the next scan, or end it if it cannot be used again."""
        with self._lock:
            child, self._child = self._child, None
            if child is not None and (self._ended or not _idle.keep(_PROGRAM, child)):
                child.end()


class _Idle:
    """A child process that waits for the next scan: its imports take longer than most stores."""

    def __init__(self) -> None:
        self._not_ours: list[Child] = []
        self._child: Child | None = None
        self.after_fork()
        renewed_after_fork(self)
        atexit.register(self.end)

    def after_fork(self) -> None:
        """Leave the child process to the process that started it."""
        self._lock = threading.Lock()
        self._not_ours += [] if self._child is None else [self._child]
        self._child, self._program = None, ""

    def take(self, program: str) -> Child:
        """Return the child that waits, or a new one."""
        with self._lock:
            child = self._child if self._program == program else None
            if child is not None:
                self._child = None
        if child is not None and child.process.poll() is None:
            return child
        return Child(program)

    def keep(self, program: str, child: Child) -> bool:
        """Keep a child, if none waits and it has not ended."""
        with self._lock:
            if self._child is not None or child.ended or child.process.poll() is not None:
                return False
            self._child, self._program = child, program
            return True

    def end(self) -> None:
        """End the child that waits."""
        with self._lock:
            child, self._child = self._child, None
        if child is not None:
            child.end()


_idle = _Idle()


class _Reader:
    """Reads stores for the process that started this one."""

    def __init__(self) -> None:
        self._sent: set[bytes] = set()

    def __call__(
        self, request: tuple[str, Wants, bool]
    ) -> tuple[bytes, dict[tuple[bool, str | None], Names | bytes]]:
        path, wants, fresh = request
        if fresh:
            self._sent.clear()
        scan = read_store(path, wants)
        # Many stores have the same names, which are most of what is read: they travel once.
        found = {(False, column): one for column, one in scan.names.items()}
        found |= {(True, column): one for column, one in scan.raw_names.items()}
        scan.names, scan.raw_names = {}, {}
        try:
            packed = pickle.dumps(scan, protocol=5)
        except Exception as error:  # an exception of some library that cannot travel
            scan = Scan(path, error=StoreError(str(scan.error or error), store=path))
            packed, found = pickle.dumps(scan, protocol=5), {}
        names: dict[tuple[bool, str | None], Names | bytes] = {}
        for where, one in found.items():
            names[where] = one.key if one.key in self._sent else one
            self._sent.add(one.key)
        return packed, names


def serve_scans() -> None:
    """Read stores for the process that started this one; the body of a worker."""
    serve(_Reader())


def _scan_in_processes(
    paths: Sequence[str],
    wants: Wants,
    done: Report,
    workers: int,
    stop: Callable[[], None],
    timeout: float | None,
) -> None:
    todo: Queue[str] = Queue()
    for path in paths:
        todo.put(path)
    ready: Queue[Scan | BaseException] = Queue()
    readers = [_Worker(wants, timeout) for _ in range(min(workers, len(paths)))]
    threads = [
        threading.Thread(target=_drive, args=(reader, todo, ready), daemon=True)
        for reader in readers
    ]
    for thread in threads:
        thread.start()
    left = len(paths)
    try:
        while left:
            stop()
            try:
                result = ready.get(timeout=_TICK)
            except Empty:
                continue
            if not isinstance(result, Scan):
                raise result
            done(result)
            left -= 1
    except BaseException:
        for reader in readers:
            reader.stop()
        raise
    finally:
        for thread in threads:
            thread.join()


def _drive(reader: _Worker, todo: Queue[str], ready: Queue[Scan | BaseException]) -> None:
    try:
        with suppress(Empty, _EndedError):
            while True:
                ready.put(reader.read(todo.get_nowait()))
    except BaseException as error:  # the thread that waits raises it
        ready.put(error)
    finally:
        reader.close()
