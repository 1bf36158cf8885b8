"""Collections that loaders and orders are tried on: plain, coded, dense, larger than the cache."""

import pytest

from mappedviz import MappedCollection
from mappedviz.testing import coded_anndata
from tests.stores import STORE_KINDS

KINDS = {
    "plain": ["h5ad", "h5ad"],
    "coded": ["zarr-v3", "h5ad-gzip"],
    "dense": ["h5ad-dense", "zarr-v2"],
    "coded, larger than the cache": ["zarr-v3", "h5ad-gzip"],
}


@pytest.fixture(scope="module", params=KINDS)
def ds(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    paths = [
        STORE_KINDS[kind](coded_anndata(i, 150 + 30 * i, genes=[f"g{(i + k) % 14}" for k in range(11)]), folder / str(i))
        for i, kind in enumerate(KINDS[request.param])
    ]  # fmt: skip
    return MappedCollection(
        paths,
        obs_keys=["cell_type", "origin", "donor"],
        encode_labels=["cell_type"],
        cache_bytes=4000 if "larger" in request.param else None,
    )


@pytest.fixture(scope="module", params=["h5ad", "zarr-v3"])
def two_plain(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stores")
    paths = [
        STORE_KINDS[request.param](
            coded_anndata(i, 101 + i, genes=["a", "b", "c"], plain=True), folder / str(i)
        )
        for i in range(2)
    ]
    return MappedCollection(
        paths, obs_keys=["cell_type", "origin"], encode_labels=["cell_type"]
    )  # fmt: skip
