"""annbatch, on the pre-shuffled sharded copy that its own tool makes, or on sharded stores.

It joins nothing: stores must have the same genes. Its own copy is therefore made over the shared
genes; on the sharded stores of the collection, whose genes differ, it hands out each store's own
20,000 columns side by side, which is less work than a join. Batches are scipy CSR or numpy: torch
is not among the packages it needs, and ``torch.from_numpy`` costs nothing.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import zarr
from annbatch import DatasetCollection
from annbatch import Loader as AnnbatchLoader
from annbatch.samplers import WeightedClassSampler
from anndata.io import read_elem, sparse_dataset
from harness import Adapter, Job, Loader, any_csr, serve

zarr.config.set({"codec_pipeline.path": "zarrs.ZarrsCodecPipeline"})  # as its README advises


class Annbatch(Adapter):
    """The fastest loader of converted data."""

    packages = ("annbatch", "zarrs", "zarr", "anndata", "numpy", "scipy")

    def convert(self, job: Job) -> Job:
        """Make its own copy of the collection: shuffled, sharded, over the shared genes."""
        target = Path(job["target"])
        part = target.with_name("part-" + target.name)
        shutil.rmtree(part, ignore_errors=True)
        shared = None
        for path in job["paths"]:
            genes = ad.experimental.read_lazy(path).var_names
            shared = genes if shared is None else shared.intersection(genes)
        DatasetCollection(part).add_adatas(
            job["paths"],
            var_subset=list(shared),
            dataset_size=max(1, job["rows"] // 4),
            shuffle_chunk_size=max(1, min(1_000, job["rows"] // 16)),
            groupby=job["options"].get("groupby"),
            rng=np.random.default_rng(0),
        )
        part.rename(target)
        return {}

    def loader(self, job: Job) -> Loader:
        """Chunks of ``block`` rows in random order, ``buffer`` rows in memory."""
        label, batch = job["label"], job["batch"]
        block = {"random": 1, "weighted": job["block"]}.get(job["order"], job["block"])
        buffer = max(batch, job["buffer"] // batch * batch)

        def load(group: Any) -> ad.AnnData:
            return ad.AnnData(X=sparse_dataset(group["X"]), obs=read_elem(group["obs"])[[label]])

        paths = job["paths"]
        own = Path(paths[0]).name.startswith("annbatch")
        groups = (
            list(DatasetCollection(paths[0], mode="r"))
            if own
            else [zarr.open_group(path, mode="r") for path in paths]
        )
        adatas = [load(group) for group in groups]
        merged = sorted(set().union(*(a.obs[label].cat.categories for a in adatas)))
        for adata in adatas:
            adata.obs[label] = adata.obs[label].cat.set_categories(merged)
        rng = np.random.default_rng(job["seed"])
        how: dict[str, Any] = {
            "chunk_size": block,
            "preload_nchunks": buffer // block,
            "batch_size": batch,
            "shuffle": job["order"] != "sequential",
            "rng": rng,
        }
        if job["order"] == "weighted":
            every = pd.concat([a.obs[label] for a in adatas])
            how = {
                "batch_sampler": WeightedClassSampler(
                    chunk_size=1,
                    preload_nchunks=buffer,
                    batch_size=batch,
                    classes=pd.Categorical(every),
                    num_samples=len(every),
                    rng=rng,
                )
            }
        loader = AnnbatchLoader(preload_to_gpu=False, to=None, **how)
        loader.add_adatas(adatas)
        dense = job["output"] == "dense"

        def epoch() -> Any:
            for part in loader:
                x = part["X"].toarray() if dense else part["X"]
                yield x, part["obs"][label].cat.codes.to_numpy()

        def describe(part: Any) -> tuple[int, int, int, np.ndarray]:
            if not dense:
                return any_csr(*part)
            x, labels = part
            return x.shape[0], x.shape[1], int(np.count_nonzero(x)), labels

        return Loader(epoch, describe, lambda part: int(part[0].shape[0]), window=buffer)


if __name__ == "__main__":
    serve(Annbatch())
