"""Stores that are genes × cells."""

import pytest

from mappedviz.audits.tables.transposed import transposed_stores
from tests.audits import found, ids, made, quiet, symbols

CELLS = [f"cell{i}" for i in range(12)]
GENES = [{"genes": symbols()}, {"n_obs": 12, "obs_names": symbols(), "genes": CELLS}]


@pytest.mark.parametrize("join", ["inner", "outer"])
def test_an_outer_join_with_it_is_not_offered(tmp_path, join):
    audit = quiet(made(tmp_path, GENES), join=join)
    (finding,) = found(audit, "transposed")
    assert (finding.stores, finding.severity) == (("s1.h5ad",), "error")
    assert "'SYM0'" in finding.message
    assert not [
        one for one in audit.findings if one.fix is not None and one.fix.join == "outer"
    ] or (join == "outer")


def test_numbers_as_names_are_no_genes(tmp_path):
    numbers = [str(i) for i in range(12)]
    stores = [{"genes": numbers}, {"n_obs": 12, "obs_names": numbers, "genes": symbols()}]
    audit = quiet(made(tmp_path, stores), join="outer")
    assert "transposed" not in ids(audit)


def test_no_stores():
    assert transposed_stores([]) == {}
