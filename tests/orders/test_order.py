"""The contract of an order: a pure function of seed and epoch that can begin anywhere."""

import numpy as np
import torch  # noqa: F401 - what asks for processes asks torch, where it is imported

from mappedviz.orders.class_order import BalancedOrder, ClassOrder
from mappedviz.orders.given_order import GivenOrder
from mappedviz.orders.order import processes
from mappedviz.orders.row_order import RowOrder


def test_an_order_begins_anywhere():
    weights = np.random.default_rng(0).random(1003)
    for options in (
        {},
        {"shuffle": True},
        {"shuffle": "block", "block_size": 16, "buffer_size": 100},
        {"weights": weights, "num_samples": 700},
        {"shuffle": True, "rank": 1, "world_size": 3},
        {"shuffle": "block", "rank": 2, "world_size": 3, "drop_last": True, "buffer_size": 64},
    ):
        order = RowOrder(1003, 10, seed=7, window=5, **options)
        whole = [batch.tolist() for window in order.batches(2) for batch in window]
        assert len(whole) == len(order)
        for start in (0, 1, 3, len(order) - 1, len(order)):
            rest = [batch.tolist() for window in order.batches(2, start) for batch in window]
            assert rest == whole[start:], (options, start)


def test_an_order_is_changed_by_making_another_one():
    order = RowOrder(103, 10, rank=None, world_size=None)
    assert (len(order), len(order.again(drop_last=True)), len(order.shared(1, 2))) == (11, 10, 6)
    assert order.seeded(4).seed == 4
    assert (order.seed, order.drop_last, order.rank) == (None, False, None)
    assert order.shard == processes() == (0, 1)


def test_windows_are_small_at_first_and_bounded_whatever_the_order():
    """As many batches are read together as the look-ahead says; the first one is soon there."""
    classes = np.arange(400) % 3
    for made in (
        lambda **window: RowOrder(400, 10, shuffle=True, **window),
        lambda **window: ClassOrder(classes, 10, **window),
        lambda **window: BalancedOrder(classes, 10, 5, **window),
        lambda **window: GivenOrder(400, 10, range(400), **window),
    ):
        for window, begin, sizes in ((8, 1, [1, 2, 4, 8, 8]), (8, 8, [8, 8, 8]), (1, 2, [1, 1, 1])):
            order = made(window=window, begin=begin, seed=0)
            found = [len(batches) for batches in order.batches(0)]
            assert found[: len(sizes)] == sizes
            assert sum(found) == len(order)
