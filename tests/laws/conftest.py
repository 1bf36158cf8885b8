"""Stores that the laws are tried on: three kinds, of other genes, and two of other columns."""

import pytest

from mappedviz import MappedCollection
from mappedviz.testing import coded_anndata
from tests.stores import STORE_KINDS

GENES = [
    [f"gene{i}" for i in (3, 1, 4, 0, 5, 9, 2, 6)],
    [f"gene{i}" for i in (0, 1, 2, 3, 4, 5, 6, 7, 8)],
    [f"gene{i}" for i in (8, 6, 5, 3, 0, 9, 1)],
]
KINDS = ["h5ad", "zarr-v3", "h5ad-dense"]


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stores")
    return [
        STORE_KINDS[kind](coded_anndata(i, 20 + 3 * i, genes=genes), folder / f"store_{i}")
        for i, (kind, genes) in enumerate(zip(KINDS, GENES, strict=True))
    ]


@pytest.fixture
def one_without(tmp_path):
    """Two stores, of which the second has no cell_type and the first no donor."""
    a, b = coded_anndata(0, 5, genes=["a", "b"]), coded_anndata(1, 4, genes=["a", "b"])
    del a.obs["donor"]
    del b.obs["cell_type"]
    return [STORE_KINDS["h5ad"](adata, tmp_path / name) for name, adata in (("a", a), ("b", b))]


@pytest.fixture(scope="module")
def two_plain(tmp_path_factory):
    """Two plain stores of 101 and 102 cells, whose rows say where they come from."""
    folder = tmp_path_factory.mktemp("plain")
    paths = [
        STORE_KINDS["h5ad"](
            coded_anndata(i, 101 + i, genes=["a", "b", "c"], plain=True), folder / str(i)
        )
        for i in range(2)
    ]
    return MappedCollection(paths, obs_keys=["cell_type", "origin"], encode_labels=["cell_type"])
