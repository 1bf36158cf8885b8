"""Checks of what a recipe leaves: rows, labels, classes."""

import numpy as np
import pytest

from mappedviz.audits.checks import selection
from tests.audits import LABELS, found, ids, made, quiet
from tests.audits.checks.cases import cases_of, finds


@pytest.mark.parametrize("name", cases_of(selection))
def test_a_check_finds_what_it_is_for(tmp_path, name):
    finds(tmp_path, name)


def one(tmp_path, **obs):
    return made(tmp_path, [{"obs": {"ct": LABELS, **obs}}])


@pytest.mark.parametrize("wanted", ["Blood", ["x", "y"], 1, True, [np.nan]])
def test_a_filter_that_leaves_nothing_says_what_there_is(tmp_path, wanted):
    audit = quiet(one(tmp_path, tissue=["blood"] * 24), "ct", obs_filter={"tissue": wanted})
    (finding,) = found(audit, "no-cells")
    assert finding.severity == "error"
    assert "'blood'" in finding.message
    assert not audit.fatal
    assert len(audit.collection()) == 0
    assert len(audit.collection(finding.fix)) == 24


def test_two_conditions_that_leave_nothing_together(tmp_path):
    obs_filter = {"a": "x", "b": "y"}
    audit = quiet(one(tmp_path, a=["x", "y"] * 12, b=["x", "y"] * 12), "ct", obs_filter=obs_filter)
    (finding,) = found(audit, "no-cells")
    assert "'a'" in finding.message
    assert "'b'" in finding.message


@pytest.mark.parametrize("labels", [[1] * 24, [True] * 24, [2.0] * 24, ["T"] * 24])
def test_one_class_of_any_type(tmp_path, labels):
    (finding,) = found(quiet(one(tmp_path, k=labels), "k"), "one-class")
    assert repr(labels[0]) in finding.message
    assert "All 24 labelled cells" in finding.message


@pytest.mark.parametrize(
    ("request_", "names"),
    [
        ({"relabel": {"ct": {"T": "B"}}}, "relabel"),
        ({"unknown_label": "T"}, "unknown_label"),
        ({"obs_alias": {"ct": ["other"]}}, "obs_alias"),
    ],
)
def test_what_leaves_one_class_is_named(tmp_path, request_, names):
    paths = one(tmp_path, other=["x"] * 24)
    (finding,) = found(quiet(paths, "ct", **request_), "one-class")
    assert names in finding.message


def test_labels_that_are_all_unknown_are_none(tmp_path):
    audit = quiet(one(tmp_path, k=["unknown"] * 24), "k", unknown_label="unknown")
    assert "no-label" in ids(audit)
    assert "key-empty" not in ids(audit)


@pytest.mark.parametrize("role", ["obs_keys", "weights_keys", "split_by", "batch"])
def test_keys_of_any_role_may_be_empty_in_a_store(tmp_path, role):
    obs = {"ct": LABELS}
    stores = [{"obs": {**obs, "k": LABELS}}, {"obs": {**obs, "k": np.full(24, np.nan)}}]
    value = "k" if role in ("split_by", "batch") else ["ct", "k"]
    (finding,) = found(quiet(made(tmp_path, stores), label="ct", **{role: value}), "key-empty")
    assert finding.stores == ("s1.h5ad",)
    assert "24 cells" in finding.message


def test_a_store_that_lacks_the_column_of_the_filter(tmp_path):
    paths = made(tmp_path, [{"obs": {"t": LABELS}}, {"obs": {"tissue": LABELS}}])
    (finding,) = found(quiet(paths, obs_filter={"t": "T"}), "store-left-out")
    assert finding.severity == "warning"
    assert "1 have no obs column 't'" in finding.message
