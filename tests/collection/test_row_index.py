"""Whatever names rows."""

import numpy as np
import pytest

from mappedviz import MappedCollection, RowBatch
from tests.optional import torch


@pytest.mark.parametrize("index", [3, np.int8(3), np.array(3), np.uint64(3), -69 + 3, True + 2])
def test_every_integer_is_an_index(paths, index):
    ds = MappedCollection(paths)
    assert len(ds) == 69
    np.testing.assert_array_equal(ds[index]["X"], ds[3]["X"])


@pytest.mark.parametrize("index", [69, -70, 10**30])
def test_out_of_range_is_an_index_error(paths, index):
    with pytest.raises(IndexError):
        MappedCollection(paths)[index]


@pytest.mark.parametrize(
    "index", [1.0, "a", None, [1.5], ["a"], [[1]], [69], [-70], {"a": 1}, np.ones(3, bool)]
)
def test_what_is_no_index_is_an_error(paths, index):
    with pytest.raises((IndexError, TypeError)):
        MappedCollection(paths)[index]


def test_slices_lists_arrays_and_masks_give_batches(paths):
    ds = MappedCollection(paths, obs_keys="origin")
    origin = ds[:]["origin"]
    mask = origin % 2 == 0
    for index, expected in [
        (slice(5, 60, 7), origin[5:60:7]),
        (slice(None, None, -1), origin[::-1]),
        ([4, 4, -1], origin[[4, 4, -1]]),
        (np.array([60, 2], dtype=np.uint8), origin[[60, 2]]),
        (mask, origin[mask]),
        ([], origin[:0]),
        (range(3), origin[:3]),
    ]:
        batch = ds[index]
        assert isinstance(batch, RowBatch)
        np.testing.assert_array_equal(batch["origin"], expected)


def test_tensors_are_indices(paths):
    ds = MappedCollection(paths, obs_keys="origin")
    np.testing.assert_array_equal(ds[torch.tensor(3)]["X"], ds[3]["X"])
    np.testing.assert_array_equal(ds[torch.tensor([1, 2])]["origin"], ds[[1, 2]]["origin"])
