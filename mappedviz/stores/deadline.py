"""Asking a child process, which can be ended: the only way to give up a library that never returns.

Children are plain processes that speak over pipes, not those of multiprocessing, which would run
the user's script again in each.
"""

from __future__ import annotations

import os
import pickle
import select
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any

from mappedviz.errors import MappedvizError, StoreError
from mappedviz.formats.remote_options import recall, snapshot

__all__ = ["Child", "EndedChildError", "NotStartedError", "serve"]


class NotStartedError(MappedvizError):
    """No child process could be started, which is no fault of a store."""


class EndedChildError(StoreError):
    """A child process ended while it read a store, which may be the store's fault or not."""


def _not_started(reason: object) -> NotStartedError:
    return NotStartedError(
        f"no child process could be started ({reason})",
        remedy="Stores can be read in this process, without a limit in time.",
    )


class Child:
    """A child process that answers one request after the other.

    Parameters
    ----------
    program
        Python code that ends in a call of :func:`serve`.

    Raises
    ------
    NotStartedError
        The system starts no process.

    Examples
    --------
    >>> child = Child("from mappedviz.stores.deadline import serve; serve(lambda path: path[::-1])")
    >>> child.ask("abc", timeout=60)
    'cba'
    >>> child.end()
    """

    def __init__(self, program: str) -> None:
        # What the caller's Python finds, its own children find as well.
        paths = [os.environ.get("PYTHONPATH"), *sys.path]
        environment = {
            "OPENBLAS_NUM_THREADS": "1",  # numpy would start as many as there are processors
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        }
        if not sys.executable:  # Python inside of another program
            raise _not_started("this Python does not know where it is")
        if getattr(sys, "frozen", False):  # it would start that program again
            raise _not_started("this Python is part of a packaged program")
        try:
            self.process = subprocess.Popen(  # noqa: S603 - this very Python
                [sys.executable, "-c", program],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=environment,
                # Ctrl-C is for the process that waits, which ends this one.
                process_group=0,
            )
        except OSError as error:
            raise _not_started(error) from error
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._requests: IO[bytes] = self.process.stdin
        self._answers: IO[bytes] = self.process.stdout
        self._begun = False

    def ask(self, path: str, request: Any = None, timeout: float | None = None) -> Any:
        """Return the answer to a request about a store; the process is ended if it fails.

        Parameters
        ----------
        path
            The store, for errors.
        request
            What is sent; default: the path.
        timeout
            Seconds that the answer may take; the child's imports do not count.

        Raises
        ------
        StoreError
            The answer was late, or the process ended.
        NotStartedError
            The process ended before it came to the store.
        """
        late = threading.Event()
        try:
            # Before anything is asked, so that no answer is in the buffer while it is waited for.
            if not self._begun:
                pickle.load(self._answers)  # noqa: S301 - written by our own child
                self._begun = True
            asked = snapshot([path]), path if request is None else request
            pickle.dump(asked, self._requests, protocol=5)
            self._requests.flush()
            if timeout is not None:
                self._kill_if_late(timeout, late)
            return pickle.load(self._answers)  # noqa: S301 - as above
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            self.end()
            if not self._begun:  # its imports failed
                raise _not_started(f"it ended with {self.process.returncode}") from error
            if late.is_set():
                raise StoreError(
                    f"did not open within {timeout:g} s",
                    store=path,
                    remedy="The file may be damaged; check it, or raise open_timeout.",
                ) from error
            raise EndedChildError(
                "ended the process that opened it",
                store=path,
                remedy="The file is damaged; leave it out.",
            ) from error

    @property
    def ended(self) -> bool:
        """Whether the process has been ended, so that another one must be made."""
        return self._requests.closed

    def _kill_if_late(self, timeout: float, late: threading.Event) -> None:
        """End the process if the answer does not begin in time; a thread for that would take 0.1 ms."""
        waiting = select.poll()
        waiting.register(self._answers, select.POLLIN | select.POLLHUP)
        if not waiting.poll(timeout * 1000):
            late.set()
            self.process.kill()

    def kill(self) -> None:
        """End the process, whatever it is doing, from any thread; who waits gets the error."""
        self.process.kill()

    def end(self) -> None:
        """End the process and close its pipes."""
        self.process.kill()
        self.process.wait()
        for pipe in (self._requests, self._answers):
            with suppress(OSError):
                pipe.close()


def serve(answer: Callable[[Any], Any]) -> None:
    """Answer the requests of the process that started this one, until it ends; see :class:`Child`."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    requests = sys.stdin.buffer
    found: Any = "ready"
    while True:
        pickle.dump(found, answers, protocol=5)
        answers.flush()
        try:
            known, request = pickle.load(requests)  # noqa: S301 - written by our own parent
        except EOFError:
            return
        recall(known)
        found = answer(request)
