"""The genes: the join, a panel, identifiers."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import mappedviz as mv
from mappedviz.views.coverage import SHOWS
from tests.views.looks import DEMO, settled, write


def test_coverage_edits_the_join(ui):
    ui.coverage.join_control.value = "outer"
    assert ui.recipe.join == "outer"
    ui.coverage.k_control.value = 3
    assert (ui.recipe.join, ui.recipe.min_stores) == ("inner", 3)
    assert ui.coverage.join == "k"
    ui.coverage.curve.selected = ["2"]
    assert ui.recipe.min_stores == 2
    ui.coverage.join_control.value = "inner"
    assert ui.recipe.min_stores is None
    assert ui.coverage.k_control.value == 5
    settled(ui)


@pytest.mark.parametrize("show", SHOWS)
def test_each_picture_of_the_genes(ui, show):
    ui.tab = "coverage"
    ui.coverage.genes = ("CD4", "nowhere")
    ui.coverage.show_control.value = show
    assert ui.coverage.show == show
    coverage, view = ui.audit.coverage, ui.coverage
    if show == "genes against k":
        assert [y for _, y in view.curve.points] == coverage.at_least.tolist()
    elif show == "without one store":
        table = coverage.table.loc[DEMO]
        gains = {row["label"]: row["values"][1] for row in view.bars.rows}
        assert gains == table["gain_without"].to_dict()
    elif show == "patterns":
        assert sum(row["values"][0] for row in view.bars.rows) == coverage.outer
    elif show == "per store":
        assert [row["cells"][1]["value"] for row in view.grid.rows] == coverage.table[
            "n_vars"
        ].tolist()
    elif show == "identifiers":
        assert len(view.grid.rows) == len(coverage.what_if)
    else:
        assert [row["cells"][1]["text"] for row in view.grid.rows] == ["5 of 5", "no store"]
        assert view.csv.text.splitlines()[2] == "nowhere,0,0,0,0,0"


def test_a_pasted_list_of_genes_becomes_the_panel(ui):
    ui.coverage.search_control.value = "CD4, CD8A\nMS4A1;CD4"
    assert ui.coverage.genes == ("CD4", "CD8A", "MS4A1")
    ui.coverage.panel_button.click()
    assert settled(ui).var_names == ("CD4", "CD8A", "MS4A1")
    assert ui.coverage.join_control.value == "panel"
    assert ui.dataset().shape[1] == 3
    ui.coverage.no_panel_button.click()
    assert settled(ui).var_names is None
    assert ui.coverage.join == "inner"


def test_genes_that_are_assigned_are_in_the_field(ui):
    ui.coverage.genes = ("CD4", "MS4A1")
    assert ui.coverage.search_control.value == "CD4, MS4A1"
    ui.coverage.search_control.value = "  CD4 CD4\nLYZ;"
    assert ui.coverage.genes == ("CD4", "LYZ")
    assert ui.coverage.search_control.value == "  CD4 CD4\nLYZ;"
    ui.coverage.genes = ()
    assert ui.coverage.search_control.value == ""


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
    view.strip_control.value = True
    assert view.session.wait()
    assert view.session.recipe.strip_version
    way = next(name for name in view._ways if name.startswith("by kind") or "gene_ids" in name)
    view.identifier_control.value = way
    assert view.session.wait()
    assert not view.audit.fatal
    assert view.audit.coverage.inner == 6
    assert view.session.dataset().shape == (6, 6)
