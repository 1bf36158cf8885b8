"""The documentation speaks of things that exist."""

from __future__ import annotations

import ast
import re

import pytest

TEST_NAME = re.compile(r"`(tests/[\w/]+\.py)::(\w+(?:::\w+)*)`")


def names_in(path):
    """Test functions of a file, those in classes as Class::function."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name
        elif isinstance(node, ast.ClassDef):
            yield node.name
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef):
                    yield f"{node.name}::{inner.name}"


@pytest.fixture(scope="module")
def differences(repository):
    """The rows of the tables of differences: their cells."""
    page = (repository / "docs" / "coming_from_lamindb.md").read_text(encoding="utf-8")
    tables = page[page.index("## Where results differ") :]
    rows = [line for line in tables.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    return [row for row in cells if row[-1] != "held by" and not set(row[0]) <= set("- :")]


def test_every_difference_names_a_test(differences):
    assert len(differences) > 20
    assert [row[0] for row in differences if not TEST_NAME.search(row[-1])] == []


def test_every_test_that_is_named_exists(differences, repository):
    named = [match for row in differences for match in TEST_NAME.findall(row[-1])]
    files = {file: set(names_in(repository / file)) for file, _ in named}
    assert [f"{file}::{name}" for file, name in named if name not in files[file]] == []


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "notebooks/data/README.md"])
def test_links_to_files_lead_somewhere(repository, page):
    path = repository / page
    links = re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link]
    assert local
    assert [link for link in local if not (path.parent / link).exists()] == []


def test_architecture_names_every_package(repository):
    page = (repository / "docs" / "architecture.md").read_text(encoding="utf-8")
    modules = {path.stem for path in (repository / "mappedviz").iterdir()} - {"__pycache__"}
    modules -= {"__init__", "py"}
    assert [name for name in sorted(modules) if f"`{name}`" not in page] == []
