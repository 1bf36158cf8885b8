"""The labels: bars, spellings, filters, other names of the key."""

import json

import pandas as pd

import mappedviz as mv
from tests.views.looks import DEMO, settled, write


def test_bars_are_the_table(ui):
    ui.tab = "categories"
    view, labels = ui.categories, ui.audit.labels()
    rows = {row["label"]: row["values"] for row in view.bars.rows}
    for label, counts in labels.counts.iterrows():
        assert rows[label] == counts.tolist()
    assert sum(rows["(missing)"]) == int(labels.missing.sum() + labels.absent.sum())


def test_top_sort_search_and_scales(ui):
    ui.tab = "categories"
    view = ui.categories
    view.top_control.value = 3
    assert [row["label"] for row in view.bars.rows][3] == "other (16 more)"
    total = sum(sum(row["values"]) for row in view.bars.rows)
    assert total == ui.audit.labels().n_rows
    view.sort_control.value = "name"
    assert [row["label"] for row in view.bars.rows][:3] == ["0", "1", "10"]
    view.search_control.value = "monocyt"
    assert [row["label"] for row in view.bars.rows] == ["CD14+ Monocytes", "FCGR3A+ Monocytes"]
    view.scale_control.value = "shares"
    assert (view.shares, view.logarithmic, view.bars.mode) == (True, False, "share")
    view.logarithmic = True
    assert (view.shares, view.bars.log, view.scale_control.value) == (False, True, "logarithm")
    assert all(len(row["values"]) == 1 for row in view.bars.rows)


def test_spellings_are_merged_only_when_ticked(tmp_path):
    a = write(tmp_path, "a", {"k": ["T cell"] * 3 + ["B cell"] * 2})
    b = write(tmp_path, "b", {"k": ["T-cells"] * 2 + ["b cells"]})
    view = mv.CategoriesView([a, b], label="k", workers=0)
    assert view.session.wait()
    assert len(view.grid.rows) == 2
    assert view.session.recipe.relabel == {}
    assert view.merge.disabled
    row = next(row for row in view.grid.rows if "T cell" in row["cells"][0]["text"])
    view.grid.selected = [row["id"]]
    assert not view.merge.disabled
    view.merge.click()
    assert view.session.wait()
    assert {key: dict(pairs) for key, pairs in view.session.recipe.relabel.items()} == {
        "k": {"T-cells": "T cell"}
    }
    assert view.labels().total.to_dict() == {"T cell": 5, "B cell": 2, "b cells": 1}
    assert len(view.grid.rows) == 1
    view.selected = ("T cell", "B cell")
    view.name_control.value = "lymphocyte"
    view.rename.click()
    assert view.session.wait()
    assert view.labels().total.to_dict() == {"lymphocyte": 7, "b cells": 1}
    assert dict(view.session.recipe.relabel["k"])["T-cells"] == "lymphocyte"
    view.unname.click()
    assert view.session.wait()
    assert view.session.recipe.relabel == {}


def test_a_name_that_was_taken_back_is_no_rename(ui):
    label = ui.categories.labels().classes[0]
    ui.categories.relabel({label: "x"})
    ui.categories.relabel({"x": label})
    assert label not in dict(ui.recipe.relabel[ui.categories.key])


def test_selected_classes_become_the_filter(ui):
    ui.tab = "categories"
    ids = {row["label"]: row["id"] for row in ui.categories.bars.rows}
    ui.categories.bars.selected = [ids["B cells"], ids["NK cells"]]
    assert ui.categories.selected == ("B cells", "NK cells")
    ui.categories.keep.click()
    assert dict(settled(ui).obs_filter) == {"louvain": ("B cells", "NK cells")}
    assert ui.audit.labels().n_rows == len(ui.dataset()) == 342 + 154
    ui.categories.all.click()
    assert settled(ui).obs_filter == {}
    ui.categories.selected = ("B cells",)
    ui.categories.leave.click()
    settled(ui)
    assert "B cells" not in ui.audit.labels().classes


def test_one_key_under_several_names(ui):
    ui.tab = "categories"
    view = ui.categories
    assert view.absent_box.layout.display is None
    view.read_from("cell_type_annotations")
    assert dict(settled(ui).obs_alias["louvain"]) == {DEMO[4]: "cell_type_annotations"}
    assert ui.audit.labels().absent[DEMO[4]] == 0
    view.suggested.click()
    assert set(settled(ui).obs_alias["louvain"]) > {DEMO[2]}


def test_another_label_takes_its_decisions_along(ui):
    ui.recipe = ui.recipe.replace(
        weights_keys=["louvain"],
        encoders={"louvain": {"B cells": 0, "NK cells": 1}},
        unknown_label={"louvain": "NK cells"},
        encode_labels=["louvain"],
        unseen="ignore",
    )
    ui.categories.key_control.value = "bulk_labels"
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
    assert len(view.bars.rows) <= 27
    view.top_n = 150
    assert len(view.bars.rows) <= 152
    state = json.dumps(
        {key: value for key, value in view.bars.get_state().items() if key == "rows"}
    )
    assert len(state) < 150_000
    assert len(view.key_control.options) <= 3
