"""The parts that come nearest to their shares, compared with all that there are."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappedviz.recipe.nearest import nearest_parts

sizes_of_groups = st.lists(st.integers(1, 60), min_size=3, max_size=9)


def rows_off(sizes, parts, shares):
    counts = np.bincount(parts, sizes, minlength=len(shares))
    return np.sqrt(((counts - np.asarray(shares) * sum(sizes)) ** 2).sum())


def all_choices(n, k):
    return (one for one in itertools.product(range(k), repeat=n) if len(set(one)) == k)


@given(sizes_of_groups, st.floats(0.01, 0.99))
def test_few_groups_in_two_parts_are_as_near_as_can_be(sizes, fraction):
    parts = nearest_parts(np.array(sizes), [1 - fraction, fraction])
    best = min(rows_off(sizes, one, [1 - fraction, fraction]) for one in all_choices(len(sizes), 2))
    assert rows_off(sizes, parts, [1 - fraction, fraction]) <= best + 1e-5
    assert set(parts.tolist()) == {0, 1}


@given(st.lists(st.integers(1, 60), min_size=4, max_size=7), st.sampled_from([0.1, 0.15, 0.3]))
def test_and_in_three(sizes, share):
    shares = [1 - 2 * share, share, share]
    parts = nearest_parts(np.array(sizes), shares)
    best = min(rows_off(sizes, one, shares) for one in all_choices(len(sizes), 3))
    assert rows_off(sizes, parts, shares) <= best + 1e-5
    assert set(parts.tolist()) == {0, 1, 2}


@given(st.lists(st.tuples(*[st.integers(0, 9)] * 3), min_size=3, max_size=8), st.floats(0.1, 0.9))
def test_strata_follow_the_formula(rows, fraction):
    table = np.array([row for row in rows if sum(row)]).reshape(-1, 3)
    table = table[:, table.any(axis=0)]
    if len(table) < 2:
        return
    sizes = table.sum(axis=1)

    def distance(parts):
        squares = 0.0
        for part, share in ((0, 1 - fraction), (1, fraction)):
            here = np.asarray(parts) == part
            squares += (sizes[here].sum() / sizes.sum() - share) ** 2
            squares += ((table[here].sum(axis=0) / table.sum(axis=0) - share) ** 2).mean()
        return np.sqrt(squares)

    parts = nearest_parts(sizes, [1 - fraction, fraction], table)
    assert distance(parts) <= min(map(distance, all_choices(len(table), 2))) + 1e-8


def test_twenty_groups_of_any_size_are_tried_out():
    sizes = np.random.default_rng(0).integers(1000, 10**7, 20)
    parts = nearest_parts(sizes, [0.8, 0.2])
    assert rows_off(sizes, parts, [0.8, 0.2]) < 1000


def nearest_sum(sizes, wanted):
    """What some of the groups, not all, add up to that is nearest: by all sums that there are."""
    reached = 1
    for size in sizes.tolist():
        reached |= reached << size
    total = int(sizes.sum())
    return min(abs(n - wanted) for n in range(1, total) if reached >> n & 1)


@pytest.mark.parametrize("n", [21, 40, 100])
@pytest.mark.parametrize("kind", ["even", "geometric", "heavy", "two sizes"])
def test_more_groups_are_within_the_smallest_of_the_best(n, kind):
    rng = np.random.default_rng(n)
    for _ in range(5):
        sizes = {
            "even": rng.integers(1, 60, n),
            "geometric": rng.geometric(0.02, n),
            "heavy": (rng.pareto(1, n) * 10 + 1).astype(int).clip(1, 5000),
            "two sizes": rng.permutation(np.r_[np.ones(20, int), rng.integers(500, 999, n - 20)]),
        }[kind]
        fraction = rng.uniform(0.05, 0.95)
        wanted = fraction * sizes.sum()
        parts = nearest_parts(sizes, [1 - fraction, fraction])
        off = abs(sizes[parts == 1].sum() - wanted)
        assert off <= nearest_sum(sizes, wanted) + sizes.min()


@pytest.mark.parametrize(("n", "k"), [(30, 3), (25, 5), (13, 3), (200, 4)])
def test_many_groups_in_many_parts(n, k):
    sizes = np.random.default_rng(k).integers(10, 60, n)
    shares = np.full(k, 1 / k)
    parts = nearest_parts(sizes, shares)
    counts = np.bincount(parts, sizes, minlength=k)
    assert np.abs(counts - sizes.sum() / k).max() <= k * sizes.min()


def test_the_first_of_equal_groups_are_in_the_last_part():
    for n in (10, 20, 30):
        parts = nearest_parts(np.full(n, 7), [0.6, 0.2, 0.2])
        assert parts.tolist() == [2] * (n // 5) + [1] * (n // 5) + [0] * (3 * n // 5)
