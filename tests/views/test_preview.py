"""A split is shown before it is made."""

from tests.views.looks import cells, node, settled


def test_the_split_is_shown_before_it_is_made(ui):
    view = ui.handoff
    view.event("validate", "value", True)
    view.event("split_by", "value", "bulk_labels")
    view.event("show_split", "press")
    assert view._work.wait(120)
    parts = ui.split()
    assert cells(view, 0, "parts") == ["train", "validation"]
    assert cells(view, 1, "parts") == [f"{len(part):,}" for part in parts]
    groups = [set(part.get_merged_labels("bulk_labels")) for part in parts]
    assert cells(view, 3, "parts") == [str(len(some)) for some in groups]
    assert "not in every part" in node(view, "lacking")["text"]
    view.event("split_fraction", "value", 0.5)
    assert node(view, "parts") == {}  # another split
    view.event("split_by", "value", "")
    assert ui.recipe.split_by is None
    settled(ui)
