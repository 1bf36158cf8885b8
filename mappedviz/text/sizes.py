"""Sizes as people write them."""

from __future__ import annotations

import re

__all__ = ["bytes_of"]

_SIZE = re.compile(r"\s*(\d+\.?\d*|\.\d+)\s*([kMGT]?)i?B\s*", re.IGNORECASE | re.ASCII)
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


def bytes_of(text: str) -> float | None:
    """Return the bytes that a text such as ``2GB`` means; None for one that means none.

    Parameters
    ----------
    text
        A number with a unit; ``GiB`` is read as ``GB``.

    Examples
    --------
    >>> bytes_of("2GB"), bytes_of("1.5 mb"), bytes_of("2"), bytes_of("many")
    (2000000000.0, 1500000.0, None, None)
    """
    found = _SIZE.fullmatch(text)
    return None if found is None else float(found[1]) * _UNITS[found[2].lower()]
