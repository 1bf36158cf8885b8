"""The command line: what it prints, what it writes, and what it hands to CI."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from mappedviz import Recipe
from mappedviz.cli import command as cli
from mappedviz.errors import StoreError
from mappedviz.report import write_html
from tests.hostile import HOSTILE
from tests.report.pages import CLASSES, STORES, a_finding, an_audit

ESCAPES = [chr(code) for code in (*range(9), *range(11, 32), 127, 0x9B, 0x202E)]


@pytest.fixture
def made(monkeypatch):
    """Calls of `mappedviz.audit`; what it returns can be exchanged."""
    calls = SimpleNamespace(paths=None, options=None, audit=an_audit(), after=[], error=None)

    def audit(paths, **options):
        calls.paths, calls.options = list(paths), options
        if calls.error:
            raise calls.error
        one = calls.audit
        if options["recipe"] is not None and options["recipe"].strip_version:  # fixed
            return SimpleNamespace(findings=calls.after)
        one.to_html = lambda path: write_html(one, path, figures={})
        one.to_json = lambda: json.dumps({"verdict": one.verdict})
        one.recipe_with = lambda fixes: one.recipe.replace(strip_version=bool(fixes))
        return one

    monkeypatch.setattr("mappedviz.audits.audit", audit)
    return calls


# --- audit


def test_verdict_findings_and_tables_are_printed(made, capsys):
    assert cli.main(["audit", "a.h5ad", "b.zarr", "--label", "cell_type"]) == cli.FOUND
    out, err = capsys.readouterr()
    assert made.paths == ["a.h5ad", "b.zarr"]
    assert made.options["label"] == "cell_type"
    assert made.options["progress"]
    lines = out.splitlines()
    assert lines[0] == "Training would fail."
    assert "fatal [spelling] Two spellings. – a.h5ad" in lines
    assert "  → Relabel one." in lines
    assert "        relabel={}," in lines
    assert "does not apply: leak" in lines
    for heading in ("Shapes", "Genes", "Labels", "Weighted sampling", "Columns of obs"):
        assert heading in lines
    assert all(sum(line.startswith(name) for line in lines) >= 2 for name in STORES)
    assert err == ""


def test_piped_output_is_plain_and_not_folded(made, capsys):
    made.audit = an_audit(["x" * 45 + f"{i}.h5ad" for i in range(3)])
    cli.main(["audit", "a.h5ad"])
    out, _ = capsys.readouterr()
    assert "\x1b" not in out
    rows = [line for line in out.splitlines() if line.startswith("x" * 20)]
    assert any("csr float32 gzip(4)+shuffle" in row and "X_umap" in row for row in rows)
    assert not any(line != line.rstrip() and len(line) > 400 for line in rows)


def test_a_terminal_gets_colours_and_its_width(made, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    cli.main(["audit", "a.h5ad"])
    text = screen.getvalue()
    assert "\x1b[1;31mfatal" in text
    import re

    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert "\x1b" not in plain
    assert max(map(len, plain.splitlines())) <= 100


def test_nothing_from_a_file_reaches_the_terminal_raw(made, capsys):
    findings = [
        a_finding("error", f"Label {name}.", stores=(name,), remedy=name, code=name, id=name)
        for name in HOSTILE
    ]
    made.audit = an_audit(HOSTILE, [*HOSTILE, *CLASSES], findings)
    made.audit.verdict = "".join(HOSTILE)
    assert cli.main(["audit", "a.h5ad"]) == cli.OK  # no finding is fatal
    out, err = capsys.readouterr()
    assert not [character for character in ESCAPES if character in out + err]
    assert "\\x1b[31mred" in out
    out.encode("utf-8")


def test_an_error_with_control_characters_is_printed_visibly(made, capsys):
    made.error = StoreError("is \x1b[2Jnothing", store="\x07.h5ad", remedy="Stop.")
    assert cli.main(["audit", "a.h5ad"]) == cli.USAGE
    assert capsys.readouterr().err == "mappedviz: \\x07.h5ad: is \\x1b[2Jnothing. Stop.\n"


def test_a_terminal_without_unicode(made, monkeypatch):
    screen = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", screen)
    made.audit.verdict = "Größe 中文"
    cli.main(["audit", "a.h5ad"])
    screen.flush()
    assert screen.buffer.getvalue().startswith(b"Gr\\xf6\\xdfe \\u4e2d\\u6587\n")


@pytest.mark.parametrize(
    ("worst", "fail_on", "status"),
    [
        ("fatal", None, 1),
        ("error", None, 0),
        ("error", "error", 1),
        ("warning", "error", 0),
        ("warning", "warning", 1),
        ("info", "warning", 0),
        ("fatal", "never", 0),
        (None, "warning", 0),
    ],
)
def test_exit_status_for_ci(made, worst, fail_on, status):
    made.audit.findings = [] if worst is None else [a_finding(worst), a_finding("info")]
    options = [] if fail_on is None else ["--fail-on", fail_on]
    assert cli.main(["audit", "a.h5ad", *options]) == status


def test_files_are_written(made, tmp_path, capsys):
    html, text, folder = tmp_path / "a.html", tmp_path / "a.json", tmp_path / "csv"
    arguments = ["--html", str(html), "--json", str(text), "--csv", str(folder)]
    cli.main(["audit", "a.h5ad", *arguments, "--fail-on", "never"])
    assert html.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert json.loads(text.read_text()) == {"verdict": "Training would fail."}
    assert sorted(path.name for path in folder.iterdir()) == [
        "genes.csv",
        "labels.csv",
        "obs_columns.csv",
        "stores.csv",
        "weights.csv",
    ]
    stores = (folder / "stores.csv").read_text(encoding="utf-8").splitlines()
    assert [line.split(",")[0] for line in stores] == ["store", *STORES]
    err = capsys.readouterr().err
    assert [line.split()[:2] for line in err.splitlines()] == [["mappedviz:", "wrote"]] * 3


def test_csv_without_a_label(made, tmp_path):
    made.audit = an_audit(keyed=False)
    cli.main(["audit", "a.h5ad", "--csv", str(tmp_path)])
    assert not (tmp_path / "labels.csv").exists()


@pytest.mark.parametrize("option", ["--html", "--json"])
def test_a_file_that_cannot_be_written(made, tmp_path, capsys, option):
    assert cli.main(["audit", "a.h5ad", option, str(tmp_path / "no" / "x")]) == cli.USAGE
    assert "No such file" in capsys.readouterr().err


def test_a_recipe_names_the_stores(made, tmp_path):
    path = Recipe(paths=["a.h5ad", "b.h5ad"], join="outer").save(tmp_path / "recipe.json")
    cli.main(
        ["audit", "--recipe", str(path), "--batch", "donor", "--group", "donor", "--deep", "-q"]
    )
    assert made.paths == ["a.h5ad", "b.h5ad"]
    assert made.options["recipe"].join == "outer"
    assert (made.options["batch"], made.options["group"]) == ("donor", "donor")
    assert made.options["deep"]
    assert not made.options["progress"]


@pytest.mark.parametrize(
    ("arguments", "paths"),
    [
        (["audit", "--", "-rf.h5ad"], ["-rf.h5ad"]),
        (["audit", "-rf.h5ad"], ["./-rf.h5ad"]),
        (["audit", "-q", "-O.ZARR", "b.h5ad"], ["./-O.ZARR", "b.h5ad"]),
    ],
)
def test_a_store_whose_name_starts_with_a_dash(made, arguments, paths):
    cli.main(arguments)
    assert made.paths == paths


def test_a_folder_whose_name_starts_with_a_dash(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-data").mkdir()
    cli.main(["audit", "-data"])
    assert made.paths == ["./-data"]


# --- recipe


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


# --- the command itself


@pytest.mark.parametrize(
    "arguments", [[], ["audit", "--no-such"], ["audit", "--fail-on", "x"], ["x"]]
)
def test_wrong_usage(arguments, capsys):
    assert cli.main(arguments) == cli.USAGE
    assert "usage: mappedviz" in capsys.readouterr().err


def test_no_store(capsys):
    assert cli.main(["audit"]) == cli.USAGE
    assert "names no store" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["audit", "recipe"])
def test_help_has_examples_and_exit_status(command, capsys):
    assert cli.main([command, "--help"]) == cli.OK
    out = capsys.readouterr().out
    assert f"mappedviz {command} data/*.h5ad" in out
    assert "exit status:" in out


def test_version(capsys):
    import mappedviz

    assert cli.main(["--version"]) == cli.OK
    assert capsys.readouterr().out == f"mappedviz {mappedviz.__version__}\n"


def test_interrupted(made, capsys):
    made.error = KeyboardInterrupt()
    assert cli.main(["audit", "a.h5ad"]) == cli.INTERRUPTED
    assert capsys.readouterr().err == "mappedviz: interrupted\n"


def run(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "mappedviz.cli", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        **options,
    )


def test_a_reader_that_stops_reading(made, monkeypatch):
    read, write = os.pipe()
    os.close(read)
    saved = os.dup(write)
    with os.fdopen(write, "w") as closed:
        monkeypatch.setattr(sys, "stdout", closed)
        assert cli.main(["audit", "a.h5ad"]) == cli.OK
    os.close(saved)


def test_the_demo_collection(demo_data, tmp_path):
    """From the shell, without a stand-in: stdout, stderr, status and file."""
    html = tmp_path / "audit.html"
    arguments = ["audit", str(demo_data), "--html", str(html), "--fail-on", "never"]
    done = run(*arguments, cwd=Path(cli.__file__).parents[2])
    assert done.returncode == 0, done.stderr
    assert "10x_pbmc68k_reduced.h5ad" in done.stdout
    assert "5 stores" in done.stdout
    assert f"wrote {html}" in done.stderr
    assert html.stat().st_size < 3_000_000


def test_stores_that_are_none(tmp_path):
    page = tmp_path / "page.h5ad"
    page.write_text("<html>Not found</html>")
    done = run("audit", str(page), cwd=Path(cli.__file__).parents[2])
    assert done.returncode == cli.FOUND
    assert "HTML" in done.stdout
    nothing = run("audit", str(tmp_path / "*.zarr"), cwd=Path(cli.__file__).parents[2])
    assert nothing.returncode in (cli.FOUND, cli.USAGE)
    assert "matches no file" in nothing.stdout + nothing.stderr
    assert "Traceback" not in nothing.stderr
