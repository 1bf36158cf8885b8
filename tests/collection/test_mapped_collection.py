"""MappedCollection against what anndata says of the same stores, read whole."""

from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from mappedviz import MappedCollection, Recipe
from mappedviz.errors import (
    ElementError,
    JoinError,
    MissingKeyError,
    RecipeError,
    StoreError,
    StoreWarning,
)
from mappedviz.testing import coded_anndata, layers_of
from tests.collection import dense, joined, merged, shared, union
from tests.stores import STORE_KINDS

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


# --- labels -----------------------------------------------------------------------------------


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


# --- members ----------------------------------------------------------------------------------


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
    with pytest.raises(StoreError):  # a child waits from now on, whose pipes are no leak
        MappedCollection([*paths, broken])
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


@pytest.mark.parametrize("kind", [name for name in STORE_KINDS if name != "h5ad-no-X"])
def test_every_kind_of_store_reads_as_anndata_reads_it(kind, tmp_path):
    """The whole engine on each dialect: matrix, label, missing values, names."""
    writer = STORE_KINDS[kind]
    adata = coded_anndata(2, 24, genes=[f"g{i}" for i in range(9)])
    path = writer(adata, tmp_path / "store")
    expected = writer.expected(adata)
    keys = [k for k in ("cell_type", "origin", "donor", "score", "doublet") if k in expected.obs]
    layers = [*(["X"] if expected.X is not None else []), *layers_of(expected)]
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
