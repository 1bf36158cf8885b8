"""A recipe without some stores says nothing of them."""

from mappedviz import Recipe
from mappedviz.recipe.leaving_out import without_stores


def test_what_is_said_of_other_stores_stays():
    recipe = Recipe(
        paths=["x/a.h5ad", "y/a.h5ad", "b.zarr"],
        layers_keys=["counts", "X"],
        layer_alias={"counts": {"a": "raw.X", "b": "X"}},
        var_key={"a": "ids", "b": "names"},
        obs_alias={"ct": {"b.zarr": "kind", "a.h5ad": "type"}, "d": ["e", "f"], "g": {"b": "h"}},
        relabel={"ct": {"b": {"1": "T"}, "*": {"2": "B"}}, "d": {"x": "y"}, "g": {"b": {"1": "T"}}},
    )
    left = without_stores(recipe, ["x/a.h5ad", "b.zarr"], ["y/a.h5ad"])
    assert left.paths == ("y/a.h5ad",)
    assert left.var_key == {"a": "ids"}
    assert left.layer_alias == {"counts": {"a": "raw.X"}}
    assert left.obs_alias == {"ct": {"a.h5ad": "type"}, "d": ("e", "f")}
    assert left.relabel == {"ct": (("2", "B"),), "d": (("x", "y"),), "g": ()}
    assert without_stores(recipe, [], recipe.paths) == recipe
    none = without_stores(recipe.replace(var_key={"b": "names"}), ["b.zarr"], ["x/a.h5ad"])
    assert none.var_key is None


def test_raw_stays_joined():
    recipe = Recipe(
        paths=["a.h5ad", "b.h5ad"],
        layers_keys=["raw.X", "counts"],
        layer_alias={"raw.X": {"a": "X"}, "counts": {"a": "X"}},
    )
    left = without_stores(recipe, ["a.h5ad"], ["b.h5ad"])
    assert left.layer_alias == {"raw.X": ("raw.X",)}
