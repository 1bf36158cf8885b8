"""Sums of repeated genes and entries, and float16: the same by every way of reading."""

from __future__ import annotations

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import mappedviz as mv
from mappedviz import MappedCollection
from mappedviz.errors import ElementError, RecipeError
from mappedviz.gather.csr import CsrRows
from tests.optional import torch

KINDS = {"dense": np.asarray, "csr": sparse.csr_matrix, "csc": sparse.csc_matrix}
WIDE = {
    "bool": "int64",
    "int8": "int64",
    "uint8": "int64",
    "int16": "int64",
    "uint32": "int64",
    "int64": "int64",
    "uint64": "uint64",
    "float16": "float32",
    "float32": "float32",
    "float64": "float64",
}


def written(path, values, genes, kind="csr", **options):
    """A store with these values; float16 ones, which scipy has no matrices of, by hand."""
    values = np.asarray(values)
    half = values.dtype == np.float16
    X = KINDS[kind](values.astype("f4") if half else values)
    obs = pd.DataFrame(index=[f"c{i}" for i in range(len(values))])
    adata = anndata.AnnData(X, obs=obs, var=pd.DataFrame(index=genes))
    adata.write_h5ad(path, **options)
    if half:
        with h5py.File(path, "r+") as file:
            name = "X" if kind == "dense" else "X/data"
            attrs, stored = dict(file[name].attrs), file[name][:].astype("f2")
            del file[name]
            file.create_dataset(name, data=stored).attrs.update(attrs)
    return str(path)


def all_ways(ds):
    """X by every way of reading: dense, sparse, single rows, as dense arrays."""
    n = len(ds)
    yield ds[:]["X"]
    sparse_rows = ds.read_rows(slice(None), sparse=True)["X"]
    yield sparse_rows.toarray()
    yield np.stack([ds[i]["X"] for i in range(n)])
    window = ds.read_window(np.arange(n))
    yield np.concatenate([window.cut(i, min(i + 2, n))["X"] for i in range(0, n, 2)])


@pytest.mark.filterwarnings("ignore:Variable names are not unique")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stored", WIDE)
def test_sums_of_repeated_genes_do_not_wrap(tmp_path, kind, stored):
    values = np.array([[200, 1, 200, 0], [0, 3, 100, 7], [0, 0, 0, 0]])
    if stored == "bool":
        values = values != 0
    if stored == "int8":
        values = values // 2
    values = values.astype(stored)
    path = written(tmp_path / "a.h5ad", values, ["A", "B", "A", "C"], kind)
    expected = np.stack(
        [values.astype("f8")[:, [0, 2]].sum(1), values[:, 1], values[:, 3]], 1
    ).astype("f8")
    for dtype in (None, "float32", "float64", "int32", "float16"):
        ds = MappedCollection(path, duplicates="sum", dtype=dtype)
        for found in all_ways(ds):
            assert found.dtype == (dtype or WIDE[stored])
            np.testing.assert_array_equal(found, expected)
    ds = MappedCollection(path, duplicates="sum", dtype="bool")
    for found in all_ways(ds):
        np.testing.assert_array_equal(found, expected != 0)


@pytest.mark.filterwarnings("ignore:Variable names are not unique")
def test_the_type_of_sums_depends_on_the_recipe_only(tmp_path):
    """A store without repeated names has the same type as one with them."""
    one = np.full((2, 2), 9, "uint8")
    paths = [
        written(tmp_path / "a.h5ad", one, ["A", "A"]),
        written(tmp_path / "b.h5ad", one, ["A", "B"]),
    ]
    ds = MappedCollection(paths, duplicates="sum", join="outer")
    for rows in ([0], [2], [0, 2]):
        assert ds[rows]["X"].dtype == np.int64
    assert [ds[i]["X"].dtype for i in (0, 2)] == [np.int64] * 2
    assert MappedCollection(paths, duplicates="first", join="outer")[0]["X"].dtype == np.uint8


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_a_sum_that_does_not_fit_names_store_row_and_remedy(tmp_path, compression):
    path = written(tmp_path / "a.h5ad", np.full((3, 2), 200, "uint8"), ["A", "B"])
    with h5py.File(path, "r+") as file:
        file["X/indices"][2:4] = 0  # column 0 twice in row 1
    ds = MappedCollection(path)
    reads = [
        lambda: ds[:],
        lambda: ds[1],
        lambda: ds.read_rows([1, 0], sparse=True),
        lambda: ds.read_window(np.arange(3)),
    ]
    for read in reads:
        with pytest.raises(ElementError, match="row 1.*does not fit uint8.*dtype=") as error:
            read()
        assert error.value.store == path
    assert ds[0]["X"].tolist() == [200, 200]
    for found in all_ways(MappedCollection(path, dtype="float32")):
        assert found.tolist() == [[200, 200], [400, 0], [200, 200]]


# ----------------------------------------------------------------------------------- float16
@pytest.mark.parametrize("kind", ["dense", "csr"])
@pytest.mark.parametrize("stored", ["float16", "float32", "uint8"])
def test_float16_by_every_way(tmp_path, kind, stored):
    rng = np.random.default_rng(0)
    values = (rng.integers(0, 4, (50, 20)) * (rng.random((50, 20)) < 0.3)).astype(stored)
    path = written(
        tmp_path / "a.h5ad", values, [f"g{i}" for i in range(20)], kind, compression="gzip"
    )
    ds = MappedCollection(path, dtype="float16")
    for found in all_ways(ds):
        assert found.dtype == np.float16
        np.testing.assert_array_equal(found, values)
    batch = ds.read_rows([3, 3, 40], sparse=True)
    tensor = batch.to_torch()["X"]
    assert (tensor.layout, tensor.dtype) == (torch.sparse_csr, torch.float16)
    dense = torch.zeros(tensor.shape, dtype=torch.float16)
    counts = torch.diff(tensor.crow_indices())
    dense[torch.repeat_interleave(torch.arange(3), counts), tensor.col_indices().long()] = (
        tensor.values()
    )
    np.testing.assert_array_equal(dense.numpy(), values[[3, 3, 40]])
    assert batch[1]["X"].tolist() == values[3].tolist()
    assert "csr" in repr(batch)
    assert "csr" in batch._repr_html_()
    np.testing.assert_array_equal(batch[1:]["X"].toarray(), values[[3, 40]])
    with pytest.raises(RecipeError, match='float16.*dtype="float32"'):
        batch["X"].to_scipy()


@pytest.mark.parametrize("sparse_batches", [False, True])
@pytest.mark.parametrize("shuffle", [False, True, "block"])
def test_float16_through_loaders(tmp_path, shuffle, sparse_batches):
    values = np.arange(600, dtype="f4").reshape(200, 3)
    path = written(tmp_path / "a.h5ad", values, list("ABC"), compression="gzip")
    ds = MappedCollection(path, dtype="float16")
    loader = mv.dataloader(ds, 16, shuffle=shuffle, sparse=sparse_batches)
    seen = [batch["X"] for batch in loader]
    if sparse_batches:
        assert sum(tensor.values().sum().item() for tensor in seen) > 0
        assert sum(len(tensor) for tensor in seen) == 200
    else:
        found = torch.cat(seen).numpy()
        np.testing.assert_array_equal(np.sort(found[:, 0]), values[:, 0].astype("f2"))


def test_a_layer_that_a_store_lacks_is_nan_in_sparse_float16(tmp_path):
    values = np.eye(3, dtype="f4")
    paths = [written(tmp_path / f"{i}.h5ad", values, list("ABC")) for i in range(2)]
    with h5py.File(paths[1], "r+") as file:
        file.copy(file["X"], file["layers"], "counts")
    ds = MappedCollection(paths, layers_keys=["X", "counts"], dtype="float16")
    found = ds.read_rows([4, 1], sparse=True)["counts"]
    assert isinstance(found, CsrRows)
    np.testing.assert_array_equal(found.toarray(), [values[1], [np.nan] * 3])
