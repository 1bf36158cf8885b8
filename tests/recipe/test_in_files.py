"""Recipes of objects in memory, as they will be once these are files."""

from mappedviz.recipe.in_files import in_files
from mappedviz.recipe.recipe import Recipe


def test_objects_become_files_wherever_they_are_named():
    recipe = Recipe(
        paths=["memory:1/a", "memory:2/a", "memory:3", "b.zarr", "memory:3"],
        obs_keys="k",
        obs_alias={"k": {"memory:1/a": "x", "b": "y"}, "j": ["p", "q"]},
        relabel={"k": {"memory:3": {"0": "T"}, "*": {"0": "B"}}, "j": {"memory:3": "no store"}},
        layer_alias={"counts": {"memory:3": "X"}},
        layers_keys="counts",
        var_key={"memory:2/a": "ids", "b": None},
    )
    got, files = in_files(recipe)
    assert files == {
        "memory:1/a": "a.h5ad",
        "memory:2/a": "a_2.h5ad",
        "memory:3": "memory_3.h5ad",
    }
    assert got.paths == ("a.h5ad", "a_2.h5ad", "memory_3.h5ad", "b.zarr", "memory_3.h5ad")
    assert got.obs_alias["k"] == {"a.h5ad": "x", "b": "y"}
    assert got.obs_alias["j"] == ("p", "q")
    assert set(got.relabel["k"]) == {"memory_3.h5ad", "*"}
    assert got.var_key == {"a_2.h5ad": "ids", "b": None}
    assert got.layer_alias["counts"] == {"memory_3.h5ad": "X"}
    assert Recipe.from_json(got.to_json()) == got


def test_a_recipe_of_files_stays_what_it_is():
    recipe = Recipe(paths=["a.h5ad"])
    assert in_files(recipe) == (recipe, {})


def test_a_name_with_a_suffix_keeps_no_other():
    assert in_files(Recipe(paths=["memory:0/a.zarr"]))[0].paths == ("a.h5ad",)
