"""Fixtures that several files of tests of formats share."""

from __future__ import annotations

import warnings
from pathlib import Path

import anndata
import h5py
import pytest
import zarr

from tests.formats.trees import opener
from tests.formats.walking import (
    an_anndata,
    to_zip,
)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("stores")
    adata, paths = an_anndata(), {}
    paths["h5ad"] = folder / "a.h5ad"
    adata.write_h5ad(paths["h5ad"], compression="gzip")
    paths["h5ad with user block"] = folder / "b.h5ad"
    with h5py.File(paths["h5ad with user block"], "w", userblock_size=1024) as file:
        anndata.io.write_elem(file, "/", adata)
    for version in (2, 3):
        paths[f"zarr {version}"] = folder / f"{version}.zarr"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            group = zarr.open_group(paths[f"zarr {version}"], mode="w", zarr_format=version)
            anndata.io.write_elem(group, "/", adata)
            zarr.consolidate_metadata(paths[f"zarr {version}"])
        paths[f"zarr.zip {version}"] = to_zip(
            paths[f"zarr {version}"], folder / f"{version}.zarr.ZIP"
        )
    return paths


@pytest.fixture(params=["h5ad", "zarr"])
def node(request, tmp_path):
    """A function that writes a tree and opens it as a node."""
    return opener(request.param, tmp_path, request)


@pytest.fixture
def h5_node(request, tmp_path):
    """The same for what only HDF5 can hold."""
    return opener("h5ad", tmp_path, request)
