"""The dataset of a loader."""

import pickle

import numpy as np

import mappedviz as mv
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


def test_an_epoch_that_is_set_is_that_of_its_samplers(two_plain):
    loader = mv.dataloader(two_plain, 20, shuffle=True, seed=3)
    first, second = ([batch["origin"].tolist() for batch in loader] for _ in range(2))
    assert first != second
    loader.dataset.set_epoch(1)
    assert [batch["origin"].tolist() for batch in loader] == second


def test_a_dataset_travels_without_its_samplers(two_plain):
    loader = mv.dataloader(two_plain, 20, shuffle=True, sparse=True)
    again = pickle.loads(pickle.dumps(loader.dataset))
    again.set_epoch(1)  # of none
    assert again.sparse
    assert len(again) == len(two_plain)
