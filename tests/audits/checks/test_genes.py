"""Checks of genes: identifiers, repeats, joins, species."""

import pytest

from mappedviz.audits.checks import genes
from tests.audits import found, made, quiet, symbols
from tests.audits.checks.cases import cases_of, finds


@pytest.mark.parametrize("name", cases_of(genes))
def test_a_check_finds_what_it_is_for(tmp_path, name):
    finds(tmp_path, name)


def test_repeated_genes_are_fatal_and_mended(tmp_path):
    paths = made(tmp_path, [{"genes": ["a", "a", "b"]}])
    audit = quiet(paths)
    assert audit.fatal
    (finding,) = found(audit, "duplicate-genes")
    assert finding.number == 1
    mended = quiet(None, recipe=finding.fix)
    assert not mended.fatal
    assert found(mended, "duplicate-genes")[0].severity == "info"


def test_identifiers_that_are_repeated_without_versions_are_added_up(tmp_path):
    plain = [f"ENSG{i:011d}" for i in range(20)]
    versioned = [f"{one}.1" for one in plain[1:]] + [f"{plain[1]}.2"]
    audit = quiet(made(tmp_path, [{"genes": plain}, {"genes": versioned}]))
    (finding,) = found(audit, "gene-versions")
    assert finding.change == {"strip_version": True, "duplicates": "sum"}
    assert finding in audit.safe_fixes()
    mended = quiet(None, recipe=finding.fix)
    assert not mended.fatal
    assert mended.coverage.inner == 19


def test_one_store_that_costs_the_join_most(tmp_path):
    genes = [symbols(), symbols(), ["SYM0"]]
    stores = [{"genes": some, "store": i} for i, some in enumerate(genes)]
    audit = quiet(made(tmp_path, stores))
    (finding,) = found(audit, "join-one-store")
    assert finding.stores == ("s2.h5ad",)
    assert finding.number == 11
    assert quiet(None, recipe=finding.fix).coverage.inner == 12
