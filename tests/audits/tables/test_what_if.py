"""Joins by other identifiers."""

import pandas as pd
import pytest

from mappedviz import Recipe
from mappedviz.audits.scan import scan_store
from mappedviz.audits.tables.genes import coverage_of
from mappedviz.testing import coded_anndata
from tests.stores import STORE_KINDS


def ensembl(i, version=None):
    return f"ENSG{i:011d}" + ("" if version is None else f".{version}")


@pytest.fixture
def three_kinds(tmp_path):
    """The same genes by symbol, by Ensembl with symbols in a column, and by versioned Ensembl."""
    paths = []
    for i in range(3):
        adata = coded_anndata(i, n_vars=6, plain=True)
        symbols = [f"SYM{k}" for k in range(6)]
        adata.var = pd.DataFrame(index=symbols)
        adata.var["gene_ids"] = [ensembl(k) for k in range(6)]
        if i == 1:
            adata.var = pd.DataFrame(
                {"feature_name": symbols}, index=[ensembl(k) for k in range(6)]
            )
        if i == 2:
            adata.var["gene_ids"] = [ensembl(k, 3) for k in range(6)]
            adata.var = adata.var.set_index("gene_ids")
            adata.var["name"] = symbols
        paths.append(STORE_KINDS["h5ad"](adata, tmp_path / f"s{i}"))
    return paths


def test_what_if_tells_what_other_identifiers_join(three_kinds):
    scans = [scan_store(path) for path in three_kinds]
    coverage = coverage_of(scans)
    assert coverage.table["id_kind"].tolist() == ["symbol", "ensembl", "ensembl.version"]
    assert coverage.inner == 0
    what_if = coverage.what_if.set_index(["identifier", "strip_version", "upper_case"])["inner"]
    assert what_if["index", False, False] == 0
    assert what_if["by kind: symbol", False, False] == 6
    assert what_if["var['gene_ids']", False, False] == 0
    assert what_if["var['gene_ids']", True, False] == 6
    row = coverage.what_if[coverage.what_if["identifier"] == "by kind: symbol"].iloc[0]
    assert row["var_key"] == {"s1.h5ad": "feature_name", "s2.h5ad": "name"}
    for _, row in coverage.what_if.iterrows():  # the table keeps its promise
        if row["upper_case"]:
            continue
        recipe = Recipe(var_key=row["var_key"], strip_version=row["strip_version"])
        if isinstance(row["var_key"], str):
            continue  # not every store has the column
        assert coverage_of(scans, recipe).inner == row["inner"]


def test_case_is_a_what_if_of_its_own(tmp_path):
    names = [["Cd4", "Cd8a"], ["CD4", "CD8A"]]
    paths = [
        STORE_KINDS["h5ad"](coded_anndata(i, genes=some, plain=True), tmp_path / f"s{i}")
        for i, some in enumerate(names)
    ]
    what_if = coverage_of([scan_store(path) for path in paths]).what_if
    found = what_if[what_if["identifier"] == "index"]
    assert found["upper_case"].tolist() == [False, True]
    assert found["inner"].tolist() == [0, 2]
