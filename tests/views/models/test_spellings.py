"""Spellings and new names: the name is chosen, and a spreadsheet can fill them in."""

import mappedviz as mv
from tests.views.looks import cells, node, two_stores, write


def test_the_name_that_spellings_get_can_be_chosen(tmp_path):
    view = two_stores(tmp_path)
    row = next(r for r in node(view, "grid")["rows"] if "T cell" in r["cells"][0]["text"])
    view.event("grid", "selected", [row["id"]])
    assert node(view, "target")["value"] == "T cell"
    view.event("target", "value", "T-cells")
    view.event("merge_ticked", "press")
    assert dict(view.session.recipe.relabel["k"]) == {"T cell": "T-cells"}
    assert view.wait()
    assert view.labels().total["T-cells"] == 5


def test_a_mapping_goes_through_a_spreadsheet(tmp_path):
    view = two_stores(tmp_path)
    assert view.copied("csv", "mapping").splitlines()[:2] == ["label,becomes,cells", "T cell,,3"]
    text = "\ufefflabel,becomes,cells\nT cell,lymphocyte,3\nb cells,(missing),1\nB cell,,2\n"
    view.event("names", "open", True)
    view.event("mapping_file", "value", {"name": "m.csv", "text": text})
    assert dict(view.session.recipe.relabel["k"]) == {"T cell": "lymphocyte", "b cells": None}
    assert view.wait()
    assert cells(view, 1, "mapping") == ["lymphocyte", "(missing)"]
    recipe = view.session.recipe
    for wrong in ("", "a,b\n1,2\n", "label,becomes\nnowhere,x\n"):
        view.event("mapping_file", "value", {"name": "m.csv", "text": wrong})
        assert view.session.status_kind == "error"
        assert "mapping" in view.session.status
    assert view.session.recipe == recipe


def test_labels_that_are_formulas_come_back(tmp_path):
    path = write(tmp_path, "a", {"k": ["=1+1", "-x", "'y", "12"]})
    view = mv.CategoriesView(mv.audit(path, label="k", progress=False))
    lines = view.mapping_csv().splitlines()
    assert all(not line.startswith(("=", "-")) for line in lines)
    filled = [lines[0], *(line.replace(",,", ",'=new,") for line in lines[1:])]
    view.read_mapping("\n".join(filled))
    assert dict(view.session.recipe.relabel["k"]) == dict.fromkeys(
        ["=1+1", "-x", "'y", "12"], "=new"
    )
    assert view.wait()
