"""Stores that cannot be opened, and those that are not opened in time."""

from __future__ import annotations

import h5py
import pytest

import mappedviz as mv
from mappedviz.errors import StoreError
from mappedviz.stores import children
from mappedviz.stores.children import IdleChild
from mappedviz.stores.opening import check_store, open_stores, unopenable
from mappedviz.stores.store import open_store
from mappedviz.testing import coded_anndata


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


def test_a_store_is_checked_in_a_child(path, tmp_path):
    assert mv.check_store(path, timeout=60) == open_store(path).facts
    bad = tmp_path / "bad.h5ad"
    bad.write_bytes(b"no HDF5")
    with pytest.raises(StoreError, match=r"bad.h5ad: is a text"):
        mv.check_store(bad, timeout=60)
    with pytest.raises(FileNotFoundError, match="absent.h5ad"):
        mv.check_store(tmp_path / "absent.h5ad", timeout=60)


@pytest.mark.parametrize(
    ("does", "timeout", "says"),
    [
        ("time.sleep(600)", 0.2, "did not open within 0.2 s"),
        ("os.kill(os.getpid(), 11)", 60, "ended the process"),
    ],
)
def test_a_store_that_hangs_or_kills_a_child_is_named(path, monkeypatch, does, timeout, says):
    program = (
        "import os, time, mappedviz.stores.children as c, mappedviz.stores.opening as o\n"
        f"o._touched = lambda _: {does}\n"
        "c.serve_calls()\n"
    )
    monkeypatch.setattr(children, "_PROGRAM", program)
    monkeypatch.setattr(children, "idle", IdleChild())
    with pytest.raises(StoreError, match=f"a.h5ad: {says}"):
        mv.check_store(path, timeout=timeout)


def test_damage_in_rows_is_found_by_a_check(path):
    with h5py.File(path, "r+") as file:
        file["X/indices"][...] = 99
    with pytest.raises(StoreError, match="column index 99"):
        mv.check_store(path, timeout=60)


def test_an_anndata_object_needs_no_child():
    adata = coded_anndata(1, 9)
    assert check_store(adata).n_obs == 9
    address = open_store(adata).path
    [(store, path)] = open_stores([address], lambda store: store.path, timeout=1e-9)
    assert (store.facts.n_obs, path) == (9, address)
