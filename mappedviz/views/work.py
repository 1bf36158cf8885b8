"""Long work on a thread: progress, cancelling, and results that come too late are dropped."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")
#: Called with what is done and what is to do.
Report: TypeAlias = Callable[[int, int], None]
_TICK = 0.1


class CancelledError(Exception):
    """The work was cancelled, or is not wanted any more."""


class Work:
    """One piece of work at a time; a new one makes the one before stale.

    A callback cannot be interrupted by a button, because both run on the same thread of the
    kernel. So the work has a thread of its own, and the button sets an event.

    Parameters
    ----------
    lock
        Held while results are delivered, so that nobody sees half of them.

    Examples
    --------
    >>> work, found = Work(threading.RLock()), []
    >>> work.start(lambda report, cancel: 6 * 7, found.append, print)
    >>> work.wait()
    True
    >>> found
    [42]
    """

    def __init__(self, lock: threading.RLock) -> None:
        self._lock: Any = lock
        self._generation = 0
        self._cancel = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """True while a result is awaited."""
        return self._thread is not None

    def start(
        self,
        do: Callable[[Report, threading.Event], T],
        done: Callable[[T], None],
        failed: Callable[[Exception], None],
        progress: Callable[[int, int, float], None] | None = None,
    ) -> None:
        """Do something on a thread, then hand over its result or its error.

        Parameters
        ----------
        do
            Gets a function to report with and an event to look at.
        done, failed
            Take the result, or the error; called on that thread, with the lock held.
        progress
            Called with done, total and seconds so far, at most ten times a second.
        """
        with self._lock:
            self.cancel()
            generation, cancel = self._generation, self._cancel
            began, last = time.monotonic(), [0.0]

            def report(n: int, total: int) -> None:
                now = time.monotonic()
                if cancel.is_set() or (now - last[0] < _TICK and n < total):
                    return
                last[0] = now
                with self._lock:
                    if generation == self._generation and progress is not None:
                        progress(n, total, now - began)

            def run() -> None:
                result: Any = None
                error: Exception | None = None
                try:
                    result = do(report, cancel)
                except Exception as caught:  # told in the status line
                    error = caught
                with self._lock:
                    if generation != self._generation:
                        return
                    self._thread = None
                    if error is None:
                        try:
                            done(result)
                        except Exception as caught:  # nobody would see it on this thread
                            error = caught
                    if error is not None:
                        failed(error)

            self._thread = threading.Thread(target=run, name="mappedviz-work", daemon=True)
            self._thread.start()

    def cancel(self) -> bool:
        """Stop the work that is under way; return False if there is none."""
        with self._lock:
            there = self._thread is not None
            self._cancel.set()
            self._cancel = threading.Event()
            self._generation += 1
            self._thread = None
            return there

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until nothing is under way; return False if that took longer."""
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            with self._lock:
                thread = self._thread
            if thread is None:
                return True
            thread.join(None if end is None else max(0.0, end - time.monotonic()))
            # One that was overtaken has ended, but its successor may still run.
            if end is not None and time.monotonic() >= end:
                with self._lock:
                    return self._thread is None
