"""Maps of variables and new names of single ones, as fields of a recipe."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mappedviz import Recipe, genes
from mappedviz.errors import RecipeError, RecipeTypeError
from mappedviz.recipe.var_maps import is_path, moved, release_now, var_map_of

CSV = "ensembl,symbol\nENSDARG00000000001,tp53\n"


@pytest.mark.parametrize(
    "given",
    [
        "human: symbol->ensembl",
        "human:symbol -> ensembl",
        {"map": "symbol->ensembl", "table": "human"},
        {
            "map": "symbol->ensembl",
            "table": "human",
            "release": genes.release_of("human"),
        },
    ],
)
def test_a_map_names_its_table_and_the_release(given):
    recipe = Recipe(var_map=given)
    assert recipe == Recipe(var_map="human: symbol->ensembl")
    assert recipe.var_map == {
        "map": "symbol->ensembl",
        "table": "human",
        "release": genes.release_of("human"),
    }
    assert Recipe.from_json(recipe.to_json()) == recipe == eval(repr(recipe))
    assert hash(recipe) == hash(Recipe(var_map=given))


def test_without_a_table_it_is_that_of_the_names():
    var_map = Recipe(var_map="symbol->symbol").var_map
    assert var_map["table"] == "packaged"
    assert all(genes.release_of(species) in var_map["release"] for species in genes.PACKAGED)


def test_a_table_of_ones_own_is_known_by_what_is_in_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("zebrafish.csv").write_text(CSV, encoding="utf-8")
    recipe = Recipe(var_map="zebrafish.csv: symbol->ensembl")
    assert recipe == Recipe(var_map={"map": "symbol->ensembl", "table": Path("zebrafish.csv")})
    assert recipe.var_map["release"] == release_now("zebrafish.csv")
    text = recipe.to_json()
    Path("zebrafish.csv").unlink()
    assert Recipe.from_json(text) == recipe  # it is looked for where names are mapped


def test_a_saved_recipe_finds_its_table(tmp_path, monkeypatch):
    project = tmp_path / "project"
    (project / "runs").mkdir(parents=True)
    monkeypatch.chdir(project)
    Path("zebrafish.csv").write_text(CSV, encoding="utf-8")
    recipe = Recipe(var_map="zebrafish.csv: symbol->ensembl")
    saved = recipe.save("runs/recipe.json")
    assert '"../zebrafish.csv"' in saved.read_text()
    assert Recipe.load(saved) == recipe
    moved_to = tmp_path / "elsewhere"
    shutil.copytree(project, moved_to)
    monkeypatch.chdir("/")
    again = Recipe.load(moved_to / "runs" / "recipe.json")
    assert Path(again.var_map["table"]).samefile(moved_to / "zebrafish.csv")
    absolute = Recipe(var_map=f"{project}/zebrafish.csv: symbol->ensembl")
    assert Recipe.load(absolute.save(tmp_path / "r.json")) == absolute


def test_packaged_tables_do_not_move():
    var_map = var_map_of("human: symbol->ensembl")
    assert moved(var_map, str.upper) is var_map
    assert moved(None, str.upper) is None
    assert [is_path(name) for name in ("human", "packaged", "a.csv", "b/table")] == [
        False,
        False,
        True,
        True,
    ]


BAD = {
    "symbol->entrez": (RecipeError, "is 'symbol->entrez'. Use one of 'symbol->ensembl'"),
    "human": (RecipeError, "is 'human'"),
    "": (RecipeError, "is ''"),
    "yeast: symbol->ensembl": (RecipeError, "names 'yeast', of which there is no table"),
    "no.csv: symbol->ensembl": (RecipeError, "'no.csv', which cannot be read .No such file"),
}


@pytest.mark.parametrize("given", BAD)
def test_what_is_no_map(given):
    error, message = BAD[given]
    with pytest.raises(error, match=message):
        Recipe(var_map=given)


@pytest.mark.parametrize(
    "given",
    [
        3,
        ["a"],
        {},
        {"table": "human"},
        {"map": "symbol->symbol", "species": "human"},
        {"map": "symbol->symbol", "table": 3},
        {"map": "symbol->symbol", "release": None},
    ],
)
def test_what_has_the_wrong_type(given):
    with pytest.raises(RecipeTypeError, match="var_map: is .*Give 'symbol->ensembl'"):
        Recipe(var_map=given)


def test_single_names():
    recipe = Recipe(var_alias={"MARCH1": "MARCHF1", "tdTomato": "tdTomato"})
    assert dict(recipe.var_alias) == {"MARCH1": "MARCHF1", "tdTomato": "tdTomato"}
    assert Recipe.from_json(recipe.to_json()) == recipe == eval(repr(recipe))
    assert Recipe(var_alias=None) == Recipe(var_alias={}) == Recipe()


def test_names_that_contradict_each_other():
    with pytest.raises(RecipeError, match="makes 'A' 'B', and 'B' 'C'. Say 'A': 'C'"):
        Recipe(var_alias={"A": "B", "B": "C"})
    with pytest.raises(RecipeError, match="makes 'A' 'B', and 'B' 'A'"):
        Recipe(var_alias={"A": "B", "B": "A"})
    Recipe(var_alias={"A": "B", "B": "B"})


@pytest.mark.parametrize("given", [{"": "A"}, {"A": ""}])
def test_names_that_are_empty(given):
    with pytest.raises(RecipeError, match="has an empty name"):
        Recipe(var_alias=given)


@pytest.mark.parametrize("given", [["A"], "A", {"A": 1}, {1: "A"}, {"A": None}])
def test_names_that_are_none(given):
    with pytest.raises(RecipeTypeError, match="var_alias: is .*Give a dict of name -> new name"):
        Recipe(var_alias=given)
