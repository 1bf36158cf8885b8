"""Column maps: what is known of them, and that it stays true."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from mappedviz.recipe.column_map import ColumnMap


@pytest.mark.parametrize(
    ("array", "highest", "keeps_all", "injective", "ascending"),
    [
        ([0, 1, 2], 2, True, True, True),
        ([-1, 0, -1, 3], 3, False, True, True),
        ([2, 0, -1], 2, False, True, False),
        ([1, 1], 1, True, False, False),
        ([3, -1, 3], 3, False, False, False),
        ([-1, -1], -1, False, True, True),
        ([], -1, True, True, True),
    ],
)
def test_what_is_known_of_a_map(array, highest, keeps_all, injective, ascending):
    columns = ColumnMap(np.array(array, np.int64))
    assert columns.array.dtype == np.int32
    assert (columns.highest, columns.keeps_all) == (highest, keeps_all)
    assert (columns.injective, columns.ascending) == (injective, ascending)
    assert len(columns) == len(array)


def test_a_map_does_not_change():
    source = np.array([2, 1, 0], np.int32)
    columns = ColumnMap(source)
    source[0] = 7
    assert columns.array.tolist() == [2, 1, 0]
    with pytest.raises(ValueError, match="read-only"):
        columns.array[0] = 7


def test_a_copy_has_an_address_of_its_own():
    columns = ColumnMap([2, 1, 0])
    copy = pickle.loads(pickle.dumps(columns))
    assert copy.array.tolist() == [2, 1, 0]
    assert copy.address == copy.array.ctypes.data != columns.address


@pytest.mark.parametrize("array", [[0, -2], [0.5], [[0]]])
def test_what_is_no_map(array):
    with pytest.raises(ValueError, match="one integer per column"):
        ColumnMap(np.array(array))
