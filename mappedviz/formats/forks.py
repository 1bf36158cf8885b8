"""Locks and forks: a forked child never waits for a lock that a thread of its parent held.

A worker of a DataLoader is a copy of its parent with one thread. Locks that other threads held
at that moment stay locked in the copy for ever, and their thread pools have no threads. All that
has such state is registered here, and renewed in the child. Python's own locks of modules that are
being imported cannot be renewed: a fork waits until no other thread imports. `functools.cached_property` has such
a lock per class up to Python 3.11: use :class:`mappedviz._types.lazy` in its place.
"""

from __future__ import annotations

import _frozen_importlib
import _imp
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any, Protocol, TypeVar

__all__ = ["ForkSafeLock", "Renewable", "not_forked_within", "renewed_after_fork"]

#: Seconds that a fork waits for imports, and for a library that would not survive it.
_PATIENCE = 10.0
_TICK = 0.001


class Renewable(Protocol):
    """An object with locks, threads or handles that a forked child cannot use."""

    def after_fork(self) -> None:
        """Replace them; called in the child, on its only thread."""
        ...


R = TypeVar("R", bound=Renewable)

_renewable: weakref.WeakSet[Any] = weakref.WeakSet()


def renewed_after_fork(thing: R) -> R:
    """Register an object whose ``after_fork()`` each forked child calls, and return it.

    Examples
    --------
    >>> class Counter:
    ...     def __init__(self):
    ...         self.after_fork()
    ...         renewed_after_fork(self)
    ...
    ...     def after_fork(self):
    ...         self.lock = threading.Lock()
    >>> with Counter().lock:
    ...     pass
    """
    _renewable.add(thing)
    return thing


class ForkSafeLock:
    """A lock that is free in a forked child.

    It is called to be entered, so that a block that is left in a forked child releases the lock
    that it acquired in the parent.

    Parameters
    ----------
    kind
        ``threading.Lock`` or ``threading.RLock``.

    Examples
    --------
    >>> lock = ForkSafeLock()
    >>> with lock():
    ...     pass
    """

    __slots__ = ("__weakref__", "_kind", "_lock")

    def __init__(self, kind: Callable[[], Any] = threading.Lock) -> None:
        self._kind = kind
        self._lock = kind()
        renewed_after_fork(self)

    def __call__(self) -> AbstractContextManager[Any]:
        """Return the lock, to be entered at once."""
        lock: AbstractContextManager[Any] = self._lock
        return lock

    def after_fork(self) -> None:
        """See :class:`Renewable`."""
        self._lock = self._kind()

    def __reduce__(self) -> tuple[Any, ...]:
        return ForkSafeLock, (self._kind,)


_outside = threading.RLock()


@contextmanager
def not_forked_within() -> Iterator[None]:
    """Let a fork wait until this block is left: for a library that has locks of its own.

    One thread at a time. A fork waits some seconds at most, then it goes on.
    """
    with _outside:
        yield


_this_fork = threading.local()  # what the thread that forks has acquired


def _others_import() -> bool:
    """Whether another thread is in the middle of an import."""
    # Each module has a lock of its own while it is imported, which a fork does not renew: a child
    # that imports the same module (numpy has some that it imports when they are asked for, torch
    # asks in each worker) would wait for it for ever. Python has no public name for them.
    me = threading.get_ident()
    for reference in list(getattr(_frozen_importlib, "_module_locks", {}).values()):
        if getattr(reference(), "owner", None) not in (None, me):
            return True
    return False


def _before_fork() -> None:
    until = time.monotonic() + _PATIENCE
    _this_fork.outside = _outside.acquire(timeout=_PATIENCE)
    _imp.acquire_lock()  # held over the fork: no other thread begins an import meanwhile
    while _others_import() and time.monotonic() < until:
        _imp.release_lock()
        time.sleep(_TICK)
        _imp.acquire_lock()


def _after_fork_in_parent() -> None:
    _imp.release_lock()
    if _this_fork.outside:
        _outside.release()


def _after_fork_in_child() -> None:
    global _outside  # noqa: PLW0603
    with suppress(RuntimeError):  # some versions of Python have renewed it
        _imp.release_lock()
    if _this_fork.outside:
        _outside.release()  # of this very thread, which may be inside of the block
    else:
        _outside = threading.RLock()
    for each in list(_renewable):
        each.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )
