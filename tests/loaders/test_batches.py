"""The dataset of a loader: rows that were planned are read once, and only once."""

from concurrent.futures import Future

import numpy as np

from mappedviz import MappedCollection
from mappedviz.loaders.batches import Batches, PlannedRows


def test_a_batch_on_its_way_is_taken_once_and_can_be_read_again(two_plain):
    source = Batches(two_plain, sparse=False)
    coming = Future()
    coming.set_result("read ahead")
    rows = PlannedRows(np.array([5, 3]), coming)
    assert source.__getitems__(rows) == "read ahead"
    assert rows.coming is None
    np.testing.assert_array_equal(source.__getitems__(rows)["X"], two_plain[[5, 3]]["X"])


def test_a_dataset_has_the_rows_of_its_collection(two_plain):
    source = Batches(two_plain, sparse=False)
    assert isinstance(source.collection, MappedCollection)
    assert len(source) == len(two_plain)
    assert source[7].keys() == two_plain[7].keys()
    assert source.read_window(np.arange(8), 4).cut(4, 8)["origin"].tolist() == (
        two_plain[4:8]["origin"].tolist()
    )
