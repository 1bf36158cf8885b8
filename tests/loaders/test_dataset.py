"""The dataset of a loader."""

import numpy as np

from mappedviz import MappedCollection
from mappedviz.loaders.dataset import Batches


def test_a_dataset_has_the_rows_of_its_collection(two_plain):
    source = Batches(two_plain, sparse=False)
    assert isinstance(source.collection, MappedCollection)
    assert len(source) == len(two_plain)
    assert source[7].keys() == two_plain[7].keys()
    assert source.read_window(np.arange(8), 4).cut(4, 8)["origin"].tolist() == (
        two_plain[4:8]["origin"].tolist()
    )
