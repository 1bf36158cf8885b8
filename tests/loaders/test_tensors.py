"""Collating, and the way to a device."""

import numpy as np
import pytest
import torch
from torch.utils.data import (
    default_collate,
)

import mappedviz as mv
from tests.loaders import same


def test_the_stock_collate_does_not_stack_again(ds):
    batch = ds.__getitems__([5, 3, 5])
    tensors = default_collate(batch)
    assert tensors["X"].data_ptr() == batch["X"].ctypes.data
    assert tensors["cell_type"].dtype == torch.int64
    same(tensors, batch)


def test_collating_samples_one_by_one_gives_the_same(ds):
    batch = ds.__getitems__([5, 3])
    one_by_one = default_collate([batch[0], batch[1]])
    same(one_by_one, batch)
    same(default_collate([ds[5], ds[3]]), batch)


def test_sparse_batches_become_dense_on_the_device(ds):
    batch = next(iter(mv.dataloader(ds, 16, sparse=True)))
    moved = mv.to_device(batch, "cpu")
    same(moved, ds[:16])
    assert mv.to_device(batch, "cpu", dense=False)["X"].layout == torch.sparse_csr
    assert moved["donor"] is batch["donor"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_batches_reach_the_gpu(ds):
    for sparse in (False, True):
        loader = mv.dataloader(ds, 16, sparse=sparse, pin_memory=True)
        moved = mv.to_device(next(iter(loader)), "cuda")
        assert moved["X"].is_cuda
        np.testing.assert_array_equal(moved["X"].cpu().numpy(), ds[:16]["X"])
