"""Collections of many stores: long, similar names, hundreds of labels, some that cannot be read."""

from __future__ import annotations

import os
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd

N_LABELS, N_DONORS = 300, 40
TISSUES = ("lung", "liver", "blood", "kidney")


def write_stores(folder: Path, n: int = 60, broken: int = 5, different: int = 55) -> None:
    """Write stores; beyond some that differ, they are links to these."""
    rng = np.random.default_rng(0)
    genes = np.array([f"GENE{i}" for i in range(400)])
    written: list[Path] = []
    for i in range(n):
        name = "broken" if i < broken else "donor"
        path = folder / f"human_lung_atlas_2024_release_v2_{name}{i:04}_processed.h5ad"
        if i < broken:
            path.write_bytes(b"<html>not found</html>")
        elif len(written) < different:
            _write_store(path, i, rng, genes)
            written.append(path)
        else:
            os.link(written[i % different], path)


def _write_store(path: Path, i: int, rng: np.random.Generator, genes: np.ndarray) -> None:
    n = 200
    labels = [f"cell type {j:03} of the lung, positive" for j in rng.zipf(1.4, n) % N_LABELS]
    obs = pd.DataFrame(
        {
            "cell_type" if i % 9 else "celltype": labels,
            "donor": [f"donor_{i % N_DONORS:02}"] * n,
            "tissue": TISSUES[i % len(TISSUES)],
        },
        index=[f"c{i}-{j}" for j in range(n)],
    )
    kept = genes[rng.random(len(genes)) < 0.97]
    X = rng.poisson(0.3, (n, len(kept))).astype(np.float32)
    obsm = {"X_umap": rng.normal(size=(n, 2)).astype(np.float32)}
    ad.AnnData(X, obs=obs, var=pd.DataFrame(index=kept), obsm=obsm).write_h5ad(path)
