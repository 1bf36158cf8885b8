"""Which rows an epoch visits, and when."""

import numpy as np
import pytest
import torch

import mappedviz as mv
from mappedviz import MappedCollection
from mappedviz.testing import coded_anndata
from tests.loaders import ORDERS, rows_of
from tests.stores import STORE_KINDS


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
