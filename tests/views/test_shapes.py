"""The stores, and which of them are left out."""

import pytest
import traitlets

import mappedviz as mv
from tests.views.looks import DEMO, settled


def test_shapes_are_those_of_the_table(ui):
    rows = ui.shapes.chart.rows
    assert [row["cells"][0]["text"] for row in rows] == DEMO
    assert [row["cells"][1]["value"] for row in rows] == ui.audit.stores["n_obs"].tolist()
    assert [row["cells"][2]["value"] for row in rows] == ui.audit.stores["n_vars"].tolist()
    assert max(row["cells"][2]["bar"] for row in rows) == 1


def test_stores_are_left_out(ui):
    ui.shapes.stores = (DEMO[0], DEMO[3])
    assert not ui.shapes.drop.disabled
    ui.shapes.drop.click()
    assert [path.rpartition("/")[2] for path in settled(ui).paths] == [DEMO[1], DEMO[2], DEMO[4]]
    ui.shapes.stores = (DEMO[1],)
    ui.shapes.only.click()
    assert len(settled(ui).paths) == 1
    ui.shapes.stores = (DEMO[1],)
    ui.shapes.drop.click()
    assert len(ui.recipe.paths) == 1
    assert "has to stay" in ui.session.status


def test_an_index_is_as_good_as_a_tuple(ui):
    ui.shapes.stores = ui.audit.stores.index[:2]
    assert ui.session.stores == tuple(DEMO[:2])
    with pytest.raises(traitlets.TraitError):
        ui.shapes.stores = DEMO[0]


def test_stores_that_are_kept_are_named_as_they_were(repository, monkeypatch):
    """A recipe with relative paths stays one."""
    monkeypatch.chdir(repository / "notebooks")
    view = mv.ShapesView("data")
    view.keep_selected()
    assert "Select stores first" in view.session.status
    view.stores = (DEMO[0],)
    view.keep_selected()
    assert view.session.recipe.paths == (f"data/{DEMO[0]}",)
