"""mappedviz, through torch's stock DataLoader or through its own `dataloader`."""

from __future__ import annotations

from typing import Any

import numpy as np
from harness import Adapter, Job, Loader, any_csr, dense_tensor, serve

from mappedviz import MappedCollection


class Mappedviz(Adapter):
    """Ours."""

    packages = ("mappedviz", "anndata", "h5py", "zarr", "torch", "numpy", "scipy")

    def open(self, job: Job) -> Any:
        """Open, join and encode."""
        options = job["options"]
        how = {"cache_bytes": options["cache_bytes"]} if "cache_bytes" in options else {}
        return MappedCollection(job["paths"], obs_keys=job["label"], join=job["join"], **how)

    def loader(self, job: Job) -> Loader:
        """Build the loader; ``options.loader`` is ``torch`` (stock, the default) or ``own``."""
        import torch
        from torch.utils.data import DataLoader, WeightedRandomSampler

        ds, options, order = self.open(job), job["options"], job["order"]
        torch.manual_seed(job["seed"])
        loader: Any
        if options.get("loader", "torch") == "torch":
            how: dict[str, Any] = {"shuffle": order == "random"}
            if order == "weighted":
                weights = ds.get_label_weights(job["label"])
                how = {"sampler": WeightedRandomSampler(weights, num_samples=len(ds))}
            loader = DataLoader(ds, batch_size=job["batch"], **how)
        else:
            from mappedviz import dataloader

            how = {"shuffle": {"random": True, "block": "block"}.get(order, False)}
            if order == "weighted":
                how = {"weights": job["label"]}
            if order == "block":
                # Its own block size: about a chunk, never more than the peers' 512.
                how |= {"buffer_size": job["buffer"]}
                how |= {"block_size": job["block"]} if "blocks" in options else {}
            how |= {key: options[key] for key in ("lookahead",) if key in options}
            loader = dataloader(
                ds,
                batch_size=job["batch"],
                seed=job["seed"],
                sparse=job["output"] == "csr",
                num_workers=options.get("workers", 0),
                **how,
            )
        label = job["label"]
        dense = job["output"] == "dense"
        return Loader(
            epoch=lambda: loader,
            describe=(
                (lambda batch: dense_tensor(batch, "X", label))
                if dense
                else (lambda batch: any_csr(batch["X"], batch[label]))
            ),
            rows=lambda batch: int(batch["X"].shape[0]),
            window=job["batch"] * options.get("lookahead", 0),
        )

    def weights(self, opened: Any, job: Job) -> np.ndarray:
        """Ask for our own weights."""
        weights: np.ndarray = opened.get_label_weights(job["label"])
        return weights


if __name__ == "__main__":
    serve(Mappedviz())
