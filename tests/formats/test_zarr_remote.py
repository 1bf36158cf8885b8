"""Zarr stores behind a server: consolidated metadata, shards, and stores that are replaced."""

from __future__ import annotations

import json
import shutil

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import zarr

from mappedviz.errors import ElementError, StoreError
from mappedviz.formats.detect import open_root
from mappedviz.formats.remote_options import noted
from mappedviz.formats.zarr_remote import ZarrRemote
from mappedviz.stores import open_store
from tests.servers import serving

pytest.importorskip("obstore")
pytestmark = pytest.mark.filterwarnings(
    "ignore::UserWarning", "ignore::FutureWarning"
)  # of writers


def store_of(folder, version, seed=0, name="a.zarr"):
    x = sp.random(60, 30, 0.3, "csr", dtype=np.float32, random_state=seed)
    obs = pd.DataFrame({"t": list("abcdef") * 10}, index=[f"c{i}" for i in range(60)])
    shutil.rmtree(folder / name, ignore_errors=True)
    with ad.settings.override(zarr_write_format=version):
        ad.AnnData(x, obs=obs).write_zarr(folder / name)
    return x.toarray()


@pytest.fixture
def server(tmp_path):
    with serving(tmp_path) as one:
        noted(one.url, {"max_retries": 0, "timeout": 2})
        yield one


@pytest.mark.parametrize("version", [2, 3])
def test_opening_is_one_round_of_requests(server, version):
    x = store_of(server.folder, version)
    store = open_store(f"{server.url}/a.zarr")
    assert len(server.log) == 3
    assert store.facts.nbytes is None
    server.log.clear()
    rows = np.array([5, 3, 59])
    np.testing.assert_array_equal(store.read_rows("X", rows), x[rows])
    assert not any(
        "/X/" in request.path and request.path.endswith(("zarr.json", ".zarray", ".zattrs"))
        for request in server.log
    )


def test_without_consolidated_metadata_a_listing_is_needed(server):
    store_of(server.folder, 3)
    root = server.folder / "a.zarr" / "zarr.json"
    content = json.loads(root.read_text())
    del content["consolidated_metadata"]
    root.write_text(json.dumps(content))
    with pytest.raises(StoreError, match=r"consolidated.*list nothing") as caught:
        open_store(f"{server.url}/a.zarr")
    assert "consolidate_metadata" in str(caught.value)
    root.write_text("{}")
    with pytest.raises(StoreError, match="zarr_format"):
        open_store(f"{server.url}/a.zarr")


@pytest.mark.parametrize("version", [2, 3])
def test_a_store_that_is_replaced_is_noticed(server, version):
    store_of(server.folder, version, seed=0)
    url = f"{server.url}/a.zarr"
    store = open_store(url)
    store.read_rows("X", np.array([0]))
    wanted = store_of(server.folder, version, seed=1)
    store.close()
    with pytest.raises(StoreError, match="changed or replaced"):
        store.read_rows("X", np.array([1]))
    np.testing.assert_array_equal(open_store(url).read_rows("X", np.array([1])), wanted[[1]])


def test_chunks_and_shards_that_are_lost_or_replaced_are_noticed(server):
    group = zarr.open_group(server.folder / "s.zarr", mode="w", zarr_format=3)
    values = np.arange(4000, dtype=np.float32)
    x = group.create_array("x", shape=4000, dtype="f4", chunks=(100,), shards=(1000,))
    x[:] = values  # with data=, zarr 3.1.0 damages shards
    zarr.consolidate_metadata(group.store)
    with open_root(f"{server.url}/s.zarr") as root:
        node = root["x"]
        np.testing.assert_array_equal(node.read(), values)
        shard = server.folder / "s.zarr" / "x" / "c" / "2"
        data = shard.read_bytes()
        shard.write_bytes(data[:10])
    with (
        open_root(f"{server.url}/s.zarr") as root,
        pytest.raises(StoreError, match="truncated|table"),
    ):
        root["x"].read()
    shard.write_bytes(data[:-1] + b"x")
    with open_root(f"{server.url}/s.zarr") as root, pytest.raises(ElementError, match="crc32c"):
        root["x"].read()
    shard.unlink()  # zarr leaves out what is fill values
    with open_root(f"{server.url}/s.zarr") as root:
        assert (root["x"].read()[2000:3000] == 0).all()


def test_what_only_zarr_can_read_is_read_by_it(server):
    numcodecs = pytest.importorskip("zarr.codecs.numcodecs", reason="zarr 3.1.0 has no such codec")
    group = zarr.open_group(server.folder / "z.zarr", mode="w", zarr_format=3)
    values = np.arange(100, dtype=np.int64)
    group.create_array("x", data=values, chunks=(10,), filters=[numcodecs.Delta(dtype="i8")])
    zarr.consolidate_metadata(group.store)
    with open_root(f"{server.url}/z.zarr") as root:
        node = root["x"]
        assert node._layout.pipeline is None
        np.testing.assert_array_equal(node.read(), values)
        np.testing.assert_array_equal(node.chunked().load(3, None)[:10], values[30:40])


def test_the_parts_of_a_store_by_their_keys(server):
    store_of(server.folder, 2)
    disk = ZarrRemote("a.zarr", f"{server.url}/a.zarr")
    assert sorted(disk.children("", (".zgroup", ".zarray"))) == sorted(
        path.name for path in (server.folder / "a.zarr").iterdir() if path.is_dir()
    )
    assert set(disk.children("X", (".zarray",))) == {"data", "indices", "indptr"}
    assert disk.nbytes("X") is None
    assert disk.size() > 0
    assert disk.guard == (disk.watched, disk.stamp("X/.zarray"))
