"""The Explorer: all views of one session, their state, and stores that nobody would choose."""

import gc
import json
import threading

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import mappedviz as mv
from mappedviz.errors import MappedvizError, RecipeError
from mappedviz.testing import coded_anndata
from mappedviz.views import state
from tests.hostile import HOSTILE
from tests.stores import BROKEN, STORE_KINDS
from tests.views.looks import DEMO, bar_rows, cells, node, opens, settled, write


def test_it_is_there_before_the_stores_are_read(monkeypatch, paths):
    """The audit waits until the Explorer is there: it would wait for ever the other way round."""
    made, real = threading.Event(), state.audit

    def waits(**options):
        assert made.wait(120)
        return real(**options)

    monkeypatch.setattr(state, "audit", waits)
    ui = mv.explore(paths, label="louvain")
    assert ui.session.busy
    assert ui.audit is None
    made.set()
    assert ui.wait()
    assert not ui.session.busy
    assert ui.audit.recipe == ui.recipe
    assert ui.session.status == ui.audit.verdict


def test_a_recipe_from_outside_sets_the_controls(ui):
    ui.recipe = ui.recipe.replace(
        obs_keys=["bulk_labels", "phase"],
        min_stores=3,
        strip_version=True,
        dtype="float16",
        weights_keys=["phase"],
        weights_scheme="sqrt",
        split_by="phase",
        split_fraction=0.3,
        obsm_keys=["X_pca"],
        layers_keys=["raw.X"],
    )

    def value(view, name):
        return node(view, name)["value"]

    assert value(ui.categories, "key") == ui.categories.key == "bulk_labels"
    assert value(ui.coverage, "join") == "k"
    assert value(ui.coverage, "k") == 3
    assert value(ui.coverage, "strip_version") is True
    assert value(ui.handoff, "dtype") == "float16"
    assert value(ui.handoff, "layers_keys") == ["raw.X"]
    assert value(ui.handoff, "obsm_keys") == ["X_pca"]
    assert value(ui.handoff, "obs_keys") == ["phase"]
    assert value(ui.handoff, "split_by") == "phase"
    assert value(ui.handoff, "split_fraction") == 0.3
    assert value(ui.weights, "use") is True
    assert value(ui.weights, "scheme") == "sqrt"
    assert value(ui.weights, "by") == ["phase"]
    assert ui.wait()
    assert ui.audit.recipe == ui.recipe


def test_views_behind_other_tabs_wait(ui):
    ui.tab = "shapes"
    made = []
    real = ui.weights._body
    ui.weights._body = lambda audit: made.append(audit) or real(audit)
    ui.categories.key = "bulk_labels"
    settled(ui)
    ui.flat()
    assert made == []
    assert not ui.weights.active
    ui.event("page", "value", "weights")
    assert ui.tab == "weights"
    assert ui.weights.active
    assert {row["label"] for row in bar_rows(ui)} == set(ui.audit.labels("bulk_labels").classes)
    ui.flat()
    assert len(made) == 1


def test_a_view_of_the_explorer_can_be_shown_alone(ui):
    assert ui.tab != "coverage"
    assert not ui.coverage.active
    ui.coverage._repr_mimebundle_()
    assert node(ui.coverage, "curve")["points"]
    ui.tab = "shapes"
    assert ui.coverage.active


def test_focus_is_one_for_all_views(ui):
    ui.event("shapes.grid", "selected", [node(ui, "grid")["rows"][0]["id"]])
    assert ui.session.stores == (DEMO[0],)
    ui.coverage.show = "without one store"
    ui.tab = "coverage"
    marked = {row["id"]: row["label"] for row in bar_rows(ui)}
    assert [marked[i] for i in node(ui, "bars")["selected"]] == [DEMO[0]]
    ui.session.classes = ("B cells",)
    ui.tab = "categories"
    named = {row["id"]: row["label"] for row in bar_rows(ui)}
    assert [named[i] for i in node(ui, "bars")["selected"]] == ["B cells"]
    ui.tab = "weights"
    named = {row["id"]: row["label"] for row in bar_rows(ui)}
    assert [named[i] for i in node(ui, "bars")["selected"]] == ["B cells"]


def test_state_as_json(ui):
    ui.coverage.k = 2
    ui.coverage.genes = ("CD4",)
    ui.categories.top_n = 7
    ui.categories.logarithmic = True
    ui.weights.scheme = "sqrt"
    ui.handoff.batch_size = 33
    ui.tab = "handoff"
    text = ui.to_json()
    again = mv.Explorer.from_json(text, workers=0)
    assert again.wait()
    assert again.recipe == ui.recipe
    assert json.loads(again.to_json()) == json.loads(text)
    assert again.tab == "handoff"
    assert again.categories.logarithmic


@pytest.mark.parametrize("text", ["", "{}", '{"schema": 99}', "[1]", '{"schema": 1, "recipe": {}}'])
def test_other_json_is_refused(text):
    with pytest.raises(RecipeError, match="no state of an explorer"):
        mv.Explorer.from_json(text)


def test_each_tab_is_small(ui):
    for name in ui.views:
        ui.tab = name
        assert len(json.dumps(ui.flat())) < 70_000


def test_hundred_updates_leave_no_figure(ui):
    from matplotlib import pyplot

    ui.renderer = "mpl"
    ui.tab = "categories"
    for n in range(2, 102):
        ui.categories.top_n = n % 9 + 1
    assert pyplot.get_fignums() == []
    gc.collect()
    assert sum(type(one) is Figure for one in gc.get_objects()) < 30


def test_paths_that_do_not_exist():
    ui = opens("nowhere/*.h5ad")
    assert ui.audit.fatal
    assert "nowhere" in ui.session.status
    with pytest.raises(MappedvizError, match="nowhere"):
        ui.dataset()


def test_an_empty_folder_and_no_paths(tmp_path):
    assert opens(tmp_path).audit.fatal
    assert opens([]).audit.fatal


def test_one_bad_store_among_good_ones(paths, tmp_path):
    bad = BROKEN["truncated"].make(tmp_path) if hasattr(BROKEN["truncated"], "make") else None
    if bad is None:
        bad = tmp_path / "bad.h5ad"
        bad.write_bytes(b"\x89HDF\r\n\x1a\n" + b"\0" * 64)
    ui = opens([*paths, str(bad)], label="louvain")
    assert ui.audit.fatal
    ui.tab = "checks"
    ui.checks.selected = 0
    ui.checks.event("apply", "press")
    assert ui.wait()
    assert not ui.audit.fatal
    assert len(ui.dataset()) == 5038


def test_no_label_column(paths):
    ui = opens(paths)
    ui.tab = "categories"
    assert "Choose" in ui.categories.message
    ui.tab = "weights"
    assert "label" in ui.weights.message
    ui = opens(paths, label="nowhere")
    ui.tab = "weights"
    assert "nowhere" in ui.weights.message


@pytest.mark.parametrize("labels", [["only"] * 4, [None] * 4, [np.nan] * 4])
def test_one_class_and_all_missing(tmp_path, labels):
    ui = opens(write(tmp_path, "a", {"k": pd.Categorical(labels)}), label="k")
    ui.tab = "weights"
    if labels[0] == "only":
        assert bar_rows(ui)[0]["label"] == "only"
    else:
        assert ui.weights.message


def test_no_gene_in_common(tmp_path):
    a = write(tmp_path, "a", {"k": ["x"] * 3}, genes=["a", "b"])
    b = write(tmp_path, "b", {"k": ["x"] * 3}, genes=["c", "d"])
    ui = opens([a, b], label="k")
    ui.tab = "coverage"
    assert node(ui, "numbers")["items"][0]["value"] == "0"
    assert ui.audit.fatal or ui.audit.coverage.inner == 0


def test_no_cells(tmp_path):
    path = STORE_KINDS["h5ad"](coded_anndata(0, 0, plain=True), tmp_path / "none")
    ui = opens(path, label="cell_type")
    assert cells(ui.shapes, 2) == ["0"]


def test_hostile_names_are_text_and_told_apart(tmp_path):
    labels = [name for name in HOSTILE if "\udcff" not in name and "\x00" not in name]
    a = write(tmp_path, "a", {"k": labels, "<b>x<b>": labels}, genes=["<i>g</i>", "$\\frac{$"])
    b = write(tmp_path, "b<img src=x>", {"k": labels[::-1]}, genes=["<i>g</i>", "=1+1"])
    ui = opens([a, b], label="k")
    assert ui.session.status_kind in ("ok", "error")
    ui.tab = "categories"
    shown = [row["label"] for row in bar_rows(ui)]
    assert len(set(shown)) == len(shown) >= len(labels)
    ui.categories.top_n = 60
    for name in ui.views:
        ui.renderer = "mpl"
        ui.tab = name
        ui.renderer = "widget"
    ui.tab = "coverage"
    ui.coverage.genes = ("=1+1", "<i>g</i>")
    assert "'=1+1" in ui.coverage.csv()
    html = ui._repr_html_()
    for markup in ("<img src=x", "<b>x", "<i>g", "<script"):
        assert markup not in html
    ui.handoff.script = "script"
    compile(ui.handoff.code(), "code", "exec")


def test_a_forgotten_explorer_holds_nothing(ui):
    """The collection knows no widget: it travels to worker processes."""
    import pickle

    assert b"ipywidgets" not in pickle.dumps(ui.dataset())
