"""A batch: columns, samples, tensors."""

import numpy as np
import pytest
import torch
from torch.utils.data import default_collate

from mappedviz import RowBatch
from mappedviz.collection.row_batch import teach_default_collate


@pytest.fixture
def batch():
    columns = {
        "X": np.arange(6.0).reshape(3, 2),
        "cell_type": np.array([1, -1, 0]),
        "donor": np.array(["a", float("nan"), "b"], dtype=object),
        "ragged": [np.ones(1), np.ones(2), np.ones(3)],
    }
    return RowBatch(columns, 3)


def test_a_batch_is_a_sequence_of_samples(batch):
    assert len(batch) == len(list(batch)) == 3
    assert [sample["cell_type"] for sample in batch] == [1, -1, 0]
    assert type(batch[-1]["cell_type"]) is int
    assert batch[-1]["X"].tolist() == [4.0, 5.0]
    for outside in (3, -4):
        with pytest.raises(IndexError, match="of a batch of 3"):
            batch[outside]


def test_a_slice_is_a_batch_and_a_name_is_a_column(batch):
    part = batch[1:]
    assert isinstance(part, RowBatch)
    assert len(part) == len(part["ragged"]) == 2
    assert batch.keys() == ["X", "cell_type", "donor", "ragged"]
    assert batch["X"] is batch.columns["X"]


def test_tensors_share_the_memory_of_columns(batch):
    tensors = batch.to_torch()
    assert tensors["X"].data_ptr() == batch["X"].ctypes.data
    assert isinstance(tensors["donor"], list)
    assert [len(one) for one in tensors["ragged"]] == [1, 2, 3]


def test_default_collate_takes_a_batch_and_its_samples(batch):
    teach_default_collate()
    part = RowBatch({"X": batch["X"], "cell_type": batch["cell_type"]}, 3)
    whole, one_by_one = default_collate(part), default_collate(list(part))
    assert torch.equal(whole["X"], one_by_one["X"])
    assert whole["cell_type"].tolist() == one_by_one["cell_type"].tolist()


def test_its_repr_names_the_columns(batch):
    assert repr(batch).startswith("RowBatch of 3 rows (X: (3, 2) float64, cell_type: (3,) int64")
    assert "ragged: 3 arrays" in repr(batch)
