"""Data that says where it came from.

Every stored number is a code for *which store, which row, which gene*, so that a row read
from the wrong place cannot equal the right one by luck, and a failing assertion shows what
was read instead: ``4_012_007.0`` is store 3, row 12, gene 7.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from anndata import AnnData  # type: ignore[import-untyped]

MatrixFormat = Literal["csr", "csc", "dense"]


@dataclass(frozen=True)
class Layout:
    """Where store, row and gene stand among the decimal digits of a code.

    Parameters
    ----------
    store_unit, row_unit
        ``code = (store + 1) * store_unit + row * row_unit + gene``. Stores count from one
        so that no code is zero: a zero is always an entry that is not stored.
    stores, rows, genes
        How many of each can be told apart.
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
    """Which entries are stored, by a fixed hash of store, row and gene.

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


def coded_matrix(
    store: int,
    n_obs: int,
    n_vars: int,
    *,
    density: float = 0.3,
    dtype: Any = "float32",
    format: MatrixFormat = "csr",
) -> Any:
    """Matrix whose every stored entry is the code of its store, row and gene.

    Parameters
    ----------
    store
        Number of the store.
    n_obs, n_vars
        Shape.
    density
        Share of entries that are stored; 1 stores all. The pattern is deterministic, and
        each 11th row is empty unless all are stored.
    dtype
        See `encode`, which also says how many stores, rows and genes each dtype can tell apart.
    format
        ``"csr"``, ``"csc"`` (scipy matrices) or ``"dense"`` (numpy array).

    Returns
    -------
    The matrix.

    Examples
    --------
    >>> from mappedviz.testing import coded_matrix, decode
    >>> x = coded_matrix(3, 20, 10, density=1, dtype="int32", format="dense")
    >>> decode(x[12, 7])
    (3, 12, 7)
    >>> x = coded_matrix(3, 20, 10)
    >>> x.shape, x.nnz, decode(x.data[0])
    ((20, 10), 65, (3, 0, 0))
    """
    pattern = coded_pattern(store, n_obs, n_vars, density)
    row, gene = np.nonzero(pattern)
    data = encode(store, row, gene, dtype)
    if n_obs and n_vars:  # the limits hold for the shape, not for what happens to be stored
        encode(store, n_obs - 1, n_vars - 1, dtype)
    if format == "dense":
        dense = np.zeros((n_obs, n_vars), dtype=dtype)
        dense[row, gene] = data
        return dense
    from scipy import sparse

    indptr = np.concatenate([[0], np.cumsum(pattern.sum(axis=1))]).astype(np.int32)
    matrix = sparse.csr_matrix((data, gene.astype(np.int32), indptr), shape=(n_obs, n_vars))
    return matrix if format == "csr" else matrix.tocsc()


PLAIN_COLUMNS = ("cell_type", "batch", "origin")
"""The obs columns of ``coded_anndata(..., plain=True)``."""


def coded_obs(
    store: int,
    n_obs: int,
    *,
    labels: Sequence[str] = ("B cell", "NK cell", "T cell"),
    unused: str | None = "unused",
    missing: int = 5,
) -> Any:
    """Data frame with an obs column of every kind, see `coded_anndata`.

    Examples
    --------
    >>> from mappedviz.testing import coded_obs
    >>> coded_obs(2, 6)["cell_type"].tolist()
    ['T cell', 'B cell', 'NK cell', 'T cell', nan, 'NK cell']
    """
    import pandas as pd

    row = np.arange(n_obs)
    gone = (row % missing == missing - 1) if missing else np.zeros(n_obs, dtype=bool)

    def categorical(codes: Any, categories: Any, ordered: bool = False) -> Any:
        codes = np.where(gone, -1, codes)
        return pd.Categorical.from_codes(codes, categories=categories, ordered=ordered)

    known = [*labels, *([] if unused is None else [unused])]
    donors = np.array(["donör 1", "donor 2", ""], dtype=object)
    age = pd.array(20 + row, dtype="Int64")
    age[gone] = pd.NA
    treated = pd.array(row % 2 == 0, dtype="boolean")
    treated[gone] = pd.NA
    note = pd.array([f"note {r % 3}" for r in row], dtype="string")
    note[gone] = pd.NA
    return pd.DataFrame(
        {
            "cell_type": categorical((row + store) % max(len(labels), 1), known),
            "batch": pd.Categorical([f"batch {store}"] * n_obs, categories=[f"batch {store}"]),
            "origin": (np.int64(store) * 10**9 + row).astype(np.int64),
            "stage": categorical((row // 2) % 2, ["late", "mid", "early"], ordered=True),
            "cluster": categorical(row % 3, np.array([10, 2, 33])),
            "donor": donors[(row + store) % 3],
            "n_genes": (row * 3).astype(np.int32),
            "level": (row % 200).astype(np.uint8),
            "score": np.where(gone, np.nan, row / 8),
            "score32": np.where(gone, np.nan, row / 4).astype(np.float32),
            "doublet": row % 4 == 1,
            "age": age,
            "treated": treated,
            "note": note,
        },
        index=[f"s{store}_c{r}" for r in row],
    )


def coded_anndata(
    store: int = 0,
    n_obs: int = 24,
    n_vars: int | None = None,
    *,
    genes: Sequence[str] | None = None,
    labels: Sequence[str] = ("B cell", "NK cell", "T cell"),
    unused: str | None = "unused",
    missing: int = 5,
    dtype: Any = "float32",
    density: float = 0.3,
    format: MatrixFormat = "csr",
    plain: bool = False,
) -> AnnData:
    """AnnData that holds every kind of element, all of it coded.

    ============  ==================================================================
    obs           kind
    ============  ==================================================================
    cell_type     categorical of `labels`, one unused category, missing values
    batch         categorical with one category, ``"batch <store>"``
    origin        int64, ``store * 10**9 + row``
    stage         ordered categorical, not in alphabetical order, missing values
    cluster       categorical of unsorted integers, missing values
    donor         strings, with non-ASCII and empty ones
    n_genes       int32
    level         uint8
    score         float64 with NaN
    score32       float32 with NaN
    doublet       bool
    age           nullable Int64
    treated       nullable boolean
    note          nullable string
    ============  ==================================================================

    The values missing are those of the rows with ``row % missing == missing - 1``.

    ``X`` is ``coded_matrix(store, n_obs, n_vars)``. Layers: ``"counts"`` (CSR, int32 codes) and
    ``"scaled"`` (dense, the negative of float64 codes). ``obsm``: ``"X_pca"`` (dense float32,
    four columns), ``"sparse"`` (CSR, float64 codes, five columns), ``"frame"`` (data frame with
    one float and one int column). ``raw`` has two more genes, *before* the others: its ``X``
    holds float64 codes of raw's own columns. ``var``: ``gene_ids`` (Ensembl-like with a
    version), ``highly_variable`` (bool), ``feature_type`` (categorical).

    Parameters
    ----------
    store
        Number of the store.
    n_obs, n_vars
        Shape; 12 genes, or as many as `genes` names.
    genes
        Names of the genes, ``gene0``, ``gene1`` … if not given. The codes say the *position*.
    labels
        Labels that occur in ``cell_type``: ``labels[(row + store) % len(labels)]``.
    unused
        Category of ``cell_type`` that no row has; None for none.
    missing
        Every so-manieth row lacks its values; 0 for none.
    dtype, density, format
        Of ``X``, see `coded_matrix`.
    plain
        Only ``X`` and the columns ``cell_type``, ``batch``, ``origin``: quicker to write.

    Returns
    -------
    A new AnnData.

    Examples
    --------
    >>> from mappedviz.testing import coded_anndata, decode
    >>> adata = coded_anndata(1, 24, genes=["CD3E", "CD19"], density=1)
    >>> adata.shape, decode(adata.X[5, 1])
    ((24, 2), (1, 5, 1))
    >>> list(adata.obs["cell_type"].cat.categories)
    ['B cell', 'NK cell', 'T cell', 'unused']
    """
    import pandas as pd
    from anndata import AnnData

    if genes is None:
        genes = [f"gene{g}" for g in range(12 if n_vars is None else n_vars)]
    if n_vars is not None and n_vars != len(genes):
        raise ValueError(f"n_vars is {n_vars}, but {len(genes)} genes are named")
    n_vars = len(genes)
    obs = coded_obs(store, n_obs, labels=labels, unused=unused, missing=missing)
    x = coded_matrix(store, n_obs, n_vars, density=density, dtype=dtype, format=format)
    if plain:
        return AnnData(x, obs=obs[list(PLAIN_COLUMNS)], var=pd.DataFrame(index=list(genes)))

    position = np.arange(n_vars)
    var = pd.DataFrame(
        {
            "gene_ids": [f"ENSG{g:011d}.{1 + g % 3}" for g in position],
            "highly_variable": position % 2 == 0,
            "feature_type": pd.Categorical(
                ["Gene Expression"] * n_vars, ["Gene Expression", "Antibody Capture"]
            ),
        },
        index=list(genes),
    )
    fits = n_obs <= _MIDDLE.rows and n_vars <= _MIDDLE.genes and store < _MIDDLE.stores
    counts = coded_matrix(store, n_obs, n_vars, density=density, dtype="int32" if fits else "int64")
    pca = np.arange(4) / 8 + np.arange(n_obs)[:, None] + 1000 * store
    obsm = {
        "X_pca": pca.astype(np.float32),
        "sparse": coded_matrix(store, n_obs, 5, dtype="float64", density=0.5),
        "frame": pd.DataFrame(
            {"a": np.arange(n_obs) / 2 + store, "b": np.arange(n_obs) + 1000 * store},
            index=obs.index,
        ),
    }
    raw_var = pd.DataFrame(index=["raw_only_1", "raw_only_2", *genes])
    raw_x = coded_matrix(store, n_obs, n_vars + 2, density=density, dtype="float64")
    adata = AnnData(x, obs=obs, var=var, obsm=obsm)
    adata.layers["counts"] = counts
    adata.layers["scaled"] = -coded_matrix(
        store, n_obs, n_vars, density=density, dtype="float64", format="dense"
    )
    adata.raw = AnnData(raw_x, obs=obs[[]], var=raw_var)
    return adata


def is_sparse(value: Any) -> bool:
    """Whether `value` is a scipy matrix or array; unlike scipy's own, says nothing to mypy."""
    from scipy import sparse

    return bool(sparse.issparse(value))
