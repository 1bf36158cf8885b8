"""Calls on an executor of :mod:`concurrent.futures`, whatever is behind it: as they end, and within bounds.

Processes of this machine, loky, a Dask cluster: each runs a function of one item that can be pickled.
An executor may break while it works, when a process of it is killed or its scheduler dies. Then the calls that it did
not do come back as :class:`Lost`, and it is for the caller to do them another way.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from mappedviz.errors import RecipeTypeError
from mappedviz.formats.remote_options import Options, recall, snapshot

__all__ = ["IN_FLIGHT", "Lost", "check_executor", "completed"]

#: Calls that an executor is given at a time: enough for some hundred processes, while a list of
#: ten thousand stores does not wait in the memory of a scheduler.
IN_FLIGHT = 1_000
_TICK = 0.1

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Lost:
    """A call that has no result, because the executor failed.

    Attributes
    ----------
    error
        What it raised.
    """

    error: BaseException


@dataclass(frozen=True)
class _Call(Generic[T, R]):
    """A call that is like no other one: Dask gives equal calls the result of the first."""

    function: Callable[[T], R]
    of: str

    def __call__(self, item: T, remote: dict[str, Options]) -> R:
        recall(remote)  # how stores are opened, which processes elsewhere do not know
        return self.function(item)


def check_executor(executor: Any) -> None:
    """Raise RecipeTypeError if something is not an executor, and say how to get one of it."""
    if isinstance(executor, Executor):
        return
    how = "executor=client.get_executor()" if hasattr(executor, "get_executor") else None
    raise RecipeTypeError(
        f"is a {type(executor).__name__}, not an executor of concurrent.futures",
        key="executor",
        remedy=f"Give {how or 'a ProcessPoolExecutor, or one of loky or Dask'}.",
    )


def completed(
    executor: Executor,
    function: Callable[[T], R],
    items: Iterable[T],
    *,
    stop: Callable[[], None] = lambda: None,
    in_flight: int = IN_FLIGHT,
) -> Iterator[tuple[T, R | Lost]]:
    """Yield each item with what a function returns for it, in the order in which the calls end.

    The executor is not shut down. When the iteration ends early, calls that wait are cancelled; those
    that run go on, for no executor can end them.

    Parameters
    ----------
    executor
        Runs the calls.
    function
        Of one item, and never raising: an error that is to be seen is returned. For processes it must be
        one that can be pickled: of a module, or an instance with ``__call__``.
    items
        Arguments, each of which can be pickled.
    stop
        Called ten times a second or more often; it may raise, to cancel.
    in_flight
        Calls that the executor is given at a time.

    Yields
    ------
    (item, result)
        ``Lost(error)`` in place of the result where the call raised, was cancelled, or could not be
        made, because the executor is broken.

    Examples
    --------
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> with ThreadPoolExecutor(2) as executor:
    ...     sorted(completed(executor, len, ["a", "ccc", "bb"]))
    [('a', 1), ('bb', 2), ('ccc', 3)]
    """
    call = _Call(function, uuid.uuid4().hex)
    ready: SimpleQueue[tuple[T, Future[R]]] = SimpleQueue()
    waiting: set[Future[R]] = set()
    broken: BaseException | None = None
    todo = iter(items)
    more = True
    try:
        while more or waiting:
            while more and len(waiting) < in_flight:
                stop()
                try:
                    item = next(todo)
                except StopIteration:
                    more = False
                    break
                if broken is None:
                    try:
                        remote = snapshot([item] if isinstance(item, str) else None)
                        future = executor.submit(call, item, remote)
                    except Exception as error:  # broken, shut down, closed: each has its own
                        broken = error
                    else:
                        waiting.add(future)
                        future.add_done_callback(lambda done, item=item: ready.put((item, done)))  # type: ignore[misc]
                        continue
                yield item, Lost(broken)
            stop()
            if waiting:
                try:
                    item, future = ready.get(timeout=_TICK)
                except Empty:
                    continue
                waiting.discard(future)
                yield item, _result(future)
    finally:
        for future in waiting:
            future.cancel()


def _result(future: Future[Any]) -> Any:
    try:
        return future.result(timeout=0)
    except BaseException as error:  # of another process, whatever it is there
        return Lost(error)
