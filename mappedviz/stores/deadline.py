"""Asking a child process, which can be ended: the only way to give up a library that never returns.

Children are plain processes that speak over pipes, not those of multiprocessing, which would run
the user's script again in each.
"""

from __future__ import annotations

import math
import os
import pickle
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any

from mappedviz.errors import MappedvizError, RecipeError, StoreError
from mappedviz.formats.remote_options import recall, snapshot
from mappedviz.recipe.fields import number_of

__all__ = ["START", "Child", "EndedChildError", "NotStartedError", "seconds_of", "serve"]

#: Seconds that a child waits to be ended by its parent, before the system ends it.
_GRACE = 30
#: Seconds for a child's imports, which can be slow where a thousand processes begin at once. Some programs
#: that Python is part of name themselves ``sys.executable``, and never say a word.
START = 300.0
#: What a child says when it is ready: whatever is before it was printed by Python's start, such as by a
#: ``sitecustomize`` that greets.
_READY = b"\n\x93mappedviz: ready\n"
_MOST_PRINTED = 1 << 20
#: The system counts milliseconds in 32 bits.
_MOST_SECONDS = 1e6


class NotStartedError(MappedvizError):
    """No child process could be started, which is no fault of a store."""


class EndedChildError(StoreError):
    """A child process ended while it read a store, which may be the store's fault or not."""


def seconds_of(asked: float | None, name: str = "open_timeout") -> float | None:
    """Return the seconds that one store may take; None for any time.

    Parameters
    ----------
    asked
        More than 0; ``math.inf`` is any time as well.
    name
        Of the parameter, for the error.

    Raises
    ------
    RecipeError
        It is no such number.

    Examples
    --------
    >>> seconds_of(60), seconds_of(math.inf)
    (60.0, None)
    """
    if asked is None or asked == math.inf:
        return None
    seconds = number_of(name, asked)
    if seconds <= 0:
        raise RecipeError(f"is {asked}", key=name, remedy="Give seconds, or None for any time.")
    return min(seconds, _MOST_SECONDS)


def _not_started(reason: object) -> NotStartedError:
    return NotStartedError(
        f"no child process could be started ({reason})",
        remedy="Stores can be read in this process, without a limit in time.",
    )


def _folder() -> str:
    with suppress(OSError):  # it may have been removed
        return os.getcwd()
    return ""


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
        # What the caller's Python finds, its own children find as well, and nothing else.
        paths = [os.environ.get("PYTHONPATH"), *(path or _folder() for path in sys.path)]
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
                # -P: modules beside the data are not looked for.
                [sys.executable, "-P", "-c", program],
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
                self._wait_until_ready()
            asked = snapshot([path]), path if request is None else request, timeout
            pickle.dump(asked, self._requests, protocol=5)
            self._requests.flush()
            if timeout is not None:
                self._kill_if_late(timeout, late)
            return pickle.load(self._answers)  # noqa: S301 - written by our own child
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
        except BaseException:  # Ctrl-C: the next request would get the answer to this one
            self.end()
            raise

    def _wait_until_ready(self) -> None:
        timer = threading.Timer(START, self.kill)
        timer.daemon = True
        timer.start()
        try:
            seen = b""
            while not seen.endswith(_READY):
                line = self._answers.readline(_MOST_PRINTED)
                if not line or len(seen) > _MOST_PRINTED:
                    raise EOFError
                seen += line
        finally:
            timer.cancel()
        self._begun = True

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
    answers.write(_READY)
    answers.flush()
    while True:
        try:
            known, request, timeout = pickle.load(requests)  # noqa: S301 - written by our own parent
        except EOFError:
            return
        recall(known)
        with _ended_by_the_system(timeout):
            found = answer(request)
        pickle.dump(found, answers, protocol=5)
        answers.flush()


@contextmanager
def _ended_by_the_system(timeout: float | None) -> Iterator[None]:
    """End this process if the block takes longer than its parent waits: one that was killed ends nothing."""
    if timeout is None:
        yield
        return
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(math.ceil(timeout) + _GRACE)
    try:
        yield
    finally:
        signal.alarm(0)
