"""Law: the first batches come before the rest of their window is read, and nothing else changes for it."""

import threading

import numpy as np
import pytest

import mappedviz as mv
from mappedviz import MappedCollection
from mappedviz.collection.reader import Reader
from mappedviz.errors import StoreError
from mappedviz.orders import lookahead
from mappedviz.testing import coded_anndata
from tests.collection.test_window import GENES, with_small_chunks
from tests.optional import torch
from tests.stores import STORE_KINDS

pytestmark = pytest.mark.skipif(not torch, reason="torch is not installed")

ORDERS = [
    {"shuffle": True},
    {"weights": "cell_type"},
    {"batches": "cell_type"},
    {"shuffle": "block"},
]
BATCH = 4


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    """Makes a collection of many small compressed chunks, with a cache of some bytes."""
    paths = []
    for i, kind in enumerate(["h5ad-gzip", "zarr-v3"]):
        adata = coded_anndata(i, 200, genes=GENES[i])
        path = STORE_KINDS[kind](adata, tmp_path_factory.mktemp("first") / str(i))
        with_small_chunks(path, adata)
        paths.append(path)
    return lambda cache_bytes: MappedCollection(
        paths, obs_keys=["origin", "cell_type"], cache_bytes=cache_bytes
    )


def drawn(loader):
    return [(batch["origin"].tolist(), batch["X"].tolist()) for batch in loader]


@pytest.mark.parametrize("order", ORDERS)
def test_batches_do_not_depend_on_cache_or_reading_ahead(collection, order):
    expected = drawn(mv.dataloader(collection(0), BATCH, seed=1, lookahead=0, **order))
    for cache_bytes in (0, 5_000, 1 << 20):
        for n_ahead in (None, 3):
            loader = mv.dataloader(
                collection(cache_bytes), BATCH, seed=1, lookahead=n_ahead, **order
            )
            assert drawn(loader) == expected
            batches = mv.batches(collection(cache_bytes), BATCH, seed=1, lookahead=n_ahead, **order)
            assert drawn(batches) == expected


@pytest.fixture(scope="module")
def of_parts(tmp_path_factory):
    """Makes a collection whose chunks can be decoded in part, and count as worth it."""
    paths = []
    for i, kind in enumerate(["zarr-v2", "zarr-v3"]):
        adata = coded_anndata(i, 200, genes=GENES[i])
        path = STORE_KINDS[kind](adata, tmp_path_factory.mktemp("parts") / str(i))
        with_small_chunks(path, adata)
        paths.append(path)
    return lambda cache_bytes: MappedCollection(
        paths, obs_keys=["origin", "cell_type"], cache_bytes=cache_bytes
    )


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("cache_bytes", [5_000, 1 << 20])
def test_batches_do_not_depend_on_parts_of_chunks(of_parts, monkeypatch, order, cache_bytes):
    expected = drawn(mv.dataloader(of_parts(0), BATCH, seed=1, lookahead=0, **order))
    monkeypatch.setattr(lookahead, "_LARGE_CHUNK", 1)
    read = Reader.window_columns
    soon = []

    def noted(self, unique, **how):
        soon.append(how["soon"] and len(unique))
        return read(self, unique, **how)

    monkeypatch.setattr(Reader, "window_columns", noted)
    ds = of_parts(cache_bytes)
    loader = mv.dataloader(ds, BATCH, seed=1, **order)
    assert drawn(loader) == expected
    scattered = order != {"shuffle": "block"}
    assert (0 < sum(soon) <= 10 * BATCH) == scattered
    assert drawn(mv.batches(of_parts(cache_bytes), BATCH, seed=1, **order)) == expected
    soon.clear()
    drawn(loader)  # what comes soon costs more in all: once is enough
    assert not any(soon)
    for stop in (3, 10):
        again = mv.dataloader(ds, BATCH, seed=1, **order)
        batches = iter(again)
        for _ in range(stop):
            next(batches)
        after = mv.dataloader(ds, BATCH, seed=1, **order)
        after.load_state_dict(again.state_dict())
        batches.close()
        assert drawn(after) == expected[stop:]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("stop", [1, 2, 7, 23])
def test_going_on_is_exact(collection, order, stop):
    ds = collection(0)
    expected = drawn(mv.dataloader(ds, BATCH, seed=1, **order))
    loader = mv.dataloader(ds, BATCH, seed=1, **order)
    batches = iter(loader)
    for _ in range(stop):
        next(batches)
    again = mv.dataloader(ds, BATCH, seed=1, **order)
    again.load_state_dict(loader.state_dict())
    batches.close()
    assert drawn(again) == expected[stop:]


@pytest.mark.parametrize("world_size", [1, 3])
def test_the_first_batch_does_not_wait_for_the_second(collection, monkeypatch, world_size):
    """Only the chunks that it needs are decoded before it is there."""
    go_on = threading.Event()
    read = Reader.window_columns
    steps = []

    def gated(self, unique, **how):
        steps.append(len(unique))
        assert len(steps) == 1 or go_on.wait(60)
        return read(self, unique, **how)

    monkeypatch.setattr(Reader, "window_columns", gated)
    ds = collection(0)
    loader = mv.dataloader(ds, BATCH, shuffle=True, seed=0, rank=0, world_size=world_size)
    batches = iter(loader)
    first = next(batches)
    assert len(steps) <= 2
    go_on.set()
    found = np.concatenate([first["origin"], *(batch["origin"] for batch in batches)])
    assert len(found) == -(-len(ds) // world_size)
    assert len(set(found.tolist())) == len(found)
    assert len(steps) > 3


def test_an_error_in_a_later_step_reaches_the_consumer(collection, monkeypatch):
    read = Reader.window_columns
    calls = []

    def failing(self, unique, **how):
        calls.append(len(unique))
        if len(calls) == 4:
            raise StoreError("is damaged", store="a")
        return read(self, unique, **how)

    monkeypatch.setattr(Reader, "window_columns", failing)
    batches = iter(mv.dataloader(collection(0), BATCH, shuffle=True, seed=0))
    received = []
    with pytest.raises(StoreError, match="is damaged"):
        received.extend(batches)
    assert received
