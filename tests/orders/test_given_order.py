"""An order of one's own: arrays, samplers of rows and of batches."""

import json

import numpy as np
import pytest
import torch
from torch.utils.data import (
    BatchSampler,
    DistributedSampler,
    RandomSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

import mappedviz as mv
from mappedviz.errors import RecipeError, RecipeTypeError
from mappedviz.orders.given_order import GivenOrder
from tests.loaders import origins, rows_of

N = 330


class Counting:
    """A sampler of one's own: the rows of its epoch, from the back."""

    def __init__(self, n):
        self.n, self.epoch = n, 0

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __len__(self):
        return self.n

    def __iter__(self):
        return iter([(self.epoch - i) % N for i in range(self.n)])


def test_an_array_of_rows(ds):
    rows = np.random.default_rng(0).integers(0, len(ds), 101)
    for given in (rows, rows.tolist(), tuple(rows.tolist())):
        loader = mv.dataloader(ds, 10, sampler=given)
        assert (len(loader), rows_of(ds, loader), rows_of(ds, loader)) == (
            11,
            rows.tolist(),
            rows.tolist(),
        )
    assert rows_of(ds, mv.dataloader(ds, 10, sampler=rows, drop_last=True)) == rows[:100].tolist()


def test_batches_as_they_are(ds):
    batches = [[1, 2, 3], [9], [200, 1]]
    found = [rows_of(ds, [batch]) for batch in mv.dataloader(ds, batch_sampler=batches)]
    assert found == batches
    sampler = BatchSampler(RandomSampler(range(len(ds))), 50, drop_last=False)
    loader = mv.dataloader(ds, batch_sampler=sampler, seed=1)
    assert len(loader) == 7
    assert sorted(rows_of(ds, loader)) == list(range(len(ds)))


@pytest.mark.parametrize(
    "sampler",
    [
        RandomSampler(range(N)),
        SubsetRandomSampler(range(0, N, 2)),
        WeightedRandomSampler(np.arange(N) + 1.0, 200),
        Counting(99),
        np.arange(77),
    ],
    ids=lambda one: type(one).__name__,
)
def test_samplers_go_on_after_a_stop_and_are_shared(ds, sampler):
    def loader(**options):
        return mv.dataloader(ds, 10, sampler=sampler, **options)

    whole = loader(seed=4)
    expected = [[origins([batch]) for batch in whole] for _ in range(3)]
    fixed = isinstance(sampler, np.ndarray)
    assert (expected[0] == expected[1]) == fixed
    for epoch, n in ((0, 3), (1, 0), (2, 5)):
        stopped = loader(seed=4)
        for _ in range(epoch):
            list(stopped)
        batches = iter(stopped)
        seen = [origins([next(batches)]) for _ in range(n)]
        again = loader(seed=4)
        if n or epoch:
            again.load_state_dict(json.loads(json.dumps(stopped.state_dict())))
        assert seen + [origins([batch]) for batch in again] == expected[epoch]
    ranks = [[origins([b]) for b in loader(rank=rank, world_size=2)] for rank in (0, 1)]
    assert len(ranks[0]) == len(ranks[1])
    every = {tuple(batch) for part in ranks for batch in part}
    alone = {tuple(origins([b])) for b in loader(rank=0, world_size=1, seed=0)}
    assert every == alone


def test_the_random_numbers_of_others_stay_what_they_are():
    state = torch.get_rng_state()
    order = GivenOrder(50, 10, RandomSampler(range(50)), seed=1)
    assert sorted(row for window in order.batches(0) for batch in window for row in batch) == list(
        range(50)
    )
    assert torch.equal(torch.get_rng_state(), state)


class Short(Counting):
    """Gives fewer rows than it says."""

    def __iter__(self):
        return iter(range(self.n - 5))


def test_a_length_is_kept(ds):
    """By the length processes know how many batches each gets."""
    with pytest.raises(RecipeError, match="sampler: has the length 40 and gives 35"):
        list(mv.dataloader(ds, 10, sampler=Short(40)))
    for batches in ([[]], [[1, 2], [], [3]]):
        with pytest.raises(
            RecipeError, match=rf"batch_sampler: gives no row in batch {len(batches) // 2}"
        ):
            mv.dataloader(ds, batch_sampler=batches)


def test_a_generator_inside_of_a_sampler_of_batches(ds):
    rows = RandomSampler(range(len(ds)), generator=torch.Generator())
    with pytest.raises(RecipeError, match="batch_sampler: has a random generator of its own"):
        mv.dataloader(ds, batch_sampler=BatchSampler(rows, 8, drop_last=False))


def test_a_sampler_that_is_shared_already(ds):
    """Shared once more, half of its rows would never come."""
    half = DistributedSampler(range(len(ds)), num_replicas=2, rank=1, shuffle=True)
    for options in ({}, {"rank": 0, "world_size": 2}):
        with pytest.raises(RecipeError, match="DistributedSampler, which shares rows"):
            mv.dataloader(ds, 10, sampler=half, **options)
    loader = mv.dataloader(ds, 10, sampler=half, rank=0, world_size=1)
    half.set_epoch(0)
    assert rows_of(ds, loader) == list(half)


def test_batches_of_the_same_rows_are_another_order(ds):
    state = mv.dataloader(ds, batch_sampler=[[1, 2], [3]], seed=0).state_dict()
    with pytest.raises(RecipeError, match="batch_sampler was"):
        mv.dataloader(ds, batch_sampler=[[1], [2, 3]], seed=0).load_state_dict(state)


def test_what_is_no_order(ds):
    with pytest.raises(RecipeTypeError, match="generator, which has no length"):
        mv.dataloader(ds, 10, sampler=(i for i in range(3)))
    own = RandomSampler(range(len(ds)), generator=torch.Generator())
    with pytest.raises(RecipeError, match="random generator of its own"):
        mv.dataloader(ds, 10, sampler=own)
    for wrong in ([0.5], [[1, 2]], ["a"]):
        with pytest.raises(RecipeTypeError, match="sampler: gives"):
            mv.dataloader(ds, 10, sampler=wrong)
    with pytest.raises(RecipeError, match="gives row 400 of 330"):
        list(mv.dataloader(ds, 10, sampler=SubsetRandomSampler([400])))
    assert list(mv.dataloader(ds, 10, sampler=[])) == []


def test_the_batches_of_another_loader(ds):
    """Its batch sampler is its own ``sampler``, for trainers."""
    other = mv.dataloader(ds, 10, shuffle=True, seed=3)
    again = mv.dataloader(ds, batch_sampler=other.batch_sampler)
    other.batch_sampler.set_epoch(0)
    assert rows_of(ds, again) == rows_of(ds, mv.dataloader(ds, 10, shuffle=True, seed=3))
