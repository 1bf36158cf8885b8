"""Sessions: one opening of a store serves all that is read within a ``with`` block."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import TYPE_CHECKING

from mappedviz._types import StoreKind
from mappedviz.formats.detect import open_root
from mappedviz.formats.foreign import named
from mappedviz.formats.forks import ForkSafeLock
from mappedviz.formats.registry import FORMATS

if TYPE_CHECKING:
    from mappedviz.formats.nodes import GroupNode

__all__ = ["session_of"]

#: HDF5 serves one thread at a time anyway, and h5py has crashed with several of them.
_one_in_hdf5 = ForkSafeLock(threading.RLock)


def session_of(
    path: str, kind: StoreKind, here: threading.local
) -> AbstractContextManager[GroupNode]:
    """Open a store for the calling thread; inside another session of it, use that one.

    Parameters
    ----------
    path, kind
        The store.
    here
        Keeps the root of the open session, per thread: open nodes are not shared between threads.
    """
    opened: GroupNode | None = getattr(here, "root", None)
    return _opened(path, kind, here) if opened is None else nullcontext(opened)


@contextmanager
def _opened(path: str, kind: StoreKind, here: threading.local) -> Iterator[GroupNode]:
    one_thread = FORMATS[kind].one_thread
    with _one_in_hdf5() if one_thread else nullcontext(), ExitStack() as stack:
        with named(path):
            here.root = stack.enter_context(open_root(path, kind))
        try:
            yield here.root
        finally:
            here.root = None
