"""Joins by other identifiers."""

import pandas as pd
import pytest

from mappedviz import MappedCollection, Recipe, genes
from mappedviz.audits.reading import scan_store
from mappedviz.audits.tables.genes import coverage_of
from mappedviz.testing import coded_anndata
from tests.audits import symbols
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
        recipe = Recipe(
            var_key=row["var_key"], strip_version=row["strip_version"], var_map=row["var_map"]
        )
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


# ------------------------------------------------------------------------------ mapped names
GENES = [
    "TP53",
    "CD4",
    "CD8A",
    "CD3E",
    "MS4A1",
    "NKG7",
    "LYZ",
    "GNLY",
    "SEPT2",
    "GAPDH",
    "Y_RNA",
    "mine",
]


def with_genes(tmp_path, lists):
    return [
        scan_store(
            STORE_KINDS["h5ad"](coded_anndata(i, genes=some, plain=True), tmp_path / f"s{i}")
        )
        for i, some in enumerate(lists)
    ]


def by_map(coverage):
    some = coverage.what_if[coverage.what_if["var_map"].notna()]
    return {
        row["identifier"]: (row["var_map"], row["inner"], row["outer"])
        for _, row in some.iterrows()
    }


def test_names_of_two_kinds_are_brought_together_by_a_table(tmp_path):
    identifiers = genes.packaged("human").map(GENES[:10], "symbol->ensembl").values.tolist()
    scans = with_genes(tmp_path, [GENES, [f"{one}.2" for one in identifiers]])
    coverage = coverage_of(scans)
    assert by_map(coverage) == {
        "index, symbol->ensembl": ("human: symbol->ensembl", 10, 10),
        "index, ensembl->symbol": ("human: ensembl->symbol", 9, 13),
    }
    for _, row in coverage.what_if[coverage.what_if["var_map"].notna()].iterrows():
        asked = Recipe(var_key=row["var_key"], var_map=row["var_map"])
        again = coverage_of(scans, asked)
        assert (again.inner, again.outer) == (row["inner"], row["outer"])
        ds = MappedCollection.from_recipe(asked.replace(paths=[scan.path for scan in scans]))
        assert ds.n_vars == row["inner"]
        assert again.table["kept"].tolist() == [row["inner"]] * 2
        assert set(again.names) >= set(ds.var_joint)


def test_symbols_of_different_years(tmp_path):
    new = ["SEPTIN2" if one == "SEPT2" else one for one in GENES]
    assert by_map(coverage_of(with_genes(tmp_path, [GENES, new]))) == {
        "index, symbol->symbol": ("human: symbol->symbol", 12, 12)
    }


def test_a_table_is_not_asked_where_it_knows_nothing(tmp_path):
    """Synthetic names, another species, two species, or stores that have all names in common."""
    fish = [f"ENSDARG{k:011d}" for k in range(12)]
    mouse = [gene.title() for gene in GENES]
    lists = {"synthetic": [symbols(), [*symbols()[1:], "x"]], "fish": [fish, GENES]}
    lists |= {"two": [GENES, mouse], "same": [GENES, GENES]}
    for name, some in lists.items():
        (tmp_path / name).mkdir()
        assert by_map(coverage_of(with_genes(tmp_path / name, some))) == {}


def test_new_names_of_single_genes_are_counted_as_they_are_joined(tmp_path):
    scans = with_genes(tmp_path, [["A", "B"], ["A", "C"]])
    coverage = coverage_of(scans, Recipe(var_alias={"C": "B"}))
    assert (coverage.inner, coverage.outer, sorted(coverage.names)) == (2, 2, ["A", "B"])
    refused = coverage_of(scans, Recipe(var_map="symbol->ensembl"))  # of no species
    assert refused.outer == 3
