"""Chunks of servers are fetched together, within bounds, and errors reach their chunks only."""

from __future__ import annotations

import threading

import h5py
import numpy as np
import pytest

from mappedviz.errors import StoreError
from mappedviz.formats import prefetch
from mappedviz.formats.cache import ChunkCache
from mappedviz.formats.chunks import StoredArray
from mappedviz.formats.detect import open_root
from mappedviz.formats.files import FilePool
from mappedviz.formats.prefetch import ahead, is_remote, loaded, read_rows, window
from mappedviz.formats.remote_options import noted
from tests.servers import serving

pytest.importorskip("obstore")
N = 40_000


@pytest.fixture
def server(tmp_path):
    for name in "ab":
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            values = np.random.default_rng(ord(name)).random(N)
            file.create_dataset("x", data=values, chunks=(1000,), compression="gzip")
    with serving(tmp_path) as one:
        noted(one.url, {"max_retries": 0, "timeout": 2})
        yield one


def array_of(url):
    with open_root(url) as root:
        return root["x"].chunked()


def values_of(server, name):
    with h5py.File(server.folder / f"{name}.h5") as file:
        return file["x"][()]


def test_a_batch_is_few_requests(server):
    array = array_of(f"{server.url}/a.h5")
    assert is_remote(array)
    assert array.direct is None
    server.log.clear()
    chunks = list(range(0, 40, 3))
    got = ChunkCache(1 << 24, FilePool()).get_many(array, chunks)
    whole = values_of(server, "a").reshape(40, 1000)
    np.testing.assert_array_equal(np.array(got), whole[chunks])
    assert len(server.log) <= 2


def test_arrays_here_and_there_are_one_batch(server):
    near, far = array_of(str(server.folder / "a.h5")), array_of(f"{server.url}/b.h5")
    assert not is_remote(near)
    cache = ChunkCache(1 << 24, FilePool(), threads=3)
    (one, two) = cache.get_many_of([(near, [3, 4]), (far, [7, 0, 7])])
    np.testing.assert_array_equal(one[1].values, values_of(server, "a")[4000:5000])
    np.testing.assert_array_equal(two[0].values, values_of(server, "b")[7000:8000])
    assert two[0].values is two[2].values


def test_windows_bound_what_is_under_way(server, monkeypatch):
    array = array_of(f"{server.url}/a.h5")
    assert window([array] * 40) == 40
    monkeypatch.setattr(prefetch, "MOST_UNDECODED", 20_000)
    assert window([array] * 40) == 2
    assert window([array]) == 1
    cache = ChunkCache(1 << 24, FilePool())
    whole = values_of(server, "a")
    threads = [
        threading.Thread(target=lambda k=k: cache.get_many(array, range(k, 40, 4)))
        for k in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(cache) == 40
    np.testing.assert_array_equal(np.concatenate(cache.get_many(array, range(40))), whole)
    np.testing.assert_array_equal(np.concatenate(list(loaded(array, range(40), FilePool()))), whole)
    np.testing.assert_array_equal(read_rows(array, 999, 5001, FilePool()), whole[999:5001])


def test_one_store_that_fails_leaves_the_others(server):
    a, b = (array_of(f"{server.url}/{name}.h5") for name in "ab")
    server.fault = lambda request: 500 if request.path == "/a.h5" else None
    pool = FilePool()
    with ahead([(a, 0), (b, 0), (b, 39)], pool) as files:
        np.testing.assert_array_equal(b.load(39, files), values_of(server, "b")[-1000:])
        with pytest.raises(StoreError, match=r"a\.h5: .*500"):
            a.load(0, files)
    cache = ChunkCache(1 << 24, FilePool())
    with pytest.raises(StoreError, match=r"a\.h5: .*500"):
        cache.get_many_of([(b, [1]), (a, [1])])
    server.fault = lambda request: None
    assert len(cache.get_many(a, [1])[0]) == 1000


def test_an_interrupted_fetch_leaves_nothing_that_others_wait_for(server, monkeypatch):
    array = array_of(f"{server.url}/a.h5")
    cache = ChunkCache(1 << 24, FilePool())

    def interrupted(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(prefetch, "begun", interrupted)
        with pytest.raises(KeyboardInterrupt):
            cache.get_many(array, [1, 2])
    assert len(cache.get_many(array, [1, 2])) == 2


def test_a_change_between_batches_is_an_error(server):
    array = array_of(f"{server.url}/a.h5")
    cache = ChunkCache(1 << 24, FilePool())
    cache.get_many(array, [0])
    path = server.folder / "a.h5"
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(StoreError, match="changed or replaced"):
        cache.get_many(array, [1])


def test_what_was_not_foreseen_is_read_as_usual(server):
    array = array_of(f"{server.url}/a.h5")
    assert isinstance(array, StoredArray)
    with ahead([(array, 0)], FilePool()) as files:
        assert len(array.load(20, files)) == 1000
        handle = files.get(array.source.path)
        assert handle.stamp.size == (server.folder / "a.h5").stat().st_size
        assert handle.whole() == (server.folder / "a.h5").read_bytes()
