"""The hand-off: finished batches in exact orders, torch's own DataLoader, real worker processes."""

import numpy as np
import pytest
import torch
from torch.utils.data import (
    ConcatDataset,
    DataLoader,
    Subset,
    WeightedRandomSampler,
    random_split,
)

import mappedviz as mv
from mappedviz.orders.row_order import RowOrder
from tests.loaders import ORDERS, rows_of, same


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("lookahead", [None, 0, 1, 3])
def test_batches_are_the_rows_of_their_order(ds, order, sparse, lookahead):
    loader = mv.dataloader(ds, 32, seed=7, sparse=sparse, lookahead=lookahead, **order)
    batches = list(loader)
    assert len(batches) == len(loader)
    rows = rows_of(ds, batches)
    start = 0
    for batch in batches:
        n = len(batch["origin"])
        same(batch, ds[rows[start : start + n]])
        start += n
    assert start == len(ds)
    # Looking ahead changes no order.
    again = mv.dataloader(ds, 32, seed=7, sparse=sparse, lookahead=0, **order)
    if order.get("shuffle") != "block" and lookahead == 3:
        expected = [
            r
            for w in RowOrder(len(ds), 32, seed=7, window=3, **_as_order(ds, order)).windows(0)
            for r in w
        ]
        assert rows == expected
    assert len(again) == len(loader)


def _as_order(ds, order):
    if "weights" in order:
        return {"weights": ds.get_label_weights(order["weights"])}
    return order


def test_a_plain_dataloader_and_its_samplers(ds):
    same(next(iter(DataLoader(ds, 8))), ds[:8])
    assert sorted(rows_of(ds, DataLoader(ds, 64, shuffle=True))) == list(range(len(ds)))
    sampler = WeightedRandomSampler(ds.get_label_weights("cell_type"), 100)
    codes = torch.cat([b["cell_type"] for b in DataLoader(ds, 50, sampler=sampler)])
    assert len(codes) == 100
    assert (codes >= 0).all()


@pytest.mark.parametrize("context", ["fork", "spawn", "forkserver"])
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_worker_processes_read_the_same(ds, context):
    if context != "fork" and ds.stores[0].kind == "h5ad":
        pytest.skip("starting fresh interpreters takes seconds: once is enough")
    ds[0]  # something is open in the parent
    options = {"batch_size": 37, "num_workers": 2, "multiprocessing_context": context}
    loader = DataLoader(ds, worker_init_fn=ds.torch_worker_init_fn, **options)
    start = 0
    for batch in loader:
        same(batch, ds[start : start + 37])
        start += 37
    sparse = mv.dataloader(ds, sparse=True, shuffle=True, seed=0, **options)
    rows = []
    for batch in sparse:
        rows += rows_of(ds, [batch])
        same(batch, ds[rows[-len(batch["origin"]) :]])
    assert sorted(rows) == list(range(len(ds)))


@pytest.mark.parametrize("workers", [0, 2])
def test_subsets_splits_and_concatenations(ds, workers):
    options = {"num_workers": workers, "batch_size": 20}
    if workers:
        options |= {"worker_init_fn": ds.torch_worker_init_fn, "multiprocessing_context": "fork"}
    chosen = [9, 250, 9, 31]
    same(next(iter(DataLoader(Subset(ds, chosen), **options))), ds[chosen])
    parts = random_split(ds, [0.5, 0.5], torch.Generator().manual_seed(0))
    rows = [rows_of(ds, DataLoader(part, **options)) for part in parts]
    assert sorted(rows[0] + rows[1]) == list(range(len(ds)))
    twice = ConcatDataset([ds, Subset(ds, chosen)])
    batches = list(DataLoader(twice, **options))
    assert rows_of(ds, batches) == [*range(len(ds)), *chosen]


def test_a_training_loop_learns(ds):
    torch.manual_seed(0)
    loader = mv.dataloader(ds, 32, weights="cell_type", seed=0)
    model = torch.nn.Linear(ds.n_vars, len(ds.encoders["cell_type"]))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    losses = []
    for _ in range(6):
        for batch in loader:
            x = torch.nn.functional.normalize(batch["X"].float())
            loss = torch.nn.functional.cross_entropy(model(x), batch["cell_type"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    n = len(loader)
    assert np.mean(losses[-n:]) < np.mean(losses[:n])


def test_threads_of_one_process_read_the_same(ds):
    from concurrent.futures import ThreadPoolExecutor

    rng = np.random.default_rng(0)
    orders = [rng.integers(0, len(ds), 50) for _ in range(60)]
    whole = ds[:]["X"]
    with ThreadPoolExecutor(4) as pool:
        for order, batch in zip(orders, pool.map(ds.read_rows, orders), strict=True):
            np.testing.assert_array_equal(batch["X"], whole[order])


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_an_alias_of_a_matrix_travels_to_workers(ds, context):
    request = {"layers_keys": "k", "layer_alias": {"k": ["raw.X", "nowhere", "X"]}}
    ds = mv.MappedCollection(ds.path_list, join="outer", **request)
    loader = mv.dataloader(ds, 16, num_workers=2, multiprocessing_context=context)
    here = np.concatenate([np.asarray(batch["k"]) for batch in mv.dataloader(ds, 16)])
    np.testing.assert_array_equal(np.concatenate([np.asarray(b["k"]) for b in loader]), here)
    np.testing.assert_array_equal(ds[:]["k"], here)
