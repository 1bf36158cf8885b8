"""How much memory a store may take: its sizes are claims, until the bytes bear them out.

A damaged or crafted file of some kilobytes can claim terabytes, and compressed bytes can become
ten thousand times as many. What is read whole (columns, names, categories) is counted per open store
before memory is taken, and a chunk is compared with its stored bytes. Honest stores are far below:
gzip makes 1,032 bytes of one at most, and only of bytes that are all alike.
"""

from __future__ import annotations

import os
from collections.abc import Callable

__all__ = ["FREE_BYTES", "REMEDY", "TEXT_BYTES", "Budget", "TooLargeError", "inflated_limit"]

#: Bytes of memory that any store, and any chunk, may take: set by the environment.
FREE_BYTES = int(os.environ.get("MAPPEDVIZ_STORE_BYTES") or 256 << 20)
#: Bytes of memory per byte on disk above that.
_RATIO = 1000
#: About what a text takes as an object of Python.
TEXT_BYTES = 64

REMEDY = (
    "Leave it out if you do not trust it; else let each store take more by the environment variable "
    "MAPPEDVIZ_STORE_BYTES."
)


class TooLargeError(Exception):
    """A size is more than what the stored bytes can explain; the caller knows the key."""


def inflated_limit(n_stored: int) -> int:
    """Return the number of bytes that stored ones may become.

    Examples
    --------
    >>> inflated_limit(10) == FREE_BYTES, inflated_limit(1 << 30)
    (True, 1073741824000)
    """
    return max(FREE_BYTES, _RATIO * n_stored)


class Budget:
    """Bytes of memory that what is read whole of one open store may take.

    Parameters
    ----------
    stored
        Returns the size of the store on disk; called only if the store takes much.

    Examples
    --------
    >>> budget = Budget(lambda: 1000)
    >>> budget.take(100)
    >>> budget.take(1 << 40)
    Traceback (most recent call last):
    ...
    mappedviz.formats.limits.TooLargeError: claims 1024 GiB, where the store has 1000 bytes on disk
    """

    __slots__ = ("_limit", "_stored", "taken")

    def __init__(self, stored: Callable[[], int]) -> None:
        self.taken = 0
        self._stored = stored
        self._limit = FREE_BYTES

    def take(self, n_bytes: int) -> None:
        """Count bytes before they are taken; TooLargeError if the store has had enough."""
        self.check(self.taken + n_bytes, n_bytes)
        self.taken += n_bytes

    def check(self, n_bytes: int, claimed: int | None = None) -> None:
        """Raise TooLargeError if a store may not take so many bytes."""
        if n_bytes <= self._limit:
            return
        stored = self._stored()
        self._limit = inflated_limit(stored)
        if n_bytes > self._limit:
            asked = _size(n_bytes if claimed is None else claimed)
            raise TooLargeError(f"claims {asked}, where the store has {_size(stored)} on disk")


def _size(n_bytes: int) -> str:
    size = n_bytes
    for unit in ("bytes", "KiB", "MiB"):
        if size < 10_240:
            return f"{size} {unit}"
        size >>= 10
    return f"{size} GiB"
