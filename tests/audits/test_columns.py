"""Facts about obs columns."""

import numpy as np
import pytest

from mappedviz.audits.columns import MANY_VALUES, counted, obs_facts
from mappedviz.formats.columns import Column


@pytest.mark.parametrize("n", [3, MANY_VALUES + 1])
def test_values_are_kept_where_they_are_few(n):
    categories = np.array([f"c{i}" for i in range(n)], dtype=object)
    for column in (
        Column("categorical", np.arange(n), categories),
        Column("string", data=categories),
        Column("integer", data=np.arange(n)),
    ):
        facts = obs_facts(column)
        assert facts.missing == 0
        assert (facts.labels is None) == (n > MANY_VALUES)
        if facts.labels is not None:
            assert facts.counts.tolist() == [1] * n


def test_floats_are_no_classes_and_gaps_are_counted():
    facts = obs_facts(Column("float", data=np.array([0.5, 1.5]), missing=np.array([True, False])))
    assert (facts.dtype, facts.missing, facts.labels) == ("float64", 1, None)


def test_missing_categories_are_no_labels():
    labels, counts = counted(np.array([0, 1, 1, -1]), np.array(["a", None], dtype=object))
    assert labels == ("a",)
    assert counts.tolist() == [1]
