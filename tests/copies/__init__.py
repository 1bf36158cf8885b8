"""What tests of copies share."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
from scipy import sparse


def counts(folder: Path, name: str, n_obs: int = 60, seed: int = 0, **more: Any) -> str:
    """A store of counts with all kinds of elements."""
    rng = np.random.default_rng(seed)
    genes = more.pop("genes", [f"g{i}" for i in range(25)])
    X = sparse.csr_matrix(rng.poisson(0.5, (n_obs, len(genes))).astype(np.float32))
    obs = pd.DataFrame(
        {
            "cell_type": pd.Categorical(rng.choice(["T", "B", "NK"], n_obs)),
            "donor": pd.Categorical(rng.choice([f"d{seed}{i}" for i in range(3)], n_obs)),
            "n": rng.integers(0, 9, n_obs),
        },
        index=[f"c{i}" for i in range(n_obs)],
    )
    adata = anndata.AnnData(
        X,
        obs=obs,
        var=pd.DataFrame({"symbol": genes}, index=genes),
        layers={"half": X / 2, "dense": X.toarray()},
        obsm={"X_pca": rng.normal(size=(n_obs, 4)).astype(np.float32)},
        uns={"colours": ["red", "blue"], "nested": {"k": 15}},
    )
    adata.raw = adata.copy()
    path = folder / name
    if name.endswith(".zarr"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what anndata is going to do one day
            adata.write_zarr(path)
    else:
        adata.write_h5ad(path, **more)
    return str(path)


def read(path: str) -> anndata.AnnData:
    """A store as anndata reads it."""
    return anndata.read_zarr(path) if path.endswith(".zarr") else anndata.read_h5ad(path)


def dense(matrix: Any) -> np.ndarray:
    """A matrix of any kind as an array."""
    return matrix.toarray() if sparse.issparse(matrix) else np.asarray(matrix)


def assert_equal(one: anndata.AnnData, other: anndata.AnnData) -> None:
    """Fail unless two AnnData have the same in them."""
    pd.testing.assert_frame_equal(one.obs, other.obs)
    pd.testing.assert_frame_equal(one.var, other.var)
    layers = sorted(key for key in one.layers if key is not None)  # anndata 0.13: X, too
    assert layers == sorted(key for key in other.layers if key is not None)
    assert sorted(one.obsm) == sorted(other.obsm)
    assert one.X.dtype == other.X.dtype
    np.testing.assert_array_equal(dense(one.X), dense(other.X))
    for key in layers:
        np.testing.assert_array_equal(dense(one.layers[key]), dense(other.layers[key]))
    for key in one.obsm:
        np.testing.assert_array_equal(one.obsm[key], other.obsm[key])
    assert sorted(one.uns) == sorted(other.uns)
    for key in one.uns:
        np.testing.assert_array_equal(one.uns[key], other.uns[key])
    assert (one.raw is None) == (other.raw is None)
    if one.raw is not None:
        pd.testing.assert_frame_equal(one.raw.var, other.raw.var)
        np.testing.assert_array_equal(dense(one.raw.X), dense(other.raw.X))
