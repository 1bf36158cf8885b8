"""The hand-off: exact orders, finished batches, real worker processes."""

import gc
import threading
import time

import numpy as np
import pytest
import torch
from torch.utils.data import (
    ConcatDataset,
    DataLoader,
    Subset,
    WeightedRandomSampler,
    default_collate,
    random_split,
)

import mappedviz as mv
from mappedviz import MappedCollection
from mappedviz.errors import RecipeError
from mappedviz.loaders.row_order import RowOrder
from mappedviz.testing import coded_anndata
from tests.stores import STORE_KINDS

KINDS = {
    "plain": ["h5ad", "h5ad"],
    "coded": ["zarr-v3", "h5ad-gzip"],
    "dense": ["h5ad-dense", "zarr-v2"],
    "coded, larger than the cache": ["zarr-v3", "h5ad-gzip"],
}


@pytest.fixture(scope="module", params=KINDS)
def ds(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    paths = [
        STORE_KINDS[kind](coded_anndata(i, 150 + 30 * i, genes=[f"g{(i + k) % 14}" for k in range(11)]), folder / str(i))
        for i, kind in enumerate(KINDS[request.param])
    ]  # fmt: skip
    return MappedCollection(
        paths,
        obs_keys=["cell_type", "origin", "donor"],
        encode_labels=["cell_type"],
        cache_bytes=4000 if "larger" in request.param else None,
    )


def rows_of(ds, batches):
    """Which rows the batches hold, told by the data themselves."""
    where = {int(origin): row for row, origin in enumerate(ds[:]["origin"])}
    return [where[int(origin)] for batch in batches for origin in batch["origin"]]


def same(batch, expected):
    for key in expected.keys():  # noqa: SIM118 - iterating a RowBatch gives samples
        if key == "donor":
            assert [str(v) for v in batch[key]] == [str(v) for v in expected[key]]
        else:
            got = batch[key].to_dense() if batch[key].layout == torch.sparse_csr else batch[key]
            np.testing.assert_array_equal(got.numpy(), expected[key])


ORDERS = [
    {"shuffle": False},
    {"shuffle": True},
    {"shuffle": "block", "block_size": 16, "buffer_size": 64},
    {"weights": "cell_type"},
]


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


@pytest.mark.parametrize("order", ORDERS[:3])
def test_an_epoch_visits_every_row_once(ds, order):
    loader = mv.dataloader(ds, 50, seed=1, **order)
    first, second = (rows_of(ds, loader) for _ in range(2))
    assert sorted(first) == sorted(second) == list(range(len(ds)))
    if order["shuffle"]:
        assert first != second
        assert first != sorted(first)
        loader.batch_sampler.set_epoch(0)
        assert rows_of(ds, loader) == first
        assert rows_of(ds, mv.dataloader(ds, 50, seed=1, **order)) == first
    else:
        assert first == second == sorted(first)


def test_an_order_does_not_depend_on_how_far_is_looked_ahead(ds):
    for order in ({"shuffle": True}, {"weights": "cell_type"}):
        orders = {
            tuple(rows_of(ds, mv.dataloader(ds, 20, seed=3, lookahead=n, **order)))
            for n in (0, 1, 5, 64)
        }
        assert len(orders) == 1


def test_without_a_seed_torch_decides(ds):
    def epoch():
        torch.manual_seed(5)
        return rows_of(ds, mv.dataloader(ds, 50, shuffle=True))

    assert epoch() == epoch()
    assert epoch() != rows_of(ds, mv.dataloader(ds, 50, shuffle=True))


def test_weighted_rows_follow_their_weights(ds):
    weights = np.zeros(len(ds))
    weights[[3, 200]] = [1, 3]
    loader = mv.dataloader(ds, 100, weights=weights, num_samples=4000, seed=0)
    rows = rows_of(ds, loader)
    assert len(rows) == 4000
    assert set(rows) == {3, 200}
    assert rows.count(200) / 4000 == pytest.approx(0.75, abs=0.03)


def test_a_scheme_of_weights(ds):
    for scheme in ("uniform", "inverse", "sqrt"):
        loader = mv.dataloader(ds, 50, weights="cell_type", scheme=scheme, seed=0)
        expected = ds.get_label_weights("cell_type", scheme=scheme)
        assert rows_of(ds, loader) == rows_of(ds, mv.dataloader(ds, 50, weights=expected, seed=0))


def test_the_weights_of_the_recipe(ds):
    """``weights=True`` draws what the recipe says; what is said here comes first."""
    recipe = ds.recipe.replace(weights_keys=["cell_type", "donor"], weights_scaler=20)
    decided = MappedCollection.from_recipe(recipe)
    expected = ds.get_label_weights(["cell_type", "donor"], 20)
    np.testing.assert_array_equal(decided.get_label_weights(), expected)

    def drawn(**options):
        return rows_of(ds, mv.dataloader(decided, 50, seed=0, **options))

    assert drawn(weights=True) == drawn(weights=expected)
    for override in ({"scheme": "sqrt"}, {"scaler": 5.0}):
        weights = ds.get_label_weights(["cell_type", "donor"], **override)
        assert drawn(weights=True, **override) == drawn(weights=weights)
    assert drawn(weights=False) == list(range(len(ds)))


def test_rows_without_a_label_are_never_drawn(ds):
    batches = list(mv.dataloader(ds, 64, weights="cell_type", num_samples=2000, seed=0))
    codes = torch.cat([batch["cell_type"] for batch in batches])
    assert (codes >= 0).all()
    shares = torch.bincount(codes)[:3] / len(codes)
    assert shares.tolist() == pytest.approx([1 / 3] * 3, abs=0.05)


@pytest.mark.parametrize("order", [*ORDERS[:3], {"weights": "cell_type"}])
@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("world_size", [2, 3])
def test_processes_share_an_epoch_equally(ds, order, drop_last, world_size):
    loaders = [
        mv.dataloader(
            ds, 16, seed=2, rank=rank, world_size=world_size, drop_last=drop_last, **order
        )
        for rank in range(world_size)
    ]
    parts = [rows_of(ds, loader) for loader in loaders]
    assert len({len(loader) for loader in loaders}) == 1
    assert len({len(part) for part in parts}) == 1
    assert all(sum(1 for _ in loader) == len(loader) for loader in loaders)
    seen = [row for part in parts for row in part]
    if "weights" in order:
        assert parts[0] != parts[1]
    elif drop_last:
        assert len(set(seen)) == len(seen)
    else:
        assert set(seen) == set(range(len(ds)))


def test_drop_last(ds):
    loader = mv.dataloader(ds, 32, drop_last=True)
    assert (
        [len(batch["origin"]) for batch in loader] == [32] * (len(ds) // 32) == [32] * len(loader)
    )


def test_stopping_half_way_leaves_no_thread(ds):
    for _ in range(5):
        for _batch in mv.dataloader(ds, 8, shuffle=True):
            break
    gc.collect()
    deadline = time.monotonic() + 10
    ours = ("mappedviz-window", "mappedviz-ahead")
    while any(thread.name.startswith(ours) for thread in threading.enumerate()):
        assert time.monotonic() < deadline, threading.enumerate()
        time.sleep(0.01)


def test_an_error_while_reading_ahead_reaches_the_consumer(tmp_path):
    path = STORE_KINDS["h5ad-gzip"](coded_anndata(0, 200, genes=["a", "b"]), tmp_path / "a")
    collection = MappedCollection(path)
    loader = mv.dataloader(collection, 10, lookahead=2)
    batches = iter(loader)
    next(batches)
    path.write_bytes(b"gone")
    with pytest.raises(OSError, match="while it was open"):
        list(batches)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"shuffle": "blocks"}, "shuffle: is 'blocks'"),
        ({"batch_size": 0}, "batch_size"),
        ({"shuffle": True, "weights": "cell_type"}, "is given with weights"),
        ({"num_samples": 3}, "without weights"),
        ({"scaler": 3.0}, "without weights"),
        ({"weights": np.ones(3)}, r"have the shape \(3,\)"),
        ({"weights": np.zeros(330)}, "all zero"),
        ({"weights": np.full(330, np.nan)}, "not finite"),
        ({"weights": np.ones(330), "scaler": 1}, "with an array"),
        ({"weights": np.ones(330), "scheme": "sqrt"}, "with an array"),
        ({"scheme": "sqrt"}, "scheme: is given without weights"),
        ({"weights": False, "scheme": "sqrt"}, "scheme: is given without weights"),
        ({"weights": "cell_type", "scheme": "log"}, "scheme: is 'log'"),
        ({"weights": "cell_type", "scheme": "scaled"}, "scaler: is None for the scheme 'scaled'"),
        ({"weights": "cell_type", "scheme": "sqrt", "scaler": 3}, "scaler: is 3 .* has none"),
        ({"weights": True}, "weights: is True, but the recipe names no weights_keys"),
        ({"rank": 1}, "rank, world_size"),
        ({"rank": 2, "world_size": 2}, "rank, world_size"),
        ({"sampler": [1]}, "sampler: is made here"),
        ({"collate_fn": list}, "collate_fn: is made here"),
        ({"block_size": 0, "shuffle": "block"}, "block_size"),
        ({"buffer_size": 0, "shuffle": "block"}, "buffer_size"),
        ({"lookahead": -1}, "lookahead"),
    ],
)
def test_arguments_that_would_break_a_loader_are_refused(ds, options, says):
    with pytest.raises(RecipeError, match=says):
        mv.dataloader(ds, **options)


# --- torch's own DataLoader ---------------------------------------------------------------------


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


def test_block_shuffle_mixes_what_is_stored_apart(tmp_path):
    """Batches of block shuffle are nearly as mixed as those of true random, where blocks are small."""
    path = STORE_KINDS["h5ad"](
        coded_anndata(0, 4096, genes=["a"], plain=True, dtype="float64"), tmp_path / "a"
    )
    ds = MappedCollection(path, obs_keys="origin", encode_labels=False)

    def spread(**order):
        """Mean number of distinct tenths of the file that a batch sees."""
        batches = mv.dataloader(ds, 32, seed=0, **order)
        tenths = [len({int(o) % 10**9 // 410 for o in batch["origin"]}) for batch in batches]
        return np.mean(tenths)

    assert spread(shuffle=False) < 2
    assert spread(shuffle="block", block_size=16, buffer_size=1024) > 0.9 * spread(shuffle=True)


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


def test_windows_over_chunks_that_would_be_decoded_again_are_large_at_once(tmp_path):
    path = STORE_KINDS["zarr-v3"](coded_anndata(0, 120, genes=["a", "b", "c"]), tmp_path / "a")
    sizes, rows = {}, {}
    for cache_bytes in (0, 1 << 20):
        ds = MappedCollection(path, obs_keys="origin", cache_bytes=cache_bytes)
        loader = mv.dataloader(ds, 8, shuffle=True, seed=0)
        sizes[cache_bytes] = [len(w) for w in loader.batch_sampler.order.windows(0)]
        rows[cache_bytes] = rows_of(ds, loader)
    assert sizes[0] == [8, 112]
    assert sizes[1 << 20] == [8, 16, 32, 64]
    assert rows[0] == rows[1 << 20]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kept", [True, False])
def test_scattered_rows_are_read_from_the_cache_if_it_keeps_all(tmp_path, order, kept):
    """A window would only copy them."""
    path = STORE_KINDS["zarr-v3"](coded_anndata(0, 120, genes=["a", "b", "c"]), tmp_path / "a")
    ds = MappedCollection(path, cache_bytes=1 << 20 if kept else 100)
    scattered = "weights" in order or order["shuffle"] is True
    assert mv.dataloader(ds, 8, **order).batch_sampler.windowed == (not (kept and scattered))
