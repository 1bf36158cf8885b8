"""The demo can be had without a clone and a network, and is the same each time."""

from __future__ import annotations

import os

import pytest

import mappedviz as mv
from mappedviz.errors import StoreError
from mappedviz.testing import hash_store

STORES = ["berlin.h5ad", "berlin_pilot.zarr", "boston.zarr", "kyoto.h5ad", "oxford.h5ad"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return mv.datasets.demo(tmp_path_factory.mktemp("demo"))


def test_it_is_a_folder_of_five_stores_that_can_be_opened(folder):
    assert [mv.open_store(folder / name).facts.n_vars for name in STORES] == [
        640,
        640,
        640,
        143,
        640,
    ]
    assert mv.audit(folder, progress=False).stores.index.tolist() == STORES


def test_it_is_the_same_on_each_machine(folder, tmp_path):
    again = mv.datasets.demo(tmp_path)
    assert again != folder
    assert hash_store(again) == hash_store(folder)


def test_it_is_small(folder):
    assert sum(one.stat().st_size for one in folder.rglob("*") if one.is_file()) < 3_000_000


def test_it_is_written_once(folder):
    before = {one: one.stat().st_mtime_ns for one in folder.rglob("*")}
    assert mv.datasets.demo(folder.parent) == folder
    assert {one: one.stat().st_mtime_ns for one in folder.rglob("*")} == before


def test_a_store_that_was_removed_comes_back(tmp_path):
    folder = mv.datasets.demo(tmp_path)
    before = hash_store(folder)
    (folder / "kyoto.h5ad").unlink()
    assert hash_store(mv.datasets.demo(tmp_path)) == before


def test_the_cache_of_the_user_is_where_it_is_by_default(tmp_path, monkeypatch):
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert mv.datasets.demo() == tmp_path / "mappedviz" / "demo-1"


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot be written here .*demo\(path=…\)") as raised:
        mv.datasets.demo(tmp_path / "file")
    assert raised.value.store == os.fspath(tmp_path / "file" / "demo-1")
