"""Checks of labels: presence, type, gaps, spelling."""

import numpy as np
import pytest

from mappedviz.audits.checks import labels
from tests.audits import DEMO, found, made, quiet
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


@pytest.mark.parametrize(
    ("a", "b", "error"),
    [
        ([1, 2], [1.0, 2.0], False),
        ([1, 2], [1.0, np.nan], False),
        ([True, False], [1, 0], False),
        ([0.5, 1.5], [0.5, 2.5], False),
        (["T", "B"], [np.nan, np.nan], False),
        ([1, 2], ["1", "2"], True),
        ([True, False], ["True", "False"], True),
    ],
)
def test_types_that_pandas_merges_are_no_error(tmp_path, a, b, error):
    paths = made(tmp_path, [{"obs": {"k": values * 12}} for values in (a, b)])
    assert bool(found(quiet(paths, "k"), "label-type")) is error


def test_many_fractions_are_no_classes(tmp_path):
    (path,) = made(tmp_path, [{"n_obs": 120, "obs": {"k": np.arange(120) / 7}}])
    (finding,) = found(quiet([path], "k"), "label-type")
    assert "which is no class" in finding.message


@pytest.mark.parametrize(
    ("labels", "what"),
    [
        (["2024-03-01", "2024-03-02 00:00:00"], "dates"),
        (["1-Mar", "Sep-2"], "dates"),
        (["03/01/2024", "T"], "dates"),
        (["0", "1"], "numbers"),
        (["1.5", "2e3"], "numbers"),
        (["T1", "B-2"], None),
        ([1, 2], None),
    ],
)
def test_names_that_look_like_something_else(tmp_path, labels, what):
    findings = found(quiet(made(tmp_path, [{"obs": {"k": labels * 12}}]), "k"), "label-names")
    assert [what in one.message for one in findings] == [True] * (what is not None)
    assert [one.severity for one in findings] == ["info" if what == "numbers" else "warning"] * len(
        findings
    )


def test_names_that_differ_by_space(tmp_path):
    audit = quiet(made(tmp_path, [{"obs": {"k": ["T cell", "T cell ", "T  cell"] * 8}}]), "k")
    (finding,) = found(audit, "label-spelling")
    assert finding.number == 1


def test_measured_numbers_are_no_classes(tmp_path):
    n = np.arange(120)
    obs = [
        {"k": ["T", "B"] * 60, "mito": n / 7, "dose": n % 3 / 2, "cluster": n % 4 * 1.0},
        {"k": ["T", "B"] * 60, "mito": n, "dose": n % 3 / 2, "cluster": [str(i % 4) for i in n]},
    ]
    paths = made(tmp_path, [{"n_obs": 120, "obs": one} for one in obs])
    keys = ["k", "mito", "dose", "cluster"]
    audit = quiet(paths, "k", obs_keys=keys, unknown_label={"mito": 1, "k": "?"})
    (finding,) = found(audit, "label-type")
    assert (
        finding.message
        == "The obs key 'mito' is float in 1 stores, and its numbers become classes."
    )
    assert (finding.severity, finding.fix.encode_labels) == ("warning", ("k", "dose", "cluster"))
    assert finding.fix.unknown_label == {"k": "?"}
    mended = quiet(None, recipe=finding.fix, label="k")
    assert found(mended, "label-type") == []
    batch = mended.collection()[:]
    assert np.allclose(batch["mito"], np.concatenate([n / 7, n]))
    named = quiet(paths, "k", obs_keys=keys, encode_labels=["k", "mito"])
    assert found(named, "label-type") == []


def test_a_label_of_measured_numbers_can_be_read_as_numbers(tmp_path):
    (path,) = made(tmp_path, [{"n_obs": 120, "obs": {"k": np.arange(120) / 7}}])
    (finding,) = found(quiet([path], "k"), "label-type")
    assert (finding.severity, finding.fix.encode_labels) == ("error", False)
    assert found(quiet(None, recipe=finding.fix, label="k"), "label-type") == []
