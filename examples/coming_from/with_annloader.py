"""Two files, the genes that they share, rare classes as often as common ones: anndata's AnnLoader."""

import sys

import anndata as ad
import numpy as np
import pandas as pd
import torch
from anndata.experimental import AnnCollection, AnnLoader

paths = sys.argv[1:] or ["a.h5ad", "b.h5ad"]
adatas = [ad.read_h5ad(path, backed="r") for path in paths]
categories = sorted(set().union(*(a.obs["cell_type"].cat.categories for a in adatas)))
for a in adatas:  # one list of categories, or codes mean different things
    a.obs["cell_type"] = a.obs["cell_type"].cat.set_categories(categories)
every = pd.concat([a.obs["cell_type"] for a in adatas]).cat.codes.to_numpy()
weights = 1 / np.bincount(every)[every]
ds = AnnCollection(
    adatas,
    join_obs="inner",
    join_vars="inner",
    convert={"obs": {"cell_type": lambda column: column.cat.codes.to_numpy().astype("int64")}},
)
sampler = torch.utils.data.WeightedRandomSampler(weights.tolist(), len(ds))
loader = AnnLoader(ds, batch_size=128, sampler=sampler)
for batch in loader:
    x, y = batch.X, batch.obs["cell_type"]
print(tuple(x.shape), x.dtype, y.dtype, dict(zip(categories, range(len(categories)), strict=True)))
