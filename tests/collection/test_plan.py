"""Recipe and facts resolved: labels, encoders, filters, and keys that no store has."""

import numpy as np
import pandas as pd
import pytest

from mappedviz import MappedCollection, Recipe
from mappedviz.errors import (
    MissingKeyError,
    RecipeError,
)
from mappedviz.testing import coded_anndata
from tests.collection import merged
from tests.stores import STORE_KINDS


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


BIG = 2**60


@pytest.mark.parametrize("encode_labels", [True, False])
@pytest.mark.parametrize(
    ("a", "b", "categories"),
    [
        (
            pd.array([None, BIG + 1, BIG + 3], dtype="Int64"),
            np.array([BIG + 1, 5, 6]),
            [5, 6, BIG + 1, BIG + 3],
        ),
        (
            np.array([1, 2, 2**63 - 1]),
            np.array([2**64 - 1, 2**63, 3], dtype="u8"),
            [1, 2, 3, 2**63 - 1, 2**63, 2**64 - 1],
        ),
        (np.array([np.inf, -np.inf, 1]), np.array([1.0, 2, np.inf]), [-np.inf, 1, 2, np.inf]),
        (np.array([0.5, 2, 3]), np.array([2**53 + 1, 2, 4]), [0.5, 2, 3, 4, 2**53 + 1]),
    ],
)
def test_huge_labels_keep_their_value(tmp_path, a, b, categories, encode_labels):
    paths = []
    for i, (values, kind) in enumerate(((a, "h5ad"), (b, "zarr-v3"))):
        adata = coded_anndata(i, 3, plain=True)
        adata.obs["n"] = values
        paths.append(STORE_KINDS[kind](adata, tmp_path / f"{i}"))
    expected = [None if value is pd.NA else value for value in [*a, *b]]
    for order, wanted in ((paths, expected), (paths[::-1], expected[3:] + expected[:3])):
        ds = MappedCollection(order, obs_keys="n", encode_labels=encode_labels)
        assert ds.get_merged_categories("n") == categories
        got = ds.get_merged_labels("n").tolist()
        assert [None if value != value else value for value in got] == wanted
        recipe = ds.recipe.replace(
            obs_filter={"n": categories[-1]}, relabel={"n": {categories[0]: 7}}
        )
        again = Recipe.from_json(recipe.to_json())
        assert again == recipe == eval(repr(recipe))
        assert len(MappedCollection.from_recipe(again)) == wanted.count(categories[-1])


def test_integers_of_two_types_stay_integers(tmp_path):
    """numpy makes floats of int64 and uint64 together."""
    paths = []
    for i, values in enumerate((np.array([1, 2], "i8"), np.array([2**53 + 1, 3], "u8"))):
        adata = coded_anndata(i, 2, plain=True)
        adata.obs["n"] = values
        paths.append(STORE_KINDS["h5ad"](adata, tmp_path / f"{i}"))
    batch = MappedCollection(paths, obs_keys="n", encode_labels=False)[:]["n"]
    assert batch.dtype == np.int64
    assert batch.tolist() == [1, 2, 2**53 + 1, 3]


@pytest.mark.parametrize(
    ("a", "b", "spelled"),
    [
        ([1, 2], [1.0, np.nan], "1 2"),
        ([True, False], [1, 2], "0 1 2"),
        ([True, False], [1.0, np.nan], "0 1"),
        ([1.0, 2.0], [2.0, np.nan], "1.0 2.0"),
        ([True, True], [False, False], "False True"),
        ([1, 2], ["1", "x"], "1 2 '1' 'x'"),
    ],
)
@pytest.mark.parametrize("categorical", [False, True])
def test_equal_labels_are_one_and_spelled_in_one_way(tmp_path, a, b, spelled, categorical):
    paths = []
    for i, values in enumerate((a, b)):
        adata = coded_anndata(i, 2, plain=True)
        adata.obs["k"] = pd.Series(values, index=adata.obs_names)
        if categorical:
            adata.obs["k"] = adata.obs["k"].astype("category")
        paths.append(STORE_KINDS["h5ad"](adata, tmp_path / f"{i}"))
    for order in (paths, paths[::-1]):
        ds = MappedCollection(order, obs_keys="k")
        assert " ".join(map(repr, ds.get_merged_categories("k"))) == spelled
        assert " ".join(map(repr, ds.encoders["k"])) == spelled
        texts = [
            str(one) for one in ds.get_label_weights(["k", "cell_type"], return_categories=True)
        ]
        assert {text.split("__")[0] for text in texts} <= set(spelled.replace("'", "").split())


def test_an_empty_encoder_is_an_encoder(paths):
    ds = MappedCollection(paths, obs_keys="cell_type", encoders={"cell_type": {}}, unseen="ignore")
    assert set(ds[:]["cell_type"].tolist()) == {-1}
    assert ds.encoders == {"cell_type": {}}
    with pytest.raises(MissingKeyError, match="have no code in the encoder"):
        MappedCollection(paths, obs_keys="cell_type", encoders={"cell_type": {}})
