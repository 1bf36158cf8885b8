"""Checks of what names of genes say of their reference, and of what was done to them."""

import numpy as np
import pandas as pd
import pytest

import mappedviz as mv
from mappedviz.audits.checks import references
from mappedviz.audits.checks.references import made_unique
from mappedviz.collection.variables import unmapped_names
from tests.audits import found, ids, made, quiet, symbols
from tests.audits.checks.cases import IDENTIFIERS, NEW, OLD, REAL, cases_of, finds


@pytest.mark.parametrize("name", cases_of(references))
def test_what_it_finds(tmp_path, name):
    finds(tmp_path, name)


# ---------------------------------------------------------------------------- releases
def test_identifiers_of_two_releases_are_brought_together(tmp_path):
    audit = quiet(made(tmp_path, [{"genes": OLD}, {"genes": NEW}, {"genes": NEW}]), join="outer")
    (finding,) = found(audit, "reference-release")
    assert finding.severity == "warning"
    assert finding.stores == ("s0.h5ad",)
    assert finding.number == 1
    assert "'ENSG00000116957'" in finding.message
    assert "GRCh37 to 84 in 1, 93 to 114 in 2 of 3 stores" in finding.message
    assert "1 of the genes have another identifier" in finding.message
    assert finding.fix.var_map["map"] == "ensembl->ensembl"
    mended = quiet(None, recipe=finding.fix)
    assert mended.coverage.outer == 12 == audit.coverage.outer - 1
    assert "reference-release" in mended.passed


@pytest.mark.parametrize(
    "stores",
    [
        [NEW, NEW],
        [NEW, IDENTIFIERS[:6] + [f"ENSG0000099999{k}" for k in range(6)]],  # no release has them
        [[f"{name}.3" for name in NEW], NEW],
    ],
)
def test_identifiers_of_one_release_pass(tmp_path, stores):
    audit = quiet(made(tmp_path, [{"genes": one} for one in stores]), join="outer")
    assert "reference-release" in audit.passed or len(set(map(str, stores))) == 1


def test_releases_say_nothing_of_symbols_and_of_other_species(tmp_path):
    fish = [f"ENSDARG{k:011d}" for k in range(12)]
    for stores in ([REAL, REAL], [NEW, REAL], [fish, fish]):
        audit = quiet(made(tmp_path, [{"genes": one} for one in stores]), join="outer")
        assert "reference-release" in {one.id for one in audit.not_applicable}


# ---------------------------------------------------------------------------- filtered genes
def filtered(marks):
    return pd.DataFrame({"feature_is_filtered": marks}, index=symbols())


def test_filtered_genes_are_counted(tmp_path):
    marks = [[True] * 5 + [False] * 7, [True] + [False] * 11, [False] * 12]
    audit = quiet(made(tmp_path, [{"var": filtered(one)} for one in marks]))
    (finding,) = found(audit, "feature-filtered")
    assert (finding.number, finding.stores) == (6, ("s0.h5ad", "s1.h5ad"))
    assert "6 genes are marked as filtered" in finding.message
    assert "5 of them in s0.h5ad" in finding.message


def test_no_filtered_gene_passes_and_other_columns_are_none(tmp_path):
    audit = quiet(made(tmp_path, [{"var": filtered([False] * 12)}]))
    assert "feature-filtered" in audit.passed
    for marks in (["yes"] * 12, [1] * 12):
        audit = quiet(made(tmp_path, [{"var": filtered(marks)}]))
        assert "feature-filtered" in {one.id for one in audit.not_applicable}


def test_raw_is_not_filtered(tmp_path):
    import anndata as ad

    raw = ad.AnnData(np.ones((24, 12), "f4"), var=pd.DataFrame(index=symbols()))
    paths = made(tmp_path, [{"var": filtered([True] * 12), "raw": raw}])
    asked = {"layers_keys": "counts", "layer_alias": {"counts": ["raw.X"]}}
    assert "feature-filtered" in quiet(paths, **asked).passed
    assert "feature-filtered" in ids(quiet(paths))


# ---------------------------------------------------------------------------- suffixes
def test_names_that_were_made_unique():
    def of(*names):
        return made_unique(np.array(names, dtype=object))

    assert of("A", "A-1", "A-2", "B") == {"A-1": "A", "A-2": "A"}
    assert of("NKX2-1", "HLA-A", "A-01", "A", "B-2", "B", "-1", "A-x") == {}
    assert of("A", "A-1", "A-1-1") == {"A-1": "A", "A-1-1": "A-1"}


def test_suffixes_are_taken_off_and_added_up(tmp_path):
    names = ["CD4", "CD4-1", "CD4-1-1", *symbols()[3:]]
    other = ["CD4", "A", "B", *symbols()[3:]]
    audit = quiet(made(tmp_path, [{"genes": names}, {"genes": other}]))
    (finding,) = found(audit, "suffix-names")
    assert (finding.number, finding.stores) == (2, ("s0.h5ad",))
    assert finding.fix.var_alias == {"CD4-1": "CD4", "CD4-1-1": "CD4"}
    assert finding.fix.duplicates == "sum"
    before, after = audit.collection(), mv.MappedCollection.from_recipe(finding.fix)
    assert after.var_joint.tolist() == before.var_joint.tolist()
    whole = mv.MappedCollection(finding.fix.paths[:1])[:]["X"]
    np.testing.assert_array_equal(after[:24]["X"][:, 0], whole[:, :3].sum(axis=1))


def test_names_without_suffixes_pass(tmp_path):
    audit = quiet(made(tmp_path, [{"genes": ["HLA-A", "NKX2-1", *symbols()[2:]]}]))
    assert "suffix-names" in audit.passed


# ---------------------------------------------------------------------------- left out
def test_what_a_map_leaves_out_is_said(tmp_path):
    names = ["Y_RNA", "nonsense", *REAL[2:]]
    paths = made(tmp_path, [{"genes": names}, {"genes": REAL}])
    audit = quiet(paths, var_map="symbol->ensembl")
    (finding,) = found(audit, "names-left-out")
    assert (finding.number, finding.severity, finding.stores) == (2, "warning", ("s0.h5ad",))
    assert "1 mean several genes, 1 are not known" in finding.message
    assert "16.7 % of the names of s0.h5ad" in finding.message
    recipe = audit.recipe
    assert len(unmapped_names(recipe, audit.collection().stores)) == 2
    assert "names-left-out" in quiet(paths[1:], var_map="symbol->ensembl").passed


def test_new_names_that_match_nothing_are_said(tmp_path):
    paths = made(tmp_path, [{"genes": REAL}])
    asked = {"var_map": "symbol->ensembl", "var_alias": {"CD44": "x", NEW[1]: "y", "CD4": "CD4"}}
    (finding,) = found(quiet(paths, **asked), "recipe-matches-nothing")
    assert "var_alias names 'CD44'" in finding.message
    assert "which no gene matches" in finding.message
    assert finding.number == 1
