"""Output memory is used again only once no view of it is left."""

import pickle

import numpy as np
import pytest

from mappedviz.gather.buffers import BufferPool
from tests.optional import torch

SHAPE = (1000, 1000)


@pytest.fixture
def pool():
    return BufferPool(1 << 24)


def where(array):
    return array.ctypes.data


def test_memory_of_a_batch_that_is_gone_is_used_again(pool):
    first = pool.empty(SHAPE, np.float32)
    address = where(first)
    del first
    assert where(pool.empty(SHAPE, np.float32)) == address


@pytest.mark.parametrize(
    "view",
    [lambda a: a[3:4], lambda a: a.T, memoryview, lambda a: torch.from_numpy(a)],  # noqa: PLW0108 - torch may be absent
    ids=["slice", "transposed", "memoryview", "tensor"],
)
def test_memory_that_something_still_sees_is_left_alone(pool, view):
    first = pool.empty(SHAPE, np.float32)
    first[:] = 7
    seen = view(first)
    address = where(first)
    del first
    second = pool.empty(SHAPE, np.float32)
    assert where(second) != address
    second[:] = 0
    assert float(np.asarray(seen).min()) == 7


def test_a_smaller_or_a_slightly_larger_batch_fits_as_well(pool):
    first = pool.empty((1000, 1000), np.float32)
    address = where(first)
    del first
    for shape, dtype in (
        ((500, 999), np.float32),
        ((2, 250_000), np.float64),
        ((1001, 1000), "f4"),
    ):
        array = pool.empty(shape, dtype)
        assert (array.shape, array.dtype) == (shape, np.dtype(dtype))
        assert array.flags.c_contiguous
        assert where(array) == address
        del array


def test_no_more_is_kept_than_the_bound():
    pool = BufferPool(1 << 20)
    held = [pool.empty((1 << 19,), np.uint8) for _ in range(5)]
    assert sum(kept.nbytes for kept in pool._buffers) <= 1 << 20
    large = pool.empty((1 << 21,), np.uint8)
    assert large.nbytes == 1 << 21
    assert len({where(one) for one in held}) == 5
    assert sum(kept.nbytes for kept in pool._buffers) <= 1 << 20


def test_small_arrays_are_not_of_the_pool(pool):
    pool.empty((10, 10), np.float32)
    assert pool._buffers == []


def test_a_pickle_holds_the_bound_only(pool):
    kept = pool.empty(SHAPE, np.float32)
    again = pickle.loads(pickle.dumps(pool))
    assert (again.max_bytes, again._buffers) == (pool.max_bytes, [])
    assert kept.shape == SHAPE
