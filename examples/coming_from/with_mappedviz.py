"""Two files, the genes that they share, rare classes as often as common ones: mappedviz."""

import sys

import mappedviz as mv

paths = sys.argv[1:] or ["a.h5ad", "b.h5ad"]
ds = mv.MappedCollection(paths, join="inner", obs_keys="cell_type")
loader = mv.dataloader(ds, batch_size=128, weights="cell_type", seed=0)
for batch in loader:
    x, y = batch["X"], batch["cell_type"]
print(tuple(x.shape), x.dtype, y.dtype, ds.encoders["cell_type"])
