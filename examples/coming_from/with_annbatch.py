"""Two files, the genes that they share, rare classes as often as common ones: annbatch."""

import sys
import tempfile
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from annbatch import DatasetCollection, Loader
from annbatch.samplers import WeightedClassSampler
from anndata.io import read_elem, sparse_dataset

paths = sys.argv[1:] or ["a.h5ad", "b.h5ad"]
shared = sorted(set.intersection(*(set(ad.read_h5ad(p, backed="r").var_names) for p in paths)))
copy = Path(tempfile.mkdtemp(), "copy")  # once: a shuffled copy of everything
DatasetCollection(copy).add_adatas(paths, var_subset=shared, rng=np.random.default_rng(0))


def load(group):
    """The part of a copy that batches are made of."""
    return ad.AnnData(X=sparse_dataset(group["X"]), obs=read_elem(group["obs"])[["cell_type"]])


adatas = [load(group) for group in DatasetCollection(copy, mode="r")]
every = pd.concat([a.obs["cell_type"] for a in adatas]).astype("category")
for a in adatas:
    a.obs["cell_type"] = pd.Categorical(a.obs["cell_type"], categories=every.cat.categories)
sampler = WeightedClassSampler(
    chunk_size=1,
    preload_nchunks=1_024,
    batch_size=128,
    classes=pd.Categorical(every),
    num_samples=len(every),
    rng=np.random.default_rng(0),
)
loader = Loader(batch_sampler=sampler, preload_to_gpu=False, to=None)
loader.add_adatas(adatas)
for batch in loader:
    x = batch["X"].toarray()  # torch.from_numpy(x) costs nothing
    y = batch["obs"]["cell_type"].cat.codes.to_numpy().astype("int64")
print(tuple(x.shape), x.dtype, y.dtype, dict(zip(every.cat.categories, range(99), strict=False)))
