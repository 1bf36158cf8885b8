"""Splits: groups stay whole, and shares come near what was asked."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappedviz.errors import RecipeError
from mappedviz.recipe.joins import RowMap
from mappedviz.recipe.splits import (
    chances_of_names,
    chances_of_rows,
    chances_of_stores,
    parts_of_rows,
    split_groups,
    split_rows,
)

# --- codes -> sides ------------------------------------------------------------------------------

sizes_of_groups = st.lists(st.integers(0, 40), min_size=1, max_size=30)
fractions = st.floats(0.01, 0.99)
seeds = st.integers(0, 2**40)


@given(sizes_of_groups, fractions, seeds, st.integers(0, 5), st.randoms())
def test_groups_come_near_the_share_and_stay_whole(sizes, fraction, seed, missing, random):
    """Whatever the sizes: both sides have rows, and the share is off by less than a group."""
    names = [f"d{i}" for i in range(len(sizes))]
    codes = np.concatenate([np.repeat(np.arange(len(sizes)), sizes), np.full(missing, -1)])
    if sum(size > 0 for size in sizes) < 2:
        with pytest.raises(RecipeError, match="no two sides"):
            split_groups(codes, names, fraction, seed)
        return
    sides = split_groups(codes, names, fraction, seed)
    assert sides.shape == (len(names),)
    assert not sides[np.array(sizes) == 0].any()
    there = codes[codes >= 0]
    n = int(sides[there].sum())
    assert 0 < n < len(there)
    assert abs(n - fraction * len(there)) <= max(*sizes, 0.05 * len(there))
    # The order of rows and of groups, and groups without rows, change nothing.
    order = list(range(len(names)))
    random.shuffle(order)
    place = np.append(np.argsort(order), -1)
    shuffled = place[codes]
    random.shuffle(shuffled)
    again = split_groups(shuffled, [*(names[i] for i in order), "no rows"], fraction, seed)
    assert again[:-1].tolist() == sides[order].tolist()


@given(st.lists(st.lists(st.integers(0, 9), min_size=3, max_size=3), min_size=2, max_size=12))
def test_strata_of_groups_never_split_a_group(table):
    counts = np.array(table)
    groups, classes = np.indices(counts.shape)
    codes, strata = (np.repeat(a.ravel(), counts.ravel()) for a in (groups, classes))
    if (counts.sum(axis=1) > 0).sum() < 2:
        return
    sides = split_groups(codes, range(len(counts)), 0.3, 0, strata - 1)  # a class is missing
    assert 0 < sides[codes].sum() < len(codes)


def test_strata_of_groups_come_near_the_share():
    """Every donor has one class: without strata a class may be on one side only."""
    donors = np.repeat(np.arange(40), 25)
    classes = donors % 4
    worst = {}
    for strata in (None, classes):
        shares = [
            np.bincount(classes, split_groups(donors, range(40), 0.2, seed, strata)[donors]) / 250
            for seed in range(20)
        ]
        worst[strata is None] = np.abs(np.array(shares) - 0.2).max()
    assert worst[False] < 0.05 < worst[True]


def test_other_seeds_split_otherwise():
    donors = np.repeat(np.arange(12), np.arange(5, 17))
    found = {tuple(split_groups(donors, range(12), 0.25, seed)) for seed in range(20)}
    assert len(found) > 10


def test_another_group_moves_few_of_the_others():
    names = [f"donor {i}" for i in range(50)]
    codes = np.repeat(np.arange(50), 10)
    sides = split_groups(codes, names, 0.2, 0)
    more = split_groups(np.append(codes, np.full(10, 50)), [*names, "new"], 0.2, 0)
    assert (more[:50] != sides).sum() <= 2


def test_a_number_belongs_to_a_name():
    assert chances_of_names([1, "1", True, "ä", ""], 0).tolist() == [
        int(chances_of_names([name], 0)[0]) for name in (1, "1", True, "ä", "")
    ]
    assert len(set(chances_of_names([1, 1.0, True, np.True_.item()], 0).tolist())) == 1
    assert len(set(chances_of_names([("a", 1), ("a", 1.0), ("a", "1"), "a"], 0).tolist())) == 3
    assert len(set(chances_of_names(range(1000), 0).tolist())) == 1000
    assert chances_of_names(["a"], 0) != chances_of_names(["a"], 1)
    # Splits that were made and written about have to be made again by later versions.
    assert chances_of_names(["donor 1"], 7).tolist() == [7872132137334427893]
    assert chances_of_rows("a.h5ad", 2, 7).tolist() == [13142423698514684651, 17678817164997099675]


@given(st.integers(2, 200), fractions, seeds, st.integers(1, 6))
def test_rows_have_the_share_exactly(n, fraction, seed, n_classes):
    chances = chances_of_rows("a.h5ad", n, seed)
    mask = split_rows(chances, fraction)
    wanted = min(max(int(np.floor(fraction * n + 0.5)), 1), n - 1)
    assert mask.sum() == wanted
    assert chances[mask].max() < chances[~mask].min()
    strata = np.random.default_rng(seed).integers(-1, n_classes, n)
    mask = split_rows(chances, fraction, strata)
    assert mask.sum() == wanted
    for code in np.unique(strata):
        here = strata == code
        assert abs(mask[here].sum() - fraction * here.sum()) <= 1 or mask.sum() in (1, n - 1)


@given(st.integers(3, 300), seeds, st.integers(1, 6), st.sampled_from([2, 3, 4]))
def test_every_part_has_its_share_of_every_stratum(n, seed, n_classes, k):
    if n < k:
        return
    chances = chances_of_rows("a.h5ad", n, seed)
    shares = np.arange(1, k + 1) / sum(range(k + 1))
    strata = np.random.default_rng(seed).integers(-1, n_classes, n)
    parts = parts_of_rows(chances, shares, strata)
    counts = np.bincount(parts, minlength=k)
    assert (counts > 0).all()
    if n > 50:
        for code in np.unique(strata):
            here = np.bincount(parts[strata == code], minlength=k)
            assert (np.abs(here - shares * here.sum()) < 1 + 1e-6).all()
        assert np.abs(counts - shares * n).max() <= (1 if k == 2 else k)
    plain = parts_of_rows(chances, shares)
    assert np.abs(np.bincount(plain, minlength=k) - shares * n).max() < 1 + 1e-6 or n < 20
    # The order of rows changes nothing.
    order = np.random.default_rng(seed + 1).permutation(n)
    assert parts_of_rows(chances[order], shares, strata[order]).tolist() == parts[order].tolist()
    assert parts_of_rows(chances[order], shares).tolist() == plain[order].tolist()


def test_a_part_more_leaves_the_last_one_as_it_is():
    chances = chances_of_rows("a.h5ad", 200, 0)
    three = parts_of_rows(chances, [0.6, 0.2, 0.2])
    assert ((three == 2) == split_rows(chances, 0.2)).all()


def test_stores_of_one_name_draw_numbers_of_their_own():
    """In any order, and wherever the folders are: no two rows tie."""
    paths = [f"/data/sample{i}/cells.h5ad" for i in range(5)]
    drawn = {}
    for order in (paths, paths[::-1]):
        numbers = chances_of_stores([(path, 9) for path in order], [None] * 5, 3).reshape(5, 9)
        for path, of_store in zip(order, numbers.tolist(), strict=True):
            assert drawn.setdefault(path, of_store) == of_store
    moved = chances_of_stores([(f"/mnt/x{path}", 9) for path in paths], [None] * 5, 3)
    assert len(set(moved.tolist())) == 45
    assert moved.tolist() == [number for path in paths for number in drawn[path]]
    alone = chances_of_stores([(paths[0], 9)], [np.array([1, 8])], 3)
    assert alone.tolist() == chances_of_rows("cells.h5ad", 9, 3)[[1, 8]].tolist()
    assert chances_of_stores([], [], 0).tolist() == []


@pytest.mark.parametrize("n", [0, 1])
def test_a_single_row_cannot_be_split(n):
    with pytest.raises(RecipeError, match=f"leaves {n} rows"):
        split_rows(np.zeros(n, dtype=np.uint64), 0.5)


# --- rows of a map -------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 9), max_size=6), st.data())
def test_some_rows_of_a_map_are_where_they_were(counts, data):
    rows = RowMap.from_counts(counts)
    for _ in range(2):  # of all rows, then of some of them
        mask = np.array(data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows))))
        chosen = np.flatnonzero(mask)
        part = rows.take(chosen)
        assert len(part) == len(chosen) == sum(part.counts)
        store, local = rows.locate(chosen)
        np.testing.assert_array_equal(np.column_stack(part.locate(np.arange(len(part)))),
                                      np.column_stack([store, local]))  # fmt: skip
        np.testing.assert_array_equal(part.local_rows(), local)
        np.testing.assert_array_equal(part.store_of_rows(), store)
        rows = part


def test_stores_with_all_their_rows_stay_free():
    part = RowMap.from_counts([300, 3]).take(np.arange(1, 303))
    assert part.kept[0].dtype == np.uint16
    assert part.kept[1] is None


def test_numbers_of_objects_in_memory_do_not_matter():
    """They are others in each session, and in each process that trains."""
    for one, other in (
        (["memory:0", "memory:1"], ["memory:7", "memory:3"]),
        (["memory:0/a", "memory:1/a"], ["memory:5/a", "memory:2/a"]),
        (["memory:0/a.h5ad"], ["/data/a.h5ad"]),
    ):
        drawn = [
            chances_of_stores([(path, 5) for path in paths], [None] * len(paths), 0)
            for paths in (one, other)
        ]
        assert drawn[0].tolist() == drawn[1].tolist()
        assert len(set(drawn[0].tolist())) == 5 * len(one)
