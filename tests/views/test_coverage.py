"""The genes: the join, a panel, identifiers."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import mappedviz as mv
from mappedviz import genes
from mappedviz.views.coverage import SHOWS
from tests.views.looks import DEMO, bar_rows, browser, cells, node, settled, write


def test_coverage_edits_the_join(ui):
    ui.tab = "coverage"
    ui.coverage.event("join", "value", "outer")
    assert ui.recipe.join == "outer"
    ui.coverage.event("k", "value", 3)
    assert (ui.recipe.join, ui.recipe.min_stores) == ("inner", 3)
    assert ui.coverage.join == "k"
    ui.coverage.event("curve", "selected", ["2"])
    assert ui.recipe.min_stores == 2
    ui.coverage.event("join", "value", "inner")
    assert ui.recipe.min_stores is None
    assert node(ui, "k")["value"] == 5
    settled(ui)


@pytest.mark.parametrize("show", SHOWS)
def test_each_picture_of_the_genes(ui, show):
    ui.tab = "coverage"
    ui.coverage.genes = ("CD4", "nowhere")
    ui.coverage.event("show", "value", show)
    assert ui.coverage.show == show
    coverage, view = ui.audit.coverage, ui.coverage
    if show == "genes against k":
        assert [y for _, y in node(view, "curve")["points"]] == coverage.at_least.tolist()
    elif show == "without one store":
        table = coverage.table.loc[DEMO]
        gains = {row["label"]: row["values"][1] for row in bar_rows(view)}
        assert gains == table["gain_without"].to_dict()
    elif show == "patterns":
        sizes = [one["size"] for one in node(view, "patterns")["columns"]]
        rest = coverage.outer - sum(sizes)
        assert (
            node(view, "rest")["text"]
            == f"{rest:,} genes in {coverage.n_patterns - 15} more patterns."
        )
        assert [one["label"] for one in node(view, "patterns")["sets"]] == DEMO
    elif show == "per store":
        assert cells(view, 1) == [f"{n:,}" for n in coverage.table["n_vars"]]
        view.event("grid", "sort", ["lost", "descending"])
        assert cells(view, 3) == [f"{n:,}" for n in sorted(coverage.table["lost"])[::-1]]
    elif show == "identifiers":
        assert len(cells(view, 0)) == len(coverage.what_if)
    else:
        assert cells(view, 1) == ["5 of 5", "no store"]
        assert view.csv().splitlines()[2] == "nowhere,0,0,0,0,0"
        sent = browser(ui)
        ui.event("coverage.grid", "copy", "csv")
        assert sent[1]["clip"]["text"] == view.csv()


def test_a_pasted_list_of_genes_becomes_the_panel(ui):
    ui.tab = "coverage"
    ui.coverage.event("search", "value", "CD4, CD8A\nMS4A1;CD4")
    assert ui.coverage.genes == ("CD4", "CD8A", "MS4A1")
    ui.coverage.event("train_on_genes", "press")
    assert settled(ui).var_names == ("CD4", "CD8A", "MS4A1")
    assert node(ui, "join")["value"] == "panel"
    assert ui.dataset().shape[1] == 3
    ui.coverage.event("all_genes", "press")
    assert settled(ui).var_names is None
    assert ui.coverage.join == "inner"


def test_genes_that_are_assigned_are_in_the_field(ui):
    ui.coverage.genes = ("CD4", "MS4A1")
    ui.tab = "coverage"
    assert node(ui, "search")["value"] == "CD4, MS4A1"
    ui.coverage.event("search", "value", "  CD4 CD4\nLYZ;")
    assert ui.coverage.genes == ("CD4", "LYZ")
    assert node(ui, "search")["value"] == "  CD4 CD4\nLYZ;"
    ui.coverage.genes = ()
    assert node(ui, "search")["value"] == ""


def test_identifiers_become_the_recipe(tmp_path):
    genes = [f"ENSG{i:011d}" for i in range(6)]
    a = write(tmp_path, "a", {"k": ["x"] * 3}, genes=[f"{gene}.3" for gene in genes])
    adata = ad.AnnData(
        np.ones((3, 6), np.float32),
        obs=pd.DataFrame({"k": ["y"] * 3}, index=list("pqr")),
        var=pd.DataFrame({"gene_ids": [f"{gene}.4" for gene in genes]}, index=list("ABCDEF")),
    )
    adata.write_h5ad(tmp_path / "b.h5ad")
    view = mv.CoverageView([a, str(tmp_path / "b.h5ad")], label="k", workers=0)
    assert view.session.wait()
    assert view.audit.fatal
    view.event("strip_version", "value", True)
    assert view.session.wait()
    assert view.session.recipe.strip_version
    way = next(name for name in view._ways() if name.startswith("by kind") or "gene_ids" in name)
    options = {one["text"]: one["id"] for one in node(view, "identifier")["options"]}
    view.event("identifier", "value", options[way])
    assert view.identifier == way
    assert view.session.wait()
    assert not view.audit.fatal
    assert view.audit.coverage.inner == 6
    assert view.session.dataset().shape == (6, 6)


def test_names_are_mapped_from_the_tab(tmp_path):
    symbols = ["TP53", "CD4", "CD8A", "CD3E", "MS4A1", "NKG7", "LYZ", "GNLY", "SEPT2", "GAPDH"]
    identifiers = genes.packaged("human").map(symbols, "symbol->ensembl").values.tolist()
    paths = [
        write(tmp_path, name, {"k": ["x"] * 3}, genes=some)
        for name, some in (("a", symbols), ("b", identifiers))
    ]
    view = mv.CoverageView(paths, label="k", workers=0)
    assert view.session.wait()
    options = {one["text"]: one for one in node(view, "identifier")["options"]}
    assert options["index, symbol->ensembl"]["note"] == "10 genes in all"
    view.event("identifier", "value", options["index, symbol->ensembl"]["id"])
    assert view.session.wait()
    assert view.session.recipe.var_map["map"] == "symbol->ensembl"
    assert view.session.recipe.var_map["table"] == "human"
    assert view.identifier == "index, symbol->ensembl"
    assert view.audit.coverage.inner == 10
    assert view.session.dataset().n_vars == 10
    view.session.edit(strip_version=True)
    assert view.identifier == "index, symbol->ensembl"
    view.session.edit(var_map="symbol->ensembl")  # by the species of the names: not in the table
    assert view.identifier == "index, symbol->ensembl"
    assert view.session.recipe.var_map["table"] == "packaged"
    view.identifier = "index"
    assert view.session.wait()
    assert view.session.recipe.var_map is None
    assert view.audit.fatal


def test_stores_to_leave_out_together(tmp_path):
    has = {"a": "ABCD", "b": "ABCD", "c": "ABxy", "d": "ABxz"}
    paths = [
        write(tmp_path, name, {"k": ["x"] * 3}, genes=list(genes)) for name, genes in has.items()
    ]
    view = mv.CoverageView(mv.audit(paths, progress=False, workers=0), show="without one store")
    assert "No single store decides" in node(view, "alone")["text"]
    assert cells(view, 0, "together") == ["2"]
    assert cells(view, 1, "together") == ["4"]
    assert cells(view, 3, "together") == ["c.h5ad, d.h5ad"]
    view.event("together", "selected", [node(view, "together")["rows"][0]["id"]])
    assert view.session.stores == ("c.h5ad", "d.h5ad")
    assert node(view, "together")["selected"]
    saved = mv.Audit.from_json(view.audit.to_json())
    view = mv.CoverageView(saved, show="without one store")
    assert node(view, "together") == {}


def test_genes_of_many_stores_are_a_histogram(tmp_path):
    paths = [
        write(tmp_path, f"s{i:02}", {"k": ["x"]}, genes=["all", f"only {i}", *["some"] * (i > 5)])
        for i in range(21)
    ]
    view = mv.CoverageView(mv.audit(paths, progress=False, workers=0), show="patterns")
    assert node(view, "patterns")["kind"] == "histogram"
    bins = node(view, "patterns")["bins"]
    assert sum(one["count"] for one in bins) == 23
    assert bins[-1]["title"] == "1 gene in 21 of 21 stores"
