"""Where the elements of arrays are, which is how the compiled core gets them."""

from __future__ import annotations

import ctypes
from typing import Any

from mappedviz._types import Array

# The address of a writeable, contiguous array of any bytes: addressof(byte_of(array)).
addressof = ctypes.addressof
byte_of: Any = ctypes.c_char.from_buffer


def address(array: Array) -> int:
    """The address of the first element of a contiguous array."""
    try:
        return addressof(byte_of(array))  # a quarter of the time of the other way
    except (TypeError, ValueError):  # read-only, or of no bytes
        found: int = array.__array_interface__["data"][0]
        return found
