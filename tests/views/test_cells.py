"""The cells: read when they are shown, as small pictures, strips and one gene."""

import json

import numpy as np
import pandas as pd
import pytest

import mappedviz as mv
from tests.views.looks import browser, every, node


@pytest.fixture
def cells(ui):
    ui.tab = "cells"
    assert ui.cells.wait()
    return ui.cells


def test_a_panel_for_each_store_that_has_an_embedding(cells):
    panels = node(cells, "scatter")["panels"]
    assert len(panels) == 4
    assert sum(len(one["x"]) for one in panels) <= 5_000
    for one in panels:
        assert len(one["x"]) == len(one["y"]) == len(one["colour"])
        assert 0 <= min(one["x"]) <= max(one["x"]) <= 1000
    legend = [one["name"] for one in node(cells, "scatter")["legend"]]
    assert legend[0] == "CD4 T cells"
    assert legend[-1] == "(missing)"
    assert max(max(one["colour"]) for one in panels) < len(legend)
    assert "1 store has nothing to show" in node(cells, "absent")["text"]
    assert len(json.dumps(cells.flat())) < 70_000
    assert isinstance(cells.table(), pd.DataFrame)


def test_colours_by_any_key(cells):
    for value, by in (("k-store", "store"), ("phase", "phase"), ("n_genes", "n_genes"), ("", "")):
        cells.event("by", "value", value)
        assert cells.by == by
        assert cells.wait()
        panels = node(cells, "scatter")["panels"]
        assert ("value" in panels[0]) == (by == "n_genes")
    cells.event("element", "value", "X_pca")
    assert cells.wait()
    assert node(cells, "scatter")["title"].startswith("X_pca")


def test_stores_in_focus_come_first(cells):
    before = [one["title"] for one in node(cells, "scatter")["panels"]]
    cells.session.stores = (before[-1],)
    assert node(cells, "scatter")["panels"][0]["title"] == before[-1]


def test_depth_of_each_store(cells):
    cells.event("show", "value", "depth")
    assert cells.wait()
    stats = cells.audit.cell_stats(500)
    for name, n in (("total", 1), ("genes", 5), ("mito", 3)):
        rows = node(cells, name)["rows"]
        assert len(rows) == n  # of stores of counts, of all, of those whose genes are symbols
        for row in rows:
            assert row["quantiles"] == sorted(row["quantiles"])
            assert all(0 <= one <= 1 for one in (*row["values"], *row["quantiles"]))
    medians = stats.quantiles["genes"][0.5].round().astype(int)
    assert [row["text"] for row in node(cells, "genes")["rows"]] == [f"{n:,}" for n in medians]
    assert [one["text"] for one in node(cells, "genes")["axis"]["ticks"]] == [
        "10",
        "100",
        "1,000",
        "10,000",
    ]
    assert "not counts" in node(cells, "not_counts")["text"]
    assert len(json.dumps(cells.flat())) < 70_000


def test_one_gene_by_label_and_by_store(cells):
    cells.event("show", "value", "gene")
    assert "Type the name" in cells.message
    cells.event("gene", "value", " CD8A ")
    assert cells.gene == "CD8A"
    assert cells.wait()
    rows = {row["label"]: row["text"] for row in node(cells, "values")["rows"]}
    values, labels = cells.table()["value"], cells.table()["label"]
    share = float((values[labels == "CD8 T cells"] != 0).mean())
    assert rows["CD8 T cells"].startswith(f"{100 * share:.0f} %")
    assert node(cells, "scales")["mood"] == "warning"
    assert any("value" in one for one in node(cells, "scatter")["panels"])
    cells.event("by", "value", "k-store")
    assert cells.wait()
    assert len(node(cells, "values")["rows"]) == 5
    cells.event("gene", "value", "nowhere <b>")
    assert cells.wait()
    assert "nowhere <b>" in cells.message


@pytest.mark.parametrize("show", ["embedding", "depth", "gene"])
def test_code_and_figures(cells, show):
    cells.gene, cells.show = "CD8A", show
    assert cells.wait()
    scope = {"mv": mv}
    *first, last = cells.code().splitlines()
    exec("\n".join(first), scope)
    pd.testing.assert_frame_equal(eval(last, scope), cells.table())
    cells.renderer = "mpl"
    pictures = [one for one in every(cells) if one["kind"] == "image"]
    assert len(pictures) >= 1
    assert cells.copied("csv").splitlines()[0].startswith(",store,row")


def test_nothing_is_read_behind_another_tab(ui, monkeypatch):
    monkeypatch.setattr(ui.cells, "_read", lambda *_: 1 / 0)
    sent = browser(ui)
    ui.coverage.k = 2
    assert ui.wait()
    assert ui.cells._running is None
    ui.event("page", "value", "cells")
    assert ui.cells.wait()
    assert "division by zero" in json.dumps(sent[-1])


def test_what_was_read_is_sent_when_it_is_there(ui):
    sent = browser(ui)
    ui.event("page", "value", "cells")
    assert ui.cells.wait()
    assert sent[1]["patch"]["cells.reading"]["text"].startswith("Reading")
    assert sent[-1]["patch"]["cells.scatter"]["panels"]
    assert "cells.reading" in sent[-1]["gone"]


def test_stores_without_embedding_and_cells(tmp_path):
    from tests.views.looks import opens, write

    ui = opens([write(tmp_path, "a", {"k": ["x", "y"]})], label="k")
    ui.tab = "cells"
    assert ui.cells.wait()
    assert "No store has an embedding" in ui.cells.message
    ui.cells.show = "depth"
    assert ui.cells.wait()
    assert np.isclose(node(ui, "genes")["rows"][0]["quantiles"][2], 1, atol=1)
    ui = opens([])
    ui.tab = "cells"
    assert ui.cells.wait()
    assert ui.cells.message


def test_of_many_stores_those_at_both_ends_are_shown(tmp_path):
    from tests.views.looks import write

    paths = [
        write(tmp_path, f"s{i:02}", {"k": ["x", "y"]}, genes=[f"g{j}" for j in range(10 + i)])
        for i in range(70)
    ]
    view = mv.CellsView(mv.audit(paths, progress=False, workers=0), show="depth")
    assert view.wait()
    rows = node(view, "genes")["rows"]
    assert [row["text"] for row in rows[:2] + rows[-2:]] == ["10", "11", "78", "79"]
    assert len(rows) == 60
    assert "of 70 stores" in node(view, "genes")["title"]
    assert len(json.dumps(view.flat())) < 70_000
