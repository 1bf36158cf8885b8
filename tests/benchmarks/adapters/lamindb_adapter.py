"""lamindb-core's MappedCollection, as its documentation uses it: torch's DataLoader around it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from harness import Adapter, Job, Loader, dense_tensor, serve

# The module itself needs no connected instance; `import lamindb` alone is enough set-up for it.
from lamindb.core._mapped_collection import MappedCollection
from torch.utils.data import DataLoader, WeightedRandomSampler


class Lamindb(Adapter):
    """The reference."""

    packages = ("lamindb-core", "anndata", "h5py", "zarr", "torch", "numpy")

    def open(self, job: Job) -> Any:
        """Open, join and encode."""
        return MappedCollection(job["paths"], obs_keys=job["label"], join=job["join"])

    def loader(self, job: Job) -> Loader:
        """Build a DataLoader; it has no block shuffle, so that asks for rows in true random."""
        if job["output"] == "csr":
            raise NotImplementedError("dense batches only")
        ds = self.open(job)
        torch.manual_seed(job["seed"])
        how: dict[str, Any] = {"shuffle": job["order"] in ("random", "block")}
        if job["order"] == "weighted":
            weights = ds.get_label_weights(job["label"])
            how = {"sampler": WeightedRandomSampler(weights, num_samples=len(ds))}
        loader = DataLoader(ds, batch_size=job["batch"], **how)
        return Loader(
            epoch=lambda: loader,
            describe=lambda batch: dense_tensor(batch, "X", job["label"]),
            rows=lambda batch: len(batch["X"]),
        )

    def weights(self, opened: Any, job: Job) -> np.ndarray:
        """Ask for the reference's own weights."""
        weights: np.ndarray = opened.get_label_weights(job["label"])
        return weights


if __name__ == "__main__":
    serve(Lamindb())
