"""An iteration that stops anywhere goes on with the batch after it: the same batches, in the same order."""

import json

import numpy as np
import pytest
import torch

import mappedviz as mv
from mappedviz import MappedCollection
from mappedviz.errors import RecipeError, RecipeTypeError
from mappedviz.testing import coded_anndata
from tests.loaders import ORDERS, origins
from tests.stores import STORE_KINDS

BATCH = 20


@pytest.fixture
def ds(two_plain):
    return two_plain


def epochs_of(loader, n):
    return [[origins([batch]) for batch in loader] for _ in range(n)]


def stopped_after(loader, n):
    """Batches of the epoch up to the n-th, and the state then, as JSON keeps it."""
    batches = iter(loader)
    seen = [origins([next(batches)]) for _ in range(n)]
    return seen, json.loads(json.dumps(loader.state_dict()))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("lookahead", [None, 0])
@pytest.mark.parametrize("epoch", [0, 1])
def test_after_any_batch_of_any_epoch(ds, order, lookahead, epoch):
    def loader():
        return mv.dataloader(ds, BATCH, seed=3, lookahead=lookahead, **order)

    expected = epochs_of(loader(), 3)
    for n in range(len(expected[0]) + 1):
        stopped = loader()
        before = epochs_of(stopped, epoch)
        seen, state = stopped_after(stopped, n)
        assert [*before, seen] == [*expected[:epoch], expected[epoch][:n]]
        again = loader()
        again.load_state_dict(state)
        rest = epochs_of(again, 3 - epoch)
        # An epoch that was received whole is over: the next one begins.
        left = [expected[epoch][n:], *expected[epoch + 1 :]]
        assert rest[: len(left)] == left if n < len(expected[0]) else rest[0] == expected[epoch + 1]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("ranks", [2, 3])
@pytest.mark.parametrize("drop_last", [False, True])
def test_processes_go_on_from_the_state_of_the_first(ds, order, ranks, drop_last):
    """Trainers keep the state of one process and give it to all."""

    def loader(rank):
        return mv.dataloader(ds, 16, rank=rank, world_size=ranks, drop_last=drop_last, **order)

    expected = [epochs_of(loader(rank), 2)[1] for rank in range(ranks)]
    stopped = loader(0)
    epochs_of(stopped, 1)
    _, state = stopped_after(stopped, 2)
    for rank in range(ranks):
        again = loader(rank)
        again.load_state_dict(state)
        assert epochs_of(again, 1)[0] == expected[rank][2:]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_workers_that_have_read_ahead_count_for_nothing(ds, order):
    options = {"seed": 5, "num_workers": 2, "multiprocessing_context": "fork", **order}
    expected = epochs_of(mv.dataloader(ds, BATCH, seed=5, **order), 2)
    for persistent in (False, True):
        stopped = mv.dataloader(ds, BATCH, persistent_workers=persistent, **options)
        epochs_of(stopped, 1)
        seen, state = stopped_after(stopped, 3)
        again = mv.dataloader(ds, BATCH, persistent_workers=persistent, **options)
        again.load_state_dict(state)
        assert [*seen, *epochs_of(again, 1)[0]] == expected[1]


def test_several_resumes_in_a_row(ds):
    rng = np.random.default_rng(0)
    expected = [
        batch
        for epoch in epochs_of(mv.dataloader(ds, 7, shuffle=True, seed=1), 4)
        for batch in epoch
    ]
    state, seen = None, []
    while len(seen) < len(expected):
        loader = mv.dataloader(ds, 7, shuffle=True, seed=1)
        if state is not None:
            loader.load_state_dict(state)
        length = len(loader)
        n = int(rng.integers(0, length - len(seen) % length + 1))
        some, state = stopped_after(loader, n)
        seen += some
    assert seen == expected


def test_a_seed_that_was_drawn_is_kept(ds):
    loader = mv.dataloader(ds, BATCH, shuffle=True)
    epochs_of(loader, 1)
    _, state = stopped_after(loader, 4)
    again = mv.dataloader(ds, BATCH, shuffle=True)
    again.load_state_dict(state)
    whole = mv.dataloader(ds, BATCH, shuffle=True, seed=state["seed"])
    whole.batch_sampler.set_epoch(1)
    assert epochs_of(again, 2) == [epochs_of(whole, 1)[0][4:], *epochs_of(whole, 1)]


def test_a_state_before_the_first_batch(ds):
    torch.manual_seed(1)
    loader = mv.dataloader(ds, BATCH, shuffle=True)
    state = loader.state_dict()
    batches = iter(loader)
    assert loader.state_dict() == state
    assert (state["epoch"], state["batch"]) == (0, 0)
    first = origins(batches)
    again = mv.dataloader(ds, BATCH, shuffle=True)
    again.load_state_dict(state)
    assert origins(again) == first


def test_a_trainer_that_sets_the_epoch_it_resumes_goes_on_within_it(ds):
    loader = mv.dataloader(ds, BATCH, shuffle=True, seed=1)
    expected = epochs_of(loader, 3)
    loader.batch_sampler.set_epoch(1)
    _, state = stopped_after(loader, 2)
    for epoch, begins in ((1, expected[1][2:]), (2, expected[2])):
        again = mv.dataloader(ds, BATCH, shuffle=True, seed=1)
        again.load_state_dict(state)
        again.batch_sampler.set_epoch(epoch)
        assert epochs_of(again, 1)[0] == begins


def test_nothing_before_the_first_batch_is_read(tmp_path, monkeypatch):
    path = STORE_KINDS["h5ad-gzip"](coded_anndata(0, 400, genes=["a", "b"]), tmp_path / "a")
    ds = MappedCollection(path, obs_keys="origin", encode_labels=False)
    stopped = mv.dataloader(ds, 10, shuffle=True, seed=0, lookahead=0)
    expected = origins(stopped)
    stopped.batch_sampler.set_epoch(0)
    _, state = stopped_after(stopped, 30)
    read = []
    for name in ("read_rows", "read_window"):
        was = getattr(MappedCollection, name)

        def noted(self, rows, *args, was=was, **options):
            read.extend(np.asarray(rows).tolist())
            return was(self, rows, *args, **options)

        monkeypatch.setattr(MappedCollection, name, noted)
    again = mv.dataloader(ds, 10, shuffle=True, seed=0)
    again.load_state_dict(state)
    assert origins(again) == expected[300:]
    assert len(read) == 100


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"batch_size": 21}, "batch_size was 20 and is 21"),
        ({"seed": 4}, "seed was 3 and is 4"),
        ({"shuffle": "block"}, "shuffle was True and is 'block'"),
        ({"shuffle": None, "weights": "cell_type"}, "shuffle was True and is False"),
        ({"drop_last": True}, "drop_last was False and is True"),
        ({"rank": 0, "world_size": 2}, "world_size was 1 and is 2"),
    ],
)
def test_another_order_is_refused_by_name(ds, change, says):
    state = mv.dataloader(ds, 20, shuffle=True, seed=3).state_dict()
    other = mv.dataloader(ds, **{"batch_size": 20, "shuffle": True, "seed": 3, **change})
    with pytest.raises(RecipeError, match=says):
        other.load_state_dict(state)


def test_other_weights_are_refused_by_name(ds):
    state = mv.dataloader(ds, 20, weights="cell_type", seed=3).state_dict()
    with pytest.raises(RecipeError, match="weights was"):
        mv.dataloader(ds, 20, weights=np.ones(len(ds)), seed=3).load_state_dict(state)


def test_another_collection_is_refused_by_name(ds):
    state = mv.dataloader(ds, 20, shuffle=True, seed=3).state_dict()
    with pytest.raises(RecipeError, match="n_rows was 203 and is 202"):
        mv.dataloader(ds.subset(slice(0, 202)), 20, shuffle=True, seed=3).load_state_dict(state)
    swapped = MappedCollection([store.path for store in ds.stores][::-1])
    with pytest.raises(RecipeError, match="of another collection"):
        mv.dataloader(swapped, 20, shuffle=True, seed=3).load_state_dict(state)


@pytest.mark.parametrize(
    ("wrong", "error", "says"),
    [
        (None, RecipeTypeError, "is a NoneType"),
        ({}, RecipeError, "version None"),
        ({"version": 2}, RecipeError, "version 2"),
        ({"version": 1, "epochs": 3}, RecipeError, "no state of a loader"),
        ({"batch": -1}, RecipeError, "batch -1"),
        ({"epoch": 1.5}, RecipeError, "epoch 1.5"),
    ],
)
def test_no_state(ds, wrong, error, says):
    loader = mv.dataloader(ds, 20, shuffle=True, seed=3)
    if wrong and "version" not in wrong:
        wrong = {**loader.state_dict(), **wrong}
    with pytest.raises(error, match=says):
        loader.load_state_dict(wrong)
