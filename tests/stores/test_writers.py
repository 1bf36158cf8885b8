"""The writers of the dialects: what they write is what they are called, and anndata reads it."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
import zarr

from mappedviz.testing import (
    StoreContract,
    assert_same_values,
    coded_anndata,
    dense,
    hash_store,
    layers_of,
)
from tests.stores import STORE_KINDS, with_suffix


def read_with_anndata(path: Path) -> anndata.AnnData:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old formats, which is what they are
        if path.suffix.lower() == ".h5ad":
            return anndata.read_h5ad(path)
        if path.suffix == ".zip":
            with zarr.storage.ZipStore(path, mode="r") as store:
                return anndata.read_zarr(store)
        return anndata.read_zarr(path)


@pytest.mark.parametrize("name", [name for name, kind in STORE_KINDS.items() if kind.anndata_reads])
def test_anndata_reads_what_was_written(name, tmp_path):
    kind, adata = STORE_KINDS[name], coded_anndata(1, 30, 9)
    path, want = kind(adata, tmp_path / "a.store"), kind.expected(adata)
    assert path == tmp_path / f"a.store{kind.suffix}"
    got = read_with_anndata(path)
    assert got.shape == want.shape
    assert list(got.obs_names) == list(want.obs_names)
    assert list(got.var_names) == list(want.var_names)
    for frame in ("obs", "var"):
        read, made = getattr(got, frame), getattr(want, frame)
        assert list(read.columns) == list(made.columns)
        for column in made.columns:
            assert_same_values(read[column].astype(object).where(read[column].notna(), np.nan),
                               made[column].astype(object))  # fmt: skip
            if made[column].dtype == "category":
                assert list(read[column].cat.categories) == list(made[column].cat.categories)
                assert read[column].cat.ordered == made[column].cat.ordered
    assert (got.X is None) == (want.X is None)
    read, made = StoreContract.matrices(got), StoreContract.matrices(want)
    assert set(read) == set(made)
    for key in made:
        np.testing.assert_array_equal(read[key], made[key], err_msg=key, strict=True)
    assert set(got.obsm) == set(want.obsm)
    for key in want.obsm:
        np.testing.assert_array_equal(dense(got.obsm[key]), dense(want.obsm[key]), err_msg=key)


def test_writing_leaves_the_anndata_as_it_was(tmp_path):
    adata = coded_anndata(1, 12)
    before = adata.copy()
    for kind in STORE_KINDS.values():
        if kind.suffix == ".h5ad":
            kind(adata, tmp_path / kind.name)
    pd.testing.assert_frame_equal(adata.obs, before.obs)
    np.testing.assert_array_equal(dense(adata.X), dense(before.X))
    assert set(layers_of(adata)) == set(layers_of(before))
    assert adata.raw is not None


@pytest.mark.parametrize("name", ["h5ad", "h5ad-0.5", "h5ad-gzip", "zarr-v3", "zarr-zip"])
def test_writing_twice_writes_the_same_bytes(name, tmp_path):
    kind, adata = STORE_KINDS[name], coded_anndata(1, 12, plain=True)
    assert hash_store(kind(adata, tmp_path / "1")) == hash_store(kind(adata, tmp_path / "2"))


def test_suffixes_are_made_those_of_the_kind():
    assert with_suffix("x/a.h5ad", ".zarr").as_posix() == "x/a.zarr"
    assert with_suffix("a.ZARR.zip", ".h5ad").name == "a.h5ad"
    assert with_suffix("a.b", ".H5AD").name == "a.b.H5AD"


def on_disk(name: str, folder: Path) -> h5py.File:
    return h5py.File(STORE_KINDS[name](coded_anndata(1, 30, 9), folder / "a"), "r")


@pytest.mark.parametrize(
    ("name", "holds"),
    [
        ("h5ad-gzip", lambda f: f["X/data"].compression == "gzip" and f["X/data"].chunks == (16,)),
        ("h5ad-gzip-shuffle", lambda f: f["X/data"].shuffle),
        ("h5ad-lzf", lambda f: f["X/data"].compression == "lzf"),
        ("h5ad-fletcher32", lambda f: f["layers/scaled"].fletcher32),
        ("h5ad-chunked", lambda f: f["X/data"].compression is None and f["X/indices"].chunks),
        ("h5ad-contiguous", lambda f: f["X/data"].chunks is f["layers/scaled"].chunks is None),
        ("h5ad-userblock", lambda f: f.userblock_size == 512),
        ("h5ad-big-endian", lambda f: f["X/data"].dtype == ">f4" and f["X/indptr"].dtype == ">i4"),
        ("h5ad-big-endian", lambda f: f["obs/origin"].dtype == ">i8"),
        ("h5ad-int64-index", lambda f: f["X/indices"].dtype == f["X/indptr"].dtype == "int64"),
        ("h5ad-uint32-index", lambda f: f["X/indices"].dtype == f["X/indptr"].dtype == "uint32"),
        ("h5ad-float16", lambda f: f["X/data"].dtype == "float16"),
        ("h5ad-bool", lambda f: f["X/data"].dtype == "bool"),
        ("h5ad-unsorted", lambda f: len(f["X/data"]) > len(f["raw/X/data"]) * 0.9),
        ("h5ad-csc", lambda f: f["X"].attrs["encoding-type"] == "csc_matrix"),
        ("h5ad-dense", lambda f: f["X"].shape == (30, 9)),
        ("h5ad-dense-sparse-chunks", lambda f: 0 < f["X"].id.get_num_chunks() < 45),
        (
            "h5ad-nullable-string-index",
            lambda f: f["var/_index"].attrs["encoding-type"] == "nullable-string-array",
        ),
        ("h5ad-fixed-bytes", lambda f: f["obs/_index"].dtype.kind == "S"),
        ("h5ad-fixed-bytes", lambda f: f["obs/cell_type/categories"].dtype.kind == "S"),
        ("h5ad-bytes-attributes", lambda f: isinstance(f.attrs["encoding-type"], bytes)),
        ("h5ad-null-raw", lambda f: f["raw"].attrs["encoding-type"] == "null"),
        ("h5ad-without-x", lambda f: "X" not in f),
        ("h5ad-0.5", lambda f: f["X"].attrs["h5sparse_format"] == "csr"),
        ("h5ad-0.5", lambda f: f["obs"].dtype["index"].kind == "S" and "raw.X" in f),
        ("h5ad-0.5", lambda f: "cell_type_categories" in f["uns"]),
        ("h5ad-0.7", lambda f: f["obs"].attrs["encoding-version"] == "0.1.0"),
        ("h5ad-0.7", lambda f: "cell_type" in f["obs/__categories"]),
        ("h5ad-named-index", lambda f: f["var"].attrs["_index"] == "symbol"),
    ],
)
def test_the_h5ad_dialects_are_what_they_are_called(name, holds, tmp_path):
    with on_disk(name, tmp_path) as f:
        assert holds(f)


def test_unsorted_rows_fall_and_repeat(tmp_path):
    with on_disk("h5ad-unsorted", tmp_path) as f:
        first = f["X/indices"][: f["X/indptr"][1]]
    assert (np.diff(first) < 0).any()
    assert len(set(first)) < len(first)


@pytest.mark.parametrize(
    ("name", "file", "holds"),
    [
        ("zarr-v2", ".zmetadata", ""),
        ("zarr-v2-unconsolidated", "X/data/.zarray", '"chunks"'),
        ("zarr-v3", "zarr.json", "consolidated_metadata"),
        ("zarr-blosc", "X/data/.zarray", "blosc"),
        ("zarr-gzip", "X/data/.zarray", "gzip"),
        ("zarr-zlib", "X/data/.zarray", "zlib"),
        ("zarr-lz4", "X/data/.zarray", "lz4"),
        ("zarr-v2-uncompressed", "X/data/.zarray", '"compressor": null'),
        ("zarr-v2-nested", "X/data/.zarray", '"dimension_separator": "/"'),
        ("zarr-v2-fortran", "X/.zarray", '"order": "F"'),
        ("zarr-big-endian", "X/data/.zarray", '">f4"'),
        ("zarr-dense-big-endian", "X/zarr.json", '"big"'),
        ("zarr-v3-sharded", "X/data/zarr.json", "sharding_indexed"),
        ("zarr-v3-blosc", "X/data/zarr.json", "blosc"),
        ("zarr-v3-gzip", "X/data/zarr.json", "gzip"),
        ("zarr-v3-crc32c", "X/data/zarr.json", "crc32c"),
        ("zarr-v3-transpose", "X/zarr.json", "transpose"),
        ("zarr-csc", "X/zarr.json", "csc_matrix"),
        ("zarr-0.7", "obs/.zattrs", '"0.1.0"'),
        ("zarr-0.7", "obs/cell_type/.zattrs", "__categories/cell_type"),
    ],
)
def test_the_zarr_dialects_are_what_they_are_called(name, file, holds, tmp_path):
    path = STORE_KINDS[name](coded_anndata(1, 30, 9), tmp_path / "a")
    assert holds in (path / file).read_text()


def test_unconsolidated_is_not_consolidated_and_stale_lacks_a_column(tmp_path):
    adata = coded_anndata(1, 12, plain=True)
    path = STORE_KINDS["zarr-unconsolidated"](adata, tmp_path / "a")
    root = json.loads((path / "zarr.json").read_text())
    assert root.get("consolidated_metadata") is None
    path = STORE_KINDS["zarr-stale-consolidated"](adata, tmp_path / "b")
    assert "origin" not in zarr.open_group(path, mode="r")["obs"]
    assert "origin" in zarr.open_group(path, mode="r", use_consolidated=False)["obs"]
