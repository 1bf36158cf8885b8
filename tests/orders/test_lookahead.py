"""How far is read ahead, decided by chunks and cache."""

import pytest

import mappedviz as mv
from mappedviz import MappedCollection
from mappedviz.orders import lookahead
from mappedviz.testing import coded_anndata
from tests.loaders import ORDERS, rows_of
from tests.stores import STORE_KINDS


def test_windows_over_chunks_that_would_be_decoded_again_are_large_at_once(tmp_path):
    path = STORE_KINDS["zarr-v3"](coded_anndata(0, 120, genes=["a", "b", "c"]), tmp_path / "a")
    sizes, rows = {}, {}
    for cache_bytes in (0, 1 << 20):
        ds = MappedCollection(path, obs_keys="origin", cache_bytes=cache_bytes)
        loader = mv.dataloader(ds, 8, shuffle=True, seed=0)
        sizes[cache_bytes] = [len(w) for w in loader.batch_sampler.order.windows(0)]
        rows[cache_bytes] = rows_of(ds, loader)
    assert sizes[0] == [120]
    assert sizes[1 << 20] == [8, 16, 32, 64]
    assert rows[0] == rows[1 << 20]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kept", [True, False])
def test_scattered_rows_are_read_from_the_cache_if_it_keeps_all(tmp_path, order, kept):
    """A window would only copy them."""
    path = STORE_KINDS["zarr-v3"](coded_anndata(0, 120, genes=["a", "b", "c"]), tmp_path / "a")
    ds = MappedCollection(path, cache_bytes=1 << 20 if kept else 100)
    scattered = "weights" in order or order["shuffle"] is True
    assert mv.dataloader(ds, 8, **order).batch_sampler.ahead.windowed == (not (kept and scattered))


@pytest.mark.parametrize("kind", ["zarr-v3", "zarr-v2", "h5ad-gzip", "h5ad"])
def test_first_batches_come_soon_where_chunks_are_large_and_have_parts(tmp_path, monkeypatch, kind):
    ds = MappedCollection(STORE_KINDS[kind](coded_anndata(0, 120), tmp_path / "a"))
    soon = lambda **how: mv.dataloader(ds, 4, **how).batch_sampler.ahead.soon  # noqa: E731
    assert soon(shuffle=True) == 0  # chunks are small
    monkeypatch.setattr(lookahead, "_LARGE_CHUNK", 1)
    monkeypatch.setattr(lookahead, "_rows_of_chunks", lambda found: [2.0])
    assert soon(shuffle=True) == (10 if kind.startswith("zarr") else 0)
    assert soon(shuffle="block") == soon() == 0
    monkeypatch.setattr(lookahead, "_rows_of_chunks", lambda found: [20.0])
    assert soon(shuffle=True) == (2 if kind.startswith("zarr") else 0)  # most rows of each chunk


def test_first_batches_take_no_more_memory_than_any_others(tmp_path, monkeypatch):
    ds = MappedCollection(STORE_KINDS["zarr-v3"](coded_anndata(0, 120), tmp_path / "a"))
    monkeypatch.setattr(lookahead, "_LARGE_CHUNK", 1)
    monkeypatch.setattr(lookahead, "_rows_of_chunks", lambda found: [2.0])

    def soon(**how):
        return mv.dataloader(ds, 4, shuffle=True, **how).batch_sampler.ahead.soon

    assert soon(lookahead=3) == 3
    monkeypatch.setattr(lookahead, "_WINDOW_BYTES", 2 * 4 * lookahead._row_bytes(ds))
    assert soon() == 2


def test_stores_without_rows_have_no_first_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(lookahead, "_LARGE_CHUNK", 1)
    ds = MappedCollection(STORE_KINDS["zarr-v3"](coded_anndata(0, 0), tmp_path / "a"))
    assert list(mv.dataloader(ds, 4, shuffle=True)) == []
