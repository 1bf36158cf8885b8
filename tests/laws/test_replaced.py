"""A store that was replaced or rewritten while it was open is an error, never rows of both."""

from __future__ import annotations

import os
import pickle

import pytest

from mappedviz import MappedCollection
from mappedviz.errors import StoreError
from mappedviz.formats.inodes import is_steady
from mappedviz.testing import coded_anndata
from tests.stores import STORE_KINDS


def _made(folder, kind, store=0):
    folder.mkdir(exist_ok=True)
    return STORE_KINDS[kind](
        coded_anndata(store, 40, genes=["a", "b", "c"], plain=True), folder / "a"
    )


@pytest.mark.parametrize("kind", ["h5ad", "h5ad-gzip", "zarr-zip"])
def test_a_store_of_the_same_size_and_time(tmp_path, kind):
    path = _made(tmp_path / "one", kind)
    if not is_steady(os.stat(path).st_dev):
        pytest.skip("this file system makes inodes up")
    other = _made(tmp_path / "two", kind)
    ds = MappedCollection(path, cache_bytes=0)
    ds[[0]]
    times = path.stat()
    os.utime(other, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert other.stat().st_size == times.st_size
    other.replace(path)
    for one in (ds, pickle.loads(pickle.dumps(ds))):
        with pytest.raises(StoreError, match=str(path)):
            one[[0, 1]]


@pytest.mark.parametrize("kind", ["zarr-v2", "zarr-v3", "zarr-v3-sharded"])
def test_a_chunk_that_was_rewritten_is_noticed_when_it_is_read_again(tmp_path, kind):
    path = _made(tmp_path / "one", kind)
    ds = MappedCollection(path, cache_bytes=0)
    ds[:]
    chunks = [
        file for file in sorted((path / "X" / "data").rglob("*"))
        if file.is_file() and file.name not in ("zarr.json", ".zarray", ".zattrs")
    ]  # fmt: skip
    content = chunks[0].read_bytes()
    chunks[0].write_bytes(content)  # only the time tells it
    with pytest.raises(StoreError, match="changed or replaced"):
        ds[:]
