"""Reading stores in child processes, which can be ended and may end.

HDF5 reads with one thread at a time, so that threads gain nothing; processes do.
"""

from __future__ import annotations

import atexit
import pickle
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

from mappedviz.audits.reading import read_store
from mappedviz.audits.scan import Scan, Wants
from mappedviz.errors import StoreError, StoreWarning
from mappedviz.formats.forks import renewed_after_fork
from mappedviz.recipe.names import Names
from mappedviz.stores.deadline import Child, EndedChildError, NotStartedError, serve
from mappedviz.text.addresses import absolute

_PROGRAM = "from mappedviz.audits.children import serve_scans; serve_scans()"
#: Lists of names that are kept to be sent once: most stores of a collection share a few.
_MOST_LISTS = 100


class EndedError(Exception):
    """The scan is over, so that no more stores are read."""


class ChildReader:
    """Reads one store after the other in a child process, which is replaced when it ends."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._names: dict[bytes, Names] = {}
        self._ended = False
        self._fresh = True  # nothing was read in this process yet
        self._here = False  # no child can be started

    def read(self, path: str, wants: Wants, timeout: float | None) -> Scan:
        """Return the scan of a store, with the reason if the child process was late or ended.

        A child may be ended for what is no fault of the store: by the system, for want of memory. So a
        store that it was reading is given to another one, once. Where no child can be started, stores
        are read in this process, and a warning says so.

        Parameters
        ----------
        path
            The store.
        wants
            What to read of it.
        timeout
            Seconds that it may take; None for any time.
        """
        if self._here:
            return read_store(path, wants)
        try:
            try:
                return self._ask(path, wants, timeout)
            except EndedChildError:
                if self._ended:
                    raise
                return self._ask(path, wants, timeout)
        except StoreError as error:
            if self._ended:
                raise EndedError from error
            return Scan(path, error=error)
        except NotStartedError as error:
            if self._ended:
                raise EndedError from error
            warnings.warn(str(error), StoreWarning, stacklevel=2)
            self._here = True
            return read_store(path, wants)

    def _ask(self, path: str, wants: Wants, timeout: float | None) -> Scan:
        full = absolute(path)  # a child that is used again may be in another folder
        child = self._living()
        if len(self._names) > _MOST_LISTS:
            self._names, self._fresh = {}, True
        packed, names = child.ask(full, (full, wants, self._fresh), timeout)
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
                raise EndedError
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


def packed(scan: Scan) -> bytes:
    """Return a scan as bytes that travel between processes of this package."""
    try:
        return pickle.dumps(scan, protocol=5)
    except Exception as error:  # an exception of some library that cannot travel
        error = StoreError(str(scan.error or error), store=scan.path)
        return pickle.dumps(Scan(scan.path, error=error), protocol=5)


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
        sent = packed(scan)
        names: dict[tuple[bool, str | None], Names | bytes] = {}
        for where, one in found.items():
            names[where] = one.key if one.key in self._sent else one
            self._sent.add(one.key)
        return sent, names


def serve_scans() -> None:
    """Read stores for the process that started this one; the body of a worker."""
    serve(_Reader())


class Children(ThreadPoolExecutor):
    """Threads with a child process each: an executor whose calls can be ended.

    Parameters
    ----------
    workers
        Number of processes.
    timeout
        Seconds that one store may take; None for any time.

    Examples
    --------
    >>> from mappedviz.datasets import demo
    >>> with Children(1, timeout=60) as children:
    ...     scan = children.submit(children.read, f"{demo()}/berlin.h5ad", Wants()).result()
    >>> scan.n_obs
    700
    """

    def __init__(self, workers: int, timeout: float | None) -> None:
        super().__init__(workers, thread_name_prefix="mappedviz-child")
        self._timeout = timeout
        self._own = threading.local()
        self._readers: list[ChildReader] = []
        self._ended = False

    def read(self, path: str, wants: Wants) -> Scan:
        """Return the scan of a store; called on a thread of this executor."""
        reader: ChildReader | None = getattr(self._own, "reader", None)
        if reader is None:
            reader = self._own.reader = ChildReader()
            self._readers.append(reader)
            if self._ended:
                reader.stop()
        return reader.read(path, wants, self._timeout)

    def end(self) -> None:
        """End the processes, whatever they are doing; calls that run raise EndedError."""
        super().shutdown(wait=False, cancel_futures=True)
        self._ended = True
        for reader in list(self._readers):
            reader.stop()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """See :meth:`concurrent.futures.Executor.shutdown`; a process is left to the next scan."""
        super().shutdown(wait, cancel_futures=cancel_futures)
        for reader in self._readers if wait else ():
            reader.close()
