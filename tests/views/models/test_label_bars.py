"""Bars of labels by store or by any key, and one key against another."""

import json

import mappedviz as mv
from tests.views.looks import bar_rows, node, two_stores, write


def test_bars_by_any_key(tmp_path):
    view = two_stores(tmp_path)
    view.event("by", "value", "d")
    assert view.by == "d"
    assert [one["name"] for one in node(view, "bars")["series"]] == ["x", "z", "y", "(missing)"]
    rows = {row["label"]: row["values"] for row in bar_rows(view)}
    assert rows["T cell"] == [1, 0, 1, 1]
    assert rows["T-cells"] == [0, 2, 0, 0]
    view.event("top_n", "value", 1)
    assert bar_rows(view)[1]["values"] == [2, 3, 0, 0]
    view.event("by", "value", "")
    assert [one["name"] for one in node(view, "bars")["series"]] == ["a.h5ad", "b.h5ad"]


def test_many_values_of_another_key_are_fifteen_series(tmp_path):
    n = 400
    path = write(tmp_path, "many", {"k": ["x", "y"] * n, "d": [f"donor {i}" for i in range(2 * n)]})
    view = mv.CategoriesView(mv.audit(path, label="k", progress=False), by="d")
    assert len(node(view, "bars")["series"]) == 15
    assert all(sum(row["values"]) == n for row in bar_rows(view))
    view.event("cross", "open", True)
    view.event("against", "value", "d")
    assert len(node(view, "matrix")["columns"]) == 30
    assert len(json.dumps(view.flat())) < 70_000


def test_labels_against_another_key(tmp_path):
    view = two_stores(tmp_path)
    assert node(view, "matrix") == {}
    view.event("cross", "open", True)
    matrix = node(view, "matrix")
    assert [one["label"] for one in matrix["columns"]] == ["a.h5ad", "b.h5ad"]
    assert matrix["values"][0] == [1, 0]
    assert matrix["texts"][0] == ["3", ""]
    view.event("against", "value", "d")
    assert node(view, "matrix")["title"] == "k × d"
    assert view.copied("csv", "matrix").splitlines()[0] == "k,x,y,z,(missing)"
    view.event("across", "value", "d")
    assert view.session.status_kind != "error"
    assert node(view, "matrix")["title"] == "d × store"
    view.event("against", "value", "k")
    assert node(view, "matrix")["title"] == "d × k"
    assert [one["label"] for one in node(view, "matrix")["rows"]] == ["x", "z", "y", "(missing)"]
    assert "audit.crosstab('d', 'k'" in view.copied("code", "matrix")
    assert view.copied("svg", "matrix").startswith("<?xml")
    saved = mv.CategoriesView(mv.Audit.from_json(view.audit.to_json()), label="k")
    saved.event("cross", "open", True)
    assert "are not in an audit" in node(saved, "matrix")["text"]
    view.event("cross", "open", False)
    assert node(view, "matrix") == {}


def test_bars_of_many_stores_are_one_colour(tmp_path):
    paths = [write(tmp_path, f"s{i:02}", {"k": ["x", "y" if i else "z"]}) for i in range(16)]
    view = mv.CategoriesView(mv.audit(paths, label="k", progress=False, workers=0))
    assert [one["name"] for one in node(view, "bars")["series"]] == ["cells"]
    rows = {row["label"]: (row["values"], row["title"]) for row in bar_rows(view)}
    assert rows == {
        "x": ([16], "in 16 of 16 stores"),
        "y": ([15], "in 15 of 16 stores"),
        "z": ([1], "in 1 of 16 stores"),
    }
