"""What every view does: it stands alone, its code makes its table, it has a figure."""

import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import mappedviz as mv
from mappedviz.views import charts as chart_classes
from mappedviz.views.base import Status
from tests.views.looks import VIEWS


@pytest.mark.parametrize("kind", VIEWS)
def test_every_view_stands_alone(paths, kind):
    view = kind(paths, label="louvain")
    assert view.session.wait()
    assert view.message == ""
    assert isinstance(view.table(), pd.DataFrame)
    assert isinstance(view.children[0], chart_classes.KeyGuard)
    assert isinstance(view.children[1], Status)
    code = view.code()
    compile(code, "code", "exec")
    bundle = view._repr_mimebundle_()
    assert {"text/html", "text/plain", "application/vnd.jupyter.widget-view+json"} <= set(bundle)
    assert len(bundle["text/html"]) > 300
    assert "<script" not in bundle["text/html"]


@pytest.mark.parametrize("kind", VIEWS[:5])
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


@pytest.mark.parametrize("kind", VIEWS[:5])
def test_plots_into_the_axes_of_the_user(paths, kind):
    view = kind(mv.audit(paths, label="louvain", progress=False))
    ax = Figure().subplots()
    assert view.plot(ax) is ax
    assert isinstance(view.plot(), Axes)


@pytest.mark.parametrize("name", list(mv.Explorer.tab.values))
def test_the_other_renderer_draws_pictures(ui, name):
    ui.tab = name
    ui.renderer = "mpl"
    view = ui.views[name]
    shown = [one for one in view._pictures if one.layout.display != "none"]
    for picture in shown:
        assert picture.chart.layout.display == "none"
        assert bytes(picture.image.value).lstrip().startswith(b"<?xml")
    ui.renderer = "widget"
    assert all(one.image.layout.display == "none" for one in view._pictures)
