"""Whatever names rows, as row numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mappedviz._types import Array


def as_rows(indices: slice | Sequence[int] | Array, n: int) -> Array:
    """Return row numbers as int64 in ``[0, n)``, in the order given.

    Parameters
    ----------
    indices
        Integers (negative ones count from the end), a slice, or a boolean mask (n,).
    n
        Number of rows.

    Raises
    ------
    IndexError
        A row is out of range, or the indices are not integers.

    Examples
    --------
    >>> as_rows([-1, 0, 0], 5), as_rows(slice(1, 3), 5)
    (array([4, 0, 0]), array([1, 2]))
    """
    if isinstance(indices, slice):
        return np.arange(*indices.indices(n), dtype=np.int64)
    if isinstance(indices, (str, bytes, Path, Mapping)):
        raise IndexError(f"{indices!r} is not a row number, slice, list or array of them")
    if not isinstance(indices, np.ndarray) and hasattr(indices, "__array__"):
        indices = np.asarray(indices)
    try:
        rows = np.asarray(list(indices) if not isinstance(indices, np.ndarray) else indices)
    except (TypeError, ValueError) as error:
        raise IndexError(
            f"{type(indices).__name__} is not a row number, slice, list or array of them"
        ) from error
    if rows.ndim != 1:
        raise IndexError(f"row numbers have {rows.ndim} dimensions where 1 was expected")
    if rows.dtype.kind == "b":
        if len(rows) != n:
            raise IndexError(f"a mask of {len(rows)} values for a collection of {n} rows")
        return np.flatnonzero(rows)
    if rows.dtype.kind not in "iu" and len(rows):
        raise IndexError(f"row numbers of type {rows.dtype} are not integers")
    rows = rows.astype(np.int64)
    if len(rows):
        low, high = int(rows.min()), int(rows.max())
        if low < -n or high >= n:
            raise IndexError(f"row {low if low < -n else high} of a collection of {n} rows")
        if low < 0:
            rows[rows < 0] += n
    return rows
