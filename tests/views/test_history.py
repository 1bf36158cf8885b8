"""The history: every decision can be seen, kept under a name, compared, and gone back to."""

import pytest

import mappedviz as mv
from mappedviz.errors import MappedvizError
from tests.views.looks import browser, cells, node, settled


def test_every_decision_is_a_step(ui):
    ui.coverage.join = "outer"
    settled(ui)
    ui.weights.use = True
    settled(ui)
    ui.tab = "history"
    assert cells(ui, 0) == ["now", "1", "0"]
    assert cells(ui, 1) == [
        "weights_keys=('louvain',); weights_scheme='inverse'",
        "join='outer'",
        "the beginning",
    ]
    assert cells(ui, 3) == [
        f"{n:,}" for n in (ui.audit.coverage.outer,) * 2 + (ui.audit.coverage.inner,)
    ]
    ui.undo()
    assert cells(ui, 0) == ["2", "now", "0"]
    table = ui.history.table()
    assert table["now"].tolist() == [False, True, False]
    assert table["change"].tolist()[1] == "join='outer'"


def test_going_back_is_a_step_of_its_own(ui):
    first = ui.recipe
    ui.coverage.join = "outer"
    ui.coverage.k = 2
    ui.tab = "history"
    assert node(ui, "go_back")["disabled"]
    ui.event("history.go_back", "press")
    assert "Select one" in ui.session.status
    ui.event("history.grid", "selected", ["h0"])
    assert node(ui, "difference")["title"] == "From this to now"
    assert "min_stores=2" in node(ui, "difference")["text"]
    ui.event("history.go_back", "press")
    assert ui.recipe == first
    assert ui.coverage.join == "inner"
    assert ui.undo()
    assert ui.recipe.min_stores == 2
    settled(ui)


def test_the_difference_of_two_is_from_the_first_to_the_second(ui):
    ui.coverage.join = "outer"
    settled(ui)
    ui.tab = "history"
    ui.event("history.grid", "selected", ["h1"])
    ui.event("history.grid", "selected", ["h0", "h1"])
    assert node(ui, "difference")["text"] == "recipe = recipe.replace(join='inner')"
    ui.event("history.grid", "selected", ["h0"])
    ui.event("history.grid", "selected", ["h0", "h1"])
    assert node(ui, "difference")["text"] == "recipe = recipe.replace(join='outer')"


def test_recipes_with_names_travel(ui):
    ui.tab = "history"
    ui.event("history.keep", "press")
    assert "name" in ui.session.status
    ui.event("history.name", "value", "as it was <b>")
    ui.event("history.keep", "press")
    ui.coverage.join = "outer"
    settled(ui)
    ui.history.keep("outer")
    assert cells(ui, 0) == [
        "now · outer",
        "0 · as it was <b>",
        "kept · as it was <b>",
        "kept · outer",
    ]
    assert cells(ui, 1)[2:] == ["join='inner'", "as it is now"]
    again = mv.Explorer.from_json(ui.to_json(), workers=0)
    assert again.session.named == ui.session.named
    ui.event("history.grid", "selected", [node(ui, "grid")["rows"][2]["id"]])
    ui.event("history.go_back", "press")
    assert ui.recipe.join == "inner"
    ui.event("history.grid", "selected", [node(ui, "grid")["rows"][-1]["id"]])
    assert node(ui, "forget")
    ui.event("history.forget", "press")
    assert list(ui.session.named) == ["as it was <b>"]
    settled(ui)
    assert again.wait()


def test_it_stands_alone_and_frees_the_session(ui):
    view = mv.HistoryView(ui.session)
    assert "sent" not in view.__dict__
    sent = browser(view)
    ui.session.edit(dtype="float16")
    assert "dtype='float16'" in str(sent[1:])
    compile(view.code(), "code", "exec")
    assert "<script" not in view._repr_html_()
    with pytest.raises(MappedvizError, match="no figure"):
        view.plot()
    view.close()
    n = len(sent)
    ui.session.named = {"x": ui.recipe}
    assert len(sent) == n
    settled(ui)
