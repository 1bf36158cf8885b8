"""MappedCollection against what anndata says of the same stores, read whole."""

import copy
import gc
import os
import time
import weakref
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse

import mappedviz as mv
from mappedviz import MappedCollection, Recipe, RowBatch
from mappedviz.errors import (
    ClosedError,
    ElementError,
    JoinError,
    MissingKeyError,
    RecipeError,
    StoreError,
    StoreWarning,
)
from mappedviz.gather.rows import TRUST_SECONDS
from mappedviz.testing import coded_anndata
from tests.stores import STORE_KINDS

GENES = [
    [f"gene{i}" for i in (3, 1, 4, 0, 5, 9, 2, 6)],
    [f"gene{i}" for i in (0, 1, 2, 3, 4, 5, 6, 7, 8)],
    [f"gene{i}" for i in (8, 6, 5, 3, 0, 9, 1)],
]
KINDS = ["h5ad", "zarr-v3", "h5ad-dense"]


def dense(matrix):
    return np.asarray(matrix.todense()) if sparse.issparse(matrix) else np.asarray(matrix)


@pytest.fixture(scope="module")
def adatas():
    return [coded_anndata(i, 20 + 3 * i, genes=genes) for i, genes in enumerate(GENES)]


@pytest.fixture(scope="module")
def paths(adatas, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stores")
    return [
        STORE_KINDS[kind](adata, folder / f"store_{i}")
        for i, (kind, adata) in enumerate(zip(KINDS, adatas, strict=True))
    ]


def joined(adatas, names):
    """What a virtual join has to be, by pandas."""
    frames = [pd.DataFrame(dense(a.X), columns=a.var_names) for a in adatas]
    return np.concatenate([f.reindex(columns=names, fill_value=0).to_numpy() for f in frames])


def shared(adatas):
    return [g for g in adatas[0].var_names if all(g in a.var_names for a in adatas)]


def union(adatas):
    return sorted(set().union(*(a.var_names for a in adatas)))


# --- X and joins ----------------------------------------------------------------------------


def test_inner_join_is_the_shared_variables_in_the_order_of_the_first(paths, adatas):
    ds = MappedCollection(paths)
    assert ds.var_joint.tolist() == shared(adatas)
    np.testing.assert_array_equal(ds[:]["X"], joined(adatas, shared(adatas)))
    for adata, columns in zip(adatas, ds.var_indices, strict=True):
        assert adata.var_names[columns].tolist() == shared(adatas)


def test_outer_join_is_the_sorted_union_with_zeros(paths, adatas):
    ds = MappedCollection(paths, join="outer")
    assert ds.var_joint.tolist() == union(adatas)
    np.testing.assert_array_equal(ds[:]["X"], joined(adatas, union(adatas)))
    for adata, columns in zip(adatas, ds.var_indices, strict=True):
        assert ds.var_joint[columns].tolist() == adata.var_names.tolist()


def test_no_join_gives_native_widths(paths, adatas):
    ds = MappedCollection(paths, join=None)
    assert (ds.n_vars, ds.var_joint, ds.var_indices, ds.var_measured) == (None, None, None, None)
    assert ds.shape == (sum(a.n_obs for a in adatas), None)
    batch = ds[[0, 25, 60, 0]]["X"]
    assert [len(row) for row in batch] == [8, 9, 7, 8]
    np.testing.assert_array_equal(batch[1], dense(adatas[1].X)[5])
    np.testing.assert_array_equal(ds[25]["X"], dense(adatas[1].X)[5])
    with pytest.raises(RecipeError, match="another width in each store"):
        ds.read_rows([0], sparse=True)


def test_min_stores_keeps_what_enough_stores_have(paths, adatas):
    names = sorted(g for g in union(adatas) if sum(g in a.var_names for a in adatas) >= 2)
    ds = MappedCollection(paths, min_stores=2)
    assert ds.var_joint.tolist() == names
    np.testing.assert_array_equal(ds[:]["X"], joined(adatas, names))


def test_a_panel_keeps_its_order_and_masks_what_was_not_measured(paths, adatas):
    panel = ["gene9", "nowhere", "gene7", "gene3"]
    ds = MappedCollection(paths, var_names=panel)
    np.testing.assert_array_equal(ds[:]["X"], joined(adatas, panel))
    assert ds.var_measured.tolist() == [[g in a.var_names for g in panel] for a in adatas]
    assert ds.var_indices[0].tolist() == [5, -1, -1, 0]


def test_equal_stores_keep_their_order(tmp_path):
    two = [
        STORE_KINDS["h5ad"](coded_anndata(i, genes=["b", "c", "a"]), tmp_path / str(i))
        for i in (0, 1)
    ]
    for join in ("inner", "outer"):
        ds = MappedCollection(two, join=join)
        assert ds.var_joint.tolist() == ["b", "c", "a"]
        assert ds.var_indices is None


def test_inner_join_of_nothing_suggests_outer(tmp_path):
    two = [
        STORE_KINDS["h5ad"](coded_anndata(i, genes=[f"g{i}"]), tmp_path / str(i)) for i in (0, 1)
    ]
    with pytest.raises(ValueError, match="share no variable.*outer"):
        MappedCollection(two)
    assert MappedCollection(two, join="outer").n_vars == 2


# --- the other matrices -----------------------------------------------------------------------


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


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int32", torch.float32])
def test_dtype_converts_matrices_and_obsm(tmp_path, dtype):
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


# --- index ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "index", [3, np.int8(3), np.array(3), torch.tensor(3), np.uint64(3), -69 + 3, True + 2]
)
def test_every_integer_is_an_index(paths, index):
    ds = MappedCollection(paths)
    assert len(ds) == 69
    np.testing.assert_array_equal(ds[index]["X"], ds[3]["X"])


@pytest.mark.parametrize("index", [69, -70, 10**30])
def test_out_of_range_is_an_index_error(paths, index):
    with pytest.raises(IndexError):
        MappedCollection(paths)[index]


@pytest.mark.parametrize(
    "index", [1.0, "a", None, [1.5], ["a"], [[1]], [69], [-70], {"a": 1}, np.ones(3, bool)]
)
def test_what_is_no_index_is_an_error(paths, index):
    with pytest.raises((IndexError, TypeError)):
        MappedCollection(paths)[index]


def test_slices_lists_arrays_and_masks_give_batches(paths):
    ds = MappedCollection(paths, obs_keys="origin")
    origin = ds[:]["origin"]
    mask = origin % 2 == 0
    for index, expected in [
        (slice(5, 60, 7), origin[5:60:7]),
        (slice(None, None, -1), origin[::-1]),
        ([4, 4, -1], origin[[4, 4, -1]]),
        (np.array([60, 2], dtype=np.uint8), origin[[60, 2]]),
        (torch.tensor([1, 2]), origin[[1, 2]]),
        (mask, origin[mask]),
        ([], origin[:0]),
        (range(3), origin[:3]),
    ]:
        batch = ds[index]
        assert isinstance(batch, RowBatch)
        np.testing.assert_array_equal(batch["origin"], expected)


def test_iterating_ends(paths):
    ds = MappedCollection(paths, obs_keys="origin")
    assert [sample["origin"] for sample in ds] == ds[:]["origin"].tolist()


# --- labels -----------------------------------------------------------------------------------


def merged(adatas, key):
    return np.concatenate([a.obs[key].astype(object).to_numpy() for a in adatas])


def test_codes_follow_the_sorted_merged_categories(paths, adatas):
    ds = MappedCollection(paths, obs_keys="cell_type")
    categories = sorted(set().union(*(a.obs["cell_type"].cat.categories for a in adatas)))
    assert "unused" in categories
    assert ds.encoders == {"cell_type": {c: i for i, c in enumerate(categories)}}
    assert ds.get_merged_categories("cell_type") == categories
    expected = [-1 if pd.isna(v) else categories.index(v) for v in merged(adatas, "cell_type")]
    batch = ds[:]["cell_type"]
    assert batch.tolist() == expected
    assert batch.dtype == np.int64
    for row in (0, 4, 25):
        value = ds[row]["cell_type"]
        assert np.isnan(value) if expected[row] < 0 else value == expected[row]
        assert isinstance(value, (int, float))


@pytest.mark.parametrize(
    "key",
    ["cell_type", "stage", "cluster", "donor", "n_genes", "level", "score", "score32", "doublet",
     "age", "treated", "note", "origin"],
)  # fmt: skip
def test_labels_of_every_kind_as_they_are(paths, adatas, key):
    ds = MappedCollection(paths, obs_keys=key, encode_labels=False)
    expected = merged(adatas, key)
    got = [ds[i][key] for i in range(len(ds))]
    assert not any(isinstance(value, (bytes, np.generic)) for value in got)
    for value, batched, label, want in zip(
        got, ds[:][key], ds.get_merged_labels(key), expected, strict=True
    ):
        if pd.isna(want):
            assert pd.isna(value)
            assert pd.isna(batched)
            assert pd.isna(label)
        else:
            assert value == batched == label == want
    assert ds.encoders == {}


@pytest.mark.parametrize("key", ["cluster", "score", "age", "treated", "note", "doublet", "level"])
def test_missing_is_never_a_class(paths, adatas, key):
    ds = MappedCollection(paths, obs_keys=key)
    present = {v for v in merged(adatas, key) if not pd.isna(v)}
    assert present <= set(ds.encoders[key])
    assert not any(pd.isna(label) or label == "nan" for label in ds.encoders[key])
    missing = [pd.isna(v) for v in merged(adatas, key)]
    assert (ds[:][key] == -1).tolist() == missing


@pytest.mark.parametrize("unknown", ["T cell", {"cell_type": "T cell"}])
def test_the_unknown_label_is_minus_one(paths, unknown):
    ds = MappedCollection(
        paths, obs_keys=["cell_type", "batch"], encode_labels=["cell_type"], unknown_label=unknown
    )
    assert ds.encoders["cell_type"] == {"T cell": -1, "B cell": 0, "NK cell": 1, "unused": 2}
    labels = ds.get_merged_labels("cell_type")
    assert (ds[:]["cell_type"] == -1).tolist() == [v == "T cell" or pd.isna(v) for v in labels]
    row = labels.tolist().index("T cell")
    assert ds[row]["cell_type"] == -1


def test_an_unknown_label_that_nobody_has_changes_nothing(paths):
    ds = MappedCollection(paths, obs_keys="cell_type", unknown_label="nobody")
    assert -1 not in ds.encoders["cell_type"].values()


def test_given_encoders_are_used(paths):
    encoder = {"NK cell": 0, "T cell": 1, "B cell": 2, "unused": -1}
    ds = MappedCollection(paths, obs_keys="cell_type", encoders={"cell_type": encoder})
    assert ds.encoders["cell_type"] == encoder
    with pytest.raises(MissingKeyError, match=r"store_0.*'unused'.*unseen"):
        MappedCollection(
            paths,
            obs_keys="cell_type",
            encoders={"cell_type": {"NK cell": 0, "T cell": 1, "B cell": 2}},
        )
    ds = MappedCollection(
        paths, obs_keys="cell_type", encoders={"cell_type": {"T cell": 0}}, unseen="ignore"
    )
    assert set(ds[:]["cell_type"].tolist()) == {-1, 0}


@pytest.mark.parametrize("scaler", [None, 10])
def test_weights_are_one_over_the_count_or_scaled(paths, adatas, scaler):
    ds = MappedCollection(paths)
    labels = merged(adatas, "batch")
    n = pd.Series(labels).map(pd.Series(labels).value_counts()).to_numpy()
    expected = 1 / n if scaler is None else scaler / (scaler + n)
    np.testing.assert_allclose(ds.get_label_weights("batch", scaler=scaler), expected)
    by_label = ds.get_label_weights("batch", scaler=scaler, return_categories=True)
    np.testing.assert_allclose([by_label[v] for v in labels], expected)


def test_weights_of_several_keys_are_of_their_combination(paths, adatas):
    ds = MappedCollection(paths)
    pairs = [
        "__".join(p) for p in zip(merged(adatas, "batch"), merged(adatas, "donor"), strict=True)
    ]
    counts = pd.Series(pairs).value_counts()
    assert ds.get_label_weights(["batch", "donor"], return_categories=True) == pytest.approx(
        (1 / counts).to_dict()
    )


def test_rows_without_a_label_weigh_nothing_unless_asked(paths):
    ds = MappedCollection(paths, obs_keys="cell_type")
    missing = pd.isna(ds.get_merged_labels("cell_type"))
    weights = ds.get_label_weights("cell_type")
    assert len(weights) == len(ds)
    assert (weights[missing] == 0).all()
    assert (weights[~missing] > 0).all()
    chosen = ds.get_label_weights("cell_type", missing="class")
    np.testing.assert_allclose(chosen[missing], 1 / missing.sum())
    unknown = MappedCollection(paths, obs_keys="cell_type", unknown_label="T cell")
    together = missing | (ds.get_merged_labels("cell_type") == "T cell")
    np.testing.assert_allclose(unknown.get_label_weights("cell_type")[together], 1 / together.sum())
    with pytest.raises(RecipeError, match="'zero' or 'class'"):
        ds.get_label_weights("cell_type", missing="drop")
    with pytest.raises(RecipeError, match="names no key"):
        ds.get_label_weights([])


@pytest.fixture
def one_without(tmp_path):
    """Two stores, of which the second has no cell_type and the first no donor."""
    a, b = coded_anndata(0, 5, genes=["a", "b"]), coded_anndata(1, 4, genes=["a", "b"])
    del a.obs["donor"]
    del b.obs["cell_type"]
    return [STORE_KINDS["h5ad"](adata, tmp_path / name) for name, adata in (("a", a), ("b", b))]


def test_labels_of_different_types_stay_apart(tmp_path):
    two = []
    for i, labels in enumerate((pd.Categorical([1, 2, 1]), pd.Categorical(["1", "x", "1"]))):
        adata = coded_anndata(i, 3, genes=["a"], plain=True)
        adata.obs["k"] = labels
        two.append(STORE_KINDS["h5ad"](adata, tmp_path / str(i)))
    ds = MappedCollection(two, obs_keys="k")
    assert ds.encoders["k"] == {1: 0, 2: 1, "1": 2, "x": 3}
    assert ds[:]["k"].tolist() == [0, 1, 0, 2, 3, 2]
    assert ds.get_merged_labels("k").tolist() == [1, 2, 1, "1", "x", "1"]
    assert len(MappedCollection(two, obs_filter={"k": 1})) == 2
    assert len(MappedCollection(two, obs_filter={"k": [1, "x"]})) == 3


def test_a_column_without_any_label(tmp_path):
    adata = coded_anndata(0, 3, genes=["a"], plain=True)
    adata.obs["k"] = pd.Categorical([None] * 3, categories=[])
    ds = MappedCollection(STORE_KINDS["h5ad"](adata, tmp_path / "a"), obs_keys="k")
    assert ds.encoders == {"k": {}}
    assert ds[:]["k"].tolist() == [-1, -1, -1]
    assert ds.get_label_weights("k").tolist() == [0, 0, 0]
    assert pd.isna(ds.get_merged_labels("k")).all()


# --- harmonisation ----------------------------------------------------------------------------


def test_joining_by_a_column_with_versions_stripped(tmp_path):
    two = []
    for i, version in enumerate((".1", ".27")):
        adata = coded_anndata(i, 3, genes=["x", "y"] if i else ["p", "q"])
        adata.var["ids"] = [f"ENSG0000000000{k}{version}" for k in ((1, 2), (2, 3))[i]]
        two.append(STORE_KINDS["h5ad"](adata, tmp_path / f"s{i}"))
    ds = MappedCollection(two, var_key="ids", strip_version=True)
    assert ds.var_joint.tolist() == ["ENSG00000000002"]
    full = [MappedCollection(path)[:]["X"] for path in two]
    np.testing.assert_array_equal(ds[:]["X"][:, 0], np.concatenate([full[0][:, 1], full[1][:, 0]]))
    ds = MappedCollection(
        two, var_key={"s0": "ids", "s1.h5ad": "ids"}, strip_version=True, join="outer"
    )
    assert ds.n_vars == 3
    with pytest.raises(KeyError, match=r"var has no column 'nope'"):
        MappedCollection(two, var_key="nope")
    with pytest.raises(RecipeError, match="'s9'.*no store here"):
        MappedCollection(two, var_key={"s9": "ids"})


def test_repeated_variables_are_named_and_remedied(tmp_path):
    adata = coded_anndata(0, 6, genes=["a", "b", "a2"], density=1.0)
    adata.var_names = ["a", "b", "a"]
    path = STORE_KINDS["h5ad"](adata, tmp_path / "dup")
    X = dense(adata.X)
    with pytest.raises(
        JoinError, match=r"dup\.h5ad, var: repeats 1 variable names: 'a'.*first.*sum"
    ):
        MappedCollection(path)
    for duplicates, first in (("first", X[:, 0]), ("sum", X[:, 0] + X[:, 2])):
        ds = MappedCollection(path, duplicates=duplicates)
        assert ds.var_joint.tolist() == ["a", "b"]
        np.testing.assert_array_equal(ds[:]["X"], np.column_stack([first, X[:, 1]]))
        np.testing.assert_array_equal(ds[2]["X"], ds[:]["X"][2])
        np.testing.assert_array_equal(
            ds.read_rows(range(6), sparse=True)["X"].toarray(), ds[:]["X"]
        )
    assert MappedCollection(path, join=None)[0]["X"].shape == (3,)


@pytest.mark.parametrize(
    "alias", [{"s0": "cell_type", "s1": "kind"}, {"s1.h5ad": "kind"}, ["nope", "kind", "cell_type"]]
)
def test_alias_and_relabel_reach_encoders_weights_and_filters(tmp_path, alias):
    two = []
    for i in (0, 1):
        adata = coded_anndata(i, 12, genes=["a"], missing=0, unused=None, plain=True)
        if i:
            adata.obs = adata.obs.rename(columns={"cell_type": "kind"})
            adata.obs["kind"] = adata.obs["kind"].cat.rename_categories({"T cell": "T_cells"})
        two.append(STORE_KINDS["h5ad"](adata, tmp_path / f"s{i}"))
    options = {
        "obs_alias": {"cell_type": alias},
        "relabel": {"cell_type": {"T_cells": "T cell", "NK cell": None}},
    }
    ds = MappedCollection(two, obs_keys="cell_type", **options)
    assert ds.encoders["cell_type"] == {"B cell": 0, "T cell": 1}
    weights = ds.get_label_weights("cell_type", return_categories=True)
    assert weights == pytest.approx({"B cell": 1 / 8, "T cell": 1 / 8})
    kept = MappedCollection(two, obs_filter={"cell_type": "T cell"}, **options)
    assert kept.n_obs_list == [4, 4]
    assert len(MappedCollection(two, obs_filter={"cell_type": None}, **options)) == 8
    with pytest.raises(RecipeError, match="obs_alias"):
        MappedCollection(two, obs_alias={"cell_type": {"s7": "x"}})


# --- filter -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("obs_filter", "passes"),
    [
        ({"cell_type": "T cell"}, lambda o: o.cell_type == "T cell"),
        ({"cell_type": ["T cell", "B cell"]}, lambda o: o.cell_type.isin(["T cell", "B cell"])),
        ({"cell_type": ("T cell", np.nan)}, lambda o: (o.cell_type == "T cell") | o.cell_type.isna()),
        ({"score": [np.nan]}, lambda o: o.score.isna()),
        ({"age": pd.NA}, lambda o: o.age.isna()),
        ({"note": None, "cell_type": ["B cell", None]}, lambda o: o.note.isna() & ((o.cell_type == "B cell") | o.cell_type.isna())),
        ({"doublet": True}, lambda o: o.doublet),
        ({"level": [0, 2, 4.0, "3"]}, lambda o: o.level.isin([0, 2, 4])),
        ({"cell_type": "nobody"}, lambda o: o.cell_type == "nobody"),
        ({}, lambda o: o.cell_type == o.cell_type.astype(object).where(o.cell_type.notna(), o.cell_type)),
    ],
)  # fmt: skip
def test_filters_select_what_pandas_selects(paths, adatas, obs_filter, passes):
    ds = MappedCollection(
        paths, obs_keys=["origin", "cell_type"], encode_labels=["cell_type"], obs_filter=obs_filter
    )
    masks = [
        np.asarray(passes(a.obs).fillna(False), bool) if obs_filter else np.ones(a.n_obs, bool)
        for a in adatas
    ]
    assert ds.n_obs_list == [int(m.sum()) for m in masks]
    assert ds.original_shapes == [
        (int(m.sum()), a.n_vars) for m, a in zip(masks, adatas, strict=True)
    ]
    expected = np.concatenate(
        [a.obs["origin"].to_numpy()[m] for a, m in zip(adatas, masks, strict=True)]
    )
    assert ds[:]["origin"].tolist() == expected.tolist()
    assert ds.indices.tolist() == np.concatenate([np.flatnonzero(m) for m in masks]).tolist()
    assert ds.storage_idx.tolist() == np.repeat([0, 1, 2], [m.sum() for m in masks]).tolist()
    assert len(ds) == len(ds.get_label_weights("cell_type")) == len(ds.get_merged_labels("batch"))
    for i in range(0, len(ds), 7):
        assert ds[i]["origin"] == expected[i]


def test_a_store_without_the_filtered_column_contributes_nothing(one_without):
    assert MappedCollection(one_without, obs_filter={"donor": np.nan}).n_obs_list == [0, 0]
    assert MappedCollection(one_without, obs_filter={"cell_type": np.nan}).n_obs_list == [1, 0]


# --- members ----------------------------------------------------------------------------------


def test_members_of_the_reference(paths, adatas):
    ds = MappedCollection(paths, obs_keys="cell_type")
    assert ds.path_list == [str(path) for path in paths]
    assert (ds.n_obs, ds.n_vars) == ds.shape == (69, 5)
    assert ds.original_shapes == [a.shape for a in adatas]
    assert ds.n_obs_list == [a.n_obs for a in adatas]
    assert not ds.check_vars_sorted()
    assert not ds.check_vars_sorted(ascending=False)
    assert MappedCollection(paths[1]).check_vars_sorted()
    assert ds.check_vars_non_aligned(GENES[1]) == [0, 2]
    assert [v.tolist() for v in ds.var_list] == GENES
    assert ds.layers_keys == ["X"]
    assert ds.obs_keys == ["cell_type"]
    assert ds.obsm_keys == []
    assert MappedCollection.torch_worker_init_fn(0) is None
    assert "3 stores: 69 obs × 5 vars" in repr(ds)


def test_the_signature_of_the_reference_in_its_order(paths):
    ds = MappedCollection(
        paths, ["X"], ["cell_type"], ["X_pca"], "outer", True, "T cell", False, True, "float32"
    )
    assert ds.recipe == Recipe(
        paths=paths, obs_keys=["cell_type"], obsm_keys=["X_pca"], join="outer",
        unknown_label="T cell", dtype="float32",
    )  # fmt: skip
    assert ds.parallel


def test_a_recipe_makes_the_same_collection(paths):
    ds = MappedCollection(paths, obs_keys="cell_type", min_stores=2, obs_filter={"doublet": False})
    again = MappedCollection.from_recipe(Recipe.from_json(ds.recipe.to_json()), stores=ds.stores)
    np.testing.assert_array_equal(again[:]["X"], ds[:]["X"])
    assert again.encoders == ds.encoders


# --- closing, copying, paths ------------------------------------------------------------------


def test_closing(paths):
    with MappedCollection(paths) as ds:
        before = ds[0]["X"]
        assert not ds.closed
    assert ds.closed
    for read in (lambda: ds[0], lambda: ds[[0]], lambda: ds.read_window([0])):
        with pytest.raises(ClosedError, match="was closed"):
            read()
    assert len(ds) == 69
    parallel = MappedCollection(paths, parallel=True)
    parallel.close()
    assert not parallel.closed
    np.testing.assert_array_equal(parallel[0]["X"], before)


def test_one_path_a_glob_a_directory_and_any_iterable(paths):
    folder = paths[0].parent
    assert len(MappedCollection(str(paths[0]))) == 20
    assert len(MappedCollection(folder)) == 69
    assert len(MappedCollection(str(folder / "*.h5ad"))) == 20 + 26
    assert len(MappedCollection(path for path in paths)) == 69
    assert len(MappedCollection([paths[0], paths[0]])) == 40
    with pytest.raises(StoreError, match="matches no file"):
        MappedCollection(str(folder / "*.nothing"))
    with pytest.raises(RecipeError, match="names no store"):
        MappedCollection([])


def test_an_empty_directory_says_so(tmp_path):
    with pytest.raises(StoreError, match="directory without"):
        MappedCollection(tmp_path)


def test_relative_paths_survive_chdir(paths, tmp_path, monkeypatch):
    monkeypatch.chdir(paths[0].parent)
    ds = MappedCollection([path.name for path in paths])
    monkeypatch.chdir(tmp_path)
    assert ds[[0, 68]]["X"].shape == (2, 5)


def test_an_empty_store_is_a_store_without_rows(tmp_path):
    two = [
        STORE_KINDS["h5ad"](coded_anndata(0, 0, genes=["a", "b"], plain=True), tmp_path / "empty"),
        STORE_KINDS["h5ad"](coded_anndata(1, 3, genes=["b", "a"], plain=True), tmp_path / "full"),
    ]
    ds = MappedCollection(two, obs_keys="cell_type")
    assert ds.n_obs_list == [0, 3]
    assert ds[0]["_store_idx"] == 1
    assert ds[:]["X"].shape == (3, 2)


# --- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            {"obs_keys": "cell_typ"},
            r"none of the 3 stores has this obs column; did you mean 'cell_type'",
        ),
        ({"layers_keys": "count"}, r"this matrix; did you mean 'counts'"),
        ({"obsm_keys": "pca"}, r"this obsm element; did you mean 'X_pca'"),
        ({"obs_filter": {"donr": "x"}}, "did you mean 'donor'"),
        ({"obs_keys": "ct", "obs_alias": {"ct": ["x", "y"]}}, r"tried \['x', 'y'\]"),
    ],
)
def test_a_key_in_no_store_is_an_error_with_near_matches(paths, options, says):
    with pytest.raises(MissingKeyError, match=says):
        MappedCollection(paths, **options)


def test_labels_of_an_unknown_key_are_an_error(paths):
    ds = MappedCollection(paths)
    for ask in (ds.get_merged_labels, ds.get_merged_categories, ds.get_label_weights):
        with pytest.raises(KeyError, match="did you mean 'cell_type'"):
            ask("cell_typ")


def test_one_broken_store_among_many_is_named_or_skipped(paths, tmp_path):
    broken = tmp_path / "broken.h5ad"
    broken.write_bytes(b"<!DOCTYPE html><html>not found</html>")
    with pytest.raises(StoreError, match=r"broken\.h5ad.*HTML"):
        MappedCollection([*paths, broken])
    with pytest.warns(StoreWarning, match=r"left out 1 of 4 stores:\n.*broken\.h5ad"):
        ds = MappedCollection([*paths, broken], on_error="skip")
    assert len(ds) == 69
    with pytest.warns(StoreWarning), pytest.raises(RecipeError, match="none of which"):
        MappedCollection([broken], on_error="skip")


def test_a_failed_constructor_leaks_no_descriptor(paths, tmp_path):
    broken = tmp_path / "broken.h5ad"
    broken.write_bytes(b"")
    folder = Path("/proc/self/fd")
    if not folder.exists():
        pytest.skip("needs /proc")
    before = len(list(folder.iterdir()))
    for _ in range(5):
        with pytest.raises(StoreError):
            MappedCollection([*paths, broken])
        with pytest.raises(MissingKeyError):
            MappedCollection(paths, obs_keys="nope")
    assert len(list(folder.iterdir())) == before


def test_a_store_without_X_serves_its_layers(tmp_path):
    adata = coded_anndata(0, 4, genes=["a", "b"])
    layer = dense(adata.layers["counts"])
    adata.X = None
    ds = MappedCollection(STORE_KINDS["h5ad"](adata, tmp_path / "a"), layers_keys="counts")
    np.testing.assert_array_equal(ds[:]["counts"], layer)
    with pytest.raises(MissingKeyError, match="X"):
        MappedCollection(tmp_path / "a.h5ad")


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


@pytest.mark.parametrize("kind", [name for name in STORE_KINDS if name != "h5ad-no-X"])
def test_every_kind_of_store_reads_as_anndata_reads_it(kind, tmp_path):
    """The whole engine on each dialect: matrix, label, missing values, names."""
    writer = STORE_KINDS[kind]
    adata = coded_anndata(2, 24, genes=[f"g{i}" for i in range(9)])
    path = writer(adata, tmp_path / "store")
    expected = writer.expected(adata)
    keys = [k for k in ("cell_type", "origin", "donor", "score", "doublet") if k in expected.obs]
    layers = [*(["X"] if expected.X is not None else []), *expected.layers]
    try:
        ds = MappedCollection(path, layers_keys=layers, obs_keys=keys, encode_labels=False)
    except ElementError as error:
        assert "csc" in kind
        assert "csc" in str(error)
        return
    batch = ds[::-1]
    for layer in layers:
        whole = dense(expected.X if layer == "X" else expected.layers[layer])
        np.testing.assert_array_equal(batch[layer], whole[::-1])
    assert ds.var_joint.tolist() == expected.var_names.tolist()
    for key in keys:
        want = expected.obs[key].astype(object).to_numpy()[::-1]
        for got, one in zip(batch[key], want, strict=True):
            assert (pd.isna(got) and pd.isna(one)) or got == one


def test_anndata_agrees_on_the_demo_collection():
    """Real, messy stores: the same sums, labels and join as anndata's."""
    folder = Path(__file__).parents[2] / "notebooks" / "data"
    paths = sorted([*folder.glob("*.h5ad"), *folder.glob("*.zarr"), *folder.glob("*.zarr.zip")])
    assert len(paths) >= 4
    ds = MappedCollection(paths, join="outer")
    offset = 0
    for path in paths:
        if path.name.endswith(".zip"):
            continue
        adata = ad.read_h5ad(path) if path.suffix == ".h5ad" else ad.read_zarr(path)
        store = ds.path_list.index(str(path))
        begin = sum(ds.n_obs_list[:store])
        rows = np.linspace(0, adata.n_obs - 1, 40).astype(int)
        got = ds[begin + rows]["X"][:, ds.var_joint.get_indexer(adata.var_names)]
        np.testing.assert_array_equal(got, dense(adata.X[rows]))
        offset += adata.n_obs
    assert offset <= len(ds)


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
    assert ds.read_window(rows[:2], batch_size=64).chunks is None
    assert ds.read_window(rows, batch_size=1).chunks is None
    small = MappedCollection(paths, obs_keys="cell_type", join=join, cache_bytes=0)
    assert small.read_window(rows, batch_size=64).chunks is None
    for start in (0, 64):
        one, other = (window.cut(start, start + 64) for window in (decoded, compact))
        np.testing.assert_array_equal(dense(one["X"]), dense(other["X"]))
        np.testing.assert_array_equal(dense(one["X"]), ds[rows[start : start + 64]]["X"])
        assert one["X"].dtype == other["X"].dtype
        np.testing.assert_array_equal(one["cell_type"], other["cell_type"])
