"""A store, and how to change it."""

from __future__ import annotations

import h5py
import pytest

from mappedviz.stores.store import open_store
from mappedviz.testing import coded_anndata
from tests.stores import STORE_KINDS


@pytest.fixture
def path(tmp_path):
    return STORE_KINDS["h5ad"](coded_anndata(0, 9, genes=["a", "b", "c"]), tmp_path / "a")


@pytest.fixture
def edited(path):
    """A function that changes the file and opens it."""

    def edit(change):
        with h5py.File(path, "r+") as file:
            change(file)
        return open_store(path)

    return edit
