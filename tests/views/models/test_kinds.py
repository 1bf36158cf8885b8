"""Kinds of cells in the tab of the labels: ticked by a person, rolled up, taken as new names."""

import pytest

import mappedviz as mv
from tests.views.looks import cells, node, write


@pytest.fixture
def view(tmp_path):
    a = write(tmp_path, "a", {"k": ["NK"] * 3 + ["CD4_T"] * 4 + ["7"]})
    b = write(tmp_path, "b", {"k": ["T cell"] * 2 + ["Horizontal", "CD56+ NK", "Mono"]})
    view = mv.CategoriesView([a, b], label="k", workers=0)
    assert view.session.wait()
    view.event("kinds", "open", True)
    yield view
    view.close()


def row_of(view, label, text=""):
    rows = node(view, "kinds_grid")["rows"]
    return next(
        row["id"] for row in rows
        if row["cells"][0]["text"] == label and text in row["cells"][2]["text"]
    )  # fmt: skip


def test_nothing_is_looked_up_before_it_is_opened(tmp_path):
    view = mv.CategoriesView([write(tmp_path, "a", {"k": ["NK"] * 3})], label="k", workers=0)
    assert view.session.wait()
    assert node(view, "kinds_grid") == {}


def test_ticked_rows_become_new_names(view):
    assert "6 of 7 labels" in node(view, "kinds_found")["text"]
    assert node(view, "take_kinds")["disabled"]
    ids = [row_of(view, "NK"), row_of(view, "CD4_T"), row_of(view, "7"), row_of(view, "T cell")]
    view.event("kinds_grid", "selected", ids)
    assert set(node(view, "kinds_grid")["selected"]) == set(ids)
    view.event("take_kinds", "press")
    assert view.wait()
    assert dict(view.session.recipe.relabel["k"]) == {
        "NK": "natural killer cell", "CD4_T": "CD4-positive, alpha-beta T cell",
    }  # fmt: skip
    assert view.labels().total["natural killer cell"] == 3
    assert "is called so" in cells(view, 2, "kinds_grid")
    assert node(view, "take_kinds")["disabled"]


def test_the_plain_ones_are_ticked_and_not_taken(view):
    view.event("tick_sure", "press")
    assert view.session.recipe.relabel == {}
    view.event("take_kinds", "press")
    assert set(dict(view.session.recipe.relabel["k"])) == {"NK", "CD4_T", "Mono"}


def test_of_several_terms_one_is_chosen(view):
    both = [row_of(view, "Horizontal", "H1"), row_of(view, "Horizontal", "retina")]
    view.event("kinds_grid", "selected", both)
    assert node(view, "take_kinds")["disabled"]
    view.take_kinds()
    assert view.session.status_kind == "error"
    view.event("kinds_grid", "selected", both[:1])
    view.event("take_kinds", "press")
    assert dict(view.session.recipe.relabel["k"]) == {"Horizontal": "H1 horizontal cell"}


def test_kinds_are_rolled_up(view):
    view.event("level", "value", "subclass")
    assert cells(view, 2, "kinds_grid").count("lymphocyte") == 2
    view.event("level", "value", "terms")
    view.event("terms", "value", "lymphocyte; phagocyte; myeloid cell")
    assert "myeloid cell or phagocyte" in cells(view, 2, "kinds_grid")
    view.event("kinds_grid", "selected", [row_of(view, "Mono"), row_of(view, "CD56+ NK")])
    view.event("take_kinds", "press")
    assert dict(view.session.recipe.relabel["k"]) == {"CD56+ NK": "lymphocyte"}
    view.event("terms", "value", "lymphocite")
    assert "did you mean 'lymphocyte'" in node(view, "level_error")["text"]
    assert node(view, "kinds_grid") == {}
    view.event("level", "value", "")
    view.event("level", "value", "nowhere")
    assert view.session.status_kind == "error"


def test_table_and_code_say_the_same(view):
    view.event("level", "value", "class")
    text = view.copied("csv", "kinds_grid")
    assert text.splitlines()[0].endswith("label,n,n_stores,id,name,how,score,becomes,candidates")
    code = view.copied("code", "kinds_grid")
    scope = {}
    exec(code.replace("\naudit.kinds", "\ntable = audit.kinds"), scope)
    assert scope["table"].equals(view.kinds())
