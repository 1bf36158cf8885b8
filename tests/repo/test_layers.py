"""Each package imports only what is below it: the contracts in pyproject.toml hold."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

CALL = "import sys; from importlinter.cli import lint_imports_command as lint; lint(sys.argv[1:])"


def lint_imports(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CALL, "--no-cache", *options],
        cwd=folder,
        capture_output=True,
        text=True,
    )


def copy_of(repository: Path, folder: Path) -> Path:
    """The package and its contracts in another folder."""
    package = folder / "mappedviz"
    for source in (repository / "mappedviz").rglob("*.py"):
        target = package / source.relative_to(repository / "mappedviz")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    config = (repository / "pyproject.toml").read_text(encoding="utf-8")
    (folder / "pyproject.toml").write_text(config, encoding="utf-8")
    return package


def test_layers_hold(repository):
    run = lint_imports(repository)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize(
    ("module", "line"),
    [
        pytest.param("errors", "from mappedviz.recipe.recipe import Recipe", id="upwards"),
        pytest.param("recipe/labels", "import torch", id="torch below the loaders"),
        pytest.param("recipe/joins", "import h5py", id="I/O in a pure module"),
        pytest.param("gather/rows", "import zarr", id="a library away from its home"),
        pytest.param("audits/findings", "from mappedviz.audits import fixes", id="a circle"),
        pytest.param("audits/evidence", "import mappedviz.loaders.loader", id="a sibling"),
        pytest.param("no_place_yet", "", id="a module outside of the packages"),
    ],
)
def test_a_broken_layer_is_noticed(repository, tmp_path, module, line):
    """The contracts say no to what they are there for."""
    package = copy_of(repository, tmp_path)
    with (package / f"{module}.py").open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")

    run = lint_imports(tmp_path)
    assert run.returncode == 1
    assert module.rpartition("/")[2] in run.stdout


def test_a_new_file_in_a_package_needs_no_entry(repository, tmp_path):
    copied = copy_of(repository, tmp_path)
    (copied / "recipe" / "new.py").write_text("from mappedviz.recipe import labels\n")
    run = lint_imports(tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_only_import_that_is_excused_is_torch_in_row_batch(repository):
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    excused = [one for contract in contracts for one in contract.get("ignore_imports", ())]
    assert excused == ["mappedviz.collection.row_batch -> torch"]


def test_contracts_stay_short(repository):
    """Everything from import-linter's headline to the end of the file."""
    text = (repository / "pyproject.toml").read_text(encoding="utf-8")
    contracts = text[text.index("[tool.importlinter]") :]
    assert len([line for line in contracts.splitlines() if line]) <= 60


def test_our_modules_are_imported_by_string_in_the_lazy_root_only(repository):
    """`import_module("mappedviz.…")` would go past the contracts."""
    package = repository / "mappedviz"
    found = [
        f"{path.relative_to(package)}:{node.lineno}"
        for path in sorted(package.rglob("*.py"))
        if path != package / "__init__.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).rpartition(".")[2] in ("import_module", "__import__")
        and any("mappedviz" in ast.unparse(one) for one in node.args)
    ]
    assert found == []


def test_no_lock_is_held_over_a_fork_by_a_cached_property(repository):
    """functools' holds one per class up to Python 3.11, and forked workers hang: `_types.lazy` does not."""
    found = [
        str(path)
        for path in sorted((repository / "mappedviz").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.alias) and node.name == "cached_property")
        or (isinstance(node, ast.Attribute) and node.attr == "cached_property")
    ]
    assert found == []


def test_what_lies_at_the_root_of_the_package(repository):
    """Packages, and the few modules that are below or beside all of them."""
    package = repository / "mappedviz"
    there = {
        path.name
        for path in package.iterdir()
        if path.name != "__pycache__" and not (path / "__init__.py").exists()
    }
    assert there == {"__init__.py", "__main__.py", "_types.py", "errors.py", "py.typed"}
