"""Pairs of labels against pandas."""

import numpy as np
import pandas as pd
import pytest

from mappedviz.audits.tables.crosstabs import cramers_v, crosstab
from mappedviz.recipe.labels import Labels


def test_crosstab_is_pandas_crosstab():
    rng = np.random.default_rng(1)
    a = rng.integers(-1, 3, 200)
    b = rng.integers(-1, 4, 200)
    ours = crosstab(Labels(a, ("x", "y", "z")), Labels(b, tuple("pqrst")), ("a", "b"))
    keep = (a >= 0) & (b >= 0)
    theirs = pd.crosstab(np.array(list("xyz"))[a[keep]], np.array(list("pqrst"))[b[keep]])
    assert ours.to_numpy().tolist() == theirs.to_numpy().tolist()
    assert (ours.index.name, ours.columns.name) == ("a", "b")
    assert len(crosstab(Labels(a, ("x", "y", "z")), Labels(np.full(200, -1), ()), ("a", "b"))) == 0


def test_cramers_v_has_its_ends():
    assert np.isnan(cramers_v(np.array([[1, 2]])))
    assert cramers_v(np.eye(4) * 5) == pytest.approx(1)


def labels(rng, n, k, name):
    return Labels(rng.integers(-1, k, n), tuple(f"{name}{i}" for i in range(k)))


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("top_n", [1, 3, 100])
def test_the_most_frequent_the_others_and_missing_ones_are_all_rows(top_n, missing):
    rng = np.random.default_rng(0)
    a, b = labels(rng, 500, 9, "a"), labels(rng, 500, 5, "b")
    table = crosstab(a, b, ("a", "b"), top_n=top_n, missing=missing)
    whole = crosstab(a, b, ("a", "b"))
    both = (a.codes >= 0) & (b.codes >= 0)
    assert table.to_numpy().sum() == (500 if missing else both.sum())
    n = min(top_n, 9)
    names = list(table.index[:n])
    assert names == whole.sum(axis=1).sort_values(ascending=False).index[:n].tolist() or missing
    times = table.iloc[:n].sum(axis=1)
    assert times.is_monotonic_decreasing
    expected = [f"other ({9 - n} more)"] * (n < 9) + ["(missing)"] * missing
    assert list(table.index[n:]) == expected
    shown = table.iloc[:n, : min(top_n, 5)]
    same = whole.loc[shown.index, shown.columns]
    assert shown.to_numpy().tolist() == same.to_numpy().tolist()


def test_a_label_that_is_called_missing_is_another_row():
    a = Labels(np.array([0, -1, 0]), ("(missing)",))
    table = crosstab(a, a, ("a", "b"), missing=True)
    assert table.to_numpy().tolist() == [[2, 0], [0, 1]]


def test_very_many_labels_take_no_memory_where_few_are_shown():
    """A table of all pairs would have a thousand million cells."""
    rng = np.random.default_rng(0)
    a, b = labels(rng, 200_000, 100_000, "a"), labels(rng, 200_000, 10_000, "b")
    table = crosstab(a, b, ("a", "b"), top_n=20, missing=True)
    assert table.shape == (22, 22)
    assert table.to_numpy().sum() == 200_000
