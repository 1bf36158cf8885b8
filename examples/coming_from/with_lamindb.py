"""Two files, the genes that they share, rare classes as often as common ones: lamindb's class."""

import sys

import torch
from lamindb.core import MappedCollection

paths = sys.argv[1:] or ["a.h5ad", "b.h5ad"]
ds = MappedCollection(paths, join="inner", obs_keys="cell_type")
weights = ds.get_label_weights("cell_type")
sampler = torch.utils.data.WeightedRandomSampler(weights.tolist(), len(ds))
loader = torch.utils.data.DataLoader(ds, batch_size=128, sampler=sampler)
for batch in loader:
    x, y = batch["X"], batch["cell_type"]
print(tuple(x.shape), x.dtype, y.dtype, ds.encoders["cell_type"])
