"""Numbers that are appended to a file, in the smallest type that holds all of them exactly."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np

from mappedviz._types import Array

__all__ = ["NumberFile", "smallest_type"]

_SMALL = [np.dtype(name) for name in ("u1", "i1", "u2", "i2", "u4", "i4")]
_BYTES_AT_A_TIME = 16 << 20


def smallest_type(values: Array, dtype: np.dtype[np.generic]) -> np.dtype[np.generic]:
    """Return the smallest integer type that holds some numbers exactly; `dtype` if none is smaller.

    Parameters
    ----------
    values
        Numbers of any shape.
    dtype
        The type that they are to have again: each number of the smaller one is one of it.

    Examples
    --------
    >>> smallest_type(np.array([0, 3, 200], "f4"), np.dtype("f4"))
    dtype('uint8')
    >>> smallest_type(np.array([0.5, 3]), np.dtype("f8"))
    dtype('float64')
    """
    low, high = 0, 0
    if dtype.kind not in "iuf":
        return dtype
    if values.size:
        if dtype.kind == "f":
            if not np.isfinite(values).all() or (values != np.rint(values)).any():
                return dtype
            if np.signbit(values[values == 0]).any():  # -0.0 is no integer
                return dtype
        low, high = int(values.min()), int(values.max())
    for small in _SMALL:
        bounds = np.iinfo(small)
        if bounds.min <= low and high <= bounds.max and _holds(dtype, small):
            return small
    return dtype


def _holds(wide: np.dtype[np.generic], small: np.dtype[np.generic]) -> bool:
    return small.itemsize < wide.itemsize and np.can_cast(small, wide, "safe")


class NumberFile:
    """Numbers in a new file, appended block by block.

    Where a block has a number that the type so far does not hold, what was written is written again
    in a larger one: at most a few times, however many blocks there are.

    Parameters
    ----------
    path
        The file to make.
    dtype
        Type of the numbers.
    narrow
        Keep them in a smaller type where one holds all of them exactly.
    kept
        The type to begin with.

    Attributes
    ----------
    kept
        The type in the file, little-endian.
    size
        How many numbers there are.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     numbers = NumberFile(os.path.join(folder, "data"), np.dtype("f4"))
    ...     for block in ([1, 2], [300]):
    ...         numbers.append(np.array(block, "f4"))
    ...     numbers.kept.name, numbers.mapped().tolist(), numbers.nbytes
    ('uint16', [1, 2, 300], 6)
    """

    def __init__(
        self,
        path: str,
        dtype: np.dtype[np.generic],
        *,
        narrow: bool = True,
        kept: np.dtype[np.generic] | None = None,
    ) -> None:
        self.path = path
        self.dtype = dtype.newbyteorder("<")
        self.size = 0
        empty = np.empty(0, dtype)
        self._narrow = narrow
        self.kept = (kept or (smallest_type(empty, dtype) if narrow else dtype)).newbyteorder("<")
        with open(path, "wb"):  # opened again for each block: nothing is left open by an error
            pass

    @property
    def nbytes(self) -> int:
        """Bytes in the file."""
        return self.size * self.kept.itemsize

    def append(self, values: Array) -> None:
        """Append numbers, flat."""
        flat = values.reshape(-1)
        kept = self._kept_with(smallest_type(flat, self.dtype) if self._narrow else self.dtype)
        if kept != self.kept:
            if self.size:
                self._widen(kept)
            self.kept = kept
        with open(self.path, "ab") as file:
            file.write(np.ascontiguousarray(flat, self.kept).data)
        self.size += len(flat)

    def _kept_with(self, needed: np.dtype[np.generic]) -> np.dtype[np.generic]:
        if self.dtype in (needed, self.kept):
            return self.dtype
        both = np.promote_types(self.kept, needed).newbyteorder("<")
        return both if _holds(self.dtype, both) else self.dtype

    def _widen(self, kept: np.dtype[np.generic]) -> None:
        wider = self.path + ".wider"
        with open(wider, "wb") as file:
            file.writelines(np.ascontiguousarray(block, kept).data for block in self.blocks())
        os.replace(wider, self.path)

    def mapped(self) -> Array:
        """Return all numbers as they are kept, mapped from the file."""
        if not self.size:
            return np.empty(0, self.kept)
        return np.memmap(self.path, self.kept, "r", shape=(self.size,))

    def blocks(self) -> Iterator[Array]:
        """Yield the numbers as they are kept, some megabytes at a time."""
        step = _BYTES_AT_A_TIME // self.kept.itemsize
        with open(self.path, "rb") as file:
            left = self.size
            while left:
                block = np.fromfile(file, self.kept, min(step, left))
                if not len(block):
                    raise OSError(f"{self.path} ends before its numbers do")
                left -= len(block)
                yield block
