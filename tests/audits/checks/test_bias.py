"""Checks of bias: rare classes, weights, batches, repeats."""

import numpy as np
import pandas as pd
import pytest

from mappedviz.audits.checks import bias
from mappedviz.testing import coded_anndata
from tests.audits import counts, found, ids, made, quiet
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


@pytest.mark.parametrize(("differ", "told"), [(True, []), (False, ["same-cells"])])
def test_cells_of_one_name_that_differ_are_not_the_same(tmp_path, differ, told):
    """Names alone say nothing once the values were read."""
    stores = [{"X": counts(3)}, {"X": counts(3) + 1 if differ else counts(3)}]
    paths = made(tmp_path, stores)
    assert [name for name in ids(quiet(paths)) if name == "same-cells"] == ["same-cells"]
    audit = quiet(paths, deep=True)
    assert [name for name in ids(audit) if name == "same-cells"] == told
    assert bool(found(audit, "same-rows")) is not differ


def test_values_on_another_scale_say_nothing_about_cells(tmp_path):
    stores = [{"X": counts(3)}, {"X": np.log1p(counts(3))}]
    assert "same-cells" in ids(quiet(made(tmp_path, stores), deep=True))


@pytest.mark.parametrize(
    ("columns", "field"),
    [
        ([[True, False] * 12, [True] * 24], "obs_filter"),
        ([[True, False] * 12, None], "obs_query"),
        ([pd.array([True, False, None] * 8, dtype="boolean"), [True] * 24], "obs_query"),
        ([["True", "False"] * 12, ["True"] * 24], "obs_filter"),
        ([["True", "False"] * 12, None], "obs_query"),
    ],
)
def test_copies_are_left_out_and_cells_that_do_not_say_stay(tmp_path, columns, field):
    obs = [{} if one is None else {"obs": {"is_primary_data": one}} for one in columns]
    audit = quiet(made(tmp_path, obs))
    (finding,) = found(audit, "primary-data")
    n = sum(str(value) == "False" for one in columns if one is not None for value in one)
    assert finding.number == n
    assert getattr(finding.fix, field)
    assert len(audit.collection(finding.fix)) == 48 - n
    both = quiet(made(tmp_path, obs), obs_query="origin != 'x' or batch == 'y'")
    (finding,) = found(both, "primary-data")
    assert len(both.collection(finding.fix)) == 48 - n


def test_a_collection_of_copies_is_worth_knowing(tmp_path):
    (finding,) = found(
        quiet(made(tmp_path, [{"obs": {"is_primary_data": [False] * 24}}])), "primary-data"
    )
    assert (finding.severity, finding.fix) == ("info", None)
    assert "no cell is left without them" in finding.message
