"""The documentation speaks of things that exist."""

from __future__ import annotations

import ast
import importlib
import re
import tomllib

import pytest

from tests.conftest import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
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


def test_every_promise_names_a_test(repository):
    page = (repository / "docs" / "promises.md").read_text(encoding="utf-8")
    rows = page[: page.index("What is **not** noticed")].splitlines()
    rows = [
        row for row in rows if row.startswith("| ") and not row.endswith(("measured |", "by |"))
    ]
    assert len(rows) > 20
    assert [row for row in rows if not TEST_NAME.search(row)] == []


@pytest.mark.parametrize("page", ["coming_from_lamindb", "promises"])
def test_every_test_that_is_named_exists(repository, page):
    text = (repository / "docs" / f"{page}.md").read_text(encoding="utf-8")
    named = TEST_NAME.findall(text)
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


def test_architecture_has_a_drawing_of_the_floors(repository):
    """The floors of the drawing are those of the contract, in its order."""
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))
    [layers] = [one for one in project["tool"]["importlinter"]["contracts"] if "layers" in one]
    floors = [one.split(" | ")[0].split()[0] for one in layers["layers"]]
    page = (repository / "docs" / "architecture.md").read_text(encoding="utf-8")
    drawing = page[page.index("```text") :].partition("\n```\n")[0]
    places = [re.search(rf"\b{floor}  ", drawing) for floor in floors]
    assert None not in places
    assert [place.start() for place in places] == sorted(place.start() for place in places)


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_pages_use_the_words_of_the_field(page):
    prose = re.sub(r"```.*?```|`[^`]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert re.findall(r"\b(?:told|looked at|stands|lies|nobody|anew)\b", prose, re.IGNORECASE) == []


def test_error_messages_that_are_explained_are_in_the_code(repository):
    page = (repository / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    terms = re.findall(r"^(`.*)\n: ", page, re.MULTILINE)
    quoted = [message for term in terms for message in re.findall(r"`([^`]+)`", term)]
    foreign = {"DataLoader worker (pid …) exited unexpectedly", "Too many open files"}
    code = "\n".join(
        path.read_text(encoding="utf-8") for path in (repository / "mappedviz").rglob("*.py")
    )
    assert len(quoted) > 15
    assert [message for message in quoted if message not in code] == [
        message for message in quoted if message in foreign
    ]


def test_names_of_the_api_page_are_public(repository):
    page = (repository / "docs" / "api.md").read_text(encoding="utf-8")
    names = re.findall(r"^   (mappedviz\S*)$", page, re.MULTILINE)
    assert len(names) > 60
    for name in names:
        module, _, attribute = name.rpartition(".")
        assert module.count(".") < 2, f"{name} is not the name by which it is imported"
        home = importlib.import_module(module)
        assert attribute in getattr(home, "__all__", vars(home)), name


def test_the_page_of_the_audit_names_every_check(repository):
    from mappedviz.audits.checks import CHECKS

    page = (repository / "docs" / "audit.md").read_text(encoding="utf-8")
    table = page[page.index("| checks |") :].partition("\n\n")[0]
    ids = {getattr(one, "id", one) for one in CHECKS}
    assert set(re.findall(r"`([a-z-]+)`", table)) == ids
