"""Numbers that say where they came from.

Every stored number is a code for *which store, which row, which gene*, so that a row read
from the wrong place cannot equal the right one by luck, and a failing assertion shows what
was read instead: ``4_012_007.0`` is store 3, row 12, gene 7.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Layout:
    """Decimal digits of a code that belong to the store, the row and the gene.

    Parameters
    ----------
    store_unit, row_unit
        ``code = (store + 1) * store_unit + row * row_unit + gene``. Stores count from one
        so that no code is zero: a zero is always an entry that is not stored.
    stores, rows, genes
        Numbers of stores, rows and genes that have codes of their own.
    """

    store_unit: int
    row_unit: int
    stores: int
    rows: int
    genes: int


_SMALL = Layout(10**6, 10**3, stores=15, rows=10**3, genes=10**3)  # 15_999_999 < 2**24
_MIDDLE = Layout(10**8, 10**4, stores=20, rows=10**4, genes=10**4)  # 2_099_999_999 < 2**31
_WIDE = Layout(10**12, 10**5, stores=9000, rows=10**7, genes=10**5)  # 9.001e15 < 2**53

LAYOUTS: dict[str, Layout] = {
    "float32": _SMALL,
    "int32": _MIDDLE,
    "uint32": _MIDDLE,
    "float64": _WIDE,
    "int64": _WIDE,
    "uint64": _WIDE,
}
"""Layout of the codes by the name of the dtype; these can be decoded."""

FOLDS: dict[str, int] = {
    "int8": 113,
    "uint8": 251,
    "float16": 2039,
    "int16": 32749,
    "uint16": 65521,
}
"""Primes that the codes of small dtypes are folded by; these cannot be decoded."""

EMPTY_ROW_EVERY = 11
"""Of sparse data, each row with ``row % 11 == 10`` stores nothing."""


def encode(store: Any, row: Any, gene: Any, dtype: Any = "float32") -> np.ndarray[Any, Any]:
    """Code of one entry, exact in `dtype` and never zero.

    ============================  ===============================================  ============
    dtype                         code                                             limits
    ============================  ===============================================  ============
    float32                       ``(store + 1) * 10**6 + row * 10**3 + gene``     15, 1e3, 1e3
    int32, uint32                 ``(store + 1) * 10**8 + row * 10**4 + gene``     20, 1e4, 1e4
    float64, int64, uint64        ``(store + 1) * 10**12 + row * 10**5 + gene``    9000, 1e7, 1e5
    int8, uint8, float16,         ``1 + float32's code % prime``, see `FOLDS`:     none
    int16, uint16                 neighbours differ, distant entries may agree
    bool                          ``True``: only the sparsity pattern tells        none
    ============================  ===============================================  ============

    Parameters
    ----------
    store, row, gene
        Numbers or arrays of numbers, broadcast together.
    dtype
        One of the dtypes above, in any byte order.

    Returns
    -------
    The codes in `dtype`.

    Raises
    ------
    ValueError
        If a number is beyond what the dtype can tell apart.

    Examples
    --------
    >>> from mappedviz.testing import encode
    >>> int(encode(3, 12, 7))
    4012007
    >>> encode(0, [0, 1], 5, "int32").tolist()
    [100000005, 100010005]
    """
    dtype = np.dtype(dtype)
    name = dtype.name
    store, row, gene = (np.asarray(part, dtype=np.int64) for part in (store, row, gene))
    if name == "bool":
        return np.ones(np.broadcast_shapes(store.shape, row.shape, gene.shape), dtype=dtype)
    if name in FOLDS:
        return fold(_SMALL.store_unit * (store + 1) + _SMALL.row_unit * row + gene, dtype)
    layout = _layout(name)
    for part, what, limit in (
        (store, "stores", layout.stores),
        (row, "rows", layout.rows),
        (gene, "genes", layout.genes),
    ):
        if part.size and not (part.min() >= 0 and part.max() < limit):
            raise ValueError(
                f"{name} codes tell {limit} {what} apart, got number {int(part.max())}; "
                "take float64 for more"
            )
    return np.asarray((store + 1) * layout.store_unit + row * layout.row_unit + gene).astype(dtype)


def fold(values: Any, dtype: Any) -> np.ndarray[Any, Any]:
    """Values in a small dtype: cast where all survive the cast, else folded into its range.

    Zeros stay zeros and nothing else becomes zero. A float32 code folds to
    ``encode(store, row, gene, dtype)``.

    Parameters
    ----------
    values
        Numbers.
    dtype
        The dtype wanted.

    Returns
    -------
    Array of `dtype`.

    Examples
    --------
    >>> from mappedviz.testing import encode, fold
    >>> int(fold(encode(3, 12, 7), "float16")) == int(encode(3, 12, 7, "float16"))
    True
    """
    values, dtype = np.asarray(values), np.dtype(dtype)
    if dtype.kind == "b":
        return np.asarray(values != 0, dtype=dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        cast = values.astype(dtype)
        exact = np.array_equal(cast.astype(values.dtype), values)
    if exact:
        return np.asarray(cast)
    folded = 1 + np.abs(values).astype(np.int64) % FOLDS[dtype.name]
    return np.where(values != 0, folded, 0).astype(dtype)


def decode(value: Any, dtype: Any = None) -> tuple[Any, Any, Any]:
    """Store, row and gene of a code.

    Parameters
    ----------
    value
        A code or an array of codes.
    dtype
        The dtype that it was made for; default: the dtype of `value`, and float64 for plain
        Python numbers. Name it when the data has been converted since.

    Returns
    -------
    ``(store, row, gene)``, three ints or three arrays; ``-1`` where the value is zero.

    Raises
    ------
    ValueError
        If the value is no code of that dtype, or the dtype's codes cannot be decoded.

    Examples
    --------
    >>> from mappedviz.testing import decode, encode
    >>> decode(encode(3, 12, 7))
    (3, 12, 7)
    >>> decode(encode(3, [0, 12], 7, "float64"))[1].tolist()
    [0, 12]
    """
    values = np.asarray(value)
    if dtype is None:
        dtype = values.dtype if isinstance(value, np.ndarray | np.generic) else "float64"
    layout = _layout(np.dtype(dtype).name)
    codes = values.astype(np.int64)
    store, rest = np.divmod(codes, layout.store_unit)
    row, gene = np.divmod(rest, layout.row_unit)
    wrong = (codes != values) | ((codes != 0) & ((store < 1) | (store > layout.stores)))
    wrong |= gene >= layout.genes
    if wrong.any():
        raise ValueError(f"{values[wrong].flat[0]!r} is no {np.dtype(dtype).name} code")
    parts = tuple(np.where(codes == 0, -1, part) for part in (store - 1, row, gene))
    if values.ndim == 0:
        return int(parts[0]), int(parts[1]), int(parts[2])
    return parts[0], parts[1], parts[2]


def _layout(name: str) -> Layout:
    try:
        return LAYOUTS[name]
    except KeyError:
        raise ValueError(f"{name} has no codes that can be decoded") from None


def coded_pattern(store: int, n_obs: int, n_vars: int, density: float) -> np.ndarray[Any, Any]:
    """Mask of the entries that are stored, by a fixed hash of store, row and gene.

    The pattern of a row does not depend on how many rows or genes there are. Rows with
    ``row % 11 == 10`` are empty unless the density is 1 or more.

    Examples
    --------
    >>> from mappedviz.testing import coded_pattern
    >>> pattern = coded_pattern(0, 12, 200, 0.25)
    >>> pattern.shape, bool(pattern[10].any())
    ((12, 200), False)
    """
    if density >= 1:
        return np.ones((n_obs, n_vars), dtype=bool)
    row = np.arange(n_obs, dtype=np.uint64)[:, None]
    gene = np.arange(n_vars, dtype=np.uint64)[None, :]
    mixed = (np.uint64(store) << np.uint64(48)) ^ (row << np.uint64(24)) ^ gene
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):  # splitmix64
        mixed = (mixed + np.uint64(0x9E3779B97F4A7C15)) ^ (mixed >> np.uint64(shift))
        mixed = mixed * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    pattern: np.ndarray[Any, Any] = (mixed >> np.uint64(40)) < np.uint64(int(density * 2**24))
    pattern[EMPTY_ROW_EVERY - 1 :: EMPTY_ROW_EVERY] = False
    return pattern
