"""What two stores share, by hashes: as sets would say it."""

from __future__ import annotations

import numpy as np
import pytest

from mappedviz.audits.tables.shared import distinct, n_repeats, shared_by_pairs


def _lists(seed):
    rng = np.random.default_rng(seed)
    top = int(rng.choice([5, 100, 10_000]))
    sizes = rng.choice([0, 1, 3, 300], int(rng.integers(2, 7)))
    lists = [rng.integers(0, top, n).astype(np.uint64) for n in sizes]
    return [None if rng.random() < 0.1 else one for one in lists]


@pytest.mark.parametrize("seed", range(30))
def test_pairs_are_those_of_sets(seed):
    lists = _lists(seed)
    names = [f"s{i}" for i in range(len(lists))]
    table = shared_by_pairs(names, lists)
    sets = {
        n: set(one.tolist()) - {0} for n, one in zip(names, lists, strict=True) if one is not None
    }
    wanted = {
        (a, b): (len(sets[a] & sets[b]), len(sets[a] & sets[b]) / min(len(sets[a]), len(sets[b])))
        for a in sets
        for b in sets
        if a < b and sets[a] & sets[b]
    }
    found = {(r.store_a, r.store_b): (r.shared, r.of_smaller) for r in table.itertuples()}
    assert found == wanted
    assert table["shared"].tolist() == sorted(table["shared"], reverse=True)
    for row in table.itertuples():
        chance = len(sets[row.store_a]) * len(sets[row.store_b]) / 737_280
        assert row.by_chance == pytest.approx(chance)


def test_repeats_are_counted_and_zero_is_a_name_like_others():
    hashes = np.array([7, 0, 7, 0, 0, 1], dtype=np.uint64)
    assert n_repeats(hashes) == 3
    assert distinct(hashes).tolist() == [1, 7]
    empty = np.empty(0, dtype=np.uint64)
    assert (n_repeats(empty), len(distinct(empty))) == (0, 0)


def test_nothing_is_shared_with_nobody():
    columns = ["store_a", "store_b", "shared", "of_smaller", "by_chance"]
    assert list(shared_by_pairs([], []).columns) == columns
    assert shared_by_pairs(["a"], [np.ones(3, np.uint64)]).empty
