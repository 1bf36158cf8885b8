"""Paths and keys that several commands take."""

from __future__ import annotations

import pytest

from mappedviz import MappedCollection, Recipe
from mappedviz.cli import command as cli


@pytest.mark.parametrize(
    ("arguments", "paths"),
    [
        (["audit", "--", "-rf.h5ad"], ["-rf.h5ad"]),
        (["audit", "-rf.h5ad"], ["./-rf.h5ad"]),
        (["audit", "-q", "-O.ZARR", "b.h5ad"], ["./-O.ZARR", "b.h5ad"]),
    ],
)
def test_a_store_whose_name_starts_with_a_dash(made, arguments, paths):
    cli.main(arguments)
    assert made.paths == paths


def test_a_folder_whose_name_starts_with_a_dash(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-data").mkdir()
    cli.main(["audit", "-data"])
    assert made.paths == ["./-data"]


@pytest.mark.parametrize("command", ["audit", "recipe"])
def test_a_condition_on_obs(made, tmp_path, command):
    cli.main([command, "a.h5ad", "--obs-query", "n > 2 and k == 'T'"])
    assert made.options["obs_query"] == "n > 2 and k == 'T'"
    cli.main([command, "a.h5ad"])
    assert "obs_query" not in made.options


def test_a_condition_on_obs_keeps_cells(demo_data, tmp_path, capsys):
    store = str(demo_data / "10x_pbmc68k_reduced.h5ad")
    out = tmp_path / "recipe.json"
    options = ["--label", "bulk_labels", "--obs-query", "bulk_labels == 'CD19+ B'", "-q"]
    assert cli.main(["recipe", store, *options, "-o", str(out)]) == 0
    recipe = Recipe.load(out)
    assert len(MappedCollection.from_recipe(recipe)) == 95
    other = ["--recipe", str(out), "--obs-query", "n_genes > 'x'", "-q"]
    assert cli.main(["audit", *other]) == cli.FOUND
    assert "does not fit the values" in capsys.readouterr().out
    assert cli.main(["audit", store, "--obs-query", "import os", "-q"]) == cli.USAGE
    assert "obs_query: 'import os' is no expression" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["audit", "recipe"])
def test_a_map_of_names(made, command):
    cli.main([command, "a.h5ad", "--var-map", "symbol->ensembl"])
    assert made.options["var_map"] == "symbol->ensembl"
    cli.main([command, "a.h5ad"])
    assert "var_map" not in made.options


def test_a_map_of_names_is_written_into_the_recipe(demo_data, tmp_path, capsys):
    store = str(demo_data / "pbmc5k_small_cd4_vs_cd8.h5ad")
    out = tmp_path / "recipe.json"
    assert cli.main(["recipe", store, "--var-map", "symbol->ensembl", "-q", "-o", str(out)]) == 0
    recipe = Recipe.load(out)
    assert recipe.var_map["map"] == "symbol->ensembl"
    assert MappedCollection.from_recipe(recipe).var_joint.str.startswith("ENSG").all()
    assert cli.main(["audit", store, "--var-map", "symbol->x", "-q"]) == cli.USAGE
    assert "var_map: is 'symbol->x'" in capsys.readouterr().err
