"""`mappedviz lab`: a notebook for some files, opened in JupyterLab."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mappedviz.cli.options import OK, command_on_stores, no_store
from mappedviz.cli.terminal import say
from mappedviz.errors import MappedvizError, StoreError
from mappedviz.stores.paths import expand_paths
from mappedviz.text.addresses import is_url

_EPILOG = """\
examples:
  mappedviz lab data/ --label cell_type
  mappedviz lab a.h5ad b.zarr --label cell_type --no-browser --port 9000
  mappedviz lab --recipe recipe.json
  mappedviz lab data/ -- --allow-root --ip=0.0.0.0

The notebook is written to the current folder, as explore.ipynb or, where that is taken,
explore-2.ipynb and so on. Without PATH and --recipe, the notebooks of mappedviz are opened
where they are, in a clone of its repository. What follows "--" is for jupyter lab.
"""
NAME = "explore"
_HINTS = """\
Run both cells (*Run → Run All Cells*). Then, in code:

- `ui.recipe` is what was decided; `ui.recipe.save("recipe.json")` keeps it
- `ui.audit.verdict` and `ui.audit.findings` are what was found
- `ui.dataset()` and `ui.dataloader()` are what to train on"""


def notebook_text(
    paths: Sequence[str] = (),
    recipe: str | None = None,
    options: Mapping[str, Any] | None = None,
    base: str | None = None,
) -> str:
    r"""Return a notebook that explores some files, as the text of an ``.ipynb``.

    Parameters
    ----------
    paths
        Stores, patterns and folders. Without any, those of the recipe; without a recipe, a
        folder to be changed by the reader.
    recipe
        File of a recipe to start from.
    options
        For :func:`mappedviz.explore`: ``label``, ``batch``, ``group``, ``obs_query``, ``var_map``, ``deep``.
    base
        Folder that relative paths start from, where that is not the folder of the notebook.

    Examples
    --------
    >>> text = notebook_text(["data/*.h5ad"], options={"label": "cell_type"})
    >>> print("".join(json.loads(text)["cells"][0]["source"]))
    import mappedviz as mv
    <BLANKLINE>
    ui = mv.explore("data/*.h5ad", label="cell_type")
    """

    def found_from_there(path: str) -> str:
        return quoted(path if base is None or is_url(path) else str(Path(base, path)))

    named = [found_from_there(path) for path in paths]
    source = named[0] if len(named) == 1 else None
    if len(named) > 1:
        source = "[\n        " + ",\n        ".join(named) + ",\n    ]"
    note = ""
    if recipe is not None:
        change = "" if source is None else f".replace(paths={source})"
        source = f"mv.Recipe.load({found_from_there(recipe)}){change}"
    elif source is None:
        source, note = '"data"', "  # your files: a folder, a pattern, or a list of these"
    arguments = [source, *(f"{key}={quoted(value)}" for key, value in (options or {}).items())]
    line = f"ui = mv.explore({', '.join(arguments)}){note}"
    if "\n" in line or len(line) > 100:
        inside = "".join(f"    {argument},\n" for argument in arguments)
        line = f"ui = mv.explore({note}\n{inside})"
    notebook = {
        "cells": [
            _cell("explore", f"import mappedviz as mv\n\n{line}"),
            _cell("show", "ui"),
            _cell("hints", _HINTS, "markdown"),
        ],
        "metadata": {
            "kernelspec": {
                "display_name": "Python 3 (ipykernel)",
                "language": "python",
                "name": "python3",
            },
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(notebook, indent=1) + "\n"


def _cell(name: str, source: str, kind: str = "code") -> dict[str, Any]:
    code: dict[str, Any] = {"execution_count": None, "outputs": []} if kind == "code" else {}
    lines = source.splitlines(keepends=True)
    return {"cell_type": kind, "id": name, "metadata": {}, **code, "source": lines}


def quoted(value: Any) -> str:
    r"""Return a value as code: whatever is in a name stays within its quotes.

    Examples
    --------
    >>> quoted("data"), quoted('a"; import os #'), quoted(True)
    ('"data"', '\'a"; import os #\'', 'True')
    """
    code = repr(value)
    plain = isinstance(value, str) and '"' not in value and code == f"'{value}'"
    return f'"{value}"' if plain else code


def write_notebook(text: str, folder: Path, name: str = NAME) -> Path:
    """Write a notebook under a name that is free; no file is ever written over.

    Parameters
    ----------
    text
        The notebook.
    folder
        Where to.
    name
        Its name without the suffix; ``-2``, ``-3`` … are added where that is taken by another
        notebook. One that is the same is used again.

    Raises
    ------
    OSError
        Nothing can be written there.
    """
    number = 1
    while True:
        path = folder / f"{name}{f'-{number}' * (number > 1)}.ipynb"
        try:
            with path.open("x", encoding="utf-8", newline="\n") as file:
                file.write(text)
            return path
        except FileExistsError:
            if _holds(path, text):
                return path
        number += 1


def _holds(path: Path, text: str) -> bool:
    try:
        return path.read_bytes() == text.encode()
    except OSError:
        return False


def make_notebook(
    paths: Sequence[str], recipe: str | None = None, options: Mapping[str, Any] | None = None
) -> Path:
    """Write a notebook for some files to the current folder, where its owner will find it again.

    Where nothing can be written there, to a temporary folder, with absolute paths.

    Raises
    ------
    StoreError
        A file is not there, a pattern matches nothing, a folder holds no store and no scan of one.
    """
    from mappedviz.audits.scan_files import files_at

    for path in expand_paths(path for path in paths if not files_at(path)):
        if not is_url(path) and not Path(path).exists():
            raise StoreError("does not exist", store=path, remedy="Check the path.")
    if recipe is not None and not Path(recipe).is_file():
        raise StoreError("does not exist", store=recipe, remedy="Check the path of the recipe.")
    try:
        return write_notebook(notebook_text(paths, recipe, options), Path())
    except OSError:
        folder = Path(tempfile.mkdtemp(prefix="mappedviz-"))
        here = str(Path.cwd())
        return write_notebook(notebook_text(paths, recipe, options, base=here), folder)


def tutorials() -> Path | None:
    """Return the folder with the notebooks of mappedviz, in a clone of its repository."""
    folder = Path(__file__).resolve().parents[2] / "notebooks"
    return folder if (folder / "01_audit_a_collection.ipynb").is_file() else None


def lab_command(
    opened: Path, *, browser: bool = True, port: int | None = None, more: Sequence[str] = ()
) -> list[str]:
    """Return the command that opens a notebook or a folder in JupyterLab.

    Parameters
    ----------
    opened
        Notebook or folder.
    browser
        Open a browser.
    port
        Default: JupyterLab's.
    more
        Options of ``jupyter lab``.

    Raises
    ------
    MappedvizError
        JupyterLab is not installed.

    Examples
    --------
    >>> lab_command(Path("notebooks"), browser=False, port=9999)[1:]
    ['-m', 'jupyterlab', 'notebooks', '--no-browser', '--port=9999']
    """
    if importlib.util.find_spec("jupyterlab") is None:
        raise MappedvizError(
            f"JupyterLab is not installed for {sys.executable}",
            remedy='Install it: pip install "mappedviz[lab]".',
        )
    given = [] if browser else ["--no-browser"]
    if port is not None:
        given.append(f"--port={port}")
    # A name that starts with a dash is no option.
    name = f"./{opened}" if str(opened).startswith("-") else str(opened)
    return [sys.executable, "-m", "jupyterlab", name, *given, *more]


def become(command: Sequence[str]) -> None:
    """Replace this process: JupyterLab then asks on the terminal itself whether to stop."""
    # The kernel of this environment, whatever else is called "python3" on this machine.
    env = {"JUPYTER_PREFER_ENV_PATH": "1", **os.environ}
    os.execve(command[0], list(command), env)  # noqa: S606 - a list of words, no shell


def add_lab(commands: Any) -> None:
    """Add the command to those of a parser."""
    lab = command_on_stores(
        commands, "lab", "open JupyterLab on a new notebook for these files", _EPILOG
    )
    lab.add_argument("--no-browser", action="store_true", help="do not open a browser")
    lab.add_argument("--port", type=int, metavar="N", help="port of the server")
    lab.set_defaults(run=_lab)


def _lab(options: argparse.Namespace) -> int:
    def command(opened: Path) -> list[str]:
        return lab_command(
            opened,
            browser=not options.no_browser,
            port=options.port,
            more=options.handed_on,
        )

    command(Path())  # nothing is written where JupyterLab is missing
    names = ("label", "batch", "group", "obs_query", "var_map", "deep")
    known = {name: value for name in names if (value := getattr(options, name))}
    if options.paths or options.recipe:
        opened = make_notebook(options.paths, options.recipe, known)
    elif known:
        raise no_store()
    else:
        opened = tutorials() or make_notebook(())
    if not options.quiet:
        say(f"opens {opened}")
    sys.stdout.flush()
    become(command(opened))
    return OK
