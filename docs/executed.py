"""The notebooks of the repository with their outputs, as pages of the documentation.

conf.py calls :func:`execute` when the documentation is built. A notebook is run as its reader runs it; of a widget, the static
HTML beside it is kept, for a page has no kernel. What did not change is not run again.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).resolve().parent
# Links of notebooks to files of the repository that are no pages.
_LINK = re.compile(r"\]\((?!\w+:|#)([^)#]+)(?<!\.ipynb)\)")
_REPOSITORY = "https://github.com/mappedviz/mappedviz/blob/main/"
_WIDGET = "application/vnd.jupyter.widget-view+json"


#: Seconds in which a widget has read what it shows first.
_READING = 4.0


class _Client(NotebookClient):
    """Runs a notebook as one would read it: a widget's HTML stays what it was when its cell had run."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._settled: set[str] = set()

    def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
        """Leave out all updates of an output but the first, which comes when its stores have been read."""
        if msg["msg_type"] == "update_display_data":
            name = msg["content"]["transient"]["display_id"]
            if name in self._settled:
                return None
            self._settled.add(name)
        return super().process_message(msg, cell, cell_index)


def _wait_for_widget(cell: Any, **_: Any) -> None:
    if any(_WIDGET in output.get("data", {}) for output in cell.get("outputs", ())):
        time.sleep(_READING)


def execute(
    source: Path = HERE.parent / "notebooks",
    target: Path = HERE / "tutorials",
    kept: Path = HERE / "_build" / "tutorials",
) -> list[Path]:
    """Write each notebook with its outputs into a folder of pages.

    Parameters
    ----------
    source
        The notebooks, without outputs.
    target
        The pages.
    kept
        What was run before, by what determines the outputs.

    Returns
    -------
    list of Path
        The pages.
    """
    target.mkdir(parents=True, exist_ok=True)
    kept.mkdir(parents=True, exist_ok=True)
    package = _digest(sorted((HERE.parent / "mappedviz").rglob("*.[pj][ys2]")))
    pages = []
    for path in sorted(source.glob("*.ipynb")):
        known = kept / f"{path.stem}-{_digest([path])}-{package}.ipynb"
        if not known.exists():
            known.write_text(nbformat.writes(_run(path)), encoding="utf-8")
        page = target / path.name
        text = known.read_text(encoding="utf-8")
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8")  # else Sphinx would read it again
        pages.append(page)
    return pages


def _digest(paths: list[Path]) -> str:
    found = hashlib.blake2b(digest_size=8)
    for path in paths:
        found.update(path.read_bytes())
    return found.hexdigest()


def _run(path: Path) -> nbformat.NotebookNode:
    notebook = nbformat.read(path, as_version=4)
    client = _Client(
        notebook,
        on_cell_executed=_wait_for_widget,
        timeout=600,
        kernel_name="python3",
        store_widget_state=False,
        resources={"metadata": {"path": str(path.parent)}},
    )
    client.execute()

    def absolute(link: re.Match[str]) -> str:
        return f"]({_REPOSITORY}{os.path.normpath(f'{path.parent.name}/{link[1]}')})"

    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = _LINK.sub(absolute, cell.source)
        for output in cell.get("outputs", ()):
            output.get("data", {}).pop(_WIDGET, None)
    notebook.metadata.pop("widgets", None)
    return notebook
