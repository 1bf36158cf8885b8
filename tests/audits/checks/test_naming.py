"""Checks of labels and columns that a recipe names."""

import pytest

from mappedviz.audits.checks import naming
from tests.audits import LABELS, found, made, quiet
from tests.audits.checks.cases import cases_of, finds


@pytest.mark.parametrize("name", cases_of(naming))
def test_a_check_finds_what_it_is_for(tmp_path, name):
    finds(tmp_path, name)


STORES = [{"obs": {"ct": LABELS, "n": [1, 2] * 12, "b": [True, False] * 12}}]


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"obs_filter": {"ct": ["T", "b"]}}, ["obs_filter['ct']", "'b'", "did you mean 'B'"]),
        ({"obs_filter": {"n": [1, "2"]}}, ["obs_filter['n']", "'2'", "did you mean 2?"]),
        ({"relabel": {"ct": {"t cells": "T"}}}, ["relabel['ct']", "'t cells'", "'T'"]),
        ({"relabel": {"CT": {"T": "B"}}}, ["relabel names 'CT'", "'ct'", "no obs column"]),
        ({"encoders": {"ct": {"T": 0, "B": 1, "NK": 2}}}, ["encoders['ct']", "'NK'"]),
        ({"unknown_label": "unknown"}, ["unknown_label", "'unknown'"]),
        ({"unknown_label": {"ct": "t"}}, ["unknown_label['ct']", "'T'"]),
        ({"obs_alias": {"ct": ["ct", "CT"]}}, ["obs_alias['ct']", "'CT'", "'ct'"]),
        ({"obs_alias": {"x": {"s0": "Ct"}}}, ["obs_alias['x']", "'Ct'", "'ct'"]),
    ],
)
def test_names_that_match_nothing(tmp_path, request_, words):
    (finding,) = found(quiet(made(tmp_path, STORES), "ct", **request_), "recipe-matches-nothing")
    assert finding.severity == "warning"
    assert all(word in finding.message for word in words), finding.message


@pytest.mark.parametrize(
    "request_",
    [
        {"obs_filter": {"ct": ["T", "B"]}},
        {"obs_filter": {"ct": ["T", float("nan")]}},
        {"obs_filter": {"n": 1.0}},
        {"obs_filter": {"b": True}},
        {"obs_filter": {"ct": "Tc"}, "relabel": {"ct": {"T": "Tc"}}},
        {"encoders": {"ct": {"T": 0, "B": 1, "unknown": -1}}},
        {"unknown_label": "T"},
        {"obs_alias": {"ct": {"s0": "ct"}}},
    ],
)
def test_names_that_match(tmp_path, request_):
    assert not found(quiet(made(tmp_path, STORES), "ct", **request_), "recipe-matches-nothing")


def test_a_category_that_no_cell_has_is_there(tmp_path):
    """A relabelling made for all of a study fits its parts."""
    import pandas as pd

    obs = {"ct": pd.Categorical(LABELS, categories=["B", "T", "NK"])}
    paths = made(tmp_path, [{"obs": obs}])
    audit = quiet(paths, "ct", relabel={"ct": {"NK": "nk"}}, unknown_label="nk")
    assert not found(audit, "recipe-matches-nothing")
