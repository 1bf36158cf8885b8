"""TOML that Python's own reader reads back."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappedviz.errors import RecipeError
from mappedviz.text.toml import dotted, toml_table, toml_value
from tests.hostile import HOSTILE

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    TEXTS | st.integers() | st.booleans() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=6,
)
TABLES = st.recursive(
    st.dictionaries(TEXTS, VALUES, max_size=3),
    lambda inner: st.dictionaries(TEXTS, VALUES | inner, max_size=3),
    max_leaves=6,
)


@given(TABLES)
def test_it_is_read_back(table):
    assert tomllib.loads(toml_table(table)) == table


def test_hostile_names():
    names = [name for name in HOSTILE if "\udcff" not in name]
    table = {name: {"labels": names} for name in names}
    assert tomllib.loads(toml_table(table)) == table


def test_long_lists_are_one_item_per_line():
    text = toml_value([f"label {i}" for i in range(20)])
    assert text.startswith('[\n    "label 0",\n')
    assert len(tomllib.loads(f"a = {text}")["a"]) == 20


def test_what_toml_cannot_hold():
    for wrong in ("\udcff", None, {1}, b"x"):
        with pytest.raises(RecipeError):
            toml_value(wrong)


def test_names_in_messages():
    assert dotted("obs", "a.b", "c") == 'obs."a.b".c'
