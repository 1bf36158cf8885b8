"""Requests: types of sums and outputs, rows in the order of the file, what is refused beforehand."""

import numpy as np
import pytest

from mappedviz.gather.matrix import Matrix
from mappedviz.gather.request import Batch, Part, sum_dtype, target_of

DTYPES = ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_sum_is_of_a_type_that_holds_it(dtype):
    stored, summed = np.dtype(dtype), sum_dtype(np.dtype(dtype))
    assert np.can_cast(stored, summed, "safe")
    assert summed.itemsize == 8 or stored.kind == "f"
    if stored.itemsize < 4:
        largest = 1 if dtype == "?" else (np.finfo if stored.kind == "f" else np.iinfo)(stored).max
        thousand = np.full(1000, largest, stored).astype(summed).sum(dtype=summed)
        assert thousand == 1000 * int(largest)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_byte_order_of_an_output_makes_no_other_type_of_it(dtype):
    assert target_of(np.dtype(dtype)).code == target_of(np.dtype(dtype).newbyteorder("=")).code


@pytest.fixture
def matrices():
    """Two matrices of four rows with one value each, at column 0 to 3."""
    return [
        Matrix.from_csr(np.arange(5), np.arange(4), np.arange(1, 5, dtype="f4") * ten, 4)
        for ten in (1, 10)
    ]


def test_rows_are_put_in_the_order_of_each_file(matrices):
    parts = [
        Part(matrices[0], np.array([3, 0, 2]), np.array([0, 2, 4])),
        Part(matrices[1], np.array([1, 0]), np.array([1, 3])),
    ]
    batch = Batch(parts, 4, target_of(np.dtype("f4")))
    batch.sort()
    assert batch.rows.tolist() == [0, 2, 3, 0, 1]
    assert batch.out_rows.tolist() == [2, 4, 0, 3, 1]


def test_as_many_rows_as_places_are_needed(matrices):
    with pytest.raises(ValueError, match="as many rows as out_rows"):
        Batch([Part(matrices[0], np.array([1, 2]), np.array([0]))], 4, target_of(np.dtype("f4")))


def test_a_row_that_is_not_there_is_refused_before_anything_is_read(matrices):
    batch = Batch([Part(matrices[0], np.array([4]), np.array([0]))], 4, target_of(np.dtype("f4")))
    with pytest.raises(IndexError, match="4"):
        batch.check(1)


def test_matrices_in_memory_have_nothing_to_decode(matrices):
    batch = Batch([Part(matrices[0], np.array([1]), np.array([0]))], 4, target_of(np.dtype("f4")))
    batch.check(1)
    assert batch.decode()
