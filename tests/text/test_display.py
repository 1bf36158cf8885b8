"""Any value is one line of visible text, and different values are told apart."""

from __future__ import annotations

import pandas as pd
import pytest

from mappedviz.text import display


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "(missing)"),
        (float("nan"), "(missing)"),
        (pd.NA, "(missing)"),
        (pd.NaT, "(missing)"),
        ("nan", "nan"),
        (3, "3"),
        ("  ", "␣␣"),
        ("\U000e0041", "\\U000e0041"),
        ("a\u200db", "a\u200db"),
    ],
)
def test_shown(value, text):
    assert display.shown(value) == text


def test_names_that_collide_with_numbered_ones():
    several = display.names(["x" * 99 + "a" * 9, "x" * 99 + "b" * 9, "xxxxx…aaaa (2)"], limit=10)
    assert len(set(several)) == 3
    same = display.names(["aa (2)", "aa", "aa"])
    assert len(set(same)) == 3


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_cut_to_almost_nothing(limit):
    assert len(display.cut("abcdef", limit)) == limit


def test_small_and_large_numbers():
    assert display.share(1e-9) == "< 0.0001 %"
    assert display.size(3e15) == "3,000 TB"
    assert display.size(float("nan")) == "–"


def test_words_of_ours_stay_and_labels_that_look_like_them_do_not():
    words = display.Words("(missing)")
    assert display.names([words, "(missing)", None]) == [
        "(missing)",
        '"(missing)"',
        "(missing) (2)",
    ]
    long = display.Words("genes that are in no other store")
    assert display.names([long], limit=8) == [long]
