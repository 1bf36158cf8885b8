"""Thousands of small stores, made in seconds: copies of one that anndata wrote, each of other cells and values."""

from __future__ import annotations

from pathlib import Path

import numpy as np

_MARK = "@@@@@@"
CELLS, GENES, NNZ = 100, 2_000, 10_000


def write_many(folder: Path, n: int) -> list[str]:
    """Write stores of 100 cells × 2,000 genes, and return their paths; those that are there stay.

    Names of cells say the store, counts are drawn for each, and half a dozen columns of obs are alike.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"s{i:05d}.h5ad" for i in range(n)]
    left = [path for path in paths if not path.exists()]
    if left:
        content, at = _template(folder / "template.tmp")
        rng = np.random.default_rng(0)
        for path in left:
            made = bytearray(content.replace(_MARK.encode(), path.stem.encode()))
            values = rng.geometric(0.5, NNZ).astype(np.float32)
            made[at : at + values.nbytes] = values.tobytes()
            path.write_bytes(made)
    return list(map(str, paths))


def _template(path: Path) -> tuple[bytes, int]:
    """Return a store and where the values of X begin in it."""
    import anndata as ad
    import h5py
    import pandas as pd
    from scipy import sparse

    rng = np.random.default_rng(0)
    per_row = NNZ // CELLS
    indices = np.concatenate(
        [np.sort(rng.choice(GENES, per_row, replace=False)) for _ in range(CELLS)]
    )
    x = sparse.csr_matrix(
        (np.ones(NNZ, np.float32), indices, np.arange(0, NNZ + 1, per_row)), shape=(CELLS, GENES)
    )
    obs = pd.DataFrame(
        {
            "cell_type": pd.Categorical(rng.choice(["T cell", "B cell", "NK cell"], CELLS)),
            "donor": pd.Categorical(rng.choice(["D1", "D2"], CELLS)),
            "batch": pd.Categorical(["batch " + _MARK] * CELLS),
            "n_genes": rng.integers(0, 5000, CELLS),
            "score": rng.random(CELLS),
        },
        index=[f"{_MARK}-{i}" for i in range(CELLS)],
    )
    var = pd.DataFrame(index=[f"GENE{i}" for i in range(GENES)])
    ad.AnnData(x, obs, var).write_h5ad(path)
    with h5py.File(path, "r+") as file:
        del file["X/data"]
        file["X/data"] = np.ones(NNZ, np.float32)  # in one piece
        at = file["X/data"].id.get_offset()
    content = path.read_bytes()
    path.unlink()
    return content, at
