"""What every view does: it stands alone, its code makes its table, it has a figure."""

import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import mappedviz as mv
from tests.views.looks import VIEWS, every, opens


@pytest.mark.parametrize("kind", VIEWS)
def test_every_view_stands_alone(paths, kind):
    view = kind(paths, label="louvain")
    assert view.session.wait()
    assert view.message == ""
    assert isinstance(view.table(), pd.DataFrame)
    flat = view.flat()
    assert flat["page"]["children"][0] == "status"
    assert [tab["title"] for tab in flat["page"]["tabs"]] == [kind.title]
    code = view.code()
    compile(code, "code", "exec")
    bundle = view._repr_mimebundle_()
    assert {"text/html", "text/plain", "application/vnd.jupyter.widget-view+json"} <= set(bundle)
    assert len(bundle["text/html"]) > 300
    assert "<script" not in bundle["text/html"]


@pytest.mark.parametrize("kind", VIEWS[:6])
def test_code_makes_the_table(paths, kind):
    view = kind(paths, label="louvain")
    assert view.session.wait()
    scope = {"mv": mv}
    *first, last = view.code().splitlines()
    exec("\n".join(first), scope)
    made = eval(last, scope)
    if isinstance(made, pd.DataFrame):
        shown = view.table()
        pd.testing.assert_frame_equal(made.loc[shown.index, shown.columns], shown)
    else:
        assert [one.id for one in made] == view.table()["id"].tolist()


@pytest.mark.parametrize("kind", VIEWS[:6])
def test_plots_into_the_axes_of_the_user(paths, kind):
    view = kind(mv.audit(paths, label="louvain", progress=False))
    ax = Figure().subplots()
    assert view.plot(ax) is ax
    assert isinstance(view.plot(), Axes)


@pytest.mark.parametrize("name", list(mv.Explorer.tab.values))
def test_the_other_renderer_draws_pictures(ui, name):
    ui.tab = name
    view = ui.views[name]
    assert view.wait()
    charts = [one["id"] for one in every(view) if one["id"] in view.drawn]
    assert charts or name in ("checks", "history", "handoff")
    ui.renderer = "mpl"
    if name == "cells":  # one figure of what are three charts
        charts = charts[:2]
    for one in charts:
        assert view.node(one)["kind"] == "image"
        assert view.node(one)["svg"].lstrip().startswith("<?xml")
    ui.renderer = "widget"
    assert all(one["kind"] != "image" for one in every(view))


def test_one_view_that_cannot_be_drawn_does_not_stop_the_others(ui, monkeypatch):
    monkeypatch.setattr(ui.coverage, "_body", lambda audit: 1 / 0)
    ui.tab = "coverage"
    assert "division by zero" in ui.coverage.message
    ui.tab = "shapes"
    assert ui.shapes.message == ""


def test_options_are_traits_of_the_view_or_of_the_audit(paths):
    view = mv.CategoriesView(paths, label="louvain", top_n=3, strip_version=True, workers=0)
    assert view.wait()
    assert view.top_n == 3
    assert view.session.recipe.strip_version
    assert len(view.table()) == 3


def test_a_store_that_vanishes_while_it_is_shown(paths, tmp_path):
    import shutil

    copy = tmp_path / "gone.h5ad"
    shutil.copy(paths[0], copy)
    ui = opens([paths[1], str(copy)], label="louvain")
    copy.unlink()
    ui.session.refresh()
    assert ui.wait()
    assert ui.audit.fatal
    assert "gone.h5ad" in ui.session.status
    ui.tab = "shapes"
    ui.shapes.stores = ("gone.h5ad",)
    ui.shapes.event("leave_selected_out", "press")
    assert ui.wait()
    assert not ui.audit.fatal
