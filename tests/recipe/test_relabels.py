"""New names of labels: for all stores and for single ones, checked, as code, as JSON, composed."""

import json

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mappedviz import Recipe
from mappedviz.errors import RecipeError, RecipeTypeError
from mappedviz.recipe.relabels import (
    n_renamed,
    plain_renames,
    renamed,
    renames_in,
    steps_between,
    with_renames,
)

OF_STORES = {"ct": {"*": {"T cells": "T"}, "a.h5ad": {"1": "T", 7: None}}, "b": {"x": "y"}}


def test_one_mapping_stays_the_pairs_that_it_was():
    recipe = Recipe(relabel={"ct": {"CD4_T": "CD4 T", 7: None}})
    assert recipe.relabel == {"ct": (("CD4_T", "CD4 T"), (7, None))}
    assert json.loads(recipe.to_json())["relabel"] == {"ct": [["CD4_T", "CD4 T"], [7, None]]}
    assert repr(recipe) == "Recipe(relabel={'ct': {'CD4_T': 'CD4 T', 7: None}})"
    assert Recipe(relabel={"ct": {"*": {"CD4_T": "CD4 T", 7: None}}}) == recipe
    assert Recipe(relabel={"ct": {None: {"CD4_T": "CD4 T", 7: None}, "a": {}}}) == recipe
    assert Recipe(relabel={"ct": {}}).relabel == {"ct": ()}


def test_names_of_single_stores_are_a_value():
    recipe = Recipe(relabel=OF_STORES)
    assert Recipe.from_json(recipe.to_json()) == recipe
    assert eval(repr(recipe)) == recipe
    assert hash(Recipe.from_json(recipe.to_json())) == hash(recipe)
    assert plain_renames(recipe.relabel["ct"]) == OF_STORES["ct"]
    assert n_renamed(recipe.relabel["ct"]) == 3
    assert n_renamed(recipe.relabel["b"]) == 1
    infinite = Recipe(relabel={"ct": {"a": {np.inf: "much", "x": float("inf")}}})
    assert Recipe.from_json(infinite.to_json()) == eval(repr(infinite)) == infinite


@pytest.mark.parametrize("path", ["a.h5ad", "data/a.h5ad", "/x/a.h5ad"])
def test_a_store_has_its_own_names_before_those_of_all(path):
    recipe = Recipe(relabel={"ct": {None: {"T cells": "T", "B": "B cell"}, "a": {"B": "?"}}})
    assert recipe.renames_of("ct", path) == {"T cells": "T", "B": "?"}
    assert recipe.renames_of("ct", "b.h5ad") == {"T cells": "T", "B": "B cell"}
    assert recipe.renames_of("ct") == {"T cells": "T", "B": "B cell"}
    assert recipe.renames_of("other", path) == {}


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ({"a": {"x": "y"}, "T": "T cell"}, RecipeTypeError, r"relabel\['ct'\]: mixes.*'T'.*'\*'"),
        ({"a": {"x": "y"}, 3: {"x": "y"}}, RecipeTypeError, "is 3 of type int"),
        ({"a": {None: "y"}}, RecipeError, r"relabel\['ct'\]\['a'\]: renames the missing label"),
        ({"*": {"a": "b"}, None: {"a": "c"}}, RecipeError, "for all stores twice"),
        (
            {"*": {"T": "T cell"}, "a": {"T cell": "lymphocyte"}},
            RecipeError,
            r"\['a'\]: renames 'T cell' to 'lymphocyte', and 'T' becomes 'T cell'.*Say here what 'T'",
        ),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(given, error, says):
    with pytest.raises(error, match=says):
        Recipe(relabel={"ct": given})


def test_a_chain_that_says_what_is_meant_is_taken():
    given = {"*": {"T": "T cell"}, "a": {"T cell": "lymphocyte", "T": "lymphocyte"}}
    recipe = Recipe(relabel={"ct": given})
    assert recipe.renames_of("ct", "a") == {"T": "lymphocyte", "T cell": "lymphocyte"}


labels = st.sampled_from(["a", "b", "c", "d", 1, None])
pairs = st.dictionaries(st.sampled_from(["a", "b", "c", "d", 1]), labels, max_size=4)
stores = st.dictionaries(st.sampled_from(["*", "s0", "s1"]), pairs, max_size=3)


def names_now(relabel, store):
    """Label -> what it is in a store, written without the product's composition."""
    found = Recipe(relabel={"k": relabel}).renames_of("k", store)
    return {label: found.get(label, label) for label in ["a", "b", "c", "d", 1]}


@given(before=pairs | stores, more=pairs | stores)
def test_renaming_once_more_is_one_step_after_the_other(before, more):
    try:
        first, second = (Recipe(relabel={"k": one}).relabel["k"] for one in (before, more))
    except RecipeError:  # in two ways
        assume(False)
    both = renamed(first, plain_renames(second))
    for store in ("s0", "s1", "elsewhere"):
        step = renames_in(second, store if isinstance(second, dict) else None)
        expected = {
            old: now if now is None else step.get(now, now)
            for old, now in names_now(plain_renames(first), store).items()
        }
        assert names_now(both, store) == expected
    if not isinstance(second, dict):
        again = steps_between({"k": first}, Recipe(relabel={"k": both}).relabel).get("k", {})
        for store in ("s0", "s1", "elsewhere"):
            assert names_now(renamed(first, again), store) == names_now(both, store)


def test_keys_are_renamed_beside_each_other():
    recipe = Recipe(relabel={"a": {"x": "y"}})
    assert with_renames(recipe.relabel, {"b": {"1": "2"}}) == {"a": {"x": "y"}, "b": {"1": "2"}}
