"""Batches that are made of classes."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

import mappedviz as mv
from mappedviz.errors import MissingKeyError, RecipeError, RecipeTypeError
from mappedviz.orders.class_order import BalancedOrder, ClassOrder
from tests.loaders import origins, rows_of


def flat(order, epoch, start=0):
    return [batch for window in order.batches(epoch, start) for batch in window]


@pytest.fixture
def labels(ds):
    return pd.DataFrame({key: ds.get_merged_labels(key) for key in ("cell_type", "donor")})


def test_batches_of_one_class(ds, labels):
    loader = mv.dataloader(ds, 20, batches="cell_type", seed=1)
    epochs = [[rows_of(ds, [batch]) for batch in loader] for _ in range(2)]
    assert epochs[0] != epochs[1]
    labelled = np.flatnonzero(labels["cell_type"].notna())
    for batches in epochs:
        assert sorted(row for batch in batches for row in batch) == labelled.tolist()
        assert len(batches) == len(loader)
        assert all(labels["cell_type"].iloc[batch].nunique() == 1 for batch in batches)
    full = mv.dataloader(ds, 20, batches="cell_type", seed=1, drop_last=True)
    assert [len(batch["origin"]) for batch in full] == [20] * len(full)


def test_batches_that_agree_in_several_keys(ds, labels):
    batches = [
        rows_of(ds, [b]) for b in mv.dataloader(ds, 8, batches=["donor", "cell_type"], seed=1)
    ]
    for batch in batches:
        assert (labels.iloc[batch].nunique() == 1).all()
    known = labels.notna().all(axis=1)
    assert sorted(row for batch in batches for row in batch) == np.flatnonzero(known).tolist()


def test_so_many_rows_of_each_class(ds, labels):
    loader = mv.dataloader(ds, 12, batches={"cell_type": 4}, seed=1)
    n_classes = labels["cell_type"].nunique()
    assert n_classes == 3
    for batch in loader:
        found = labels["cell_type"].iloc[rows_of(ds, [batch])].value_counts()
        assert found.tolist() == [4, 4, 4]
    assert len(loader) == -(-labels["cell_type"].notna().sum() // 12)
    assert len(mv.dataloader(ds, 12, batches={"cell_type": 4}, num_samples=120)) == 10


def test_so_many_rows_of_each_class_within_a_group(ds, labels):
    seen = []
    for batch in mv.dataloader(
        ds, 8, batches={"cell_type": 2}, within="donor", seed=1, num_samples=4000
    ):
        rows = labels.iloc[rows_of(ds, [batch])]
        assert rows["donor"].nunique() == 1
        assert set(rows["cell_type"].value_counts()) <= {2, 4, 6, 8}
        seen.append(rows["donor"].iloc[0])
    both = labels.dropna()
    share = both["donor"].value_counts(normalize=True)
    drawn = pd.Series(seen).value_counts(normalize=True)
    for donor in share.index:
        assert drawn.get(donor, 0) == pytest.approx(share[donor], abs=0.12)


def test_against_the_definition_on_random_classes():
    rng = np.random.default_rng(0)
    for _ in range(60):
        n, size = int(rng.integers(1, 300)), int(rng.integers(1, 12))
        classes = rng.integers(-1, int(rng.integers(1, 9)), n)
        world, drop = int(rng.integers(1, 4)), bool(rng.integers(2))
        orders = [
            ClassOrder(classes, size, seed=3, drop_last=drop, rank=r, world_size=world)
            for r in range(world)
        ]
        parts = [flat(order, 2) for order in orders]
        assert len({len(part) for part in parts}) == 1
        assert [len(part) for part in parts] == [len(order) for order in orders]
        batches = [batch for part in parts for batch in part]
        assert all(len(set(classes[batch].tolist())) == 1 for batch in batches)
        assert all(len(batch) == size for batch in batches) or not drop
        rows = [row for batch in batches for row in batch.tolist()]
        if drop:
            assert len(set(rows)) == len(rows)
        else:
            assert set(rows) == set(np.flatnonzero(classes >= 0).tolist())
        for order, part in zip(orders, parts, strict=True):
            start = int(rng.integers(0, len(part) + 1))
            assert [b.tolist() for b in flat(order, 2, start)] == [b.tolist() for b in part[start:]]


def test_classes_and_rows_are_equally_likely():
    classes = np.repeat([0, 1, 2, 3], [5, 50, 500, 5000])
    order = BalancedOrder(classes, 8, 4, num_samples=40_000, seed=0)
    batches = flat(order, 0)
    of_batch = [sorted(set(classes[batch].tolist())) for batch in batches]
    assert all(len(found) == 2 for found in of_batch)
    counts = np.bincount(np.concatenate([classes[batch] for batch in batches]), minlength=4)
    assert counts / counts.sum() == pytest.approx([0.25] * 4, abs=0.02)
    of_middle = np.bincount(np.concatenate(batches), minlength=len(classes))[5:55]
    assert of_middle.std() / of_middle.mean() < 0.15
    # Small classes are drawn with replacement; others without, inside a batch.
    assert all(
        len(set(batch[classes[batch] > 0].tolist())) == (classes[batch] > 0).sum()
        for batch in batches
    )


@pytest.mark.parametrize(
    "made", [{"batches": "cell_type"}, {"batches": {"cell_type": 4}}, {"batches": {"cell_type": 4}, "within": "donor"}]
)  # fmt: skip
def test_they_go_on_after_a_stop_and_are_shared(ds, made):
    def loader(**options):
        return mv.dataloader(ds, 12, **made, **options)

    whole = loader(seed=2)
    expected = [[origins([b]) for b in whole] for _ in range(2)][1]
    stopped = loader(seed=2)
    list(stopped)
    batches = iter(stopped)
    seen = [origins([next(batches)]) for _ in range(3)]
    again = loader(seed=2)
    again.load_state_dict(json.loads(json.dumps(stopped.state_dict())))
    assert seen + [origins([b]) for b in again] == expected
    ranks = [[origins([b]) for b in loader(rank=rank, world_size=2)] for rank in (0, 1)]
    assert len(ranks[0]) == len(ranks[1])
    assert ranks[0] != ranks[1]
    if made == {"batches": "cell_type"}:
        alone = [origins([b]) for b in loader(rank=0, world_size=1, seed=0)]
        assert {row for part in ranks for batch in part for row in batch} == {
            row for b in alone for row in b
        }
    with pytest.raises(RecipeError, match="state_dict: is of another order"):
        mv.dataloader(ds, 12, seed=2).load_state_dict(whole.state_dict())


def test_what_is_no_class(ds):
    with pytest.raises(MissingKeyError, match="cell_typ"):
        mv.dataloader(ds, 8, batches="cell_typ")
    for wrong in (
        3,
        [],
        [1],
        {"cell_type": "4"},
        {"cell_type": True},
        {"cell_type": 2, "donor": 2},
    ):
        with pytest.raises(RecipeTypeError, match="batches"):
            mv.dataloader(ds, 8, batches=wrong)
    with pytest.raises(RecipeError, match="leave no row"):
        BalancedOrder(np.full(5, -1), 4, 2)
    assert len(ClassOrder(np.full(5, -1), 4)) == 0
    assert torch.is_tensor(next(iter(mv.dataloader(ds, 12, batches={"cell_type": 4})))["X"])
