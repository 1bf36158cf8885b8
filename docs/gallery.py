"""Draw the pictures of gallery.md: every block of code on that page is run, as it stands there.

Run by conf.py when the documentation is built; the pictures are not kept in the repository.
"""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path
from typing import Any

import matplotlib as mpl

from mappedviz import plots

HERE = Path(__file__).resolve().parent
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# The backgrounds of the documentation's theme.
PAPERS = {"light": "#ffffff", "dark": "#131416"}


def draw(
    page: Path = HERE / "gallery.md", target: Path = HERE / "_static" / "gallery"
) -> list[str]:
    """Run the blocks of a page; those that end in an axes become ``NAME-light.svg`` and ``-dark``.

    Returns the names.
    """
    target.mkdir(parents=True, exist_ok=True)
    names: dict[str, None] = {}
    space: dict[str, Any] = {}
    before = Path.cwd()
    os.chdir(HERE.parent)  # paths on the page are those of a clone
    try:
        for block in BLOCK.findall(page.read_text(encoding="utf-8")):
            *statements, last = ast.parse(block).body
            exec(compile(ast.Module(statements, []), str(page), "exec"), space)  # noqa: S102
            if not (isinstance(last, ast.Expr) and "plot_" in ast.unparse(last.value)):
                exec(compile(ast.Module([last], []), str(page), "exec"), space)  # noqa: S102
                continue
            source = compile(ast.Expression(last.value), str(page), "eval")
            name = re.search(r"plot_(\w+)\(", ast.unparse(last))[1]
            names[name] = None
            for theme, paper in PAPERS.items():
                with mpl.rc_context({"figure.facecolor": paper, "axes.facecolor": paper}):
                    picture = plots.render(eval(source, space))  # noqa: S307
                (target / f"{name}-{theme}.svg").write_bytes(picture)
    finally:
        os.chdir(before)
    (target / "thumbnails.txt").write_text(thumbnails(page), encoding="utf-8")
    return list(names)


def thumbnails(page: Path) -> str:
    """A grid of small pictures, each a link to its section of the page."""
    cards = []
    for section in page.read_text(encoding="utf-8").split("\n## ")[1:]:
        title, name = section.partition("\n")[0], re.search(r"plot_(\w+)\(", section)
        if name is None:
            continue
        anchor = re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
        pictures = "\n".join(
            f"```{{image}} _static/gallery/{name[1]}-{theme}.svg\n:class: only-{theme} thumbnail\n"
            f":alt: {title}\n```"
            for theme in PAPERS
        )
        cards.append(
            f":::{{grid-item-card}} {title}\n:link: gallery.html#{anchor}\n:link-type: url\n:text-align: center\n\n"
            f"{pictures}\n:::"
        )
    return "::::{grid} 2 2 3 4\n:gutter: 2\n\n" + "\n".join(cards) + "\n::::\n"


if __name__ == "__main__":
    draw()
