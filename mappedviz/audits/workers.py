"""Many stores at a time: what is known already, worker processes, cancelling.

HDF5 reads with one thread at a time, so that threads gain nothing; processes do. They are
plain child processes that speak over pipes, not those of multiprocessing, which would run the
user's script again in each.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from queue import Empty, Queue
from typing import IO, TYPE_CHECKING, Any, TypeAlias

from mappedviz.audits.cache import ScanCache, default_cache
from mappedviz.audits.progress import Progress, reporting
from mappedviz.audits.scan import Scan, ScanCancelledError, Wants, read_store
from mappedviz.errors import StoreError
from mappedviz.recipe.names import Names

if TYPE_CHECKING:
    from mappedviz._types import PathLike

Report: TypeAlias = Callable[[Scan], None]

#: A process of its own is worth its start for so many stores.
STORES_PER_WORKER = 60
_TICK = 0.1
_PROGRAM = "from mappedviz.audits.workers import serve; serve()"


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
    stop = partial(_stop_if, cancel)
    found: dict[str, Scan] = {}
    for path in dict.fromkeys(wanted):
        known = cache.get(path, wants, stop)
        if known is not None:
            found[path] = known
    left = [path for path in dict.fromkeys(wanted) if path not in found]
    if left:
        if workers is None:
            workers = min(_processors(), len(left) // STORES_PER_WORKER)
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


def _stop_if(cancel: threading.Event | None) -> None:
    if cancel is not None and cancel.is_set():
        raise ScanCancelledError("the scan was cancelled", remedy="Start it again to go on.")


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


# --- worker processes -----------------------------------------------------------------------


class _Worker:
    """A child process that reads one store after the other."""

    def __init__(self, wants: Wants) -> None:
        environment = {
            "OPENBLAS_NUM_THREADS": "1",  # numpy would start as many as there are processors
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        }
        self.process = subprocess.Popen(  # noqa: S603 - this very Python and module
            [sys.executable, "-c", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.stdin: IO[bytes] = self.process.stdin
        self.stdout: IO[bytes] = self.process.stdout
        self.names: dict[bytes, Names] = {}
        self._send(wants)

    def _send(self, what: Any) -> None:
        pickle.dump(what, self.stdin, protocol=5)
        self.stdin.flush()

    def read(self, path: str) -> Scan:
        """The scan of one store; EOFError if the process ended meanwhile."""
        try:
            self._send(path)
            scan: Scan = pickle.load(self.stdout)  # noqa: S301 - written by our own child
            names: dict[str | None, Names | bytes] = pickle.load(self.stdout)  # noqa: S301
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            raise EOFError from error
        for column, found in names.items():
            if isinstance(found, Names):
                self.names[found.key] = found
            scan.names[column] = found if isinstance(found, Names) else self.names[found]
        return scan

    def end(self) -> None:
        """End the process, whatever it is doing."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.stdin, self.stdout):
            with suppress(OSError):
                pipe.close()


def serve() -> None:
    """Read stores for the process that started this one; the body of a worker."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no reply
    requests = sys.stdin.buffer
    wants = pickle.load(requests)  # noqa: S301 - written by our own parent
    sent: set[bytes] = set()
    while True:
        try:
            path = pickle.load(requests)  # noqa: S301 - as above
        except EOFError:
            return
        scan = read_store(path, wants)
        # Many stores have the same names, which are most of what is read: they travel once.
        found, scan.names = scan.names, {}
        try:
            reply = pickle.dumps(scan, protocol=5)
        except Exception as error:  # an exception of some library that cannot travel
            scan = Scan(path, error=StoreError(str(scan.error or error), store=path))
            reply, found = pickle.dumps(scan, protocol=5), {}
        names = {column: one.key if one.key in sent else one for column, one in found.items()}
        sent.update(one.key for one in found.values())
        replies.write(reply)
        pickle.dump(names, replies, protocol=5)
        replies.flush()


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
    clocks: list[_Clock] = [_Clock(wants) for _ in range(min(workers, len(paths)))]
    threads = [
        threading.Thread(target=_drive, args=(clock, todo, ready), daemon=True) for clock in clocks
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
                result = None
            if timeout is not None:
                for clock in clocks:
                    clock.end_if_later_than(timeout)
            if isinstance(result, Scan):
                done(result)
                left -= 1
            elif result is not None:
                raise result
    finally:
        with suppress(Empty):
            while True:
                todo.get_nowait()
        for clock in clocks:
            clock.end()
        for thread in threads:
            thread.join()


class _Clock:
    """One worker at a time, and since when it has been at its store."""

    def __init__(self, wants: Wants) -> None:
        self.wants = wants
        self.lock = threading.Lock()
        self.worker: _Worker | None = None
        self.since: float | None = None
        self.late: float | None = None
        self.ended = False

    def read(self, path: str) -> Scan:
        """The scan of a store; a worker that died or was late is replaced at the next one."""
        with self.lock:
            if self._is_over():
                raise EOFError
            worker = self.worker = self.worker or _Worker(self.wants)
            self.late = None
        try:
            self.since = time.monotonic()
            return worker.read(path)
        except EOFError:
            with self.lock:
                worker.end()
                self.worker = None
            if self._is_over():
                raise
            return Scan(path, error=self._why_ended(os.path.abspath(path)))
        finally:
            self.since = None

    def _why_ended(self, path: str) -> StoreError:
        if self.late is not None:
            return StoreError(
                f"did not open within {self.late:g} s",
                store=path,
                remedy="The file may be damaged; check it, or raise open_timeout.",
            )
        return StoreError(
            "ended the process that opened it",
            store=path,
            remedy="The file is damaged; leave it out.",
        )

    def _is_over(self) -> bool:
        return self.ended

    def end_if_later_than(self, timeout: float) -> None:
        """End a worker that has been at one store for too long."""
        since = self.since
        if since is not None and time.monotonic() - since > timeout:
            self.late = timeout
            with self.lock:
                if self.worker is not None:
                    self.worker.process.kill()

    def end(self) -> None:
        """End the worker for good."""
        with self.lock:
            self.ended = True
            if self.worker is not None:
                self.worker.process.kill()


def _drive(clock: _Clock, todo: Queue[str], ready: Queue[Scan | BaseException]) -> None:
    try:
        with suppress(Empty, EOFError):
            while True:
                ready.put(clock.read(todo.get_nowait()))
    except BaseException as error:  # the thread that waits raises it
        ready.put(error)
    finally:
        with clock.lock:
            worker, clock.worker = clock.worker, None
        if worker is not None:
            worker.end()
