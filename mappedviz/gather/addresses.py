"""Where the elements of arrays are, which is how the compiled core gets them."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from mappedviz._types import Array

_addressof = ctypes.addressof
_byte_of: Any = ctypes.c_char.from_buffer


def address(array: Array) -> int:
    """The address of the first element of a contiguous array."""
    try:
        return _addressof(_byte_of(array))  # a quarter of the time of the other way
    except (TypeError, ValueError):  # read-only, or of no bytes
        found: int = array.__array_interface__["data"][0]
        return found


def addresses(arrays: Sequence[Array]) -> Array:
    """int64 (n,): the addresses of the first elements of many arrays."""
    found: Iterable[int] = (array.__array_interface__["data"][0] for array in arrays)
    return np.fromiter(found, np.int64, len(arrays))
