"""The stores, and which of them are left out."""

import pytest
import traitlets

import mappedviz as mv
from tests.views.looks import DEMO, cells, node, settled, write


def test_shapes_are_those_of_the_table(ui):
    assert cells(ui, 0) == DEMO
    assert cells(ui, 1) == ["ok"] * 5
    assert cells(ui, 2) == [f"{n:,}" for n in ui.audit.stores["n_obs"]]
    assert cells(ui, 3) == [f"{n:,}" for n in ui.audit.stores["n_vars"]]
    assert max(row["cells"][3]["bar"] for row in node(ui, "grid")["rows"]) == 1


def test_stores_are_left_out(ui):
    ui.shapes.stores = (DEMO[0], DEMO[3])
    assert "disabled" not in node(ui, "leave_selected_out")
    ui.shapes.event("leave_selected_out", "press")
    assert [path.rpartition("/")[2] for path in settled(ui).paths] == [DEMO[1], DEMO[2], DEMO[4]]
    ui.shapes.stores = (DEMO[1],)
    ui.shapes.event("keep_selected", "press")
    assert len(settled(ui).paths) == 1
    ui.shapes.stores = (DEMO[1],)
    ui.shapes.event("leave_selected_out", "press")
    assert len(ui.recipe.paths) == 1
    assert "has to stay" in ui.session.status


def test_rows_are_sorted_in_python(ui):
    ui.event("shapes.grid", "sort", ["cells", "descending"])
    n = ui.audit.stores["n_obs"].sort_values(ascending=False)
    assert cells(ui, 2) == [f"{one:,}" for one in n]
    assert node(ui, "grid")["sort"] == ["cells", "descending"]
    ui.event("shapes.grid", "sort", [])
    assert cells(ui, 0) == DEMO


def test_many_stores_are_found_again(tmp_path):
    """60 stores on two pages, five that cannot be read first; chips and a search."""
    paths = [
        write(
            tmp_path,
            f"human_lung_atlas_2024_donor{i:02}_counts",
            {"k" if i else "other": ["x", "y"]},
        )
        for i in range(55)
    ]
    for i in range(5):
        (tmp_path / f"human_lung_atlas_2024_bad{i}_counts.h5ad").write_bytes(b"no store")
        paths.append(str(tmp_path / f"human_lung_atlas_2024_bad{i}_counts.h5ad"))
    view = mv.ShapesView(mv.audit(paths, label="k", progress=False, workers=0))
    assert cells(view, 0)[:6] == [*(f"…bad{i}" for i in range(5)), "…donor00"]
    assert cells(view, 1)[5] == "ok"
    assert cells(view, 1)[0] != "ok"
    grid = node(view, "grid")
    assert (len(grid["rows"]), grid["pages"], grid["total"]) == (50, 2, 60)
    view.event("grid", "page", 1)
    assert cells(view, 0)[-1] == "…donor54"
    chips = {one["text"]: one["count"] for one in node(view, "filters")["options"]}
    assert chips["cannot be read"] == 5
    assert chips["no k"] == 1
    view.event("filters", "value", ["unreadable"])
    assert cells(view, 0) == [f"…bad{i}" for i in range(5)]
    assert node(view, "grid")["note"] == "5 stores of 60"
    view.event("filters", "value", ["unlabelled"])
    assert cells(view, 0) == ["…donor00"]
    view.event("filters", "value", [])
    view.event("search", "value", "DONOR1")
    assert cells(view, 0) == [f"…donor1{i}" for i in range(10)]
    view.event("grid", "selected", [node(view, "grid")["rows"][0]["id"]])
    view.event("search", "value", "donor2")
    view.event("grid", "selected", [node(view, "grid")["rows"][0]["id"]])
    assert len(view.stores) == 2  # what is on other pages stays selected
    view.event("search", "value", "nothing of this name")
    assert cells(view, 0) == []


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
