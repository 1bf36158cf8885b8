"""The change log and its fragments."""

from __future__ import annotations

import re
import tomllib


def settings(repository):
    text = (repository / "pyproject.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)["tool"]["towncrier"]


def test_fragments_have_names_that_towncrier_understands(repository):
    """It leaves out a file with another name without a word."""
    towncrier = settings(repository)
    types = "|".join(each["directory"] for each in towncrier["type"])
    folder = repository / towncrier["directory"]
    names = {path.name for path in folder.iterdir()} - {"README.md"}
    strange = {name for name in names if not re.fullmatch(rf"(\d+|\+[\w-]+)\.({types})\.md", name)}
    assert strange == set()
    assert all((folder / name).read_text(encoding="utf-8").strip() for name in names)


def test_change_log_has_the_place_where_towncrier_writes(repository):
    towncrier = settings(repository)
    text = (repository / towncrier["filename"]).read_text(encoding="utf-8")
    assert text.count(towncrier["start_string"]) == 1
    assert text.index(towncrier["start_string"]) < text.index("\n## ")
