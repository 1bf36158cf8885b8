"""The tab of the labels in a browser: kinds of cells are ticked and taken, a condition is typed."""

from __future__ import annotations

import numpy as np
import pytest

import mappedviz as mv
from tests.browser.test_components import CONTRAST, REPOSITORY
from tests.views.looks import write

pytest.importorskip("playwright.sync_api")

PICTURES = REPOSITORY / "build" / "screenshots" / "labels"


@pytest.fixture
def ui(tmp_path):
    """Two laboratories that call the same cells by other names."""
    n = np.arange(60)
    first = ["CD4_T", "NK", "CD14+ Monocytes", "7"]
    second = ["CD4-positive, alpha-beta T cell", "NK cells", "Mono", "Horizontal"]
    paths = [
        write(tmp_path, name, {"cell_type": [names[i % 4] for i in n], "n_genes": n * 10})
        for name, names in (("a", first), ("b", second))
    ]
    ui = mv.explore(paths, label="cell_type", workers=0)
    assert ui.wait(60)
    yield ui
    ui.close()


@pytest.mark.parametrize("widget", ["light", "dark"], indirect=True)
def test_labels_are_renamed_and_cells_left_out(widget, ui, request):
    page = widget.page
    widget.drive(ui)
    ui.tab = "categories"
    widget.pump()

    widget.node("categories.kinds").locator("summary").click()
    # It opens a moment later.
    page.wait_for_function("window.sent.some(one => one.event === 'open')")
    widget.pump()
    grid = widget.node("categories.kinds_grid")
    assert grid.get_by_text("natural killer cell").count() == 2
    widget.node("categories.level").locator("select").select_option("terms")
    widget.pump()
    field = widget.node("categories.terms").locator("input")
    field.fill("T cell; monocyte; CL:0000623")
    field.press("Enter")
    widget.pump()
    for label in ("CD4_T", "NK", "NK cells", "Mono"):
        row = grid.locator("tr").filter(has=page.get_by_text(label, exact=True))
        row.click()
        widget.pump()
    for width in (1400, 900, 420):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        widget.picture(PICTURES / f"{width}-{request.node.callspec.params['widget']}.png")
    page.set_viewport_size({"width": 1200, "height": 900})
    assert [one for one in page.evaluate(CONTRAST) if one[0] < 4.5] == []
    widget.node("categories.take_kinds").click()
    widget.pump()
    assert ui.wait(60)
    widget.pump()
    assert dict(ui.recipe.relabel["cell_type"]) == {
        "CD4_T": "T cell", "NK": "natural killer cell", "NK cells": "natural killer cell",
        "Mono": "monocyte",
    }  # fmt: skip

    field = widget.node("categories.query").locator("input")
    field.fill("n_gene >= 300")
    page.wait_for_timeout(400)
    widget.pump()
    assert ui.recipe.obs_query is None  # nothing is applied while somebody types
    field.press("Enter")
    widget.pump()
    assert "Did you mean 'n_genes'" in widget.node("categories.query_error").inner_text()
    field.fill("n_genes >= 300 and cell_type != '7'")
    field.press("Enter")
    widget.pump()
    assert ui.wait(60)
    widget.pump()
    assert widget.node("categories.query_error").count() == 0
    assert "52 of 120 cells stay" in widget.node("categories.query_leaves").inner_text()
    assert len(ui.dataset()) == 52
