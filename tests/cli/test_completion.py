"""`mappedviz completion`: a script that a shell reads."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from mappedviz.cli import command as cli

shtab = pytest.importorskip("shtab")


@pytest.mark.parametrize("shell", ["bash", "fish", "tcsh", "zsh"])
def test_the_script_knows_the_commands(shell, capsys):
    assert cli.main(["completion", shell]) == cli.OK
    out = capsys.readouterr().out
    assert "audit" in out
    assert "fail-on" in out


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_completes_commands_choices_and_files(tmp_path, capsys):
    assert cli.main(["completion", "bash"]) == cli.OK
    (tmp_path / "script").write_text(capsys.readouterr().out)
    (tmp_path / "cells.h5ad").touch()

    def completed(*words):
        code = f"""
            source ./script
            COMP_WORDS=({" ".join(f"'{word}'" for word in words)}); COMP_CWORD={len(words) - 1}
            _shtab_mappedviz; echo "${{COMPREPLY[@]}}"
        """
        run = subprocess.run(["bash", "-c", code], cwd=tmp_path, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        return run.stdout.split()

    assert completed("mappedviz", "au") == ["audit"]
    assert completed("mappedviz", "audit", "--fail-on", "") == [
        "fatal",
        "error",
        "warning",
        "never",
    ]
    assert completed("mappedviz", "audit", "ce") == ["cells.h5ad"]
    assert completed("mappedviz", "audit", "--recipe", "ce") == ["cells.h5ad"]


def test_a_shell_that_is_not_known(capsys):
    assert cli.main(["completion", "ksh"]) == cli.USAGE
    assert "invalid choice" in capsys.readouterr().err


def test_without_shtab_it_is_said_how_to_get_it(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert cli.main(["completion", "bash"]) == cli.USAGE
    assert '[completion]"' in capsys.readouterr().err
