"""Any value is one line of visible text, and different values are told apart."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappedviz.text import display
from mappedviz.text.display import Words, differing, names


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


def test_long_names_keep_what_differs():
    stores = [f"cellxgene_census_lung_{tissue}_donor_{i}.h5ad" for i in range(3) for tissue in "ab"]
    assert differing(stores) == ["…a_donor_0", "…b_donor_0", "…a_donor_1", "…b_donor_1",
                                 "…a_donor_2", "…b_donor_2"]  # fmt: skip
    assert differing([*stores[:2], Words("other (2 more)")])[1:] == ["…b", "other (2 more)"]
    alike = ["one_and_the_same_name_for_all.h5ad"] * 2
    assert differing(alike) == [
        "one_and_the_same_name_for_all.h5ad",
        "one_and_the_same_name_for_all.h5ad (2)",
    ]
    one_ends = ["a_very_long_beginning_of_it", "a_very_long_beginning_of_it_and_more"]
    assert differing(one_ends) == ["…it", "…it_and_more"]
    nothing_left = ["a_very_long_beginning_of_", "a_very_long_beginning_of_x"]
    assert differing(nothing_left) == names(nothing_left)
    assert differing(["short", None, ""]) == names(["short", None, ""])


@given(st.lists(st.text(max_size=60), max_size=8))
def test_differing_names_are_told_apart(values):
    texts = differing(values)
    assert len(texts) == len(values)
    assert len(set(texts)) == len(texts)
    assert all(texts)
