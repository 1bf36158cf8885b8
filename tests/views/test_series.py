"""Colours and ids of rows: each store keeps its own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mappedviz as mv
from mappedviz.text.colours import OKABE_ITO
from mappedviz.views.series import Ids, of_series, series_of
from tests.views.looks import node, write


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


def test_a_store_keeps_its_colour_whichever_are_left_out(tmp_path):
    paths = [write(tmp_path, name, {"k": ["x", "y"]}) for name in "abc"]
    ui = mv.explore(paths, label="k", workers=0)
    assert ui.wait()
    before = {one["label"]: one["mark"]["colour"] for one in marked(ui)}
    assert len(set(before.values())) == 3
    ui.session.stores = ("a.h5ad",)
    ui.shapes.leave_selected_out()
    assert ui.wait()
    assert {one["label"]: one["mark"]["colour"] for one in marked(ui)} == {
        name: before[name] for name in ("b", "c")
    }
    ui.tab = "categories"
    assert [one["colour"] for one in node(ui, "bars")["series"]] == [before["b"], before["c"]]
    ui.close()


def marked(ui):
    """The names of the stores with their marks."""
    ui.tab = "shapes"
    cells = [row["cells"][0] for row in node(ui, "grid")["rows"]]
    return [{"label": one["text"].removesuffix(".h5ad"), "mark": one["mark"]} for one in cells]
