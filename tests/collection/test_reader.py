"""Rows of every matrix, windows, and stores that change meanwhile."""

import copy
import gc
import os
import time
import weakref

import numpy as np
import pytest

import mappedviz as mv
from mappedviz import MappedCollection
from mappedviz.errors import (
    StoreError,
)
from mappedviz.gather.rows import TRUST_SECONDS
from mappedviz.testing import coded_anndata
from tests.collection import GENES, dense, shared
from tests.optional import torch
from tests.stores import STORE_KINDS


def test_layers_are_joined_and_raw_is_not(paths, adatas):
    ds = MappedCollection(paths, layers_keys=["X", "counts", "raw.X"])
    sample = ds[21]
    assert list(sample) == ["X", "counts", "raw.X", "_store_idx"]
    columns = [adatas[1].var_names.get_loc(g) for g in shared(adatas)]
    np.testing.assert_array_equal(sample["counts"], dense(adatas[1].layers["counts"])[1, columns])
    np.testing.assert_array_equal(sample["raw.X"], dense(adatas[1].raw.X)[1])
    batch = ds[[0, 21, 45]]
    assert batch["counts"].shape == (3, len(columns))
    np.testing.assert_array_equal(batch["raw.X"][1], dense(adatas[1].raw.X)[1])


def test_a_layer_that_a_store_lacks_is_left_out_of_samples_and_nan_in_batches(tmp_path):
    whole, bare = coded_anndata(0, 4, genes=["a", "b"]), coded_anndata(1, 3, genes=["b", "a"])
    del bare.layers["counts"]
    two = [STORE_KINDS["h5ad"](a, tmp_path / str(i)) for i, a in enumerate((whole, bare))]
    ds = MappedCollection(two, layers_keys=["X", "counts"])
    assert "counts" in ds[0]
    assert "counts" not in ds[4]
    assert ds[0]["counts"].dtype == np.int32
    batch = ds[[4, 0]]
    assert batch["counts"].dtype == ds[[0]]["counts"].dtype == np.float64
    assert np.isnan(batch["counts"][0]).all()
    np.testing.assert_array_equal(batch["counts"][1], ds[0]["counts"])
    matrix = ds.read_rows([4, 0, 5, 1], sparse=True)["counts"].toarray()
    np.testing.assert_array_equal(matrix, ds[[4, 0, 5, 1]]["counts"])


def test_obsm_of_every_kind(paths, adatas):
    ds = MappedCollection(paths, obsm_keys=["X_pca", "sparse", "frame"])
    sample, batch = ds[22], ds[[0, 22, 50]]
    assert list(sample)[1:4] == ["obsm_X_pca", "obsm_sparse", "obsm_frame"]
    for key in ("X_pca", "sparse", "frame"):
        expected = dense(adatas[1].obsm[key].to_numpy() if key == "frame" else adatas[1].obsm[key])[
            2
        ]
        np.testing.assert_array_equal(sample[f"obsm_{key}"], expected)
        np.testing.assert_array_equal(batch[f"obsm_{key}"][1], expected)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int32", "torch.float32"])
def test_dtype_converts_matrices_and_obsm(tmp_path, dtype):
    if dtype.startswith("torch."):
        dtype = getattr(torch, dtype.removeprefix("torch."))
    paths = []
    for i, kind in enumerate(["h5ad", "zarr-v3"]):
        adata = coded_anndata(i, 4, genes=["a", "b"], plain=True)
        adata.layers["small"] = np.linspace(-9, 9, 8, dtype="float32").reshape(4, 2)
        adata.obsm["small"] = adata.layers["small"][:, :1]
        paths.append(STORE_KINDS[kind](adata, tmp_path / str(i)))
    ds = MappedCollection(paths, layers_keys="small", obsm_keys="small", dtype=dtype)
    name = str(dtype).removeprefix("torch.")
    sample, batch, stored = ds[0], ds[[0, 3]], MappedCollection(paths, layers_keys="small")[[0, 3]]
    assert stored["small"].dtype == np.float32
    for key in ("small", "obsm_small"):
        assert sample[key].dtype.name == batch[key].dtype.name == name
    np.testing.assert_array_equal(batch["small"], stored["small"].astype(name))
    np.testing.assert_array_equal(batch["small"][0], sample["small"])


def test_arrays_are_fresh(paths):
    ds = MappedCollection(paths, obsm_keys=["X_pca", "frame"])
    first = ds[0]
    kept = copy.deepcopy(first)
    for key in ("X", "obsm_X_pca", "obsm_frame"):
        first[key][:] = -1
        np.testing.assert_array_equal(ds[0][key], kept[key])


@pytest.mark.parametrize("kind", ["h5ad", "zarr-v3"])
@pytest.mark.parametrize("change", ["replace", "remove", "truncate"])
def test_a_store_that_changes_while_open_is_named(tmp_path, kind, change):
    path = STORE_KINDS[kind](coded_anndata(0, 40, genes=["a", "b"]), tmp_path / "store")
    ds = MappedCollection(path)
    ds[0]
    watched = path if path.is_file() else path / "zarr.json"
    if change == "remove":
        watched.unlink()
    elif change == "truncate":
        os.truncate(watched, 100)
    else:
        text = watched.read_bytes()
        watched.unlink()
        watched.write_bytes(text + b" ")
    time.sleep(2 * TRUST_SECONDS)
    for read in (lambda: ds[5], lambda: ds[[5, 6]], lambda: ds.read_window([3])):
        with pytest.raises(StoreError, match=r"store\.(h5ad|zarr).*while it was open"):
            read()


def test_files_are_never_modified(paths):
    import hashlib

    def digest(path):
        files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
        return [(hashlib.sha1(p.read_bytes()).hexdigest(), p.stat().st_mtime_ns) for p in files]

    before = [digest(path) for path in paths]
    ds = MappedCollection(
        paths, layers_keys=["X", "raw.X"], obs_keys="cell_type", obsm_keys="X_pca"
    )
    ds[:]
    ds.get_label_weights("donor")
    assert [digest(path) for path in paths] == before


@pytest.mark.parametrize("kind", ["h5ad", "zarr-v3", "h5ad-csc", "h5ad-dense"])
def test_what_was_cached_is_freed_with_the_collection_and_not_by_luck(tmp_path, kind):
    """No reference cycle: gigabytes of decoded chunks must not wait for the garbage collector."""
    path = STORE_KINDS[kind](coded_anndata(0, 40, genes=["a", "b"]), tmp_path / "a")
    ds = MappedCollection(path, obs_keys="cell_type", obsm_keys="X_pca")
    for batch in mv.dataloader(ds, 8, shuffle=True):
        assert batch["X"].shape == (8, 2)
    ds[0]
    cache = weakref.ref(ds._reader.cache)
    assert cache().nbytes > 0
    gc.collect()
    gc.disable()
    try:
        del ds, batch
        assert cache() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("sparse_batch", [False, True])
@pytest.mark.parametrize("join", ["inner", "outer"])
def test_large_batches_of_a_window_are_read_from_decoded_chunks(tmp_path, join, sparse_batch):
    paths = [
        STORE_KINDS[kind](coded_anndata(i, 60, genes=GENES[i]), tmp_path / str(i))
        for i, kind in enumerate(["zarr-v3", "h5ad-gzip"])
    ]
    ds = MappedCollection(paths, obs_keys="cell_type", join=join)
    rows = np.random.default_rng(0).permutation(len(ds))
    decoded = ds.read_window(rows, sparse=sparse_batch, batch_size=64)
    compact = ds.read_window(rows, sparse=sparse_batch)
    assert decoded.chunks is not None
    assert compact.chunks is None
    # Few rows of each chunk, or no room for chunks: the rows alone are kept.
    fresh = MappedCollection(paths, obs_keys="cell_type", join=join)
    assert fresh.read_window(rows[:2], batch_size=64).chunks is None
    # Where the cache has all chunks already, there is nothing to decode.
    assert ds.read_window(rows[:2], batch_size=64).chunks is not None
    assert fresh.read_window(rows, batch_size=1).chunks is None
    small = MappedCollection(paths, obs_keys="cell_type", join=join, cache_bytes=0)
    assert small.read_window(rows, batch_size=64).chunks is None
    for start in (0, 64):
        one, other = (window.cut(start, start + 64) for window in (decoded, compact))
        np.testing.assert_array_equal(dense(one["X"]), dense(other["X"]))
        np.testing.assert_array_equal(dense(one["X"]), ds[rows[start : start + 64]]["X"])
        assert one["X"].dtype == other["X"].dtype
        np.testing.assert_array_equal(one["cell_type"], other["cell_type"])
