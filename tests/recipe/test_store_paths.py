"""Stores that a recipe names by relative paths are found, checked, left out, and moved with the recipe."""

import shutil
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from mappedviz import MappedCollection, Recipe, audit
from mappedviz.errors import RecipeError
from mappedviz.recipe.leaving_out import without_stores
from mappedviz.recipe.store_paths import choose_for_store, is_among, is_relative, moved_names

X, Y = "x/a.h5ad", "y/a.h5ad"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Two stores of one file name, which only their paths tell apart."""
    for folder in ("x", "y"):
        adata = ad.AnnData(
            np.array([[1, 2]], dtype="f4"),
            obs=pd.DataFrame({"kind": ["1"], "other": ["2"]}, index=["c"]),
            var=pd.DataFrame({"ids": ["p", "q"]}, index=["g", "h"]),
        )
        adata.layers["counts"] = adata.X * (1 if folder == "x" else 10)
        (tmp_path / "project" / folder).mkdir(parents=True)
        adata.write_h5ad(tmp_path / "project" / folder / "a.h5ad")
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def recipe_of(x=X, y=Y):
    return Recipe(
        paths=[X, Y],
        layers_keys="values",
        layer_alias={"values": {x: "X", y: "counts"}},
        var_key={x: "ids", y: "ids"},
        obs_keys="label",
        obs_alias={"label": {x: "kind", y: "other"}},
        relabel={"label": {x: {"1": "T"}, y: {"2": "B"}}},
    )


def check(ds):
    assert ds.get_merged_labels("label").tolist() == ["T", "B"]
    assert ds.var_joint.tolist() == ["p", "q"]
    assert ds[:]["values"].tolist() == [[1, 2], [10, 20]]


@pytest.mark.parametrize("form", ["{}", "./{}", "x/../{}", "{here}/{}"])
def test_any_path_of_a_store_names_it(project, form):
    recipe = recipe_of(*(form.format(one, here=project) for one in (X, Y)))
    check(MappedCollection.from_recipe(recipe))
    found = audit(recipe=recipe, label="label", progress=False, workers=0)
    assert not found.fatal
    assert sorted(found.labels().total.index) == ["B", "T"]
    assert "unknown-names" not in {one.code for one in found.findings}


def test_a_path_to_nowhere_and_a_store_that_is_named_twice(project):
    with pytest.raises(RecipeError, match=r"'z/a.h5ad'.* is no store here"):
        MappedCollection(X, var_key={"z/a.h5ad": "ids"})
    with pytest.raises(RecipeError, match="twice"):
        MappedCollection(
            X, obs_keys="kind", relabel={"kind": {"a.h5ad": {"1": "T"}, f"./{X}": {"1": "B"}}}
        )


def test_a_saved_recipe_names_its_stores(project, tmp_path, monkeypatch):
    recipe = recipe_of()
    saved = recipe.save("x/recipe.json")
    assert '"./a.h5ad"' in saved.read_text()  # not the file name, which both have
    assert Recipe.load(saved) == recipe
    shutil.copytree(project, tmp_path / "elsewhere")
    shutil.rmtree(project / "y")
    monkeypatch.chdir("/")
    check(MappedCollection.from_recipe(Recipe.load(tmp_path / "elsewhere" / "x" / "recipe.json")))


def test_names_move_though_paths_do_not(project):
    recipe = recipe_of().replace(paths=[project / X, project / Y])
    assert Recipe.load(recipe.save("x/recipe.json")) == recipe


def test_what_is_said_of_a_path_goes_with_the_store(project):
    left = without_stores(recipe_of(), [str(project / X)], [str(project / Y)])
    assert left.var_key == {Y: "ids"}
    assert left.layer_alias == {"values": {Y: "counts"}}
    assert left.relabel == {"label": {Y: (("2", "B"),)}}


def test_names_that_are_no_relative_paths_do_not_move():
    assert [is_relative(one) for one in ("a", "a.h5ad", "/x/a", "x/a", "./a")] == [False] * 3 + [
        True
    ] * 2
    assert is_among("./a", {str(Path("a").absolute())})
    assert not is_among("a", {str(Path("a").absolute())})
    said = {"var_key": "ids", "relabel": {"k": (("x/y", "z"),), "l": {"/a": (), "b": ()}}}
    assert moved_names(said, str.upper) == said
    assert choose_for_store({"./b": 1, "x/a": 2}, "a", None) is None
