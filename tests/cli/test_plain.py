"""The terminal without rich says what it says with it, in plain text."""

from __future__ import annotations

import io
import sys

from mappedviz.cli.command import main
from mappedviz.cli.plain import PlainConsole


def test_a_table_has_columns_and_numbers_end_below_each_other():
    out = io.StringIO()
    PlainConsole(out).table(["store", "cells"], [["a.h5ad", "7"], ["b", "1,000"]], {1})
    assert out.getvalue() == "store   cells\na.h5ad      7\nb       1,000\n"


def test_a_table_without_rows_is_its_head():
    out = io.StringIO()
    PlainConsole(out).table(["store", "cells"], [], set())
    assert out.getvalue() == "store  cells\n"


def test_the_command_prints_the_same_lines_without_rich(demo_data, monkeypatch, capsys):
    arguments = ["audit", str(demo_data / "10x_pbmc68k_reduced.h5ad"), "--label", "bulk_labels"]
    assert main(arguments) == 0
    rich = capsys.readouterr().out
    monkeypatch.setitem(sys.modules, "rich.console", None)
    assert main(arguments) == 0
    plain = capsys.readouterr().out
    assert [line.rstrip() for line in plain.splitlines()] == [
        line.rstrip() for line in rich.splitlines()
    ]
