"""Three small stores of counts: one donor each, four kinds of cells, half of them labelled."""

from importlib.util import find_spec

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from mappedviz import MappedCollection

if find_spec("scvi") is None:  # where there is no torch, or no scvi-tools for it
    collect_ignore_glob = ["test_*.py"]

KINDS = np.array(["B", "NK", "T", "mono"])
N, GENES = 100, 40


def cells(i, n=N, seed=0):
    rng = np.random.default_rng([seed, i])
    profiles = np.random.default_rng(9).gamma(1.0, 1.0, (4, GENES))
    profiles *= np.where(np.random.default_rng(8).random((4, GENES)) < 0.3, 6, 1)
    kind = rng.integers(0, 4, n)
    shares = profiles[kind] * (1 + 0.3 * i * (np.arange(GENES) % 3 == i))
    means = shares / shares.sum(1, keepdims=True) * rng.lognormal(5, 0.3, n)[:, None]
    labels = np.where(rng.random(n) < 0.5, "Unknown", KINDS[kind])
    obs = pd.DataFrame(
        {
            "donor": [f"d{i}"] * n,
            "label": pd.Categorical(labels),
            "truth": pd.Categorical(KINDS[kind]),
            "chemistry": pd.Categorical(np.where(rng.random(n) < 0.5, "v2", "v3")),
            "sex": pd.Categorical(np.where(rng.random(n) < 0.5, "f", "m")),
            "mito": rng.random(n),
            "nothing": pd.Categorical(["Unknown"] * n),
        },
        index=[f"cell{j}" for j in range(n)],
    )
    X = sparse.csr_matrix(rng.poisson(means).astype(np.float32))
    counts = {"counts": X.copy(), "logs": X.log1p()}
    return ad.AnnData(
        X, obs=obs, var=pd.DataFrame(index=[f"g{j}" for j in range(GENES)]), layers=counts
    )


@pytest.fixture(scope="session")
def paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("counts")
    found = []
    for i in range(3):
        found.append(folder / f"{i}.h5ad")
        cells(i).write_h5ad(found[-1])
    return found


@pytest.fixture
def ds(paths):
    return MappedCollection(paths)


@pytest.fixture
def one_thread():
    """Threads of small models wait for each other where tests run beside others."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
