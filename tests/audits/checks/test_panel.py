"""Checks of a panel: is it there, and where."""

import pytest

from mappedviz.audits.checks import panel
from tests.audits import ensembl, found, ids, made, quiet, symbols
from tests.audits.checks.cases import cases_of, finds


@pytest.mark.parametrize("name", cases_of(panel))
def test_a_check_finds_what_it_is_for(tmp_path, name):
    finds(tmp_path, name)


@pytest.mark.parametrize(
    ("named", "there"),
    [
        ("SYM1\n", "SYM1"),
        (" SYM1", "SYM1"),
        ("SYM1\r\n", "SYM1"),
        ("\ufeffSYM1", "SYM1"),
        ('"SYM1"', "SYM1"),
        ("sym1", "SYM1"),
        (" Sym1\t", "SYM1"),
        ("ENSG00000000003.7", "ENSG00000000003"),
        ("ensg00000000003", "ENSG00000000003"),
        ("ENSG00000000005", "ENSG00000000005.2"),
        ("ENSG00000000005.1", "ENSG00000000005.2"),
    ],
)
def test_a_panel_is_cleaned(tmp_path, named, there):
    genes = [*symbols()[:10], "ENSG00000000003", "ENSG00000000005.2"]
    paths = made(tmp_path, [{"genes": genes}])
    (finding,) = found(quiet(paths, var_names=["SYM0", named]), "panel-spelling")
    assert finding.fix.var_names == ("SYM0", there)
    assert repr(there) in finding.message
    assert not found(quiet(None, recipe=finding.fix), "panel-spelling")


def test_a_panel_of_which_nothing_is_there_is_refused_and_mended(tmp_path):
    audit = quiet(made(tmp_path, [{"genes": symbols()}]), var_names=["SYM0\n", "SYM0", "sym2"][::2])
    assert audit.fatal
    (finding,) = found(audit, "panel-spelling")
    assert not quiet(None, recipe=finding.fix).fatal


def test_cleaned_names_are_named_once(tmp_path):
    audit = quiet(made(tmp_path, [{"genes": symbols()}]), var_names=["SYM0\n", "SYM0", "SYM1"])
    (finding,) = found(audit, "panel-spelling")
    assert finding.fix.var_names == ("SYM0", "SYM1")


def test_a_panel_that_is_there_is_fine(tmp_path):
    audit = quiet(made(tmp_path, [{"genes": symbols()}] * 2), var_names=symbols()[:5])
    assert not [name for name in ids(audit) if name.startswith("panel")]


@pytest.mark.parametrize(("have", "error"), [(0, True), (1, True), (3, False)])
def test_a_store_with_almost_nothing_of_the_panel(tmp_path, have, error):
    genes = symbols()
    other = [*genes[:have], *ensembl()[have:]]
    audit = quiet(made(tmp_path, [{"genes": genes}, {"genes": other}]), var_names=genes)
    findings = found(audit, "panel-absent")
    assert [(one.severity, one.stores) for one in findings] == [("error", ("s1.h5ad",))] * error


def test_genes_in_enough_stores_of_which_a_store_has_none(tmp_path):
    stores = [{"genes": symbols()}, {"genes": symbols()}, {"genes": ensembl()}]
    (finding,) = found(quiet(made(tmp_path, stores), min_stores=2), "panel-absent")
    assert finding.stores == ("s2.h5ad",)
    assert "that are kept" in finding.message
