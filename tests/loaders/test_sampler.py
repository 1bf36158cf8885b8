"""The sampler of batches, and what trainers such as Lightning do with it."""

import gc
import time
import weakref

import pytest
from torch.utils.data import DataLoader, DistributedSampler

import mappedviz as mv
from tests.loaders import origins


@pytest.fixture
def ds(two_plain):
    return two_plain


@pytest.mark.parametrize(
    "order", [{"shuffle": True}, {"shuffle": "block"}, {"weights": "cell_type"}]
)
def test_a_trainer_finds_where_to_set_the_epoch(ds, order):
    """Lightning and Fabric call set_epoch of ``loader.sampler`` and ``loader.batch_sampler.sampler``."""
    loader = mv.dataloader(ds, 16, seed=1, **order)
    places = {id(place): place for place in (loader.sampler, loader.batch_sampler.sampler)}
    epochs = []
    for epoch in (0, 1, 0):
        for place in places.values():
            place.set_epoch(epoch)
        epochs.append(origins(loader))
    assert epochs[0] == epochs[2] != epochs[1]
    assert (loader.batch_size, len(loader), sum(1 for _ in loader)) == (None, 13, 13)


def test_a_trainer_sees_that_rows_are_shared_already(ds):
    """Lightning's ``use_distributed_sampler`` leaves such a loader as it is."""
    loader = mv.dataloader(ds, 16)
    assert isinstance(loader, DataLoader)
    assert isinstance(loader.sampler, DistributedSampler)
    assert (loader.batch_sampler.batch_size, loader.batch_sampler.drop_last) == (16, False)


class Recorder:
    """What Lightning wraps around a batch sampler while it predicts."""

    def __init__(self, batch_sampler):
        self.__dict__ = dict(vars(batch_sampler))
        self.wrapped, self.seen = batch_sampler, []

    def __iter__(self):
        for batch in self.wrapped:
            self.seen.append(batch)
            yield batch

    def __len__(self):
        return len(self.wrapped)


@pytest.mark.parametrize("lookahead", [None, 0])
@pytest.mark.parametrize("order", [{}, {"shuffle": True}, {"weights": "cell_type"}])
def test_a_trainer_makes_the_loader_again(ds, order, lookahead):
    """As Lightning does to predict: the last batch is not dropped, and row numbers are kept."""
    options = {"seed": 1, "drop_last": True, "lookahead": lookahead, **order}
    loader = mv.dataloader(ds, 16, **options)
    before = loader.batch_sampler
    sampler = Recorder(type(before)(loader.sampler, batch_size=before.batch_size, drop_last=False))
    again = type(loader)(
        loader.dataset, batch_sampler=sampler, collate_fn=loader.collate_fn, num_workers=0
    )
    assert (len(loader), len(again)) == (12, 13)
    assert len(list(loader)) == 12
    assert before.drop_last
    rows = origins(again)
    assert rows == origins(mv.dataloader(ds, 16, **{**options, "drop_last": False}))
    seen = [row for batch in sampler.seen for row in batch]
    assert rows == ds[seen]["origin"].tolist()
    # Of the batches only the numbers are kept, and they can be asked for again.
    assert all(getattr(batch, "_reader", None) is None for batch in sampler.seen)
    assert loader.dataset.__getitems__(sampler.seen[0])["origin"].tolist() == rows[:16]
    assert again.sampler is sampler


def test_the_last_reference_to_a_loader_gives_its_memory_back(ds):
    part = ds.subset(slice(0, 50))
    gone = weakref.ref(part)
    gc.disable()
    try:
        loader = mv.dataloader(part, 16)
        origins(loader)
        del part, loader
        deadline = time.monotonic() + 60
        while gone() is not None:  # a thread that has just read the last batch lets go of it
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        gc.enable()
