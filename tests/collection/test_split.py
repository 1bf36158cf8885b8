"""Splits and subsets: no group on both sides, and parts that are whole collections."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mappedviz as mv
from mappedviz import MappedCollection, Recipe
from mappedviz.errors import MissingKeyError, RecipeError
from mappedviz.testing import coded_anndata
from tests.optional import torch
from tests.stores import STORE_KINDS

KINDS = ["h5ad", "zarr-v3", "h5ad-gzip", "h5ad"]
KEYS = ["cell_type", "origin", "donor", "age", "score"]


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stores")
    made = []
    for i, kind in enumerate(KINDS):
        adata = coded_anndata(i, 60 + 7 * i, genes=[f"g{(i + k) % 14}" for k in range(11)])
        adata.obs["patient"] = [f"p{(i * 2 + row // 9) % 11}" for row in range(adata.n_obs)]
        adata.obs["whole"] = "one"
        if i == 3:
            del adata.obs["patient"]
        made.append(STORE_KINDS[kind](adata, folder / f"store_{i}"))
    return made


@pytest.fixture(
    scope="module", params=[{}, {"join": None}, {"obs_filter": {"batch": ["b0", "b1"]}}]
)
def ds(request, paths):
    options = dict(request.param)
    if "obs_filter" in options:
        options["obs_filter"] = {"cell_type": ["T cell", "B cell", None]}
    return MappedCollection(
        paths, obs_keys=KEYS, obsm_keys="X_pca", encode_labels=["cell_type"], **options
    )


def equal(got, expected):
    """Two batches, values and types."""
    assert got.keys() == expected.keys()
    for key in expected.keys():  # noqa: SIM118 - iterating a RowBatch gives samples
        a, b = got[key], expected[key]
        if isinstance(b, list):
            for one, other in zip(a, b, strict=True):
                np.testing.assert_array_equal(one, other)
            continue
        assert a.dtype == b.dtype, key
        if a.dtype == object:
            assert [str(v) for v in a] == [str(v) for v in b]
        else:
            np.testing.assert_array_equal(a, b)


def check_is_part(part, ds, rows):
    """All that a collection says, said of some rows."""
    rows = np.asarray(rows, dtype=np.int64)
    assert len(part) == part.n_obs == part.shape[0] == sum(part.n_obs_list) == len(rows)
    assert part.part_of == len(ds)
    assert f"{len(rows):,} of {len(ds):,} obs" in repr(part)
    np.testing.assert_array_equal(part.storage_idx, ds.storage_idx[rows])
    np.testing.assert_array_equal(part.indices, ds.indices[rows])
    assert part.n_obs_list == np.bincount(ds.storage_idx[rows], minlength=len(ds.stores)).tolist()
    assert [n for n, _ in part.original_shapes] == part.n_obs_list
    assert [n for _, n in part.original_shapes] == [n for _, n in ds.original_shapes]
    assert part.path_list == ds.path_list
    assert part.shape[1] == ds.shape[1]
    assert part.encoders == ds.encoders
    equal(part[:], ds[rows])
    for key in (*KEYS, "batch"):  # the last one is not loaded
        labels, every = part.get_merged_labels(key), ds.get_merged_labels(key)
        assert len(labels) == len(rows)
        pairs = zip(labels.tolist(), every[rows].tolist(), strict=True)
        assert all(a == b or (a != a and b != b) for a, b in pairs)
        assert part.get_merged_categories(key) == ds.get_merged_categories(key)
    weights = part.get_label_weights("cell_type")
    labels = [str(v) for v in part.get_merged_labels("cell_type")]
    expected = [0 if label == "nan" else 1 / labels.count(label) for label in labels]
    assert weights.tolist() == pytest.approx(expected)
    for at in range(0, len(rows), 7):
        one, same = part[at], ds[int(rows[at])]
        assert one.keys() == same.keys()
        np.testing.assert_array_equal(one["X"], same["X"])
        assert str(one.get("cell_type")) == str(same.get("cell_type"))


@given(st.data())
def test_a_subset_is_a_collection_of_some_rows(ds, data):
    some = st.lists(st.integers(0, len(ds) - 1), max_size=30)
    rows = data.draw(some)
    part = ds.subset(rows)
    check_is_part(part, ds, sorted(set(rows)))
    if len(part):
        again = data.draw(st.lists(st.integers(0, len(part) - 1), max_size=9))
        inner = part.subset(again)
        equal(inner[:], part[sorted(set(again))])
        assert inner.part_of == len(ds)


def test_the_ways_to_name_rows(ds):
    mask = np.arange(len(ds)) % 3 == 0
    check_is_part(ds.subset(mask), ds, np.flatnonzero(mask))
    check_is_part(ds.subset(slice(5, 100, 2)), ds, np.arange(5, 100, 2))
    check_is_part(ds.subset([-1, 0]), ds, [0, len(ds) - 1])
    check_is_part(ds.subset([]), ds, [])
    for wrong in ([len(ds)], [0.5], mask[1:]):
        with pytest.raises(IndexError):
            ds.subset(wrong)


def test_a_subset_keeps_the_types_of_the_whole(ds):
    """No row of it misses its age, and still it is the float that training saw."""
    known = ~np.isnan(ds[:]["age"].astype(float))
    part = ds.subset(known)
    assert part[:]["age"].dtype == ds[:]["age"].dtype == np.float64
    assert isinstance(ds.subset(known)[0]["age"], int)


@pytest.mark.parametrize("order", [
    {"shuffle": False}, {"shuffle": True}, {"shuffle": "block", "block_size": 8, "buffer_size": 32},
    {"weights": "cell_type"}, {"weights": ["cell_type", "donor"], "scheme": "sqrt"},
])  # fmt: skip
@pytest.mark.parametrize("lookahead", [None, 0])
def test_every_order_on_a_part(ds, order, lookahead):
    part = ds.subset(np.arange(3, len(ds), 3))
    where = {int(origin): row for row, origin in enumerate(part[:]["origin"])}
    sparse = [False] if ds.n_vars is None else [False, True]
    for as_csr in sparse:
        rows = []
        for batch in mv.dataloader(part, 16, seed=3, lookahead=lookahead, sparse=as_csr, **order):
            here = [where[int(origin)] for origin in batch["origin"]]
            expected = part[here]
            if ds.n_vars is None:
                for got, row in zip(batch["X"], expected["X"], strict=True):
                    np.testing.assert_array_equal(got.numpy(), row)
            else:
                dense = batch["X"].to_dense() if as_csr else batch["X"]
                np.testing.assert_array_equal(dense.numpy(), expected["X"])
            np.testing.assert_array_equal(batch["cell_type"], expected["cell_type"])
            rows += here
        assert len(rows) == len(part)
        if "weights" not in order:
            assert sorted(rows) == list(range(len(part)))


def test_both_parts_are_read_at_the_same_time(ds):
    """A trainer validates in the middle of an epoch: what is shared is not confused."""
    parts = ds.split("patient", 0.4)
    loaders = [mv.dataloader(part, 8, shuffle=True, seed=0) for part in parts]
    for batches in zip(*loaders, strict=False):
        for part, batch in zip(parts, batches, strict=True):
            where = {int(origin): row for row, origin in enumerate(part[:]["origin"])}
            expected = part[[where[int(origin)] for origin in batch["origin"]]]
            for got, row in zip(batch["X"], expected["X"], strict=True):
                np.testing.assert_array_equal(got.numpy(), row)
            np.testing.assert_array_equal(batch["_store_idx"], expected["_store_idx"])


def test_tensors_name_rows(ds):
    check_is_part(ds.subset(torch.tensor([7, 3, 3])), ds, [3, 7])


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_parts_travel_to_workers(paths, context):
    ds = MappedCollection(paths, obs_keys=KEYS, encode_labels=["cell_type"])
    train, validation = ds.split("patient")
    ds[0], validation[0]  # something is open in the parent
    options = {"num_workers": 1, "multiprocessing_context": context}
    origins = []
    for part in (train, validation):
        for batch in torch.utils.data.DataLoader(part, 50, **options):
            origins += batch["origin"].tolist()
    assert sorted(origins) == sorted(ds[:]["origin"].tolist())
    same = pickle.loads(pickle.dumps(validation))
    assert len(pickle.dumps(validation)) < 2 * len(pickle.dumps(ds))
    check_is_part(same, ds, np.flatnonzero(np.isin(ds[:]["origin"], validation[:]["origin"])))


# --- splits of a collection ----------------------------------------------------------------------


def groups_of(part, key):
    return {str(v) for v in part.get_merged_labels(key) if v == v}


@given(
    fraction=st.floats(0.01, 0.99),
    seed=st.integers(0, 2**40),
    by=st.sampled_from(["patient", "donor", "origin"]),
)
def test_no_group_is_on_both_sides(ds, fraction, seed, by):
    train, validation = ds.split(by, fraction, seed)
    assert not groups_of(train, by) & groups_of(validation, by)
    assert len(train) + len(validation) == len(ds)
    origins = np.concatenate([train[:]["origin"], validation[:]["origin"]])
    np.testing.assert_array_equal(np.sort(origins), np.sort(ds[:]["origin"]))
    assert len(validation)
    assert "nan" not in {str(v) for v in validation.get_merged_labels(by)}
    said = ds.recipe.replace(split_by=by, split_fraction=fraction, split_seed=seed)
    assert train.recipe == said.replace(part="train")
    assert validation.recipe == said.replace(part="validation")
    again = MappedCollection.from_recipe(train.recipe).split()
    for one, other in zip((train, validation), again, strict=True):
        np.testing.assert_array_equal(one.indices, other.indices)
        np.testing.assert_array_equal(one.storage_idx, other.storage_idx)


def test_rows_without_a_group_are_trained_on(paths):
    """The last store has no patients: nobody can say that these cells are not of one of them."""
    train, validation = MappedCollection(paths).split("patient", 0.3)
    assert validation.n_obs_list[3] == 0
    assert train.n_obs_list[3] == 81
    known = 60 + 67 + 74
    assert len(validation) / known == pytest.approx(0.3, abs=0.05)


@pytest.mark.parametrize("by", [False, "patient", "cluster"])
def test_the_order_of_stores_changes_no_side(paths, by):
    def sides(order):
        ds = MappedCollection([paths[i] for i in order], obs_keys="origin", encode_labels=False)
        return set(ds.split(by, 0.25, 1)[1][:]["origin"].tolist())

    first = sides([0, 1, 2, 3])
    assert first == sides([2, 3, 0, 1]) == sides([3, 2, 1, 0])


@pytest.mark.parametrize("stratify", [None, "cell_type", ["cell_type", "donor"]])
def test_single_rows_are_split_by_share(paths, stratify):
    ds = MappedCollection(paths, obs_keys="cell_type")
    recipe = ds.recipe.replace(split_by="patient", split_fraction=0.3, split_seed=4)
    ds = MappedCollection.from_recipe(recipe)
    train, validation = ds.split(False, stratify=stratify)
    assert len(validation) == round(0.3 * len(ds))
    assert train.recipe.split_by is None
    if stratify == "cell_type":
        sizes = np.bincount(ds[:]["cell_type"] + 1)
        here = np.bincount(validation[:]["cell_type"] + 1, minlength=len(sizes))
        assert np.abs(here - 0.3 * sizes).max() <= 1
    other = ds.split(False, seed=5, stratify=stratify)[1]
    assert set(other.indices.tolist()) != set(validation.indices.tolist())


def test_the_split_of_the_recipe(paths):
    recipe = Recipe(paths=map(str, paths), split_by="patient", split_fraction=0.4, split_seed=2)
    ds = MappedCollection.from_recipe(recipe)
    train, validation = ds.split()
    assert not groups_of(train, "patient") & groups_of(validation, "patient")
    assert [len(p) for p in (train, validation)] == [len(p) for p in ds.split("patient", 0.4, 2)]
    assert train.recipe == recipe.replace(part="train")


def test_a_group_by_its_alias_and_its_new_names(paths):
    """Two names of one patient are one group."""
    recipe = Recipe(
        paths=map(str, paths),
        obs_alias={"who": ["patient", "whole"]},
        relabel={"who": {"p1": "p0", "p2": "p0", "p3": "p0"}},
    )
    train, validation = MappedCollection.from_recipe(recipe).split("who", 0.3)
    for part in (train, validation):
        assert {"p1", "p2", "p3"} & groups_of(part, "patient") in (set(), {"p1", "p2", "p3"})


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"by": "whole"}, RecipeError, "whole: has 1 group with rows, 'one'.*by=False"),
        ({"by": "patents"}, MissingKeyError, "patents: none of the 4 stores.*'patient'"),
        ({"stratify": "cel_type"}, MissingKeyError, "cel_type.*'cell_type'"),
        ({"fraction": 1}, RecipeError, "split_fraction: is 1.0"),
        ({"seed": 0.5}, RecipeError, "split_seed: is 0.5"),
        ({"by": 3}, RecipeError, "split_by: is 3"),
        ({"by": ""}, RecipeError, "split_by: is empty"),
    ],
)
def test_splits_that_cannot_be_made_are_refused_by_name(paths, options, error, says):
    with pytest.raises(error, match=says):
        MappedCollection(paths).split(**options)


def test_a_collection_without_any_group_label(paths):
    ds = MappedCollection(paths).subset(slice(-5, None))
    with pytest.raises(RecipeError, match="patient: has 0 groups with rows: no two sides"):
        ds.split("patient")
    assert [len(part) for part in ds.split()] == [4, 1]


def test_a_part_is_shown_as_one(ds):
    text = ds.split(False)[1]._repr_html_()
    assert f"of {len(ds):,} cells" in text


# --- parts with names ----------------------------------------------------------------------------

THREE = {"train": 0.6, "validation": 0.2, "test": 0.2}


def places(part):
    return set(zip(part.storage_idx.tolist(), part.indices.tolist(), strict=True))


def again_of(part):
    return MappedCollection.from_recipe(Recipe.from_json(part.recipe.to_json()))


@pytest.mark.parametrize("by", [False, "patient", ["patient", "cell_type"]])
@pytest.mark.parametrize("stratify", [None, "cell_type", ["cell_type", "donor"]])
def test_parts_with_names(ds, by, stratify):
    parts = ds.split(by, stratify=stratify, seed=3, **THREE)
    train, validation, test = parts
    assert (parts.train, parts["validation"], parts.test) == (train, validation, test)
    assert parts.names == tuple(THREE)
    assert isinstance(parts, tuple)
    assert repr(parts).startswith("Parts(train=MappedCollection of")
    assert sum(map(len, parts)) == len(ds) == len(set().union(*map(places, parts)))
    for name, part in parts.items():
        assert part.recipe.part == name
        again = again_of(part)
        assert places(again) == places(part)
        equal(again[:], part[:])
        assert again.part_of == part.part_of == len(ds)
        assert [places(one) for one in again.split()] == [places(one) for one in parts]
        assert [places(one) for one in part.split()] == [places(one) for one in parts]
        assert f"part='{name}'" in repr(part.recipe)
        assert again.recipe == part.recipe
    whole = MappedCollection.from_recipe(train.recipe.replace(part=None))
    assert places(whole) == places(ds)
    assert pickle.loads(pickle.dumps(parts)).names == parts.names


def test_two_parts_are_a_pair(ds):
    parts = ds.split("patient", 0.3)
    assert parts.names == ("train", "validation")
    assert len(parts) == 2
    named = ds.split("patient", train=0.7, test=0.3)
    assert places(named.test) == places(parts.validation)
    with pytest.raises(AttributeError, match="'test' is no part; there are 'train', 'validation'"):
        _ = parts.test
    with pytest.raises(KeyError, match="is no part"):
        parts["test"]


def test_groups_that_are_held_out(ds):
    parts = ds.split("patient", 0.3, holdout={"patient": ["p1", "p2"]})
    assert groups_of(parts.validation, "patient") == {"p1", "p2"}
    parts = ds.split("patient", holdout={"test": {"patient": "p3"}}, train=0.8, validation=0.2)
    assert parts.names == ("train", "validation", "test")
    assert groups_of(parts.test, "patient") == {"p3"}
    assert places(again_of(parts.test)) == places(parts.test)
    assert places(again_of(parts.train)) == places(parts.train)
    # What is decided stays until it is decided otherwise.
    ds = MappedCollection.from_recipe(parts.train.recipe.replace(part=None))
    assert ds.split().names == parts.names
    assert ds.split(holdout={}).names == ("train", "validation")
    assert ds.split(fraction=0.5).names == ("train", "validation", "test")


def test_a_part_is_split_once_more(ds):
    train, test = ds.split("patient", 0.3, seed=1)
    inner, validation = train.split("donor", 0.25, seed=2, stratify="cell_type")
    assert places(inner) | places(validation) == places(train)
    assert places(again_of(inner)) == places(inner)
    assert places(again_of(validation)) == places(validation)
    assert [places(one) for one in again_of(inner).split()] == [places(inner), places(validation)]
    deeper = validation.split(False, 0.5)[0]
    assert places(again_of(deeper)) == places(deeper)
    assert not places(deeper) & (places(inner) | places(test))
    assert deeper.part_of == len(ds)


def test_several_keys_are_their_combinations(ds):
    train, validation = ds.split(["patient", "cell_type"], 0.3)
    pairs = [
        {
            (str(a), str(b))
            for a, b in zip(*(part.get_merged_labels(k) for k in keys), strict=True)
            if a == a and b == b
        }
        for part, keys in ((p, ("patient", "cell_type")) for p in (train, validation))
    ]
    assert not pairs[0] & pairs[1]
    assert train.recipe.split_by == ("patient", "cell_type")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"fraction": 0.2, **THREE}, "fraction: is 0.2, and shares of train, validation, test"),
        ({"train": 0.5, "test": 0.4}, "split_parts: has 2 parts with 0.9 of the rows"),
        ({"train": 1.0}, r"split_parts\['train'\]: is 1.0"),
        ({"holdout": {"patient": "p99"}}, r"holdout.*\['p99'\], which no store has"),
        ({"by": "patient", "holdout": {"cell_type": "T cell"}}, "groups of 'patient', and leaves"),
        ({"by": "whole", **THREE}, "whole: has 1 group with rows, 'one': no 3 parts"),
    ],
)
def test_parts_that_cannot_be_made_are_refused(paths, options, says):
    with pytest.raises(RecipeError, match=says):
        MappedCollection(paths).split(**options)


def test_a_recipe_of_the_first_rule_keeps_its_rows(paths):
    """Saved before there were parts: groups were near enough within 1 to 5 % of the rows."""
    text = Recipe(paths=map(str, paths), split_by="patient", split_fraction=0.3).to_json()
    old = Recipe.from_json(text.replace('"split_rule": 2', '"split_rule": 1'))
    parts = MappedCollection.from_recipe(old).split()
    assert old.split_rule == parts.train.recipe.split_rule == 1
    assert groups_of(parts.validation, "patient") == {"p0", "p1", "p7", "p9"}  # as it was then
    new = MappedCollection.from_recipe(old).split(fraction=0.3)
    assert new.train.recipe.split_rule == 2


def test_stores_of_one_name_are_split_in_any_order(tmp_path):
    paths = []
    for i in range(3):
        (tmp_path / f"s{i}").mkdir()
        adata = coded_anndata(i, 31, genes=["a", "b"])
        paths.append(STORE_KINDS["h5ad"](adata, tmp_path / f"s{i}" / "cells"))
    for options in ({"fraction": 0.5}, {"stratify": "cell_type", **THREE}):
        made = [
            [
                set(part[:]["origin"].tolist())
                for part in MappedCollection(order, obs_keys="origin", encode_labels=False).split(
                    **options
                )
            ]
            for order in (paths, paths[::-1])
        ]
        assert made[0] == made[1]
