"""Row pointers of remote matrices in the cache: fetched once, for the content that the store has."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import time
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from mappedviz import MappedCollection
from mappedviz.errors import StoreError
from mappedviz.stores import pointers
from mappedviz.stores.fact_cache import FactCache
from mappedviz.stores.pointers import PointerRecord
from mappedviz.stores.store import open_store
from tests.servers import serving

pytest.importorskip("obstore")
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
ROWS = [5, 3, 59]


def write(folder, name, seed=0):
    """A sparse store; another seed has other values, and another number of them."""
    shutil.rmtree(folder / name, ignore_errors=True)
    rng = np.random.default_rng(seed)
    x = np.zeros((60, 30), np.float32)
    x[rng.integers(0, 60, 400), rng.integers(0, 30, 400)] = 1
    obs = pd.DataFrame({"t": pd.Categorical(rng.permutation(list("abcdef") * 10))})
    obs.index = [f"c{i}" for i in range(60)]
    adata = ad.AnnData(sp.csr_matrix(x), obs=obs)
    with ad.settings.override(zarr_write_format=3):
        adata.write_h5ad(folder / name) if name.endswith("h5ad") else adata.write_zarr(
            folder / name
        )
    return x


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setattr("mappedviz.formats.remote_look._SECONDS", 0)
    (tmp_path / "data").mkdir()
    with serving(tmp_path / "data") as one:
        yield one


def rows_of(server, name, cache):
    ds = MappedCollection(f"{server.url}/{name}", obs_keys="t", cache=cache)
    found = ds[ROWS]["X"]
    return ds, found


@pytest.mark.parametrize("name", ["a.zarr", "a.h5ad"])
def test_they_are_fetched_once(server, tmp_path, name):
    x = write(server.folder, name)
    counts = []
    for _ in range(2):
        server.log.clear()
        ds, found = rows_of(server, name, tmp_path / "c")
        np.testing.assert_array_equal(found, x[ROWS])
        counts.append(sum("/X/indptr/" in request.path for request in server.log))
    assert counts[1] == 0
    assert (counts[0] > 0) == (name == "a.zarr")  # in a file they are ranges of it
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(ds))[ROWS]["X"], x[ROWS])
    assert len(list((tmp_path / "c").rglob("*.record"))) == 3  # facts, pointers, names


@pytest.mark.parametrize("name", ["a.zarr", "a.h5ad"])
def test_a_store_that_was_replaced_has_others(server, tmp_path, name):
    write(server.folder, name)
    rows_of(server, name, tmp_path / "c")
    x = write(server.folder, name, seed=1)
    np.testing.assert_array_equal(rows_of(server, name, tmp_path / "c")[1], x[ROWS])


def test_metadata_that_are_the_same_bytes_are_another_store_by_their_time(server, tmp_path):
    """ETags of S3 are digests: those of the metadata of a store with permuted cells are equal."""
    server.with_digests = True
    a = write(server.folder, "a.zarr")
    root = server.folder / "a.zarr" / "zarr.json"
    before = root.read_bytes()
    labels = rows_of(server, "a.zarr", tmp_path / "c")[0].get_merged_labels("t").tolist()
    later = time.time() + 5
    order = np.random.default_rng(5).permutation(60)
    adata = ad.read_zarr(server.folder / "a.zarr")[order].copy()
    adata.obs.index = [f"c{i}" for i in range(60)]
    with ad.settings.override(zarr_write_format=3):
        adata.write_zarr(server.folder / "a.zarr")
    assert json.loads(root.read_bytes()) == json.loads(before)
    root.write_bytes(before)  # zarr 3.1.0 lists nodes in any order
    os.utime(root, (later, later))
    ds, found = rows_of(server, "a.zarr", tmp_path / "c")
    np.testing.assert_array_equal(found, a[order][ROWS])
    assert ds.get_merged_labels("t").tolist() == [labels[i] for i in order]


def test_what_is_kept_and_is_none_is_fetched_again(server, tmp_path):
    x = write(server.folder, "a.zarr")
    rows_of(server, "a.zarr", tmp_path / "c")
    place = f"{server.url}/a.zarr/X/indptr"
    path = Path(FactCache(tmp_path / "c").path_of(place))
    for content in (b"x", path.read_bytes()[:-8]):
        path.write_bytes(content)
        np.testing.assert_array_equal(rows_of(server, "a.zarr", tmp_path / "c")[1], x[ROWS])
    url = f"{server.url}/a.zarr"
    kept = PointerRecord(tmp_path / "c", url, "X", open_store(url).stamp, f"{url}/zarr.json")
    kept.keep(np.arange(61, dtype=np.uint32))  # rows of one entry: not what the values are
    np.testing.assert_array_equal(rows_of(server, "a.zarr", tmp_path / "c")[1], x[ROWS])
    assert kept.read()[-1] == np.count_nonzero(x)


def test_what_is_not_kept(server, tmp_path, monkeypatch):
    write(server.folder, "a.zarr")
    url = f"{server.url}/a.zarr"
    monkeypatch.setattr(pointers, "_MOST_BYTES", 100)
    rows_of(server, "a.zarr", tmp_path / "c")
    assert not os.path.exists(FactCache(tmp_path / "c").path_of(f"{url}/X/indptr"))
    monkeypatch.undo()
    for module in ("formats.remote_look", "stores.store"):
        monkeypatch.setattr(f"mappedviz.{module}._SECONDS", 0)
    ds = MappedCollection(url, obs_keys="t", cache=tmp_path / "c")
    os.utime(server.folder / "a.zarr" / "zarr.json", (1, 1))  # replaced before its first row
    with pytest.raises(StoreError, match="changed or replaced"):
        ds[ROWS]
    assert not os.path.exists(FactCache(tmp_path / "c").path_of(f"{url}/X/indptr"))


def test_a_server_without_etags_is_asked_each_time(server, tmp_path):
    server.with_etags = False
    x = write(server.folder, "a.zarr")
    for _ in range(2):
        server.log.clear()
        np.testing.assert_array_equal(rows_of(server, "a.zarr", tmp_path / "c")[1], x[ROWS])
        assert [one for one in server.log if "/X/indptr/" in one.path]
