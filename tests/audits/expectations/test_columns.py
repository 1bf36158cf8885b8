"""Columns that stand for a key, and their gaps."""

import pandas as pd
import pytest

from mappedviz.audits.expectations.columns import column_facts, missing_shares
from tests.audits import made, quiet


def test_gaps_are_those_of_the_rows_that_are_read(tmp_path):
    gaps = pd.Categorical(["T", None, "B"] * 8)
    paths = made(tmp_path, [{"obs": {"ct": gaps}}, {"obs": {"type": ["T"] * 24}}, {}])
    asked = {"obs_alias": {"ct": ["ct", "type"]}}
    evidence = quiet(paths, "ct", **asked)._evidence("test")
    facts = column_facts(evidence, "ct")
    assert [None if one is None else one.kind for one in facts.values()] == [
        "categorical", "string", None]  # fmt: skip
    assert missing_shares(evidence, "ct") == {"s0.h5ad": pytest.approx(1 / 3), "s1.h5ad": 0}
    renamed = quiet(paths, "ct", relabel={"ct": {"B": None}}, **asked)._evidence("test")
    assert missing_shares(renamed, "ct") == {"s0.h5ad": pytest.approx(2 / 3), "s1.h5ad": 0}
    some = quiet(paths, "ct", obs_filter={"ct": ["T"]}, **asked)._evidence("test")
    assert missing_shares(some, "ct") == {"s0.h5ad": 0, "s1.h5ad": 0}
