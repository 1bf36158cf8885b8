"""Rows that were planned are read once, and only once."""

import pickle

import numpy as np

from mappedviz.loaders.dataset import Batches
from mappedviz.orders.source import PlannedRows


class Answers:
    """Reads nothing: says which position was asked for."""

    def take(self, position, rows):
        return f"read ahead at {position}"


def test_a_batch_on_its_way_is_taken_once_and_can_be_read_again(two_plain):
    source = Batches(two_plain, sparse=False)
    rows = PlannedRows(np.array([5, 3]), 7, Answers())
    assert source.__getitems__(rows) == "read ahead at 7"
    np.testing.assert_array_equal(source.__getitems__(rows)["X"], two_plain[[5, 3]]["X"])


def test_a_planned_batch_that_was_changed_is_read_as_it_is_now(two_plain):
    """Accelerate adds rows to the last batch of an epoch, in place."""
    source = Batches(two_plain, sparse=False)
    rows = PlannedRows(np.array([5, 3]), 7, Answers())
    rows += [9]
    np.testing.assert_array_equal(source.__getitems__(rows)["X"], two_plain[[5, 3, 9]]["X"])


def test_a_worker_process_gets_the_numbers_alone():
    rows = pickle.loads(pickle.dumps(PlannedRows(np.array([5, 3]), 7, Answers())))
    assert (type(rows), rows) == (list, [5, 3])
