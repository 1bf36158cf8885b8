"""Batches that are read before they are asked for."""

import gc
import threading
import time

import pytest

import mappedviz as mv
from mappedviz import MappedCollection
from mappedviz.testing import coded_anndata
from tests.loaders import rows_of
from tests.stores import STORE_KINDS


def test_an_order_does_not_depend_on_how_far_is_looked_ahead(ds):
    for order in ({"shuffle": True}, {"weights": "cell_type"}):
        orders = {
            tuple(rows_of(ds, mv.dataloader(ds, 20, seed=3, lookahead=n, **order)))
            for n in (0, 1, 5, 64)
        }
        assert len(orders) == 1


def test_stopping_half_way_leaves_no_thread(ds):
    for _ in range(5):
        for _batch in mv.dataloader(ds, 8, shuffle=True):
            break
    gc.collect()
    deadline = time.monotonic() + 120
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
