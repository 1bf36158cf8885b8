"""anndata's AnnLoader over an AnnCollection of backed stores."""

from __future__ import annotations

from typing import Any

import anncollection
import numpy as np
import torch
from anndata.experimental import AnnLoader
from harness import Adapter, Job, Loader, serve
from torch.utils.data import WeightedRandomSampler


class AnnLoaderAdapter(Adapter):
    """The loader that comes with anndata."""

    packages = ("anndata", "h5py", "zarr", "torch", "numpy", "scipy")

    def open(self, job: Job) -> Any:
        """Open every store backed and concatenate."""
        adatas = anncollection.stores(job["paths"], job["label"])
        return anncollection.collection(adatas, job["label"], job["join"])

    def row(self, opened: Any, i: int) -> Any:
        """One row as a dense array, and its label."""
        view = opened[i]
        return {"X": view.X.toarray()[0], "obs": view.obs}

    def loader(self, job: Job) -> Loader:
        """Build an AnnLoader, which fetches a batch at once."""
        if job["output"] == "csr":
            raise NotImplementedError("dense batches only")
        opened = self.open(job)
        torch.manual_seed(job["seed"])
        how: dict[str, Any] = {"shuffle": job["order"] in ("random", "block")}
        if job["order"] == "weighted":
            weights = anncollection.weights(opened.adatas, job["label"])
            how = {"sampler": WeightedRandomSampler(weights.tolist(), len(opened))}
        loader = AnnLoader(opened, batch_size=job["batch"], **how)
        label = job["label"]

        def touch() -> Any:
            for batch in loader:
                yield batch.X, batch.obs[label]

        def describe(batch: Any) -> tuple[int, int, int, np.ndarray]:
            x = np.asarray(batch[0])
            return x.shape[0], x.shape[1], int(np.count_nonzero(x)), np.asarray(batch[1])

        return Loader(epoch=touch, describe=describe, rows=lambda batch: len(batch[0]))


if __name__ == "__main__":
    serve(AnnLoaderAdapter())
