"""The cells: embeddings, depth and one gene of each store, read on a thread once they are shown."""

from __future__ import annotations

import json
import threading

import numpy as np
import pytest

import mappedviz as mv
from mappedviz.errors import MissingKeyError
from mappedviz.views.models import cells as model
from tests.browser.many import write_stores
from tests.hostile import HOSTILE
from tests.views.looks import browser, node, settled, write


@pytest.fixture
def seen(ui):
    """The tab in front, with all that it shows."""
    ui.tab = "cells"
    assert ui.cells.wait()
    return ui


@pytest.fixture(scope="module")
def sixty(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sixty")
    write_stores(folder, 60)
    return mv.audit(folder, label="cell_type", workers=0, progress=False)


def test_nothing_is_read_before_the_tab_is_open(ui, monkeypatch):
    asked = []
    real = mv.Audit.embedding
    monkeypatch.setattr(mv.Audit, "embedding", lambda *a, **k: asked.append(a) or real(*a, **k))
    sent = browser(ui)
    for name in ("shapes", "coverage", "weights"):
        ui.event("page", "value", name)
    assert not asked
    assert not ui.cells._kept
    ui.event("page", "value", "cells")
    assert ui.cells.wait()
    assert len(asked) == 1
    patched = {name for message in sent for name in message.get("patch", {})}
    assert {"cells.embedding", "cells.depth", "cells.genes", "cells.mito"} <= patched
    assert "cells.working" not in ui.flat()


def test_every_store_is_a_panel_of_integers(seen):
    made = node(seen, "embedding")
    assert [one["title"] for one in made["panels"]] == [
        "10x_pbmc68k_reduced.h5ad",
        "pbmc3k_processed.v3sharded.zarr",
        "pbmc5k_small_cd4_vs_cd8.h5ad",
        "spectra_breast_immune.h5ad",
    ]
    assert len(made["places"]) == len(made["paints"]) == 4
    n = [len(one) for one in made["paints"]]
    assert [len(one) for one in made["places"]] == [4 * one for one in n]
    assert f"{sum(n):,} of 4,838 cells are drawn" in node(seen, "drawn")["text"]
    assert "pbmc_5k_protein" in node(seen, "absent")["text"]
    assert "coloured by louvain" in made["title"]
    assert len(json.dumps(seen.flat())) < 70_000


def test_other_colours_are_few_bytes(seen):
    sent = browser(seen)
    seen.event("cells.by", "value", "")
    assert seen.cells.wait()
    assert seen.cells.by == "store"
    patches = [one["patch"] for one in sent if "cells.embedding" in one.get("patch", {})]
    assert "places" not in patches[-1]["cells.embedding"]
    assert len(json.dumps(patches[-1])) < 12_000
    before = len(sent)
    seen.event("cells.by", "value", "louvain")  # kept, so that it is there at once
    assert "cells.embedding" in sent[before]["patch"]


def test_a_gene_colours_the_cells_and_has_rows(seen):
    seen.event("cells.gene", "value", "cd8")
    assert not node(seen, "expression")
    options = [one["text"] for one in node(seen, "matches")["options"]]
    assert options[:2] == ["CD81", "CD82"] or "CD8A" in options
    seen.event("cells.matches", "value", ["CD8A"])
    assert seen.cells.gene == "CD8A"
    assert seen.cells.wait()
    assert node(seen, "gene")["value"] == "CD8A"
    assert node(seen, "embedding")["valued"]
    assert "CD8A" in node(seen, "embedding")["title"]
    labels = {row["label"]: row["text"] for row in node(seen, "expression")["rows"]}
    assert "CD8 T cells" in labels
    assert "left out, because scaled" in node(seen, "gene_said")["text"].lower()
    seen.event("cells.colour", "value", "by")
    assert "louvain" in node(seen, "embedding")["title"]
    seen.event("cells.by", "value", "")
    assert seen.cells.wait()
    assert len(node(seen, "expression")["rows"]) == 5
    table = seen.cells.table()
    assert {"x", "y", "label", "value"} <= set(table)
    assert table["value"].notna().any()


def test_what_is_not_there_is_said(seen):
    seen.event("cells.gene", "value", "NOT_A_GENE")
    assert seen.cells.wait()
    assert "none of the 5 stores has this gene" in node(seen, "expression_error")["text"]
    assert node(seen, "embedding")
    with pytest.raises(MissingKeyError, match="has this gene"):
        seen.cells.table()
    seen.cells.element = "X_nowhere"
    assert seen.cells.wait()
    assert "has this obsm element" in node(seen, "embedding_error")["text"]
    seen.event("cells.element", "value", "")
    assert seen.cells.wait()
    assert not node(seen, "embedding_error")


def test_a_store_that_vanishes_is_said(tmp_path, seen):
    path = write(tmp_path, "a", {"k": ["x", "y"]})
    view = mv.CellsView([path], label="k", workers=0)
    assert view.wait()
    assert "no embedding" in node(view, "absent")["text"]
    assert not node(view, "embedding")
    view.gene = "gene1"
    (tmp_path / "a.h5ad").unlink()
    assert view.wait()
    view.nodes()


def test_an_audit_from_json_has_no_cells(ui):
    audit = mv.Audit.from_json(ui.audit.to_json())
    view = mv.CellsView(audit)
    assert view.wait()
    assert (
        "cells are not in an audit that was read from JSON" in node(view, "embedding_error")["text"]
    )
    view.gene = "CD8A"
    assert view.wait()
    assert "Make the audit again" in node(view, "expression_error")["text"]
    json.dumps(view.flat())


@pytest.mark.parametrize("by", ["", "store", "donor"])
def test_sixty_stores_fit_into_a_page(sixty, by):
    ui = mv.explore(sixty, workers=0)
    ui.tab = "cells"
    ui.cells.by, ui.cells.gene = by, "GENE7"
    assert ui.cells.wait()
    made = node(ui, "embedding")
    assert len(made["panels"]) == 55
    assert len({one["title"] for one in made["panels"]}) == 55
    assert all(len(one["title"]) < 30 for one in made["panels"])
    assert node(ui, "measure")["value"] == "total"
    assert not node(ui, "mito")
    ui.event("cells.measure", "value", "mito")
    assert node(ui, "mito")
    sent = browser(ui)
    ui.event("cells.colour", "value", "by")
    assert len(json.dumps(sent[1])) < 10_000
    assert len(json.dumps(ui.flat())) < 70_000
    ui.close()


def test_of_many_stores_those_in_focus_are_shown(sixty, monkeypatch):
    monkeypatch.setattr(model, "MOST_STORES", 3)
    every = model.readable(sixty)
    assert model.chosen(sixty, ()) == every[:3]
    assert every[40] in model.chosen(sixty, [every[40]])
    view = mv.CellsView(sixty)
    assert view.wait()
    assert "3 of 55 stores are shown" in node(view, "some")["text"]
    rows = node(view, "depth")["rows"]
    view.event("depth", "selected", [rows[1]["id"]])
    assert view.session.stores == (every[1],)
    view.event("leave_selected_out", "press")
    assert len(view.session.recipe.paths) == 59
    assert view.wait()


def test_results_that_come_too_late_are_dropped(ui, monkeypatch):
    go, begun = threading.Event(), threading.Event()
    real = mv.Audit.embedding

    def slow(self, key=None, n=5_000, by=None, seed=0, **how):
        if by == "louvain":
            begun.set()
            go.wait(10)
        return real(self, key, n, by, seed, **how)

    monkeypatch.setattr(mv.Audit, "embedding", slow)
    ui.tab = "cells"
    assert "Reading the embedding" in node(ui, "reading")["text"]
    assert begun.wait(10)
    ui.event("cells.by", "value", "")
    go.set()
    assert ui.cells.wait()
    assert "coloured by store" in node(ui, "embedding")["title"]
    assert [key[-1] for key in ui.cells._kept if key[0] == "embedding"] == ["store"]


def test_reading_can_be_stopped_and_goes_on(ui, monkeypatch):
    go = threading.Event()
    real = mv.Audit.embedding
    monkeypatch.setattr(mv.Audit, "embedding", lambda *a, **k: go.wait(10) and real(*a, **k))
    ui.tab = "cells"
    assert node(ui, "stop")
    ui.event("cells.stop", "press")
    assert node(ui, "stopped")["text"] == "Stopped."
    go.set()
    assert not node(ui, "embedding")
    ui.event("cells.read_again", "press")
    assert ui.cells.wait()
    assert node(ui, "embedding")


def test_reading_again_forgets_what_was_read(seen):
    before = seen.cells.embedding()
    assert seen.cells.embedding() is before
    seen.session.refresh()
    settled(seen)
    assert seen.cells.wait()
    assert seen.cells.embedding() is not before
    seen.undo()
    seen.coverage.join = "outer"
    settled(seen)
    assert seen.cells.wait()
    seen.undo()
    settled(seen)
    assert any(key[1] == seen.recipe for key in seen.cells._kept)


def test_figures_tables_and_code(seen):
    view = seen.cells
    view.gene = "CD8A"
    assert view.wait()
    for name in ("embedding", "depth", "expression"):
        assert view.copied("svg", name).startswith("<?xml")
        assert len(view.copied("csv", name).splitlines()) > 4
        compile(view.copied("code", name), "code", "exec")
    assert "audit.expression('CD8A', by='louvain')" in view.copied("code", "expression")
    seen.renderer = "mpl"
    assert node(seen, "embedding")["kind"] == node(seen, "depth")["kind"] == "image"
    assert not node(seen, "mito")
    again = mv.Explorer.from_json(seen.to_json(), workers=0)
    assert again.cells.gene == "CD8A"
    assert again.wait()


def test_hostile_names(tmp_path):
    labels = [name for name in HOSTILE if "\udcff" not in name and "\x00" not in name]
    n = len(labels)
    path = write(
        tmp_path,
        "a",
        {"k": np.array(labels, dtype=object), "<b>": range(n)},
        genes=[f"<i>{i}</i>" for i in range(5)],
    )
    import anndata as ad

    adata = ad.read_h5ad(path)
    adata.obsm["X_umap"] = np.random.default_rng(0).normal(size=(n, 2))
    adata.obsm["<img src=x>"] = np.full((n, 2), np.nan)
    adata.write_h5ad(path)
    view = mv.CellsView([path], label="k", workers=0)
    for by in ("k", "<b>", "store"):
        for element in ("", "<img src=x>"):
            view.by, view.element, view.gene = by, element, "<i>3</i>"
            assert view.wait()
            text = json.dumps(view.flat(), allow_nan=False)
            assert "Error" not in text, text
    view.event("by", "value", "nowhere")
    assert "not there any more" in view.session.status


def test_closing_ends_the_reading(ui):
    view = mv.CellsView(ui.session)
    view.nodes()
    view.close()
    assert not view._work.running
