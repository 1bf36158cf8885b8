"""The labels: bars, spellings, filters, other names of the key."""

import json
import threading

import pandas as pd

import mappedviz as mv
from tests.views.looks import DEMO, bar_rows, cells, node, settled, two_stores, write


def test_bars_are_the_table(ui):
    ui.tab = "categories"
    view, labels = ui.categories, ui.audit.labels()
    rows = {row["label"]: row["values"] for row in bar_rows(view)}
    for label, counts in labels.counts.iterrows():
        assert rows[label] == counts.tolist()
    assert sum(rows["(missing)"]) == int(labels.missing.sum() + labels.absent.sum())


def test_top_sort_search_and_scales(ui):
    ui.tab = "categories"
    view = ui.categories
    view.event("top_n", "value", 3)
    assert [row["label"] for row in bar_rows(view)][3] == "other (16 more)"
    # They never set the axis.
    assert len(node(view, "bars")["rows"]) == 3
    assert [row["label"] for row in node(view, "bars")["below"]][1:] == ["(missing)"]
    total = sum(sum(row["values"]) for row in bar_rows(view))
    assert total == ui.audit.labels().n_rows
    view.event("sort", "value", "name")
    assert [row["label"] for row in bar_rows(view)][:3] == ["0", "1", "10"]
    view.event("search", "value", "monocyt")
    assert [row["label"] for row in bar_rows(view)] == ["CD14+ Monocytes", "FCGR3A+ Monocytes"]
    view.event("scale", "value", "shares")
    assert (view.shares, view.logarithmic, node(view, "bars")["mode"]) == (True, False, "share")
    view.logarithmic = True
    assert not view.shares
    assert (node(view, "bars")["log"], node(view, "scale")["value"]) == (True, "logarithm")
    assert all(len(row["values"]) == 1 for row in bar_rows(view))


def test_spellings_are_merged_only_when_ticked(tmp_path):
    a = write(tmp_path, "a", {"k": ["T cell"] * 3 + ["B cell"] * 2})
    b = write(tmp_path, "b", {"k": ["T-cells"] * 2 + ["b cells"]})
    view = mv.CategoriesView([a, b], label="k", workers=0)
    assert view.session.wait()
    assert len(node(view, "grid")["rows"]) == 2
    assert view.session.recipe.relabel == {}
    assert node(view, "merge_ticked")["disabled"]
    row = next(r for r in node(view, "grid")["rows"] if "T cell" in r["cells"][0]["text"])
    view.event("grid", "selected", [row["id"]])
    assert view.ticked
    assert "disabled" not in node(view, "merge_ticked")
    view.event("merge_ticked", "press")
    assert view.session.wait()
    assert {key: dict(pairs) for key, pairs in view.session.recipe.relabel.items()} == {
        "k": {"T-cells": "T cell"}
    }
    assert view.labels().total.to_dict() == {"T cell": 5, "B cell": 2, "b cells": 1}
    assert len(cells(view, 0)) == 1
    view.selected = ("T cell", "B cell")
    view.event("name", "value", "lymphocyte")
    view.event("rename_selected", "press")
    assert node(view, "name")["value"] == ""
    assert view.session.wait()
    assert view.labels().total.to_dict() == {"lymphocyte": 7, "b cells": 1}
    assert dict(view.session.recipe.relabel["k"])["T-cells"] == "lymphocyte"
    view.event("forget_names", "press")
    assert view.session.wait()
    assert view.session.recipe.relabel == {}


def test_names_of_single_stores_stay_what_they_are(tmp_path):
    a = write(tmp_path, "a", {"k": ["1"] * 3 + ["T"] * 2})
    b = write(tmp_path, "b", {"k": ["1"] * 2 + ["B"]})
    view = mv.CategoriesView([a, b], label="k", workers=0, relabel={"k": {"a": {"1": "T"}}})
    assert view.session.wait()
    view.relabel({"T": "T cell"})
    assert view.session.wait()
    assert view.labels().total.to_dict() == {"1": 2, "B": 1, "T cell": 5}
    view.event("names", "open", True)
    rows = [[cell["text"] for cell in row["cells"]] for row in node(view, "mapping")["rows"]]
    assert rows == [["T", "T cell", "other stores"], ["1", "T cell", "a"]]
    assert "relabel={'k': {'*': {'T': 'T cell'}, 'a': {'1': 'T cell'}}}" in repr(
        view.session.recipe
    )


def test_a_name_that_was_taken_back_is_no_rename(ui):
    label = ui.categories.labels().classes[0]
    ui.categories.relabel({label: "x"})
    ui.categories.relabel({"x": label})
    assert label not in dict(ui.recipe.relabel[ui.categories.key])


def test_selected_classes_become_the_filter(ui):
    ui.tab = "categories"
    ids = {row["label"]: row["id"] for row in bar_rows(ui)}
    ui.event("categories.bars", "selected", [ids["B cells"], ids["NK cells"]])
    assert ui.categories.selected == ("B cells", "NK cells")
    ui.event("categories.keep_selected", "press")
    assert dict(settled(ui).obs_filter) == {"louvain": ("B cells", "NK cells")}
    assert ui.audit.labels().n_rows == len(ui.dataset()) == 342 + 154
    ui.event("categories.keep_all", "press")
    assert settled(ui).obs_filter == {}
    ui.categories.selected = ("B cells",)
    ui.event("categories.leave_selected_out", "press")
    settled(ui)
    assert "B cells" not in ui.audit.labels().classes


def test_one_key_under_several_names(ui):
    ui.tab = "categories"
    view = ui.categories
    assert "have no obs column" in node(ui, "absent")["hint"]
    assert node(ui, "column")["value"] in node(ui, "use_suggestion")["text"]  # preselected
    view.event("column", "value", "cell_type_annotations")
    assert node(ui, "column")["value"] == "cell_type_annotations"
    view.event("use_column", "press")
    assert dict(settled(ui).obs_alias["louvain"]) == {DEMO[4]: "cell_type_annotations"}
    assert ui.audit.labels().absent[DEMO[4]] == 0
    view.event("use_suggestion", "press")
    assert set(settled(ui).obs_alias["louvain"]) > {DEMO[2]}


def test_another_label_takes_its_decisions_along(ui):
    ui.recipe = ui.recipe.replace(
        weights_keys=["louvain"],
        encoders={"louvain": {"B cells": 0, "NK cells": 1}},
        unknown_label={"louvain": "NK cells"},
        encode_labels=["louvain"],
        unseen="ignore",
    )
    ui.categories.event("key", "value", "bulk_labels")
    assert ui.recipe.obs_keys == ("bulk_labels",)
    assert ui.recipe.weights_keys == ("bulk_labels",)
    assert ui.recipe.encoders == {}
    assert ui.recipe.encoded_keys == ("bulk_labels",)
    settled(ui)


def test_many_categories_make_few_rows(tmp_path):
    n = 100_000
    path = write(
        tmp_path, "many", {"k": pd.Categorical([f"clone {i}" for i in range(n)])}, n_vars=2
    )
    audit = mv.audit(path, label="k", progress=False)
    view = mv.CategoriesView(audit)
    assert len(bar_rows(view)) <= 27
    view.top_n = 150
    assert len(bar_rows(view)) <= 152
    assert len(json.dumps(view.flat())) < 70_000
    assert len(node(view, "key")["options"]) <= 3


def test_another_key_of_many_stores_is_counted_on_a_thread(tmp_path, monkeypatch):
    """Bars without it come at once; those with it, when they are counted."""
    from mappedviz.views import categories

    view = two_stores(tmp_path)
    monkeypatch.setattr(categories, "_AT_ONCE", 1)
    began, go = threading.Event(), threading.Event()
    real = categories.label_bars.cross

    def slow(*args):
        began.set()
        assert go.wait(20)
        return real(*args)

    monkeypatch.setattr(categories.label_bars, "cross", slow)
    view.by = "d"
    assert len(node(view, "bars")["series"]) == 1
    assert node(view, "bars")["busy"]
    assert node(view, "reading")["text"] == "Counting the cells of each d …"
    assert began.wait(20)
    go.set()
    assert view.wait()
    assert len(node(view, "bars")["series"]) == 4  # x, y, z and none
    assert "busy" not in node(view, "bars")
    assert node(view, "reading") == {}
    view.close()
