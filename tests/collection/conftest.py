"""Stores of three kinds with other genes, and two that lack a column."""

import pytest

from mappedviz.testing import coded_anndata
from tests.collection import GENES, KINDS
from tests.stores import STORE_KINDS


@pytest.fixture(scope="module")
def adatas():
    return [coded_anndata(i, 20 + 3 * i, genes=genes) for i, genes in enumerate(GENES)]


@pytest.fixture(scope="module")
def paths(adatas, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stores")
    return [
        STORE_KINDS[kind](adata, folder / f"store_{i}")
        for i, (kind, adata) in enumerate(zip(KINDS, adatas, strict=True))
    ]


@pytest.fixture
def one_without(tmp_path):
    """Two stores, of which the second has no cell_type and the first no donor."""
    a, b = coded_anndata(0, 5, genes=["a", "b"]), coded_anndata(1, 4, genes=["a", "b"])
    del a.obs["donor"]
    del b.obs["cell_type"]
    return [STORE_KINDS["h5ad"](adata, tmp_path / name) for name, adata in (("a", a), ("b", b))]
