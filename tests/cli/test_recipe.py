"""`mappedviz recipe`: what it writes, and with which fixes."""

from __future__ import annotations

import pytest

from mappedviz import Recipe
from mappedviz.cli import command as cli
from tests.report.pages import a_finding


def test_recipe_is_printed_or_written(made, tmp_path, capsys):
    made.audit.findings = []
    assert cli.main(["recipe", "a.h5ad"]) == cli.OK
    assert Recipe.from_json(capsys.readouterr().out) == made.audit.recipe
    target = tmp_path / "recipe.json"
    assert cli.main(["recipe", "a.h5ad", "-o", str(target)]) == cli.OK
    assert Recipe.load(target) == made.audit.recipe


def test_fixes_are_applied(made, tmp_path, capsys):
    made.audit.findings = [a_finding("fatal", id="ids", fix=Recipe(strip_version=True))]
    target = tmp_path / "recipe.json"
    assert cli.main(["recipe", "a.h5ad", "-o", str(target), "--fix", "ids"]) == cli.OK
    assert Recipe.load(target).strip_version
    made.after = [a_finding("error"), a_finding("fatal", id="after")]
    assert cli.main(["recipe", "a.h5ad", "-o", str(target), "--fix", "ids"]) == cli.FOUND
    assert "fatal [after]" in capsys.readouterr().err
    assert cli.main(["recipe", "a.h5ad", "-o", str(target)]) == cli.FOUND
    assert "fatal [ids] Two spellings." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("findings", "choice"),
    [
        ([a_finding(id="b", fix=Recipe()), a_finding(id="a", fix=Recipe())], "a, b"),
        ([a_finding(id="b")], "none, nothing can be fixed here"),
    ],
)
def test_unknown_fix(made, capsys, findings, choice):
    made.audit.findings = findings
    assert cli.main(["recipe", "a.h5ad", "--fix", "nope"]) == cli.USAGE
    assert f"Choose from: {choice}." in capsys.readouterr().err
