"""Axes and rows of distributions."""

import numpy as np
import pandas as pd
import pytest

import mappedviz as mv
from mappedviz.audits import CellStats, Expression
from mappedviz.text.display import compact
from mappedviz.views.models.cell_strips import MEASURES, Axis, of_gene, of_stores
from mappedviz.views.series import Ids

STORES = ["a", "b", "c"]
TEXTS = dict(zip(STORES, STORES, strict=True))


@pytest.mark.parametrize(
    ("low", "high", "log"),
    [(100, 150, True), (900, 20_000, True), (1, 1e6, True), (0, 0.2, False), (-3, 8, False)],
)
def test_an_axis_has_a_few_round_ticks(low, high, log):
    ticks = Axis(low, high, compact, log=log).ticks
    assert 2 <= len(ticks) <= 9
    assert all(0 <= one["at"] <= 1 for one in ticks)
    assert [one["at"] for one in ticks] == sorted({one["at"] for one in ticks})


@pytest.mark.parametrize(("low", "high"), [(np.inf, 0.0), (0.0, 0.0), (5.0, 5.0), (-1.0, 0.0)])
def test_an_axis_of_nothing(low, high):
    axis = Axis(low, high, compact, log=True)
    assert axis.places(np.array([0.0, 5.0, np.nan])) or axis.ticks is not None
    assert all(0 <= one <= 1 for one in axis.places(np.array([-9.0, 0.0, 9.0])))


def test_depths_of_what_are_no_counts_are_grey_and_named():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "store": pd.Categorical(np.repeat(STORES, 40), categories=STORES),
            "total": np.concatenate([rng.poisson(900, 40), rng.normal(size=40), rng.random(40)]),
            "genes": rng.poisson(300, 120),
            "mito": [0.1] * 40 + [np.nan] * 80,
        }
    )
    stores = pd.DataFrame(
        {"scale": ["counts", "scaled", "logarithms"], "drawn": 40, "note": ["", "x", "y"]},
        index=STORES,
    )
    stats = CellStats("X", table, stores)
    made = {one: of_stores(stats, one, TEXTS, Ids(STORES, "s"), ["b"]) for one in MEASURES}
    depth = made["total"]["rows"]
    assert [row["text"] for row in depth][1:] == ["scaled", "logarithms"]
    assert depth[1].get("values", []) == []  # a sum of z-scores
    assert depth[0]["colour"] != depth[2]["colour"]
    assert [row["text"] for row in made["mito"]["rows"]] == ["10 %", "unknown", "unknown"]
    assert made["genes"]["selected"] == ["b"]
    for one in made.values():
        for row in one["rows"]:
            assert all(0 <= place <= 1 for place in [*row["values"], *row["quantiles"]])


def test_a_gene_of_stores_on_several_scales():
    values = np.concatenate([[0, 0, 3, 1], [-1.0, 2, 0.5, 1], [0, 0, 0, 0]])
    table = pd.DataFrame(
        {
            "store": pd.Categorical(np.repeat(STORES, 4), categories=STORES),
            "value": values,
            "label": pd.Categorical(["T", "T", "T", None] * 3),
        }
    )
    stores = pd.DataFrame({"scale": ["counts", "scaled", "logarithms"], "note": ""}, index=STORES)
    made, said = of_gene(Expression("CD4", "X", "k", table, stores), TEXTS, Ids(STORES, "s"), [])
    assert [(row["label"], row["text"]) for row in made["rows"]] == [("T", "17 %")]
    assert [(row["label"], row["text"]) for row in made["below"]] == [("(missing)", "50 %")]
    assert "left out, because scaled: b" in said
    by_store, _ = of_gene(
        Expression("CD4", "X", "store", table, stores), TEXTS, Ids(STORES, "s"), ["a"]
    )
    assert [row["text"] for row in by_store["rows"]] == ["50 %", "scaled", "0 %"]
    assert by_store["selected"] == ["a"]


def test_cells_without_a_label_are_last_and_set_no_axis():
    """Whatever share of them has the gene, and however large its values are there."""
    stores = pd.DataFrame({"scale": ["counts"], "note": ""}, index=STORES[:1])

    def made(labels):
        table = pd.DataFrame(
            {
                "store": pd.Categorical(["a"] * 40),
                "value": [0.0, 1.0, 2.0, 3.0] * 5 + [50.0, 90.0] * 10,
                "label": pd.Categorical(labels),
            }
        )
        return of_gene(Expression("CD4", "X", "k", table, stores), TEXTS, Ids(STORES, "s"), [])[0]

    one = made(["T"] * 10 + ["B"] * 10 + [None] * 20)
    assert {row["label"] for row in one["rows"]} == {"T", "B"}
    assert [(row["label"], row["text"]) for row in one["below"]] == [("(missing)", "100 %")]
    assert float(one["axis"]["ticks"][-1]["text"]) <= 3.5
    assert one["below"][0]["quantiles"][-1] == 1
    # Where no cell has a label, there is no other row to set it.
    none = made([None] * 40)
    assert none.get("rows", []) == []
    assert float(none["axis"]["ticks"][-1]["text"]) >= 50
    # A label that is spelled like that is a label.
    spelled = made(["(missing)"] * 40)
    assert [row["label"] for row in spelled["rows"]] == ['"(missing)"']
    assert spelled.get("below", []) == []


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
