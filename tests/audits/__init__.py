"""What the tests of audits share: short ways to write stores and to audit them."""

import warnings

import numpy as np

import mappedviz as mv
from mappedviz.testing import coded_anndata
from tests.stores import STORE_KINDS

DEMO = [
    "pbmc3k_processed.v3sharded.zarr",
    "10x_pbmc68k_reduced.h5ad",
    "pbmc_5k_protein_v3.v3.zarr.zip",
    "pbmc5k_small_cd4_vs_cd8.h5ad",
    "spectra_breast_immune.h5ad",
]


ALIAS = {
    "cell_type": {
        "10x_pbmc68k_reduced": "bulk_labels",
        "pbmc3k_processed.v3sharded": "louvain",
        "spectra_breast_immune": "cell_type_annotations",
    }
}


def quiet(paths, *args, **kwargs):
    return mv.audit(paths, *args, progress=False, workers=kwargs.pop("workers", 0), **kwargs)


def ids(audit):
    return [finding.id for finding in audit.findings]


def found(audit, name):
    return [finding for finding in audit.findings if finding.id == name]


def write(folder, name="a", kind="h5ad", **parts):
    """A store of coded data with some parts replaced."""
    sizes = {"n_vars": parts.pop("n_vars")} if "n_vars" in parts else {}
    adata = coded_anndata(parts.pop("store", 0), parts.pop("n_obs", 24), plain=True,
                          genes=parts.pop("genes", None), **sizes)  # fmt: skip
    obs = parts.pop("obs", None)
    if obs is not None:
        for key, values in obs.items():
            adata.obs[key] = values
    for key, value in parts.items():
        setattr(adata, key, value)
    return STORE_KINDS[kind](adata, folder / name)


def ensembl(version=None):
    return [f"ENSG{k:011d}" + ("" if version is None else f".{version}") for k in range(12)]


def symbols():
    return [f"SYM{k}" for k in range(12)]


def norm(total=100.0, log=True, n=24):
    rng = np.random.default_rng(0)
    x = rng.random((n, 12)).astype(np.float32)
    x *= total / x.sum(axis=1, keepdims=True)
    return np.log1p(x) if log else x


def counts(scale, n=24):
    return np.random.default_rng(0).poisson(scale, (n, 12)).astype(np.float32) + 1


LABELS = np.array(["T", "B"] * 12)


def made(tmp_path, stores):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # anndata says that names repeat
        return [write(tmp_path, f"s{i}", **dict(parts)) for i, parts in enumerate(stores)]
