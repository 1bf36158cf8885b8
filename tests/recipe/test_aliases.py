"""Aliases: what people give becomes a value, and what makes no sense is refused by name."""

import pytest

from mappedviz.errors import RecipeError, RecipeTypeError
from mappedviz.recipe.aliases import obs_alias_of
from mappedviz.recipe.recipe import Recipe


@pytest.mark.parametrize(
    "alias",
    [{"counts": ["counts", "raw.X"]}, {"counts": {"a.h5ad": "X", "b": "raw.X"}}, {"counts": "X"}],
)
def test_an_alias_travels(alias):
    recipe = Recipe(layers_keys=["counts", "X"], layer_alias=alias)
    assert Recipe.from_json(recipe.to_json()) == recipe
    assert hash(recipe) == hash(Recipe.from_json(recipe.to_json()))
    assert eval(repr(recipe), {"Recipe": Recipe}) == recipe


def test_candidates_are_a_tuple():
    assert Recipe(layers_keys="c", layer_alias={"c": "X"}).layer_alias == {"c": ("X",)}
    assert obs_alias_of({"k": ["a", "b", "a"]}) == {"k": ("a", "b")}
    assert obs_alias_of(None) == {}


@pytest.mark.parametrize(
    ("alias", "says"),
    [
        ("counts", r"layer_alias: is 'counts'.*key -> \{store: matrix\} or candidates"),
        ({"counts": {"a": 1}}, "layer_alias.*store -> matrix"),
        ({"counts": [1]}, "layer_alias.*list of strings"),
        ({1: ["X"]}, "layer_alias.*keys as strings"),
    ],
)
def test_a_wrong_type_is_named(alias, says):
    with pytest.raises(RecipeTypeError, match=says):
        Recipe(layers_keys="counts", layer_alias=alias)


def test_an_alias_is_for_what_is_read():
    with pytest.raises(RecipeError, match=r"layer_alias: names \['counts'\], not among"):
        Recipe(layer_alias={"counts": ["X"]})
    with pytest.raises(RecipeError, match=r"write \['counts'\] twice"):
        Recipe(layers_keys="counts", obs_keys="counts", layer_alias={"counts": ["X"]})
