"""Checks of labels: presence, type, gaps, spelling."""

import pytest

from mappedviz.audits.checks import labels
from tests.audits import DEMO, found, quiet
from tests.audits.checks.cases import cases_of, finds


@pytest.mark.parametrize("name", cases_of(labels))
def test_a_check_finds_what_it_is_for(tmp_path, name):
    finds(tmp_path, name)


def test_an_alias_is_proposed_for_each_store(demo_data):
    audit = quiet([demo_data / name for name in DEMO], "cell_type")
    (finding,) = found(audit, "label-absent")
    alias = finding.fix.obs_alias["cell_type"]
    assert dict(alias) == {
        "10x_pbmc68k_reduced.h5ad": "bulk_labels",
        "pbmc3k_processed.v3sharded.zarr": "louvain",
        "spectra_breast_immune.h5ad": "cell_type_annotations",
    }
    assert quiet(None, recipe=finding.fix).labels().total["CD4_T"] == 250 + 264
