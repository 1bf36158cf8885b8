"""Large output arrays, used again once nobody holds them.

A fresh array of some megabytes costs more in page faults than the work of filling it.
"""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np

from mappedviz._types import Array
from mappedviz.formats.forks import ForkSafeLock

_SMALL = 1 << 17  # below this the allocator keeps memory itself
# References to a buffer that nobody uses: the pool's list and getrefcount's argument.
_UNUSED = 2
# Reference counts tell the truth only where the interpreter lock guards them.
_COUNTS_ARE_EXACT = (
    sys.implementation.name == "cpython" and getattr(sys, "_is_gil_enabled", lambda: True)()
)


class BufferPool:
    """Hands out uninitialised arrays; memory is reused when the last view of it is gone.

    Views, tensors made with ``torch.from_numpy`` and memoryviews all hold a reference to the
    buffer below them, so its reference count says whether anybody can still see it.

    Parameters
    ----------
    max_bytes
        Memory kept for reuse; larger requests are served and not kept.

    Examples
    --------
    >>> pool = BufferPool(1 << 24)
    >>> first = pool.empty((1000, 1000), np.float32)
    >>> address = first.ctypes.data
    >>> del first
    >>> pool.empty((1000, 1000), np.float32).ctypes.data == address
    True
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._buffers: list[Array] = []
        self._lock = ForkSafeLock()

    def __getstate__(self) -> dict[str, Any]:
        return {"max_bytes": self.max_bytes}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["max_bytes"])  # type: ignore[misc]

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """An uninitialised C-contiguous array."""
        dtype = np.dtype(dtype)
        nbytes = math.prod(shape) * dtype.itemsize
        if nbytes < _SMALL or nbytes > self.max_bytes or not _COUNTS_ARE_EXACT:
            return np.empty(shape, dtype)
        with self._lock():
            array: Array = self._unused(nbytes)[:nbytes].view(dtype).reshape(shape)
            return array

    def _unused(self, nbytes: int) -> Array:
        fitting = [
            i
            for i in range(len(self._buffers))
            if self._buffers[i].nbytes >= nbytes and sys.getrefcount(self._buffers[i]) == _UNUSED
        ]
        if fitting:
            return self._buffers[min(fitting, key=lambda i: self._buffers[i].nbytes)]
        # Drop unused buffers that were too small before adding a larger one.
        self._buffers = [
            self._buffers[i]
            for i in range(len(self._buffers))
            if sys.getrefcount(self._buffers[i]) > _UNUSED
        ]
        # Sparse batches differ a little in size: the next one shall fit as well. What is never
        # touched costs nothing.
        step = 1 << (nbytes.bit_length() - 3)
        buffer = np.empty(min(-(-nbytes // step) * step, self.max_bytes), np.uint8)
        if buffer.nbytes + sum(kept.nbytes for kept in self._buffers) <= self.max_bytes:
            self._buffers.append(buffer)
        return buffer
