"""Rows as an AnnData: what anndata says of the same stores, joined by pandas."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from mappedviz import MappedCollection
from mappedviz.errors import ClosedError, JoinError, RecipeError
from mappedviz.testing import coded_anndata
from tests.collection import GENES, dense, joined, shared, union
from tests.optional import torch
from tests.stores import STORE_KINDS

SOME = {
    "all": None,
    "slice": slice(5, 60, 7),
    "mask": np.arange(69) % 3 == 0,
    "out of order, repeated": [60, 2, 2, -1, 33, 2],
    "array": np.array([4, 3], dtype=np.uint8),
    "none": slice(0, 0),
}


@pytest.fixture(scope="module", params=["h5ad", "zarr-v3"])
def stores(request, adatas, tmp_path_factory):
    """The three stores in one format, sparse."""
    folder = tmp_path_factory.mktemp(request.param)
    return [
        STORE_KINDS[request.param](adata, folder / f"store_{i}") for i, adata in enumerate(adatas)
    ]


def same_labels(got, expected):
    for one, other in zip(got, expected, strict=True):
        assert (pd.isna(one) and pd.isna(other)) or one == other


def in_two(adatas):
    return [name for name in union(adatas) if sum(name in a.var_names for a in adatas) >= 2]


# --- matrices and rows ------------------------------------------------------------------------


@pytest.mark.parametrize("rows", SOME.values(), ids=SOME)
@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"join": "inner"}, shared),
        ({"join": "outer"}, union),
        ({"min_stores": 2}, in_two),
        ({"var_names": ["gene9", "nowhere", "gene3"]}, lambda _: ["gene9", "nowhere", "gene3"]),
    ],
    ids=["inner", "outer", "min_stores", "panel"],
)
def test_rows_are_those_of_the_files_joined(stores, adatas, options, names, rows):
    names = names(adatas)
    ds = MappedCollection(stores, obs_keys=["cell_type", "origin"], **options)
    adata = ds.to_anndata(rows)
    chosen = np.arange(69)[slice(None) if rows is None else rows]
    assert isinstance(adata, ad.AnnData)
    assert adata.var_names.tolist() == names == ds.var_joint.tolist()
    assert sparse.isspmatrix_csr(adata.X)
    np.testing.assert_array_equal(adata.X.toarray(), joined(adatas, names)[chosen])
    every = pd.concat([a.obs for a in adatas])
    assert adata.obs["origin"].tolist() == every["origin"].iloc[chosen].tolist()
    same_labels(adata.obs["cell_type"], every["cell_type"].astype(object).iloc[chosen])
    assert adata.obs["cell_type"].cat.categories.tolist() == list(ds.encoders["cell_type"])
    assert adata.obs["store"].tolist() == [f"store_{s}" for s in ds.storage_idx[chosen]]
    assert adata.obs_names.is_unique


def test_tensors_name_rows_and_no_rows_are_an_empty_anndata(stores):
    ds = MappedCollection(stores, obs_keys=["cell_type", "origin"])
    assert (
        ds.to_anndata(torch.tensor([4, 3])).obs["origin"].tolist() == ds[[4, 3]]["origin"].tolist()
    )
    empty = ds.to_anndata([])
    assert empty.shape == (0, 5)
    assert empty.obs.dtypes.to_dict() == ds.to_anndata([0]).obs.dtypes.to_dict()


def test_layers_obsm_and_types(stores, adatas):
    ds = MappedCollection(
        stores, ["X", "counts"], obsm_keys=["X_pca", "sparse", "frame"], join="outer"
    )
    adata = ds.to_anndata([21, 0, 50])
    assert adata.X.dtype == adatas[0].X.dtype
    assert adata.layers["counts"].dtype == ds[[0]]["counts"].dtype
    batch = ds[[21, 0, 50]]
    np.testing.assert_array_equal(dense(adata.layers["counts"]), batch["counts"])
    assert sorted(adata.obsm) == ["X_pca", "frame", "sparse"]
    for key in adata.obsm:
        np.testing.assert_array_equal(adata.obsm[key], batch[f"obsm_{key}"])
    assert ds.to_anndata([21]).X.dtype == adata.X.dtype


def test_dense_where_a_store_is_dense(paths, adatas):
    ds = MappedCollection(paths)
    adata = ds.to_anndata(slice(0, 5))
    assert isinstance(adata.X, np.ndarray)
    np.testing.assert_array_equal(adata.X, joined(adatas, shared(adatas))[:5])


def test_each_matrix_is_sparse_or_dense_by_itself(tmp_path):
    adata = coded_anndata(0, 8, genes=["a", "b", "c"])
    adata.layers["scaled"] = np.arange(24, dtype="float32").reshape(8, 3)
    ds = MappedCollection(
        STORE_KINDS["h5ad"](adata, tmp_path / "a"), ["X", "scaled"], obs_keys="origin", obsm_keys="X_pca"
    )  # fmt: skip
    got = ds.to_anndata([3, 1])
    assert sparse.issparse(got.X)
    np.testing.assert_array_equal(got.X.toarray(), dense(adata.X)[[3, 1]])
    np.testing.assert_array_equal(got.layers["scaled"], adata.layers["scaled"][[3, 1]])
    np.testing.assert_array_equal(got.obsm["X_pca"], adata.obsm["X_pca"][[3, 1]])
    assert got.obs["origin"].tolist() == adata.obs["origin"].iloc[[3, 1]].tolist()


def test_rows_of_a_store_without_the_matrix_are_nan_and_a_collection_may_have_no_X(tmp_path):
    whole, bare = coded_anndata(0, 4, genes=["a", "b"]), coded_anndata(1, 3, genes=["b", "a"])
    del bare.layers["counts"]
    two = [STORE_KINDS["h5ad"](a, tmp_path / str(i)) for i, a in enumerate((whole, bare))]
    adata = MappedCollection(two, "counts").to_anndata([5, 0])
    assert adata.X is None
    assert adata.shape == (2, 2)
    counts = dense(adata.layers["counts"])
    assert np.isnan(counts[0]).all()
    np.testing.assert_array_equal(counts[1], dense(whole.layers["counts"])[0])


@pytest.mark.parametrize("kind", ["h5ad", "zarr-v3"])
def test_float16_is_dense(tmp_path, kind):
    adata = coded_anndata(0, 6, genes=["a", "b"], plain=True)
    adata.layers["small"] = sparse.csr_matrix(np.tile(np.float32([[1, 0]]), (6, 1)))
    path = STORE_KINDS[kind](adata, tmp_path / "a")
    got = MappedCollection(path, "small", dtype="float16").to_anndata([4, 2])
    assert isinstance(got.layers["small"], np.ndarray)
    assert got.layers["small"].dtype == np.float16
    assert got.layers["small"].tolist() == [[1, 0], [1, 0]]


@pytest.mark.parametrize("duplicates", ["first", "sum"])
def test_repeated_variables(tmp_path, duplicates):
    adata = coded_anndata(0, 6, genes=["a", "b", "a2"], density=1.0)
    adata.var_names = ["a", "b", "a"]
    X = dense(adata.X)
    ds = MappedCollection(STORE_KINDS["h5ad"](adata, tmp_path / "a"), duplicates=duplicates)
    got = ds.to_anndata()
    assert got.var_names.tolist() == ["a", "b"]
    first = X[:, 0] if duplicates == "first" else X[:, 0] + X[:, 2]
    np.testing.assert_array_equal(dense(got.X), np.column_stack([first, X[:, 1]]))


# --- variables that are not joined ------------------------------------------------------------


def test_without_a_join_stores_have_to_agree(stores, adatas):
    ds = MappedCollection(stores, join=None)
    with pytest.raises(JoinError, match=r"store_1.*join=None: has 9 variables .* 8 of .*store_0"):
        ds.to_anndata([0, 20])
    adata = ds.to_anndata([25, 21])
    assert adata.var_names.tolist() == GENES[1]
    np.testing.assert_array_equal(dense(adata.X), dense(adatas[1].X)[[5, 1]])
    two = MappedCollection([stores[1], stores[1]], join=None).to_anndata([0, 23])
    np.testing.assert_array_equal(dense(two.X), dense(adatas[1].X)[[0, 0]])
    assert sparse.issparse(two.X)


def test_raw_comes_along_where_its_variables_agree(stores, adatas):
    ds = MappedCollection(stores, ["X", "raw.X"], join="outer")
    adata = ds.to_anndata([22, 20])
    assert adata.raw.var_names.tolist() == adatas[1].raw.var_names.tolist()
    np.testing.assert_array_equal(dense(adata.raw.X), dense(adatas[1].raw.X)[[2, 0]])
    assert adata.shape == (2, 10)
    with pytest.raises(JoinError, match=r"raw\.X: .*Leave raw\.X"):
        ds.to_anndata([0, 20])


def test_obsm_of_several_widths_is_refused(tmp_path):
    two = []
    for i in range(2):
        adata = coded_anndata(i, 4, genes=["a"])
        adata.obsm["p"] = np.ones((4, 2 + i), dtype="float32")
        two.append(STORE_KINDS["h5ad"](adata, tmp_path / str(i)))
    ds = MappedCollection(two, obsm_keys="p")
    with pytest.raises(RecipeError, match="obsm/p: has 2 and 3 columns"):
        ds.to_anndata()
    assert ds.to_anndata([5, 4]).obsm["p"].shape == (2, 3)


# --- labels and names -------------------------------------------------------------------------


@pytest.mark.parametrize("encode", [True, False])
@pytest.mark.parametrize(
    "key",
    ["cell_type", "stage", "cluster", "donor", "n_genes", "level", "score", "doublet", "age", "treated", "note"],
)  # fmt: skip
def test_labels_of_every_kind(stores, adatas, key, encode, tmp_path):
    adata = MappedCollection(stores, obs_keys=key, encode_labels=encode).to_anndata()
    expected = pd.concat([a.obs[key].astype(object) for a in adatas])
    same_labels(adata.obs[key], expected)
    texts = any(isinstance(one, str) for one in expected)
    assert isinstance(adata.obs[key].dtype, pd.CategoricalDtype) == texts
    adata.write_h5ad(tmp_path / "written.h5ad")
    same_labels(ad.read_h5ad(tmp_path / "written.h5ad").obs[key], expected)


def test_labels_are_renamed_and_never_codes(stores):
    options = {
        "relabel": {"cell_type": {"T cell": "T", "NK cell": None}},
        "unknown_label": "B cell",
    }
    ds = MappedCollection(stores, obs_keys="cell_type", **options)
    labels = ds.to_anndata().obs["cell_type"]
    assert set(labels.dropna()) == {"T", "B cell"}
    same_labels(labels, ds.get_merged_labels("cell_type"))
    given = MappedCollection(
        stores, obs_keys="cell_type", encoders={"cell_type": {"T cell": 0}}, unseen="ignore"
    )
    assert set(given.to_anndata().obs["cell_type"].dropna()) == {"T cell", "B cell", "NK cell"}


def test_filters_subsets_and_splits(stores):
    ds = MappedCollection(
        stores, obs_keys=["cell_type", "origin"], encode_labels=False, obs_filter={"cell_type": "T cell"}
    )  # fmt: skip
    assert ds.to_anndata().obs["origin"].tolist() == ds[:]["origin"].tolist()
    for part in (ds.subset(slice(3, 9)), *ds.split(False, 0.3, seed=1)):
        adata = part.to_anndata()
        assert adata.obs["origin"].tolist() == part[:]["origin"].tolist()
        np.testing.assert_array_equal(dense(adata.X), part[:]["X"])
        assert adata.obs["cell_type"].dtype == ds.to_anndata([0]).obs["cell_type"].dtype


def test_names_are_those_of_the_stores_made_unique(tmp_path):
    paths = []
    for i in range(2):
        adata = coded_anndata(i, 3, genes=["a"])
        adata.obs_names = ["shared", f"own{i}", "last"] if i else ["shared", f"own{i}", "first"]
        paths.append(STORE_KINDS["h5ad"](adata, tmp_path / f"s{i}"))
    ds = MappedCollection(paths)
    assert ds.to_anndata().obs_names.tolist() == [
        "shared-s0", "own0", "first", "shared-s1", "own1", "last",
    ]  # fmt: skip
    assert ds.to_anndata([1, 0, 1]).obs_names.tolist() == ["own0", "shared", "own0-1"]
    assert ds.to_anndata([3, 0, 3]).obs_names.tolist() == ["shared-s1", "shared-s0", "shared-s1-1"]


def test_stores_of_one_name_are_told_apart(tmp_path):
    paths = []
    for i, name in enumerate(("a/x", "b/x")):
        (tmp_path / name).parent.mkdir()
        paths.append(STORE_KINDS["h5ad"](coded_anndata(i, 2, genes=["a"]), tmp_path / name))
    assert MappedCollection(paths).to_anndata([2]).obs["store"].tolist() == [str(paths[1])]
    again = MappedCollection([paths[0], paths[0]]).to_anndata()
    assert again.obs["store"].nunique() == 2
    assert again.obs_names.is_unique


def test_the_column_of_stores_has_another_name_or_none(stores):
    ds = MappedCollection(stores, obs_keys="batch")
    assert list(ds.to_anndata([0], store_key=None).obs) == ["batch"]
    assert list(ds.to_anndata([0], store_key="file").obs) == ["batch", "file"]
    with pytest.raises(RecipeError, match="store_key: is 'batch', which is an obs key too"):
        ds.to_anndata([0], store_key="batch")


def test_names_are_read_of_the_stores_that_occur(stores, monkeypatch):
    from mappedviz.stores.store import Store

    read = []
    names = Store.obs_names.fget
    monkeypatch.setattr(
        Store, "obs_names", property(lambda store: read.append(store.name) or names(store))
    )
    MappedCollection(stores).to_anndata([20, 21])
    assert len(read) == 1
    assert read[0].startswith("store_1")


def test_what_is_refused(stores):
    ds = MappedCollection(stores)
    for wrong in ([69], ["a"], "a", 1.5):
        with pytest.raises(IndexError):
            ds.to_anndata(wrong)
    ds.close()
    with pytest.raises(ClosedError):
        ds.to_anndata()
