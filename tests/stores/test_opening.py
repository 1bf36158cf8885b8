"""Stores that cannot be opened, and those that are not opened in time."""

from __future__ import annotations

import pytest

from mappedviz.errors import StoreError
from mappedviz.stores.opening import open_stores, unopenable


def test_stores_that_cannot_be_opened_are_named_or_skipped(path, tmp_path):
    bad = tmp_path / "bad.h5ad"
    bad.write_bytes(b"no HDF5")
    with pytest.raises(StoreError, match="bad.h5ad"):
        open_stores([path, bad], lambda store: store.name)
    with pytest.warns(UserWarning, match="left out 1 of 2"):
        opened = open_stores([path, bad], lambda store: store.name, on_error="skip")
    assert [name for _, name in opened] == ["a.h5ad"]


def test_a_store_that_opens_in_a_child_is_no_trouble(path, tmp_path):
    bad = tmp_path / "bad.h5ad"
    bad.write_bytes(b"no HDF5")  # its own error comes when it is opened here
    assert unopenable([str(path), str(bad), str(path)], 60) == {}
