"""Weights against the literature, and against epochs that are drawn."""

import numpy as np
import pytest

from mappedviz.audits.tables.weights import WeightTable, compare_schemes
from mappedviz.errors import RecipeError

SIZES = [100_000, 20_000, 3_000, 200, 12]


def test_schemes_are_those_of_the_literature():
    table = compare_schemes(SIZES, scaler=1000)
    percent = (100 * table[["effective_fraction", "distinct_fraction"]]).round(1)
    assert percent.loc["inverse"].tolist() == [0.2, 31.8]
    assert percent.loc["scaled"].tolist() == [17.0, 44.8]
    assert percent.loc["sqrt"].tolist() == [45.6, 57.9]
    assert percent.loc["uniform"].tolist() == [100.0, 63.2]
    assert table["rarest_repeats"].round().tolist() == [1, 2054, 42, 67]


@pytest.mark.parametrize("scheme", ["uniform", "inverse", "scaled", "sqrt"])
def test_an_epoch_that_is_drawn_has_the_expected_numbers(scheme):
    sizes = np.array([3000, 400, 20])
    scaler = 100 if scheme == "scaled" else None
    table = WeightTable.of("k", ["a", "b", "c"], sizes, scheme, scaler)
    weights = np.repeat(table.table["weight"], sizes)
    rng = np.random.default_rng(0)
    draws = [rng.choice(sizes.sum(), sizes.sum(), p=weights / weights.sum()) for _ in range(20)]
    distinct = np.mean([len(np.unique(one)) for one in draws]) / sizes.sum()
    assert table.distinct_fraction == pytest.approx(distinct, rel=0.02)
    rarest = np.mean([(one >= 3400).sum() for one in draws]) / 20
    assert table.rarest_repeats == pytest.approx(rarest, rel=0.15)
    assert table.table["share_after"].sum() == pytest.approx(1)
    assert table.effective_size == pytest.approx(weights.sum() ** 2 / (weights**2).sum())


def test_weights_of_nothing_and_of_one():
    nothing = WeightTable.of("k", [], np.array([], dtype=int))
    assert (nothing.effective_size, nothing.distinct_fraction, nothing.rarest_repeats) == (0, 0, 0)
    one = WeightTable.of("k", ["a", "none"], np.array([1, 0]))
    assert (one.effective_fraction, one.distinct_fraction, len(one.table)) == (1, 1, 1)
    with pytest.raises(RecipeError, match="scaler"):
        WeightTable.of("k", ["a"], np.array([1]), "scaled")
    assert len(compare_schemes([])) == 4
