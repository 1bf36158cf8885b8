"""The contract of stores, behind a server: what is read there is what is read here."""

from __future__ import annotations

from pathlib import Path

import pytest

from mappedviz.testing import StoreContract
from tests.servers import serving
from tests.stores import STORE_KINDS

pytest.importorskip("obstore")

#: One for each way in which the bytes of a store are found.
KINDS = (
    "h5ad-gzip-shuffle", "h5ad-userblock", "h5ad-contiguous", "h5ad-csc", "zarr-v2", "zarr-v3-sharded",
    "zarr-v3-uncompressed", "zarr-zip", "zarr-zip-v2-deflated",
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def server():
    with serving(Path("/")) as one:
        OfServer.url = one.url
        yield one


class OfServer(StoreContract):
    """The contract for one entry of STORE_KINDS, read by its URL."""

    name: str
    url: str

    def write(self, adata, path):
        return STORE_KINDS[self.name](adata, path)

    def expected(self, adata):
        return STORE_KINDS[self.name].expected(adata)

    def address(self, path):
        return f"{self.url}{path}"


for _name in KINDS:
    _title = "Test" + "".join(part.capitalize() for part in _name.replace(".", "_").split("-"))
    globals()[_title] = type(_title, (OfServer,), {"name": _name, "__module__": __name__})
