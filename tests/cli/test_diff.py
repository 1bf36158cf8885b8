"""`mappedviz diff`: what it prints, writes, and hands to CI."""

import json

import pytest

from mappedviz.cli import command as cli
from tests.audits import made, quiet


@pytest.fixture
def audits(tmp_path):
    """JSON of two audits: the second has one store more."""
    paths = made(tmp_path, [{"obs": {"ct": ["T", "B"] * 12}}, {"obs": {"ct": ["T"] * 24}}])
    files = tmp_path / "old.json", tmp_path / "new.json"
    for file, some in zip(files, (paths[:1], paths), strict=True):
        file.write_text(quiet(some, "ct").to_json())
    return [str(file) for file in files]


def test_what_changed_is_printed_and_written(audits, tmp_path, capsys):
    html, text = tmp_path / "diff.html", tmp_path / "diff.json"
    assert cli.main(["diff", *audits, "--html", str(html), "--json", str(text)]) == cli.OK
    out, err = capsys.readouterr()
    assert "1 → 2 stores · 24 → 48 cells" in out
    assert "s1.h5ad" in out
    assert [line.split() for line in out.splitlines() if line.startswith("ct ")] == [
        ["ct", "T", "changed", "12", "36"]
    ]
    assert err.count("wrote") == 2
    assert html.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert json.loads(text.read_text())["equal"] is False


def test_exit_code_as_of_git(audits):
    old, new = audits
    assert cli.main(["diff", old, new]) == cli.OK
    assert cli.main(["diff", old, new, "--exit-code"]) == cli.FOUND
    assert cli.main(["diff", old, old, "--exit-code"]) == cli.OK


def test_files_that_are_no_audit(audits, tmp_path, capsys):
    other = tmp_path / "other.json"
    for content in (b"{}", b"\xff\xfe", b'{"schema": 3}'):
        other.write_bytes(content)
        assert cli.main(["diff", audits[0], str(other)]) == cli.USAGE
        err = capsys.readouterr().err
        assert str(other) in err
        assert "mappedviz audit --json" in err
    assert cli.main(["diff", audits[0], str(tmp_path / "no.json")]) == cli.USAGE
    assert cli.main(["diff", *audits, "--html", str(tmp_path / "no" / "x")]) == cli.USAGE
    assert cli.main(["diff", audits[0]]) == cli.USAGE
