"""Rows -> (store, local row) and store columns -> joint columns: laws and refusals."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappedviz.errors import JoinError
from mappedviz.recipe.joins import RowMap, VarJoin, VarNames, strip_versions

counts = st.lists(st.integers(0, 6), min_size=1, max_size=6)
genes = st.lists(st.sampled_from("abcdefgh"), unique=True, min_size=1, max_size=8)


def names(*several):
    lists = [
        VarNames(np.array(list(one), dtype=object), f"store_{i}") for i, one in enumerate(several)
    ]
    return lists, list(range(len(several)))


@given(counts, st.data())
def test_rows_are_found_where_numpy_finds_them(counts, data):
    masks = [
        data.draw(
            st.none()
            | st.lists(st.booleans(), min_size=n, max_size=n).map(lambda m: np.array(m, bool))
        )
        for n in counts
    ]
    rows = RowMap.from_counts(counts).select(masks)
    expected = [
        (store, row)
        for store, (n, mask) in enumerate(zip(counts, masks, strict=True))
        for row in range(n)
        if mask is None or mask[row]
    ]
    store, local = rows.locate(np.arange(len(rows)))
    assert list(zip(store.tolist(), local.tolist(), strict=True)) == expected
    assert rows.store_of_rows().tolist() == [s for s, _ in expected]
    assert rows.local_rows().tolist() == [r for _, r in expected]
    assert len(rows) == sum(rows.counts) == len(expected)


def test_a_hundred_million_rows_cost_an_offset_per_store():
    rows = RowMap.from_counts([10_000_000] * 10)
    assert len(rows) == 100_000_000
    assert rows.offsets.nbytes < 100
    assert rows.locate(np.array([99_999_999]))[1] == [9_999_999]


@given(st.lists(genes, min_size=1, max_size=5))
def test_joins_follow_sets_and_order(several):
    lists, list_of = names(*several)
    shared = set(several[0]).intersection(*several)
    if shared:
        join = VarJoin.inner(lists, list_of)
        assert join.joint.tolist() == [gene for gene in several[0] if gene in shared]
    elif len(several) > 1:
        with pytest.raises(JoinError, match="outer"):
            VarJoin.inner(lists, list_of)
    outer = VarJoin.outer(lists, list_of)
    assert set(outer.joint) == set().union(*several)
    if any(one != several[0] for one in several):
        assert outer.joint.tolist() == sorted(outer.joint)
    for store, one in enumerate(several):
        columns = outer.column_map(store)
        target = columns.array if columns is not None else np.arange(len(one))
        assert [outer.joint[t] for t in target] == one
        columns = outer.columns(store)
        assert [one[c] if c >= 0 else None for c in columns] == [
            g if g in one else None for g in outer.joint
        ]


@given(st.lists(genes, min_size=1, max_size=5), st.integers(1, 5))
def test_at_least_k_counts_stores(several, k):
    lists, list_of = names(*several)
    wanted = {g for g in "abcdefgh" if sum(g in one for one in several) >= k}
    if k > len(several) or not wanted:
        with pytest.raises(JoinError, match="min_stores"):
            VarJoin.at_least(k, lists, list_of)
    else:
        assert set(VarJoin.at_least(k, lists, list_of).joint) == wanted


def test_equal_stores_keep_their_order_in_every_join():
    lists, _ = names("cab")
    for join in (
        VarJoin.inner(lists, [0, 0]),
        VarJoin.outer(lists, [0, 0]),
        VarJoin.at_least(2, lists, [0, 0]),
    ):
        assert join.joint.tolist() == ["c", "a", "b"]
        assert join.column_map(1) is None


def test_a_panel_keeps_its_order_and_says_what_was_measured():
    join = VarJoin.panel(["z", "b", "a"], *names("ab", "bc"))
    assert join.joint.tolist() == ["z", "b", "a"]
    assert join.column_map(0).array.tolist() == [2, 1]
    assert join.measured().tolist() == [[False, True, True], [False, True, False]]


def test_a_panel_that_no_store_has_is_refused():
    with pytest.raises(JoinError, match="no store has any"):
        VarJoin.panel(["nope"], *names("ab", "bc"))


def test_min_stores_above_their_number_is_refused():
    with pytest.raises(JoinError, match="from 1 to 2"):
        VarJoin.at_least(3, *names("ab", "bc"))


@pytest.mark.parametrize("several", [["aba", "ab"], ["aba"]])
def test_repeated_names_are_named_with_their_store(several):
    with pytest.raises(JoinError, match=r"store_0, var: repeats 1 variable names: 'a'"):
        VarJoin.inner(*names(*several))


def test_repeated_names_first_or_sum():
    lists, list_of = names("aba", "ab")
    assert VarJoin.inner(lists, list_of, "first").column_map(0).array.tolist() == [0, 1, -1]
    assert VarJoin.inner(lists, list_of, "sum").column_map(0).array.tolist() == [0, 1, 0]
    assert VarJoin.inner(lists, list_of, "sum").columns(0).tolist() == [0, 1]


def test_versions_are_stripped_from_ensembl_ids_only():
    given = [
        "ENSG00000141510.18",
        "ENSMUSG00000059552.14",
        "ENSG1.2_PAR_Y",
        "RP11-34P13.7",
        "7SK.1",
    ]
    expected = ["ENSG00000141510", "ENSMUSG00000059552", "ENSG1.2_PAR_Y", "RP11-34P13.7", "7SK.1"]
    assert strip_versions(np.array(given, dtype=object)).tolist() == expected


def test_lists_with_equal_names_have_equal_keys():
    assert (
        VarNames(np.array(["ab", "c"], object), "x").key
        == VarNames(np.array(["ab", "c"], object), "y").key
    )
    assert (
        VarNames(np.array(["ab", "c"], object), "x").key
        != VarNames(np.array(["a", "bc"], object), "x").key
    )


def test_no_stores_join_to_nothing():
    assert len(VarJoin.inner([], [])) == 0
    assert VarJoin.inner([], []).measured().shape == (0, 0)


def test_joint_names_are_what_pandas_would_say():
    several = [[f"g{i}" for i in range(0, 50, step)] for step in (1, 2, 3)]
    expected = pd.Index(several[0]).union(several[1]).union(several[2])
    assert VarJoin.outer(*names(*several)).joint.tolist() == expected.tolist()


@given(
    st.lists(
        st.lists(st.sampled_from(["a", "b", "c", "d", "", ""]), max_size=7), min_size=1, max_size=4
    ),
    st.data(),
)
def test_variables_without_a_name_are_in_no_join(several, data):
    """As if they were not there, in every join; the other columns stay where they are."""
    several = [list(dict.fromkeys(one)) + [""] * one.count("") for one in several]
    whole = [[name for name in one if name] for one in several]
    how, *more = data.draw(st.sampled_from([
        (VarJoin.inner,), (VarJoin.outer,), (VarJoin.at_least, 1), (VarJoin.panel, ["b", "a", "z"]),
    ]))  # fmt: skip

    def join(some, gaps):
        lists = [VarNames(np.array(one, dtype=object), "s", gaps=gaps) for one in some]
        return how(*more, lists, list(range(len(lists))))

    try:
        expected = join(whole, False)
    except JoinError as error:
        with pytest.raises(JoinError) as found:
            join(several, True)
        assert str(found.value) == str(error)
        return
    found = join(several, True)
    assert found.joint.tolist() == expected.joint.tolist()
    assert (found.measured() == expected.measured()).all()
    for i, one in enumerate(several):
        for joint, column in zip(found.joint, found.columns(i), strict=True):
            assert column == (one.index(joint) if joint in one else -1)


def test_an_empty_name_of_an_index_is_a_name():
    lists, of = names(["a", ""], ["", "a"])
    assert VarJoin.inner(lists, of).joint.tolist() == ["a", ""]
