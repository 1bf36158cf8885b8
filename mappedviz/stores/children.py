"""Child processes that call functions for this one, and wait for the next that needs them.

One program serves the engine and the audit, so that the one that waits fits whoever comes next: its
imports take longer than most stores.
"""

from __future__ import annotations

import atexit
import os
import threading
import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from queue import Empty, Queue
from typing import Any, Generic, TypeVar

from mappedviz.errors import StoreError, StoreWarning
from mappedviz.formats.forks import renewed_after_fork
from mappedviz.stores.deadline import START, Child, NotStartedError, serve

__all__ = ["Caller", "IdleChild", "idle", "in_children", "serve_calls"]

_PROGRAM = "from mappedviz.stores.children import serve_calls; serve_calls()"
_TICK = 0.1
#: Results that wait for whoever asked, so that many do not fill the memory.
_MOST_READY = 1_000
_READ_BY = ("PYTHON", "HDF5_", "LD_")
T = TypeVar("T")
R = TypeVar("R")


def serve_calls() -> None:
    """Call functions for the process that started this one; the body of a child."""
    serve(_call)


def _call(request: tuple[Callable[..., Any], tuple[Any, ...]]) -> Any:
    function, arguments = request
    return function(*arguments)


def _settings() -> dict[str, str]:
    """Return what a process reads files by that may change, and what its errors say of them."""
    kept = {name: value for name, value in os.environ.items() if name.startswith(_READ_BY)}
    with suppress(OSError):  # the folder may be gone
        kept["folder"] = os.getcwd()
    return kept


class IdleChild:
    """A child process that waits for whoever needs one next."""

    def __init__(self) -> None:
        self._not_ours: list[Child] = []
        self._child: Child | None = None
        self._settings: dict[str, str] = {}
        self.after_fork()
        renewed_after_fork(self)
        atexit.register(self.end)

    def after_fork(self) -> None:
        """Leave the child process to the process that started it."""
        self._lock = threading.Lock()
        self._not_ours += [] if self._child is None else [self._child]
        self._child = None

    def take(self) -> Child:
        """Return the child that waits, or a new one.

        Raises
        ------
        NotStartedError
            The system starts no process.
        """
        with self._lock:
            child, self._child = self._child, None
        if child is not None:
            if child.process.poll() is None and self._settings == _settings():
                return child
            child.end()
        return Child(_PROGRAM)

    def keep(self, child: Child) -> None:
        """Let a child wait, or end it if another one waits already or it cannot be used again."""
        with self._lock:
            kept = self._child is None and not child.ended and child.process.poll() is None
            if kept:
                self._child, self._settings = child, _settings()
        if not kept:
            child.end()

    def end(self) -> None:
        """End the child that waits."""
        with self._lock:
            child, self._child = self._child, None
        if child is not None:
            child.end()


idle = IdleChild()


class EndedError(Exception):
    """Nothing more is asked of a child."""


class Caller:
    """Calls functions in a child process, which is replaced when it ends.

    Parameters
    ----------
    timeout
        Seconds that one call may take; None for any time. What a function imports does not count.
    """

    def __init__(self, timeout: float | None) -> None:
        self.timeout = timeout
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._ended = False
        #: Nothing was asked of the present process by this caller yet.
        self.fresh = True

    def call(self, path: str, function: Callable[..., R], *arguments: Any) -> R:
        """Return what a function of a module returns in the child.

        Parameters
        ----------
        path
            The store that it is about, for errors.
        function, arguments
            The function must not raise.

        Raises
        ------
        StoreError
            It was late, or ended the process.
        NotStartedError
            The system starts no process.
        EndedError
            :meth:`stop` was called.
        """
        try:
            child = self._living()
            if self.fresh:  # to know the function, the child imports its module
                child.ask(path, (callable, (function,)), START)
            found: R = child.ask(path, (function, arguments), self.timeout)
        except (StoreError, NotStartedError) as error:
            if self._ended:
                raise EndedError from error
            self.fresh = True
            raise
        self.fresh = False
        return found

    def _living(self) -> Child:
        with self._lock:
            if self._ended:
                raise EndedError
            if self._child is None or self._child.ended:
                self._child, self.fresh = idle.take(), True
            return self._child

    def stop(self) -> None:
        """Let :meth:`call` raise from now on; called on another thread."""
        with self._lock:
            self._ended = True
            if self._child is not None:
                self._child.kill()

    def close(self) -> None:
        """Leave the child process to whoever needs one next, or end it if it cannot be used again."""
        with self._lock:
            child, self._child = self._child, None
        if child is None:
            return
        if self._ended:
            child.end()
        else:
            idle.keep(child)


class _Job(Generic[T, R]):
    """Items that several children work on, in order, until one of them says that it is enough."""

    def __init__(
        self,
        items: Sequence[T],
        ask: Callable[[Caller, T], R],
        here: Callable[[T], R],
        enough: Callable[[R], bool],
    ) -> None:
        self.ask, self.here, self.enough = ask, here, enough
        self.todo: Queue[tuple[int, T]] = Queue()
        for each in enumerate(items):
            self.todo.put(each)
        self.last = len(items)
        self.not_started: str | None = None
        self.ready: Queue[tuple[T, R] | BaseException | None] = Queue(_MOST_READY)

    def drive(self, caller: Caller) -> None:
        """Work on items, on a thread of its own."""
        try:
            with suppress(Empty, EndedError):
                while True:
                    at, item = self.todo.get_nowait()
                    if at > self.last:
                        break
                    found = self._one(caller, item)
                    if self.enough(found):
                        self.last = min(self.last, at)
                    self.ready.put((item, found))
        except BaseException as error:  # the thread that waits raises it
            self.ready.put(error)
        finally:
            caller.close()
            self.ready.put(None)

    def _one(self, caller: Caller, item: T) -> R:
        if self.not_started:
            return self.here(item)
        try:
            return self.ask(caller, item)
        except NotStartedError as error:
            self.not_started = str(error)
            return self.here(item)


def in_children(
    items: Sequence[T],
    ask: Callable[[Caller, T], R],
    here: Callable[[T], R],
    *,
    workers: int,
    timeout: float | None,
    enough: Callable[[R], bool] = lambda _: False,
    stop: Callable[[], None] = lambda: None,
) -> Generator[tuple[T, R], None, None]:
    """Yield each item with what a child process returned for it, in the order in which they end.

    When the iteration ends early, the children are ended, whatever they are doing.

    Parameters
    ----------
    items
        What is asked about.
    ask
        Asks one child about one item, on a thread; :class:`StoreError` is for it to catch.
    here
        Does the same in this process, where no child can be started: a warning says so.
    workers
        Number of children.
    timeout
        Seconds that one item may take.
    enough
        Of a result after which items that come later need no answer.
    stop
        Called ten times a second or more often; it may raise, to cancel.
    """
    job = _Job(items, ask, here, enough)
    callers = [Caller(timeout) for _ in range(max(1, min(workers, len(items))))]
    threads = [threading.Thread(target=job.drive, args=(one,), daemon=True) for one in callers]
    left = 0
    try:
        for thread in threads:
            thread.start()
            left += 1
        while left:
            stop()
            try:
                result = job.ready.get(timeout=_TICK)
            except Empty:
                continue  # so that Ctrl-C is noticed
            if result is None:
                left -= 1
            elif isinstance(result, BaseException):
                raise result
            else:
                yield result
    except BaseException:
        job.last = -1
        for caller in callers:
            caller.stop()
        raise
    finally:
        for thread in threads:
            while thread.is_alive():
                while not job.ready.empty():  # it may wait for room
                    job.ready.get()
                thread.join(_TICK)
    if job.not_started:
        warnings.warn(job.not_started, StoreWarning, stacklevel=2)
