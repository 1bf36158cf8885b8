"""Coverage against sets of Python."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mappedviz.audits.tables.genes import Coverage, coverage_of
from mappedviz.audits.tables.what_if import join_sizes

genes = st.lists(st.sampled_from([f"g{i}" for i in range(9)]), max_size=9)


@given(st.lists(genes, min_size=1, max_size=7))
def test_coverage_is_what_sets_say(lists):
    stores = {f"s{i}": names for i, names in enumerate(lists)}
    sets = [set(names) for names in lists]
    coverage = Coverage.of(stores)
    inner, outer = set.intersection(*sets), set.union(*sets)
    assert (coverage.inner, coverage.outer) == (len(inner), len(outer))
    assert set(coverage.names) == outer
    times = {gene: sum(gene in some for some in sets) for gene in outer}
    assert coverage.at_least.to_dict() == {
        k: sum(n >= k for n in times.values()) for k in range(1, len(sets) + 1)
    }
    for i, some in enumerate(sets):
        row = coverage.table.iloc[i]
        others = [other for j, other in enumerate(sets) if j != i]
        assert row["n_vars"] == len(lists[i])
        assert (row["kept"], row["lost"]) == (len(inner), len(some - inner))
        assert row["zero_filled"] == len(outer - some)
        assert row["private"] == len(some.difference(*others))
        if others:
            assert row["inner_without"] == len(set.intersection(*others))
            assert row["gain_without"] == row["inner_without"] - len(inner)
    patterns = {}
    for gene in outer:
        pattern = tuple(name for name, some in zip(stores, sets, strict=True) if gene in some)
        patterns[pattern] = patterns.get(pattern, 0) + 1
    found = coverage.patterns
    assert dict(zip(found["pattern"], found["n_genes"], strict=True)) == patterns
    assert found["n_genes"].is_monotonic_decreasing
    assert found["n_stores"].tolist() == [len(pattern) for pattern in found["pattern"]]
    assert coverage.n_patterns == len(patterns)
    sought = [*outer, "nowhere"]
    expected = [[gene in some for some in sets] for gene in sought]
    assert coverage.find(sought).to_numpy().tolist() == expected


def test_patterns_that_are_equally_frequent_come_in_the_order_of_the_stores():
    """Not in that of the codes, which depend on which store was read first."""
    stores = [f"s{i}" for i in range(70)]
    for codes in (np.arange(70), np.arange(70)[::-1]):
        lists = [np.array([code]) for code in codes]
        names = np.array([f"g{code}" for code in np.argsort(codes)], dtype=object)
        coverage = Coverage.of_codes(stores, lists, list(range(70)), names)
        assert coverage.patterns["pattern"].tolist() == [(store,) for store in stores]


def test_patterns_of_more_stores_than_a_word_has_bits():
    rng = np.random.default_rng(0)
    sets = [set(np.flatnonzero(rng.random(40) < 0.5)) for _ in range(130)]
    coverage = Coverage.of({f"s{i}": [f"g{k}" for k in some] for i, some in enumerate(sets)})
    expected = {tuple(f"s{i}" for i, some in enumerate(sets) if k in some) for k in range(40)}
    assert set(coverage.patterns["pattern"]) == expected


def test_no_stores_have_no_coverage():
    coverage = Coverage.of({})
    assert (coverage.inner, coverage.outer, len(coverage.table)) == (0, 0, 0)
    assert coverage.find("TP53").shape == (1, 0)
    assert join_sizes([]) == (0, 0)


def test_one_store_has_nothing_to_win():
    table = Coverage.of({"a": ["x", "x", "y"]}).table
    assert table.loc["a"].to_dict() == {
        "n_vars": 3, "kept": 2, "lost": 0, "zero_filled": 0, "private": 2,
        "inner_without": 2, "gain_without": 0, "id_kind": "symbol",
    }  # fmt: skip


def test_coverage_of_the_demo_collection(demo_scans):
    coverage = coverage_of(demo_scans)
    assert (coverage.inner, coverage.outer) == (201, coverage.at_least[1])
    pair = coverage_of(demo_scans[:2])
    assert pair.inner == 764
    assert coverage.find(["CD8A", "no such gene"]).loc["no such gene"].sum() == 0
