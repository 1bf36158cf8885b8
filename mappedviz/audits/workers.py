"""Many stores at a time: what is known already, executors, cancelling."""

from __future__ import annotations

import atexit
import gc
import os
import pickle
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from mappedviz.audits.cache import ScanCache, default_cache
from mappedviz.audits.children import ChildReader, packed
from mappedviz.audits.reading import read_store
from mappedviz.audits.recorded import RecordedScans
from mappedviz.audits.scan import Scan, ScanCancelledError, Wants
from mappedviz.errors import StoreWarning
from mappedviz.formats.forks import renewed_after_fork
from mappedviz.formats.processors import processors
from mappedviz.formats.remote_options import noted
from mappedviz.stores.children import Caller, in_children
from mappedviz.stores.deadline import NotStartedError
from mappedviz.stores.executors import Lost, check_executor, completed
from mappedviz.stores.fact_cache import FactCache
from mappedviz.text.addresses import absolute, in_memory, is_url
from mappedviz.text.progress import Progress, reporting

if TYPE_CHECKING:
    from mappedviz._types import PathLike
    from mappedviz.stores.fact_cache import CacheLike

Report: TypeAlias = Callable[[Scan], None]

#: A process of its own is worth its start for so many small stores; a file of so many bytes takes
#: as long as one of them, until most of it is values, which are not read.
STORES_PER_WORKER = 60
_BYTES_LIKE_A_STORE = 1_000_000


def scan_stores(
    paths: Iterable[PathLike],
    wants: Wants = Wants(),  # noqa: B008 - frozen
    *,
    progress: Progress = True,
    cancel: threading.Event | None = None,
    workers: int | None = None,
    timeout: float | None = None,
    executor: Executor | None = None,
    cache: ScanCache | CacheLike = None,
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
    executor
        Reads the stores, in place of processes that are started here: any executor of
        :mod:`concurrent.futures`. With a timeout, each of its processes has a child that reads. Stores that it
        loses, because it breaks, are read by processes of this machine, and a warning says so.
    cache
        Where scans of stores that are unchanged come from, and where they are kept: in the memory of this
        process and on disk, in a folder, or that of ``MAPPEDVIZ_CACHE``, or that of the user. False:
        not on disk. A ScanCache: nowhere but there.

    Returns
    -------
    list of Scan
        In the order of the paths.

    Raises
    ------
    ScanCancelledError
        `cancel` was set.
    RecipeTypeError
        `executor` is not an executor.
    """
    if executor is not None:
        check_executor(executor)
    wanted = noted([os.fspath(path) for path in paths])
    memory, disk = caches_of(cache)
    stop = partial(stop_if, cancel)
    found: dict[str, Scan] = {}
    with not_collecting():
        for path in dict.fromkeys(wanted):
            known = memory.get(path, wants, stop)
            if known is None and (recorded := disk.get(path, wants)) is not None:
                known = memory.put(recorded, wants)
            if known is not None:
                found[path] = known
            stop()
    left = [path for path in dict.fromkeys(wanted) if path not in found]
    for path in [path for path in left if in_memory(path)]:  # no other process has it
        left.remove(path)
        stop()
        found[path] = memory.put(read_store(path, wants, stop), wants)
    if left:
        with reporting(len(wanted), len(wanted) - len(left), progress) as step:

            def done(scan: Scan) -> None:
                disk.put(scan)
                if scan.known is not None:
                    scan.known.forget_columns(wants.columns)
                found[scan.path] = memory.put(scan, wants)
                step()

            more = replace(wants, every_column=disk.on)
            read_stores(
                left, more, done, workers=workers, timeout=timeout, executor=executor, stop=stop
            )
    disk.cache.warn(stacklevel=2)
    return [found[path] for path in wanted]


@contextmanager
def not_collecting() -> Iterator[None]:
    """Let Python not look for garbage where millions of objects are made that all stay: a fifth of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            if not gc.get_freeze_count():
                # All of them are old now: they are not looked through at once, three times.
                gc.freeze()
                gc.unfreeze()
            gc.enable()


def caches_of(cache: ScanCache | CacheLike) -> tuple[ScanCache, RecordedScans]:
    """Return the scans in memory and those on disk that an argument stands for."""
    if isinstance(cache, ScanCache):
        return cache, RecordedScans(FactCache(None))
    return default_cache(), RecordedScans(FactCache.of(cache))


def read_stores(
    paths: Sequence[str],
    wants: Wants,
    done: Report,
    *,
    workers: int | None = None,
    timeout: float | None = None,
    executor: Executor | None = None,
    stop: Callable[[], None] = lambda: None,
) -> None:
    """Read stores that are in no cache, and call a function with the scan of each.

    Parameters
    ----------
    paths
        Stores, each once.
    wants, workers, timeout, executor
        See :func:`scan_stores`.
    done
        Called on this thread, in any order.
    stop
        Called now and then; it may raise, to cancel.
    """
    if executor is not None:
        paths = _scan_elsewhere(executor, paths, wants, done, stop, timeout)
        workers = max(1, workers or 0)
    _scan_here(paths, wants, done, stop, workers, timeout)


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


def _scan_here(
    paths: Sequence[str],
    wants: Wants,
    done: Report,
    stop: Callable[[], None],
    workers: int | None,
    timeout: float | None,
) -> None:
    """Read stores on this machine: in child processes where they are worth it, or can be ended."""
    if workers is None:
        workers = _worth(paths, processors())
        workers = 0 if workers < 2 else workers
    if timeout is not None:
        workers = max(1, workers)
    if workers and paths:
        _scan_in_children(paths, wants, done, workers, stop, timeout)
    else:
        for path in paths:
            done(read_store(path, wants, stop))


def _scan_in_children(
    paths: Sequence[str],
    wants: Wants,
    done: Report,
    workers: int,
    stop: Callable[[], None],
    timeout: float | None,
) -> None:
    """Read stores in child processes of this one."""
    readers: dict[Caller, ChildReader] = {}

    def ask(caller: Caller, path: str) -> Scan:
        reader = readers.get(caller) or readers.setdefault(caller, ChildReader(caller))
        return reader.read(path, wants)

    here = partial(read_store, wants=wants)
    found = in_children(paths, ask, here, workers=workers, timeout=timeout, stop=stop)
    with closing(found):
        for _, scan in found:
            done(scan)


# --- executors of others --------------------------------------------------------------------


def _scan_elsewhere(
    executor: Executor,
    paths: Sequence[str],
    wants: Wants,
    done: Report,
    stop: Callable[[], None],
    timeout: float | None,
) -> list[str]:
    """Read stores on an executor, and return those that it lost."""
    # Its processes may be in another folder; and a store may be given in two spellings.
    given: dict[str, list[str]] = {}
    for path in paths:
        given.setdefault(absolute(path), []).append(path)
    lost: dict[str, BaseException] = {}
    for full, found in completed(executor, _Task(wants, timeout), given, stop=stop):
        for path in given[full]:
            if isinstance(found, Lost):
                lost[path] = found.error
                continue
            scan: Scan = pickle.loads(found)  # noqa: S301 - written by our own task
            scan.path = path
            if isinstance(scan.error, FileNotFoundError):
                # The error names the folder of that process; and a file may be here and not there.
                if not is_url(full) and os.path.lexists(full):
                    lost[path] = scan.error
                    continue
                scan = read_store(path, wants)
            done(scan)
    _readers.close()  # where the executor has threads of this process
    if lost:
        first = next(iter(lost.values()))
        warnings.warn(
            f"the executor lost {len(lost)} of {len(paths)} stores, which processes of this machine read "
            f"now ({type(first).__name__}: {first})",
            StoreWarning,
            stacklevel=4,
        )
    return [path for path in paths if path in lost]


@dataclass(frozen=True)
class _Task:
    """Returns the scan of a store, packed to travel; run by processes of an executor."""

    wants: Wants
    timeout: float | None

    def __call__(self, path: str) -> bytes:
        if self.timeout is None:
            return packed(read_store(path, self.wants))
        return packed(_readers.read(path, self.wants, self.timeout))


class _Readers:
    """The child processes of a process of an executor: each waits for the next store meanwhile."""

    def __init__(self) -> None:
        self.after_fork()
        renewed_after_fork(self)
        atexit.register(self.close)

    def after_fork(self) -> None:
        """Leave them to the process that started them."""
        self._waiting: list[ChildReader] = []
        self._here = False  # no child can be started

    def read(self, path: str, wants: Wants, timeout: float) -> Scan:
        """Return the scan of a store that a child read which no other thread uses."""
        if self._here:
            return read_store(path, wants)
        try:
            reader = self._waiting.pop()
        except IndexError:
            reader = ChildReader(Caller(timeout))
        reader.caller.timeout = timeout
        try:
            return reader.read(path, wants)
        except NotStartedError as error:
            warnings.warn(str(error), StoreWarning, stacklevel=2)
            self._here = True
            return read_store(path, wants)
        finally:
            self._waiting.append(reader)

    def close(self) -> None:
        """Leave one of those that wait to whoever needs one next, and end the others."""
        self._here = False
        while self._waiting:
            self._waiting.pop().caller.close()


_readers = _Readers()
