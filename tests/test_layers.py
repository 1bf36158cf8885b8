"""Each module imports only what stands below it: the contracts in pyproject.toml hold."""

from __future__ import annotations

import subprocess
import sys
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


def test_layers_hold(repository):
    run = lint_imports(repository)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize(
    ("module", "line"),
    [
        pytest.param("errors", "from mappedviz.recipe.recipe import Recipe", id="upwards"),
        pytest.param("labels", "import torch", id="torch below the loaders"),
        pytest.param("mapping", "import h5py", id="I/O in a pure module"),
        pytest.param("no_place_yet", "", id="a module without a layer"),
    ],
)
def test_a_broken_layer_is_noticed(repository, tmp_path, module, line):
    """The contracts say no to what they are there for."""
    package = tmp_path / "mappedviz"
    for source in (repository / "mappedviz").rglob("*.py"):
        target = package / source.relative_to(repository / "mappedviz")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    config = (repository / "pyproject.toml").read_text(encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text(config, encoding="utf-8")
    with (package / f"{module}.py").open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")

    run = lint_imports(tmp_path)
    assert run.returncode == 1
    assert f"mappedviz.{module}" in run.stdout
