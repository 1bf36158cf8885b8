"""Stores that are left out together against all choices, and histograms against counting."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mappedviz as mv
from mappedviz.audits.tables.gene_sets import histogram_of
from mappedviz.audits.tables.genes import Coverage
from mappedviz.errors import RecipeError

genes = st.lists(st.sampled_from([f"g{i}" for i in range(12)]), max_size=12)


def inner_without(stores, out):
    return len(set.intersection(*(set(some) for name, some in stores.items() if name not in out)))


@given(st.lists(genes, min_size=1, max_size=6), st.integers(1, 4))
def test_what_is_said_of_stores_that_are_left_out_is_true(lists, most):
    stores = {f"s{i}": names for i, names in enumerate(lists)}
    coverage = Coverage.of(stores)
    table = coverage.leave_out(most)
    assert table["inner"].is_monotonic_increasing
    for row in table.itertuples():
        assert row.n_stores == len(row.stores) <= most
        assert row.inner == inner_without(stores, row.stores)
        assert row.gain == row.inner - coverage.inner > 0
    if len(stores) > 1:
        best = max(inner_without(stores, {name}) for name in stores)
        single = table.loc[table["n_stores"] == 1, "inner"]
        assert single.tolist() == ([best] if best > coverage.inner else [])
        if most >= 2 and len(stores) > 2:
            best = max(inner_without(stores, pair) for pair in combinations(stores, 2))
            of_two = table.loc[table["n_stores"] <= 2, "inner"].max() if len(table) else 0
            assert max(coverage.inner, np.nan_to_num(of_two)) == best


def test_three_stores_that_decide_together_are_found():
    common = [f"g{i}" for i in range(50)]
    some = common[:20]
    stores = {f"s{i}": some if i in (2, 5, 7) else common for i in range(9)}
    coverage = Coverage.of(stores)
    assert coverage.table["gain_without"].max() == 0
    assert coverage.leave_out(2).empty
    (row,) = coverage.leave_out().itertuples()
    assert (row.stores, row.inner, row.gain) == (("s2", "s5", "s7"), 50, 30)


def test_a_single_store_comes_before_three():
    common = [f"g{i}" for i in range(100)]
    stores = {f"s{i}": common[:60] if i in (1, 2, 3) else common for i in range(8)}
    stores["odd"] = [*common[10:], "other"]
    table = Coverage.of(stores).leave_out()
    assert table["stores"].tolist() == [("odd",), ("s1", "s2", "s3"), ("s1", "s2", "s3", "odd")]
    assert table["gain"].tolist() == [10, 40, 50]


def test_many_stores_of_random_genes():
    rng = np.random.default_rng(0)
    names = np.array([f"g{i}" for i in range(3_000)], dtype=object)
    stores = {f"s{i}": names[rng.random(3_000) < 0.97] for i in range(200)}
    table = Coverage.of(stores).leave_out()
    for row in table.itertuples():
        assert row.inner == inner_without(stores, row.stores)


def test_intersections_are_the_patterns():
    rng = np.random.default_rng(0)
    names = np.array([f"g{i}" for i in range(200)], dtype=object)
    coverage = Coverage.of({f"s{i}": names[rng.random(200) < 0.6].tolist() for i in range(5)})
    found = coverage.intersections(7)
    assert found.tolist() == coverage.patterns["n_genes"].tolist()[:7]
    for has, pattern in zip(found.index, coverage.patterns["pattern"], strict=False):
        assert tuple(name for name, one in zip(coverage.stores, has, strict=True) if one) == pattern
    assert found.index.names == coverage.stores
    assert len(Coverage.of({}).intersections()) == 0


@given(st.lists(st.integers(0, 50), min_size=0, max_size=70), st.integers(1, 30))
def test_a_histogram_has_all_genes(exactly, most):
    at_least = np.cumsum(exactly[::-1])[::-1]
    table = histogram_of(at_least, most)
    assert table["n_genes"].sum() == sum(exactly)
    first = next((k for k, n in enumerate(exactly, 1) if n), 1)
    assert table["low"].tolist() == [first, *(table["high"][:-1] + 1)][: len(table)]
    assert len(table) <= max(most, 3)
    for row in table.itertuples():
        assert row.n_genes == sum(exactly[row.low - 1 : row.high])


def test_audits_from_json_know_numbers_only(demo):
    again = mv.Audit.from_json(demo.to_json()).coverage
    assert again.histogram().equals(demo.coverage.histogram())
    assert again.intersections().tolist() == demo.coverage.intersections().tolist()
    with pytest.raises(RecipeError, match="JSON"):
        again.leave_out()
    assert demo.coverage.leave_out(1)["stores"].tolist() == [("10x_pbmc68k_reduced.h5ad",)]
