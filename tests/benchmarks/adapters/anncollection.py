"""anndata's AnnCollection over backed stores: what AnnLoader and scDataset read from."""

from __future__ import annotations

from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from anndata.experimental import AnnCollection
from anndata.io import read_elem, sparse_dataset


def backed(path: str, label: str) -> ad.AnnData:
    """One store with its matrix left on disk."""
    if path.endswith(".h5ad"):
        adata = ad.read_h5ad(path, backed="r")
        adata.obs = adata.obs[[label]]
        return adata
    import zarr

    group: Any = zarr.open_group(path, mode="r")
    return ad.AnnData(
        X=sparse_dataset(group["X"]),
        obs=read_elem(group["obs"])[[label]],
        var=pd.DataFrame(index=read_elem(group["var"]).index),
    )


def stores(paths: list[str], label: str) -> list[ad.AnnData]:
    """All stores, the label's categories made one list."""
    adatas = [backed(path, label) for path in paths]
    merged = sorted(set().union(*(a.obs[label].cat.categories for a in adatas)))
    for adata in adatas:
        adata.obs[label] = adata.obs[label].cat.set_categories(merged)
    return adatas


def collection(adatas: list[ad.AnnData], label: str, join: str) -> AnnCollection:
    """The virtual concatenation, labels as codes; it knows no outer join."""
    if join != "inner":
        raise NotImplementedError(f"AnnCollection has no join {join!r}")
    return AnnCollection(
        adatas, join_obs="inner", join_vars="inner", convert={"obs": {label: codes}}
    )


def codes(column: Any) -> np.ndarray:
    """Codes of a categorical column, whatever holds it."""
    return np.asarray(getattr(column, "cat", column).codes, dtype=np.int64)


def weights(adatas: list[ad.AnnData], label: str) -> np.ndarray:
    """One over the number of rows of the label."""
    every = np.concatenate([codes(a.obs[label]) for a in adatas])
    return np.asarray(1.0 / np.bincount(every)[every])
