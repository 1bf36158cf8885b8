"""Cells as strips: axes with round ticks, and what is said of stores that have no such number."""

import numpy as np
import pytest

import mappedviz as mv
from mappedviz.views.models.cell_strips import Axis, stores_words


@pytest.mark.parametrize(
    ("low", "high", "log"), [(0, 3.7, False), (-2.5, 9, False), (0, 0, False), (300, 21_000, True)]
)
def test_an_axis_has_round_ticks_within(low, high, log):
    axis = Axis(low, high, "{:g}".format, log=log)
    assert 2 <= len(axis.ticks) <= 9
    places = [one["at"] for one in axis.ticks]
    assert places == sorted(places)
    assert 0 <= places[0] <= places[-1] <= 1
    for one in axis.ticks:
        assert axis.unit(np.array([float(one["text"])]))[0] == pytest.approx(one["at"], abs=1e-3)
        assert len(one["text"].lstrip("-").replace(".", "").strip("0")) <= 2


def test_places_are_within_and_leave_out_what_has_none():
    axis = Axis(0, 10, str)
    assert axis.places(np.array([-5.0, np.nan, 0.0, 10.5, 99.0])) == [0, 0, 1, 1]


def test_stores_in_words():
    assert stores_words(["a", "b"]) == "a, b"
    assert "more" in stores_words([f"store{i}" for i in range(9)])


def test_a_strip_for_each_store(paths):
    view = mv.CellsView(mv.audit(paths, label="louvain", progress=False, workers=0))
    _ = view.nodes()  # which begins to read
    assert view.wait()
    strips = {one["id"]: one for one in _strips(view.nodes())}
    assert len(strips) == 3
    for one in strips.values():
        assert len(one["rows"]) == len(paths)
        for row in one["rows"]:
            assert all(0 <= value <= 1 for value in row["values"])
            assert len(row["quantiles"]) in (0, 5)


def _strips(nodes):
    for one in nodes:
        if one["kind"] == "strips":
            yield one
        yield from _strips(one.get("children", ()))
