"""Matrices and AnnData whose every value is a code for its place, see `codes`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mappedviz.testing.codes import LAYOUTS, coded_pattern, encode

if TYPE_CHECKING:
    from anndata import AnnData  # type: ignore[import-untyped]

MatrixFormat = Literal["csr", "csc", "dense"]


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


def layers_of(adata: AnnData) -> dict[str, Any]:
    """The layers of an AnnData by name, without X, which is one of them since anndata 0.13.

    Parameters
    ----------
    adata
        Any AnnData.

    Returns
    -------
    A new dict.

    Examples
    --------
    >>> from mappedviz.testing import coded_anndata, layers_of
    >>> list(layers_of(coded_anndata()))
    ['counts', 'scaled']
    """
    return {key: matrix for key, matrix in adata.layers.items() if key is not None}


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
        One in so many rows lacks its values; 0 for none.
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
    limits = LAYOUTS["int32"]
    fits = n_obs <= limits.rows and n_vars <= limits.genes and store < limits.stores
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
