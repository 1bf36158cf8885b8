"""The command itself: usage, errors, interruptions."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mappedviz.cli import command as cli


@pytest.mark.parametrize(
    "arguments", [[], ["audit", "--no-such"], ["audit", "--fail-on", "x"], ["x"]]
)
def test_wrong_usage(arguments, capsys):
    assert cli.main(arguments) == cli.USAGE
    assert "usage: mappedviz" in capsys.readouterr().err


def test_the_command_alone_says_what_there_is(capsys):
    assert cli.main([]) == cli.USAGE
    assert "say what is in the stores" in capsys.readouterr().err


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


def test_the_package_is_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "mappedviz", "--version"], capture_output=True, text=True
    )
    assert done.returncode == 0
    assert re.fullmatch(r"mappedviz \S+\n", done.stdout)


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
