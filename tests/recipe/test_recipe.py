"""The recipe is a value: validated, frozen, and the same after every journey."""

import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from mappedviz import Encoder, Recipe  # noqa: F401 - Encoder is what a repr may name
from mappedviz.audits.findings import code_of
from mappedviz.errors import RecipeError, RecipeTypeError
from mappedviz.recipe.store_paths import choose_for_store, store_names
from tests.optional import torch

FULL = {
    "paths": ["a.h5ad", Path("dir") / "b.zarr"],
    "layers_keys": ["X", "counts"],
    "obs_keys": ["cell_type", "donor"],
    "obsm_keys": "X_pca",
    "join": "outer",
    "encode_labels": ["cell_type"],
    "unknown_label": {"cell_type": "unknown"},
    "dtype": np.float32,
    "obs_filter": {"donor": ["d1", np.nan, 3], "ok": True, "n": [np.inf, -np.inf, 2**70]},
    "var_key": {"a.h5ad": "gene_ids", "b": None},
    "strip_version": True,
    "duplicates": "sum",
    "min_stores": 2,
    "obs_alias": {"cell_type": {"a": "louvain"}, "donor": ["donor", "donor_id"]},
    "relabel": {"cell_type": {"CD4_T": "CD4 T", 7: None}},
    "unseen": "ignore",
    "on_error": "skip",
    "weights_keys": "cell_type",
    "weights_scheme": "scaled",
    "weights_scaler": 1000,
    "split_by": "donor",
    "split_fraction": np.float32(0.25),
    "split_seed": np.int64(3),
    "stratify": "cell_type",
    "split_parts": {"train": 0.75, "validation": 0.125, "test": np.float32(0.125)},
    "holdout": {"test": {"donor": ["d9", np.inf]}},
    "within": [{"split_by": ["donor", "day"], "split_seed": 2, "part": "train"}],
    "part": "validation",
}


@pytest.fixture(params=["default", "full", "panel", "encoders", "stores"])
def recipe(request):
    return {
        "default": Recipe(paths=["a.h5ad"]),
        "full": Recipe(**FULL),
        "panel": Recipe(paths="a.h5ad", var_names=["CD3E", "MS4A1"], unknown_label="?"),
        "encoders": Recipe(obs_keys="ct", encoders={"ct": {"a": 0, 1: 1, "?": -1}}),
        "stores": Recipe(relabel={"ct": {"*": {"T": "T cell"}, "a.h5ad": {1: None}}}),
    }[request.param]


def test_repr_is_code_that_makes_it_again(recipe):
    assert eval(repr(recipe)) == recipe


def test_json_makes_it_again(recipe, tmp_path):
    assert Recipe.from_json(recipe.to_json()) == recipe
    assert json.loads(recipe.to_json())["schema"] == 1
    assert Recipe.load(recipe.save(tmp_path / "recipe.json")) == recipe
    assert [path.name for path in tmp_path.iterdir()] == ["recipe.json"]


def test_pickle_and_hash(recipe):
    again = pickle.loads(pickle.dumps(recipe))
    assert again == recipe
    assert hash(again) == hash(recipe)


def test_it_cannot_be_changed():
    recipe = Recipe(**FULL)
    with pytest.raises(AttributeError):
        recipe.join = "inner"
    with pytest.raises(TypeError, match="cannot be changed"):
        recipe.obs_filter["x"] = 1
    assert recipe.replace(join="inner", min_stores=None).join == "inner"
    assert recipe.join == "outer"


def test_missing_values_of_a_filter_are_one_value():
    assert Recipe(**FULL).obs_filter["donor"] == ("d1", None, 3)
    assert Recipe(obs_filter={"a": None}).obs_filter["a"] == (None,)


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ({"join": "left"}, RecipeError, r"join: is 'left'\. Use one of 'inner', 'outer', None"),
        ({"duplicates": "last"}, RecipeError, "'error', 'first', 'sum'"),
        ({"unseen": "x"}, RecipeError, "'error', 'ignore'"),
        ({"on_error": None}, RecipeError, "'raise', 'skip'"),
        ({"encode_labels": ["b"], "obs_keys": ["a"]}, RecipeError, r"\['b'\].*obs_keys"),
        ({"unknown_label": {"b": "x"}, "obs_keys": ["a"]}, RecipeError, "unknown_label"),
        (
            {"unknown_label": {"a": "x"}, "obs_keys": ["a"], "encode_labels": False},
            RecipeError,
            "encoded",
        ),
        ({"encoders": {"b": {"x": 0}}, "obs_keys": ["a"]}, RecipeError, "encoders"),
        ({"encoders": ["b"]}, RecipeTypeError, "encoders"),
        ({"dtype": "float99"}, RecipeTypeError, "dtype: is 'float99'"),
        ({"dtype": "str"}, RecipeError, "no type of numbers"),
        ({"min_stores": 0}, RecipeError, "min_stores: is 0"),
        ({"min_stores": 1.5}, RecipeTypeError, "whole number"),
        ({"min_stores": True}, RecipeTypeError, "whole number"),
        ({"min_stores": 1, "join": None}, RecipeError, "join: is None"),
        ({"min_stores": 1, "var_names": ["a"]}, RecipeError, "both given"),
        ({"var_names": ["a", "a"]}, RecipeError, "twice"),
        ({"var_names": []}, RecipeError, "empty"),
        ({"strip_version": "yes"}, RecipeTypeError, "strip_version"),
        ({"obs_keys": ["X"]}, RecipeError, r"would write \['X'\] twice"),
        ({"obs_keys": ["_store_idx"]}, RecipeError, "twice"),
        ({"obs_keys": "obsm_a", "obsm_keys": "a"}, RecipeError, "twice"),
        ({"layers_keys": 3}, RecipeTypeError, "layers_keys: is 3 of type int"),
        ({"obs_keys": ["a", 3]}, RecipeTypeError, "obs_keys: is 3"),
        ({"paths": 3}, RecipeTypeError, "paths"),
        ({"paths": [3]}, RecipeTypeError, "a string or a Path"),
        ({"paths": [""]}, RecipeTypeError, "non-empty"),
        ({"obs_filter": ("a", "b")}, RecipeTypeError, "obs_filter"),
        ({"obs_filter": {3: "b"}}, RecipeTypeError, "obs_filter"),
        ({"var_key": 3}, RecipeTypeError, "var_key"),
        ({"obs_alias": "a"}, RecipeTypeError, "obs_alias"),
        ({"obs_alias": {"a": {"s": 3}}}, RecipeTypeError, "obs_alias"),
        ({"relabel": ["a"]}, RecipeTypeError, "relabel"),
        ({"relabel": {"a": "b"}}, RecipeTypeError, "relabel"),
        ({"relabel": {"a": {None: "b"}}}, RecipeError, "renames the missing label"),
        ({"weights_keys": 3}, RecipeTypeError, "weights_keys: is 3 of type int"),
        ({"weights_scheme": "log"}, RecipeError, "weights_scheme: is 'log'.*'sqrt'"),
        ({"weights_scheme": "scaled"}, RecipeError, "weights_scaler: is None.*such as 1000"),
        ({"weights_scaler": 0}, RecipeError, "weights_scaler: is 0.0 for"),
        ({"weights_scaler": float("inf")}, RecipeError, "weights_scaler: is inf.*finite"),
        ({"weights_scaler": "1000"}, RecipeTypeError, "weights_scaler: is '1000'"),
        ({"weights_scheme": "sqrt", "weights_scaler": 9}, RecipeError, "weights_scaler.*has none"),
        ({"split_by": 3}, RecipeTypeError, "split_by: is 3.*a string or a list of strings"),
        ({"split_by": True}, RecipeTypeError, "split_by: is True.*an obs column, several"),
        ({"split_by": []}, RecipeError, "split_by: is empty"),
        ({"stratify": 3}, RecipeTypeError, "stratify: is 3"),
        ({"split_parts": 3}, RecipeTypeError, "split_parts: is 3.*part -> share"),
        ({"split_parts": ["train"]}, RecipeTypeError, "split_parts"),
        ({"split_parts": {"a": 0.5, "b": 0.4}}, RecipeError, "2 parts with 0.9 of the rows.*to 1"),
        ({"split_parts": {"a": 1.5, "b": -0.5}}, RecipeError, r"split_parts\['a'\]: is 1.5"),
        ({"split_parts": {"a b": 0.5, "b": 0.5}}, RecipeError, "a part 'a b'"),
        ({"holdout": ["d1"]}, RecipeTypeError, "holdout.*part -> key -> labels"),
        ({"holdout": {"d": "d1", "test": {"d": "d2"}}}, RecipeTypeError, "holdout: is.*either"),
        ({"holdout": {"d": []}}, RecipeError, r"holdout\['validation'\]\['d'\]: names no label"),
        ({"holdout": {"test": {}}}, RecipeError, "names no label"),
        ({"holdout": {"train": {"d": 1}, "validation": {"d": 2}}}, RecipeError, "every part"),
        ({"part": "test"}, RecipeError, "part: is 'test'.*'train', 'validation', or None"),
        ({"within": [{"split_by": "d"}]}, RecipeError, "within: names no part"),
        ({"within": ["d"]}, RecipeTypeError, "within: is 'd'"),
        ({"split_rule": 3}, RecipeError, "split_rule: is 3"),
        ({"split_by": ""}, RecipeError, "split_by: is empty"),
        ({"split_fraction": 0}, RecipeError, "split_fraction: is 0.0"),
        ({"split_fraction": 1}, RecipeError, "more than 0, less than 1"),
        ({"split_fraction": float("nan")}, RecipeError, "split_fraction: is nan"),
        ({"split_fraction": True}, RecipeTypeError, "split_fraction: is True"),
        ({"split_fraction": None}, RecipeTypeError, "split_fraction: is None"),
        ({"split_seed": -1}, RecipeError, "split_seed: is -1"),
        ({"split_seed": 0.5}, RecipeTypeError, "whole number"),
        ({"split_seed": False}, RecipeTypeError, "whole number"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(given, error, says):
    with pytest.raises(error, match=says):
        Recipe(**given)


def test_a_tuple_of_encoded_keys_is_a_list_of_them():
    recipe = Recipe(obs_keys=["a", "b"], encode_labels=("a",))
    assert recipe.encoded_keys == ("a",)
    assert Recipe(obs_keys=["a"], encode_labels=[]).encode_labels is False
    assert Recipe(obs_keys=["a"], encode_labels=np.True_).encoded_keys == ("a",)


def test_types_of_torch_are_understood():
    assert Recipe(dtype=torch.float16).dtype == "float16"
    assert Recipe(dtype=">f4").dtype == "float32"


def test_json_that_knows_nothing_of_weights_and_splits_is_read():
    recipe = Recipe.from_json('{"schema": 1, "paths": ["a.h5ad"]}')
    assert (recipe.weights_keys, recipe.split_by, recipe.split_fraction) == ((), None, 0.2)
    assert json.loads(recipe.to_json()) == {"schema": 1, "paths": ["a.h5ad"]}


def test_each_field_is_code_by_itself(recipe):
    for name in FULL:
        again = eval(f"recipe.replace({recipe.code_of(name)})")
        assert again == recipe


def test_json_of_before_there_were_parts_keeps_its_rule():
    old = Recipe.from_json('{"schema": 1, "split_by": "donor", "split_seed": 3}')
    assert (old.split_rule, old.part, old.part_names) == (1, None, ("train", "validation"))
    assert Recipe.from_json(old.to_json()) == old
    assert eval(repr(old)) == old
    assert old.replace(split_parts={"a": 0.5, "b": 0.5}).split_rule == 2
    new = Recipe(split_by="donor")
    assert Recipe.from_json(new.to_json()).split_rule == new.split_rule == 2


def test_json_is_what_other_readers_take():
    def refuse(word):
        raise AssertionError(word)

    text = Recipe(**FULL).to_json()
    json.loads(text, parse_constant=refuse)


def test_parts_are_in_order_and_held_out_ones_follow():
    recipe = Recipe(split_parts={"b": 0.5, "a": 0.5})
    assert recipe.part_names == ("b", "a")
    assert recipe != Recipe(split_parts={"a": 0.5, "b": 0.5})
    assert recipe.replace(holdout={"d": 1}).holdout == {"a": {"d": (1,)}}
    assert recipe.replace(holdout={"z": {"d": 1}, "c": {"d": 2}}).part_names == ("b", "a", "c", "z")
    assert Recipe(holdout={"donor": None}).holdout == {"validation": {"donor": (None,)}}


def test_a_part_that_is_split_says_within_what():
    part = Recipe(split_by="donor", split_seed=3, part="train")
    inner = part.part_split(split_seed=4)
    assert inner.within == ({"split_by": "donor", "split_seed": 3, "part": "train"},)
    assert (inner.part, inner.split_by, inner.split_seed) == (None, "donor", 4)
    steps = inner.replace(part="validation").splits
    assert [(one.part, one.split_seed) for one in steps] == [("train", 3), ("validation", 4)]
    assert Recipe.from_json(inner.to_json()) == inner
    assert hash(Recipe.from_json(inner.to_json())) == hash(inner)


def test_equal_recipes_have_one_hash():
    a, b = Recipe(obs_filter={"x": 1, "y": "b"}), Recipe(obs_filter={"y": "b", "x": 1.0})
    assert a == b
    assert hash(a) == hash(b)


@pytest.mark.parametrize(
    "change",
    [
        {"encode_labels": ["a"]},  # fields that would contradict the defaults of the others
        {"weights_scheme": "scaled", "weights_scaler": 5},
        {"weights_keys": ["a", "b"], "split_by": "donor", "split_seed": 1},
        {"encoders": {"a": {"x": 0}}},
        {"join": None},
    ],
)
def test_the_line_that_changes_a_recipe_is_code(change):
    recipe = Recipe(obs_keys=["a", "b"])
    changed = recipe.replace(**change)
    scope = {"recipe": recipe}
    exec(code_of(recipe, changed), scope)
    assert scope["recipe"] == changed
    exec(code_of(changed, recipe), scope)
    assert scope["recipe"] == recipe


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"schema": 99}', '{"schema": 1, "paths": ["a"], "jion": "inner"}'],
)
def test_what_is_no_recipe_json_is_refused(text):
    with pytest.raises(RecipeError, match="recipe"):
        Recipe.from_json(text)


def test_saving_where_nothing_can_be_written_keeps_the_old_file(tmp_path, monkeypatch):
    target = Recipe(paths="a").save(tmp_path / "r.json")

    def full(*_args, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        Recipe(paths="b").save(target)
    assert Recipe.load(target).paths == ("a",)
    assert list(tmp_path.iterdir()) == [target]


def test_stores_are_named_by_path_file_name_or_stem():
    assert store_names("x/a.v3.zarr.zip") == ("x/a.v3.zarr.zip", "a.v3.zarr.zip", "a.v3")
    for name in ("x/a.h5ad", "a.h5ad", "a", str(Path("x/a.h5ad").absolute())):
        assert choose_for_store({name: "found"}, "x/a.h5ad", None) == "found"
    assert choose_for_store({"b": 1}, "x/a.h5ad", None) is None
