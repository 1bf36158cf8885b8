"""Two files, the genes that they share, rare classes as often as common ones: scDataset."""

import sys

import anndata as ad
import numpy as np
import pandas as pd
import torch
from anndata.experimental import AnnCollection
from scdataset import BlockWeightedSampling, scDataset
from torch.utils.data import DataLoader

paths = sys.argv[1:] or ["a.h5ad", "b.h5ad"]
adatas = [ad.read_h5ad(path, backed="r") for path in paths]
categories = sorted(set().union(*(a.obs["cell_type"].cat.categories for a in adatas)))
for a in adatas:
    a.obs["cell_type"] = a.obs["cell_type"].cat.set_categories(categories)
every = pd.concat([a.obs["cell_type"] for a in adatas]).cat.codes.to_numpy()
weights = 1 / np.bincount(every)[every]
collection = AnnCollection(adatas, join_obs="inner", join_vars="inner")


def fetch(collection, rows):
    """Many batches at once, in memory."""
    return collection[rows].to_adata()


def tensors(adata, rows):
    """One batch of what was fetched."""
    part = adata[rows]
    y = part.obs["cell_type"].cat.codes.to_numpy().astype("int64")
    return torch.from_numpy(np.asarray(part.X.toarray())), torch.from_numpy(y)


ds = scDataset(
    collection,
    BlockWeightedSampling(block_size=1, weights=weights, total_size=len(every)),
    batch_size=128,
    fetch_factor=16,
    fetch_callback=fetch,
    batch_callback=tensors,
)
for batch in DataLoader(ds, batch_size=None):
    x, y = batch
print(tuple(x.shape), x.dtype, y.dtype, dict(zip(categories, range(len(categories)), strict=True)))
