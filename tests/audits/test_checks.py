"""All checks: each has a case, and a good collection passes all that apply."""

import numpy as np
import pandas as pd
import pytest

from mappedviz.audits.checks import CHECKS
from tests.audits import ids, made, quiet, symbols
from tests.audits.checks.cases import ELSEWHERE, FINDS, GOOD


def test_every_check_has_a_test_that_finds_something():
    assert set(FINDS) | ELSEWHERE == set(CHECKS)
    for one in CHECKS.values():
        assert one.message
        assert one.remedy
        assert "\n" not in one.message


def test_a_good_collection_passes_and_nothing_passes_by_not_applying(tmp_path):
    audit = quiet(made(tmp_path, GOOD), "ct", "b", "donor")
    assert ids(audit) == []
    assert audit.verdict == "This collection can be trained on: nothing was found against it."
    not_asked = {"recipe-keys", "split-groups", "split-unlabelled", "split-share", "split-classes"}
    not_asked |= {"split-refused"}
    not_asked |= {"mitochondrial-share", "same-sampled-rows"}  # twelve genes, none of that kind
    not_asked |= {
        "identifier-gaps",
        "feature-filtered",
        "names-left-out",
        "primary-data",
        "reference-release",
        "same-rows",
        "zero-filling",
        "join-refused",
        "store-left-out",
        "panel-absent",
    }
    not_asked |= {"panel-spelling", "panel-unknown", "panel-few-stores", "dtype-loses", "dtype-nan"}
    not_asked |= {
        "dtype-may-lose",
        "batch-lists",
        "gene-order",
        "raw-genes",
        "recipe-matches-nothing",
    }
    assert {one.id for one in audit.not_applicable} == not_asked
    assert set(audit.passed) | {one.id for one in audit.not_applicable} == set(CHECKS)
    assert audit.split == "split"
    assert repr(audit).startswith("Audit of 3 stores: This collection can be trained on")


LABELLED = {
    "booleans": [True, False],
    "one boolean": [True],
    "integers": [1, 2, 3],
    "floats": [0.5, 1.0, 2.5],
    "floats with gaps": [1.0, np.nan],
    "text of numbers": ["1", "2"],
    "text": ["T", "B", "T "],
    "categories": pd.Categorical(["T", "B"], categories=["B", "NK", "T"]),
    "categories of numbers": pd.Categorical([1, 2], categories=[1, 2, 3]),
    "nullable": pd.array([True, None], dtype="boolean"),
    "nullable integers": pd.array([1, None, 3], dtype="Int64"),
    "missing": [np.nan],
}


def column(name, n=24):
    values = LABELLED[name]
    return pd.Series(values).iloc[np.arange(n) % len(values)].array


@pytest.mark.parametrize("first", LABELLED)
@pytest.mark.parametrize("second", ["booleans", "integers", "text", "missing"])
def test_labels_of_any_type_in_any_role(tmp_path, first, second):
    """No check stumbles over a type of labels, and what it says of stores is right."""
    stores = [
        {"store": i, "obs": {key: column(name) for key in "abcd"}}
        for i, name in enumerate([first, second])
    ]
    request = {"label": "a", "batch": "b", "group": "c", "split": "d", "weights_keys": ["a", "b"]}
    paths = made(tmp_path, stores)
    for more in ({}, {"split_by": "c"}, {"obs_filter": {"d": [True, "T", 1]}}):
        audit = quiet(paths, **request, **more)
        assert not stumbled(audit)
        assert not audit.fatal
        for finding in audit.findings:
            assert set(finding.stores) <= set(audit.stores.index)


@pytest.mark.parametrize("odd", [{"n_obs": 0}, {"genes": []}, {"n_obs": 0, "genes": []}])
@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("request_", [{}, {"join": "outer"}, {"join": None}, {"min_stores": 1}])
def test_a_store_of_nothing_is_fine_for_every_check(tmp_path, odd, place, request_):
    parts = {"genes": symbols(), **odd}
    n, n_vars = parts.get("n_obs", 24), len(parts["genes"])
    empty = {
        **parts,
        "X": np.zeros((n, n_vars), np.float32),
        "obs": {"ct": np.array(["T"] * n, dtype=object), "d": np.zeros(n)},
    }
    full = {"genes": symbols(), "obs": {"ct": ["T", "B"] * 12, "d": [1, 2] * 12}}
    stores = (
        [{**empty, "n_vars": n_vars}, full] if place == 0 else [full, {**empty, "n_vars": n_vars}]
    )
    paths = made(tmp_path, stores)
    options = {"label": "ct", "batch": "d", "group": "d", "deep": True, "weights_keys": "ct"}
    for more in ({}, {"split_by": "d"}, {"dtype": "float16"}):
        audit = quiet(paths, **options, **more, **request_)
        assert not stumbled(audit)
        assert not [one for one in audit.findings if "nan" in one.message.lower()]
    assert not stumbled(quiet(paths[place], **options, **request_))


def stumbled(audit):
    return [one for one in audit.not_applicable if "could not be made" in one.message]
