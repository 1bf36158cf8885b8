"""An audit as JSON, and back."""

import pandas as pd
import pytest

import mappedviz as mv
from mappedviz.errors import MissingKeyError, RecipeError
from tests.audits import quiet, write


def test_json_keeps_the_tables(demo):
    text = demo.to_json()
    again = mv.Audit.from_json(text)
    assert (again.verdict, again.fatal, again.findings) == (demo.verdict, demo.fatal, demo.findings)
    assert again.not_applicable == demo.not_applicable
    assert (again.passed, again.recipe, again.label) == (demo.passed, demo.recipe, "cell_type")
    same = pd.testing.assert_frame_equal
    same(again.stores, demo.stores, check_dtype=False)
    same(again.coverage.table, demo.coverage.table, check_dtype=False)
    same(again.coverage.patterns, demo.coverage.patterns, check_dtype=False)
    assert again.coverage.what_if["inner"].tolist() == demo.coverage.what_if["inner"].tolist()
    pd.testing.assert_series_equal(again.coverage.at_least, demo.coverage.at_least)
    same(again.obs_schema, demo.obs_schema, check_dtype=False, check_names=False)
    same(again.labels().counts, demo.labels().counts)
    same(again.weights().table, demo.weights().table)
    assert again.to_json() == text
    assert (again.opened_stores, again.batch, again.group, again.split) == ([], None, None, None)
    for ask in (
        lambda: again.coverage.find("TP53"),
        lambda: again.labels("louvain"),
        lambda: again.weights(["a", "b"]),
        lambda: again.crosstab("a", "b"),
        again.library_sizes,
        lambda: again.var_measured,
    ):
        with pytest.raises(RecipeError, match="JSON"):
            ask()
    assert len(again.collection()) == len(demo.collection())
    assert repr(again) == repr(demo)
    assert mv.Audit.from_json(again.to_json()).verdict == demo.verdict


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 99}', '{"schema": 1}'])
def test_what_is_no_audit_is_refused(text):
    with pytest.raises(RecipeError, match="no audit in JSON"):
        mv.Audit.from_json(text)


def test_json_of_an_audit_without_a_label(tmp_path):
    audit = quiet([write(tmp_path), tmp_path / "nothing.h5ad"])
    again = mv.Audit.from_json(audit.to_json())
    assert again.fatal
    with pytest.raises(RecipeError, match="names no obs column"):
        again.labels()
    with pytest.raises(RecipeError, match="names no obs column"):
        audit.labels()
    unlabelled = quiet([write(tmp_path)], "nowhere")
    with pytest.raises(MissingKeyError):
        mv.Audit.from_json(unlabelled.to_json()).weights()
