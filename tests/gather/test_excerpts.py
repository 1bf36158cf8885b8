"""Rows of compressed matrices copied into memory: the same rows, chunks decoded in part."""

import numpy as np
import pytest

from mappedviz import MappedCollection
from mappedviz.errors import ElementError
from mappedviz.formats.chunks import StoredArray
from mappedviz.gather.excerpts import excerpts
from mappedviz.gather.request import Part
from mappedviz.gather.rows import gather_dense
from mappedviz.testing import coded_anndata
from tests.collection.test_window import with_small_chunks
from tests.stores import STORE_KINDS


def opened(path, cache_bytes=0):
    reader = MappedCollection(path, join=None, cache_bytes=cache_bytes)._open_reader()
    return reader.open(0, reader.columns[0])


def dense(parts, shape):
    out = np.full(shape, -1, np.float32)
    gather_dense(parts, out)
    return out


@pytest.fixture(scope="module", params=["zarr-v3", "zarr-v2", "h5ad-gzip", "h5ad"])
def store(request, tmp_path_factory):
    adata = coded_anndata(0, 150, n_vars=9)
    path = STORE_KINDS[request.param](adata, tmp_path_factory.mktemp("excerpts") / "a")
    if request.param in ("zarr-v3", "h5ad-gzip"):
        with_small_chunks(path, adata)
    return path


@pytest.mark.parametrize("threads", [1, 3])
def test_rows_are_the_same(store, threads):
    matrix = opened(store)
    rows = np.random.default_rng(0).integers(0, 150, 70)  # some come twice
    part = Part(matrix, rows, np.arange(70)[::-1])
    (found,) = excerpts([part], threads)
    assert (found is not part) == (store.suffix == ".zarr")
    np.testing.assert_array_equal(dense([found], (70, 9)), dense([part], (70, 9)))


def test_no_chunk_is_loaded_as_a_whole_or_kept(tmp_path, monkeypatch):
    path = STORE_KINDS["zarr-v3"](coded_anndata(0, 60, n_vars=9), tmp_path / "a")
    matrix = opened(path, 1 << 20)
    matrix.check()
    held = matrix.cache.nbytes
    monkeypatch.setattr(StoredArray, "load", None)
    excerpts([Part(matrix, np.arange(5), np.arange(5))], 1)
    assert matrix.cache.nbytes == held


def test_rows_without_values_need_nothing(tmp_path):
    path = STORE_KINDS["zarr-v3"](coded_anndata(0, 60, n_vars=9, density=0), tmp_path / "a")
    part = Part(opened(path), np.arange(3), np.arange(3))
    assert not dense(excerpts([part], 1), (3, 9)).any()


def test_a_chunk_that_is_held_is_not_decoded_again(tmp_path, monkeypatch):
    adata = coded_anndata(0, 60, n_vars=9)
    path = STORE_KINDS["zarr-v3"](adata, tmp_path / "a")
    with_small_chunks(path, adata)
    matrix = opened(path, 1 << 20)
    part = Part(matrix, np.arange(3), np.arange(3))
    wanted = dense([part], (3, 9))
    monkeypatch.setattr(StoredArray, "excerpts", None)
    found = excerpts([part], 1)
    assert found != [part]
    np.testing.assert_array_equal(dense(found, (3, 9)), wanted)


def test_what_is_damaged_says_so(tmp_path):
    path = STORE_KINDS["zarr-v3"](coded_anndata(0, 60, n_vars=9), tmp_path / "a")
    matrix = opened(path)
    matrix.check()
    (chunk,) = (path / "X" / "data" / "c").iterdir()
    chunk.write_bytes(chunk.read_bytes()[:-9])
    with pytest.raises(ElementError, match="chunk 0"):
        excerpts([Part(matrix, np.arange(3), np.arange(3))], 2)
