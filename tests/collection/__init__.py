"""What the tests of collections share: what anndata and pandas say of the same stores."""

import numpy as np
import pandas as pd
from scipy import sparse

GENES = [
    [f"gene{i}" for i in (3, 1, 4, 0, 5, 9, 2, 6)],
    [f"gene{i}" for i in (0, 1, 2, 3, 4, 5, 6, 7, 8)],
    [f"gene{i}" for i in (8, 6, 5, 3, 0, 9, 1)],
]
KINDS = ["h5ad", "zarr-v3", "h5ad-dense"]


def dense(matrix):
    return np.asarray(matrix.todense()) if sparse.issparse(matrix) else np.asarray(matrix)


def joined(adatas, names):
    """What a virtual join has to be, by pandas."""
    frames = [pd.DataFrame(dense(a.X), columns=a.var_names) for a in adatas]
    return np.concatenate([f.reindex(columns=names, fill_value=0).to_numpy() for f in frames])


def shared(adatas):
    return [g for g in adatas[0].var_names if all(g in a.var_names for a in adatas)]


def union(adatas):
    return sorted(set().union(*(a.var_names for a in adatas)))


def merged(adatas, key):
    return np.concatenate([a.obs[key].astype(object).to_numpy() for a in adatas])
