"""`mappedviz optimize`: what it writes and prints."""

from concurrent.futures import ProcessPoolExecutor

import mappedviz as mv
from mappedviz.cli import command as cli
from mappedviz.cli import optimize
from tests.copies import counts


def test_stores_are_copied(tmp_path, capsys):
    path, out = counts(tmp_path, "a.h5ad"), tmp_path / "out"
    assert cli.main(["optimize", path, "-o", str(out), "-q"]) == cli.OK
    printed, said = capsys.readouterr()
    assert printed == f"{out}/a.zarr\n"
    assert "Copy of 1 store in" in said
    assert mv.open_store(out / "a.zarr").facts.n_obs == 60


def test_rows_of_a_recipe_are_copied(tmp_path, capsys):
    recipe, out = tmp_path / "recipe.json", tmp_path / "out"
    mv.Recipe(paths=[counts(tmp_path, "a.h5ad")], obs_keys="cell_type").save(recipe)
    asked = [
        "optimize",
        "--recipe",
        str(recipe),
        "-o",
        str(out),
        "-q",
        "--shuffle",
        "--shard-size",
        "20",
    ]
    assert cli.main(asked) == cli.OK
    assert len(capsys.readouterr().out.splitlines()) == 3
    ds = mv.MappedCollection.from_recipe(mv.Recipe.load(out / "recipe.json"))
    assert ds.shape == (60, 25)
    assert cli.main([*asked, "--seed", "1"]) == cli.USAGE
    assert "overwrite=True" in capsys.readouterr().err
    assert cli.main([*asked, "--seed", "1", "--overwrite"]) == cli.OK


def test_workers_are_processes():
    with optimize._executor(2) as executor:
        assert isinstance(executor, ProcessPoolExecutor)
    with optimize._executor(1) as executor:
        assert executor is None


def test_wrong_usage(tmp_path, capsys):
    assert cli.main(["optimize", "-o", str(tmp_path / "out")]) == cli.USAGE
    assert "names no store" in capsys.readouterr().err
    assert cli.main(["optimize", "a.h5ad"]) == cli.USAGE
    assert (
        cli.main(["optimize", str(tmp_path / "a.h5ad"), "-o", str(tmp_path / "out")]) == cli.USAGE
    )
