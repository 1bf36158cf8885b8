"""`mappedviz lab`: the notebook that is written, and the command that opens it."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from nbclient import NotebookClient

from mappedviz import Recipe
from mappedviz.cli import command as cli
from mappedviz.cli import lab
from tests.hostile import HOSTILE
from tests.servers import free_port

STORE = "pbmc5k_small_cd4_vs_cd8.h5ad"


@pytest.fixture
def opened(monkeypatch, tmp_path):
    """What would have been started, from an empty current folder."""
    commands = []
    monkeypatch.setattr(lab, "become", commands.append)
    monkeypatch.chdir(tmp_path)
    return commands


def code_of(path, cell=0):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook.cells[cell].source


class Loaded:
    """Stands for a recipe: where it came from, and its other paths."""

    def __init__(self, path):
        self.path, self.paths = path, None

    def replace(self, paths):
        self.paths = paths
        return self


def called(code):
    """What a cell calls explore with."""
    head, body = code.split("\n\n", 1)
    assert head == "import mappedviz as mv"
    space = {
        "mv": SimpleNamespace(
            explore=lambda source, **options: (source, options),
            Recipe=SimpleNamespace(load=Loaded),
        )
    }
    exec(body, space)
    return space["ui"]


# --- the notebook


def test_one_folder_is_one_line(opened, demo_data):
    assert cli.main(["lab", str(demo_data), "--label", "cell_type", "-q"]) == cli.OK
    assert code_of("explore.ipynb") == (
        f'import mappedviz as mv\n\nui = mv.explore("{demo_data}", label="cell_type")'
    )
    assert code_of("explore.ipynb", 1) == "ui"


def test_a_folder_of_scans_is_one_of_stores(opened, tmp_path):
    (tmp_path / "a.scan").touch()
    assert cli.main(["lab", str(tmp_path), "-q"]) == cli.OK
    assert called(code_of("explore.ipynb")) == (str(tmp_path), {})


@pytest.mark.parametrize("name", [*HOSTILE, "-rf.h5ad", "a'b\"c\\", 'x"); import os; ("', "\udcff"])
def test_any_name_stays_within_its_quotes(name):
    text = lab.notebook_text([name, "b"], options={"label": name})
    source = "".join(json.loads(text.encode().decode())["cells"][0]["source"])
    assert called(source) == ([name, "b"], {"label": name})
    single = "".join(json.loads(lab.notebook_text([name]))["cells"][0]["source"])
    assert called(single) == (name, {})


def test_all_options_arrive(opened, demo_data):
    keys = ["--label", "louvain", "--batch", "phase", "--group", "donor", "--deep"]
    cli.main(["lab", *map(str, [demo_data, demo_data / STORE]), *keys])
    source, options = called(code_of("explore.ipynb"))
    assert source == [str(demo_data), str(demo_data / STORE)]
    assert options == {"label": "louvain", "batch": "phase", "group": "donor", "deep": True}


def test_a_recipe_is_loaded_and_its_paths_can_be_others(opened, demo_data):
    Recipe(paths=[str(demo_data)]).save("recipe.json")
    cli.main(["lab", "--recipe", "recipe.json"])
    source, _ = called(code_of("explore.ipynb"))
    assert (source.path, source.paths) == ("recipe.json", None)
    cli.main(["lab", str(demo_data / STORE), "--recipe", "recipe.json"])
    source, _ = called(code_of("explore-2.ipynb"))
    assert (source.path, source.paths) == ("recipe.json", str(demo_data / STORE))


def test_no_notebook_is_written_over(opened, demo_data):
    Path("explore.ipynb").write_text("mine")
    for label in ("a", "b", "a"):
        cli.main(["lab", str(demo_data), "--label", label])
    assert Path("explore.ipynb").read_text() == "mine"
    # The same one is used again.
    assert [command[3] for command in opened] == [
        "explore-2.ipynb",
        "explore-3.ipynb",
        "explore-2.ipynb",
    ]
    assert sorted(path.name for path in Path().iterdir()) == [
        "explore-2.ipynb",
        "explore-3.ipynb",
        "explore.ipynb",
    ]


def test_a_link_to_nowhere_is_not_written_through(opened, demo_data, tmp_path):
    Path("explore.ipynb").symlink_to(tmp_path / "elsewhere.ipynb")
    cli.main(["lab", str(demo_data)])
    assert not (tmp_path / "elsewhere.ipynb").exists()
    assert opened[0][3] == "explore-2.ipynb"


def test_where_nothing_can_be_written_it_is_a_temporary_folder(
    opened, demo_data, monkeypatch, tmp_path
):
    shutil.copy(demo_data / STORE, "a.h5ad")
    real = lab.write_notebook

    def refusing(text, folder, name=lab.NAME):
        if folder == Path():
            raise PermissionError("read-only")
        return real(text, folder, name)

    monkeypatch.setattr(lab, "write_notebook", refusing)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(lab.tempfile, "tempdir", None)
    cli.main(["lab", "a.h5ad"])
    path = Path(opened[0][3])
    assert path.is_relative_to(tmp_path / "tmp")
    assert called(code_of(path)) == (str(tmp_path / "a.h5ad"), {})


def test_the_notebook_runs(opened, demo_data, tmp_path, repository):
    shutil.copy(demo_data / STORE, "it's.h5ad")
    cli.main(["lab", "it's.h5ad", "--label", "cell_type"])
    notebook = nbformat.read("explore.ipynb", as_version=4)
    claim = "ui.wait(); print(ui.audit.labels().total.to_dict())"
    notebook.cells.append(nbformat.v4.new_code_cell(claim))
    client = NotebookClient(notebook, resources={"metadata": {"path": str(tmp_path)}})
    client.execute(env={**os.environ, "PYTHONPATH": str(repository), "IPYTHONDIR": str(tmp_path)})
    assert "application/vnd.jupyter.widget-view+json" in notebook.cells[1].outputs[0].data
    assert notebook.cells[-1].outputs[0].text == "{'CD4_T': 250, 'CD8_T': 250}\n"


# --- without paths


def test_without_paths_the_notebooks_of_the_repository_are_opened(opened, repository):
    assert cli.main(["lab"]) == cli.OK
    assert opened[0][3] == str(repository / "notebooks")
    assert list(Path().iterdir()) == []


def test_without_paths_and_repository_there_is_a_notebook_to_begin_with(opened, monkeypatch):
    monkeypatch.setattr(lab, "tutorials", lambda: None)
    cli.main(["lab"])
    assert called(code_of("explore.ipynb")) == ("data", {})
    assert "# your files" in code_of("explore.ipynb")


def test_a_label_of_nothing_is_refused(opened, capsys):
    assert cli.main(["lab", "--label", "cell_type"]) == cli.USAGE
    assert "names no store" in capsys.readouterr().err
    assert opened == []


@pytest.mark.parametrize("path", ["nowhere.h5ad", "*.h5ad", "empty"])
def test_files_that_are_not_there_are_told_before_anything_is_written(opened, capsys, path):
    Path("empty").mkdir()
    assert cli.main(["lab", path]) == cli.USAGE
    assert path in capsys.readouterr().err
    assert opened == []
    assert [one.name for one in Path().iterdir()] == ["empty"]


# --- the command


def test_command(opened, demo_data, capsys):
    given = ["lab", str(demo_data), "--no-browser", "--port", "9000"]
    cli.main([*given, "--", "--allow-root", "--ServerApp.ip=0.0.0.0"])
    assert opened == [
        [
            *(sys.executable, "-m", "jupyterlab", "explore.ipynb"),
            *("--no-browser", "--port=9000", "--allow-root", "--ServerApp.ip=0.0.0.0"),
        ]
    ]
    assert "opens explore.ipynb" in capsys.readouterr().err


def test_a_name_with_a_dash_is_no_option(opened, demo_data):
    shutil.copy(demo_data / STORE, "-rf.h5ad")
    cli.main(["lab", "-rf.h5ad"])
    assert called(code_of("explore.ipynb")) == ("./-rf.h5ad", {})
    assert lab.lab_command(Path("-x.ipynb"))[3] == "./-x.ipynb"


def test_without_jupyterlab_the_remedy_is_told_and_nothing_written(opened, monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert cli.main(["lab"]) == cli.USAGE
    assert 'pip install "mappedviz[lab]"' in capsys.readouterr().err
    assert opened == []
    assert list(Path().iterdir()) == []


@pytest.mark.slow
def test_jupyterlab_opens_it(tmp_path, demo_data, repository):
    """The real thing, without a browser: it serves the notebook that was written."""
    env = {**os.environ, "PYTHONPATH": str(repository), "HOME": str(tmp_path)}
    for name in ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR"):
        env[f"JUPYTER_{name}"] = str(tmp_path / name)
    port = free_port()
    (tmp_path / "work").mkdir()
    command = [sys.executable, "-m", "mappedviz.cli", "lab", str(demo_data), "--no-browser"]
    more = ["--port", str(port), "--", "--allow-root", "--IdentityProvider.token=t"]
    process = subprocess.Popen(
        [*command, *more],
        env=env,
        cwd=tmp_path / "work",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    url = f"http://127.0.0.1:{port}/api/contents/explore.ipynb?token=t"
    try:
        deadline = time.monotonic() + 300
        while True:
            try:
                with urllib.request.urlopen(url, timeout=60) as answer:
                    served = json.load(answer)
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(process.stderr.read().decode()) from None
                time.sleep(0.2)
        assert served["content"]["cells"][1]["source"] == "ui"
    finally:
        process.terminate()
        process.communicate(timeout=120)
