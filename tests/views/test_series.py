"""Colours and ids of rows: each store keeps its own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappedviz.text.colours import OKABE_ITO
from mappedviz.views.series import Ids, of_series, series_of


@pytest.mark.parametrize("n", [1, 7, 14, 15, 40])
def test_stores_are_told_apart_until_there_are_too_many(n):
    series = series_of([f"s{i}" for i in range(n)])
    assert len(series) == min(n, 15)
    looks = {(one["colour"], one["hatch"]) for one in series}
    assert len(looks) == len(series)
    if n > 14:
        assert series[-1]["name"] == f"{n - 14} other stores"
        assert series[-1]["colour"] == OKABE_ITO[-1]
    values = of_series(range(n), len(series))
    assert len(values) == len(series)
    assert sum(values) == sum(range(n))


def test_ids_that_are_not_in_the_chart_are_left_out():
    ids = Ids(["a", ("b", "c")], "p")
    assert ids.known([("b", "c"), "z"]) == ["p1"]
    assert ids.values(["a", "other"]) == ["a"]
    assert Ids().known(["a"]) == []


@given(st.lists(st.text() | st.integers() | st.none(), unique=True))
def test_ids_are_visible_texts_that_differ(values):
    ids = Ids(values, "v")
    names = [ids.of(value) for value in values]
    assert len(set(names)) == len(names)
    assert ids.values(names) == values
    for name in names:
        name.encode()
        assert 0 < len(name) <= 40
