"""Checks of bias: rare classes, weights, batches, repeats."""

import pytest

from mappedviz.audits.checks import bias
from mappedviz.testing import coded_anndata
from tests.audits import found, made, quiet
from tests.audits.checks.cases import FINDS, cases_of, finds
from tests.stores import STORE_KINDS


@pytest.mark.parametrize("name", cases_of(bias))
def test_a_check_finds_what_it_is_for(tmp_path, name):
    finds(tmp_path, name)


@pytest.mark.parametrize(
    ("weighed", "formula"),
    [
        ({}, "1/n for 'ct'"),
        ({"weights_keys": "ct", "weights_scaler": 2}, "2/(n+2) for 'ct'"),
        ({"weights_keys": ["ct", "donor"]}, "1/n for 'ct', 'donor'"),
        ({"weights_keys": "ct", "weights_scheme": "sqrt"}, None),
        ({"weights_keys": "ct", "weights_scheme": "uniform"}, None),
    ],
)
def test_the_weights_that_the_recipe_asks_for_are_judged(tmp_path, weighed, formula):
    stores, asked = FINDS["weights"]
    stores = [{**stores[0], "obs": {**stores[0]["obs"], "donor": ["d"] * 900}}]
    findings = found(quiet(made(tmp_path, stores), **asked, **weighed), "weights")
    assert [one.message.startswith(f"Weights {formula} ") for one in findings] == [True] * bool(
        formula
    )


def test_same_rows_are_found_whatever_the_order_of_the_genes(tmp_path):
    adata = coded_anndata(0, 24, plain=True)
    other = adata[::-1, ::-1].copy()
    other.obs_names = [f"x{i}" for i in range(24)]
    paths = [
        STORE_KINDS["h5ad"](adata, tmp_path / "a"),
        STORE_KINDS["zarr-v3"](other, tmp_path / "b"),
    ]
    audit = quiet(paths, deep=True)
    (finding,) = found(audit, "same-rows")
    assert finding.number == 24 - 2  # rows without any value say nothing
    assert not found(audit, "same-cells")
