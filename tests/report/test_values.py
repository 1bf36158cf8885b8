"""Cells: bars are as long as their numbers, whatever these are."""

from __future__ import annotations

import numpy as np
import pytest

from mappedviz.report.values import BLUE, Cell, highest, left_out, number_cell, text_cell


@pytest.mark.parametrize(
    ("bar", "length"), [(0.5, "50%"), (0.0, "0%"), (1e-9, "0.4%"), (7.0, "100%")]
)
def test_a_bar_that_is_there_is_seen_and_ends_with_the_cell(bar, length):
    assert f"linear-gradient(90deg,{BLUE} {length},#0000 0)" in Cell("1", bar=bar).style


def test_segments_follow_each_other():
    style = Cell(parts=((0.25, "#111111"), (0.5, "#222222"))).style
    assert style.endswith("(90deg,#111111 0% 25%,#222222 25% 75%,#0000 75%)")


def test_long_texts_wrap_where_they_may():
    assert "white-space:normal" in Cell("x" * 30, wrap=True).style
    assert "white-space" not in Cell("x" * 30).style
    assert Cell("x", number=True).style == "text-align:right"


def test_missing_numbers_have_no_bar():
    cell = number_cell(np.nan, 10)
    assert (cell.text, cell.bar) == ("–", None)
    assert number_cell(1200).text == "1,200"
    assert number_cell(0.5, 1, text="50 %").text == "50 %"
    assert text_cell(None).text == "(missing)"


def test_highest_of_what_are_no_numbers():
    assert highest([None, np.nan]) == 0.0
    assert highest(["3", "many"]) == 3.0


def test_nothing_was_left_out():
    assert left_out(100, 100, "stores", "audit.stores") == ""
