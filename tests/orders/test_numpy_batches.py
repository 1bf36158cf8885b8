"""Batches without torch: the same rows as a loader's, as numpy arrays."""

import json
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import scipy.sparse as sp

import mappedviz as mv
from mappedviz.errors import RecipeError, RecipeTypeError
from tests.loaders import ORDERS, same


@pytest.mark.parametrize(
    "order",
    [*ORDERS, {"batches": {"cell_type": 4}}, {"sampler": np.arange(50)}, {"batches": "donor"}],
)
@pytest.mark.parametrize("lookahead", [None, 0])
def test_the_batches_of_a_loader(ds, order, lookahead):
    found = mv.batches(ds, 20, seed=3, lookahead=lookahead, **order)
    loader = mv.dataloader(ds, 20, seed=3, **order)
    assert len(found) == len(loader)
    for _ in range(2):
        n = 0
        for arrays, tensors in zip(found, loader, strict=True):
            assert isinstance(arrays["X"], np.ndarray)
            same(tensors, arrays)
            n += 1
        assert n == len(loader)


def test_sparse_batches(ds):
    dense, sparse = (next(iter(mv.batches(ds, 16, sparse=sparse))) for sparse in (False, True))
    assert sp.issparse(sparse["X"])
    np.testing.assert_array_equal(sparse["X"].toarray(), dense["X"])


def rows(batches):
    return [batch["origin"].tolist() for batch in batches]


@pytest.mark.parametrize("order", ORDERS)
def test_they_go_on_after_a_stop_and_are_shared(two_plain, order):
    whole = mv.batches(two_plain, 20, seed=3, **order)
    expected = [rows(whole) for _ in range(2)]
    whole.set_epoch(0)
    assert rows(whole) == expected[0]
    for n in (0, 1, 6, 11):
        stopped = mv.batches(two_plain, 20, seed=3, **order)
        rows(stopped)
        walked = iter(stopped)
        seen = rows(next(walked) for _ in range(n))
        again = mv.batches(two_plain, 20, seed=3, **order)
        again.load_state_dict(json.loads(json.dumps(stopped.state_dict())))
        if n < 11:
            assert seen + rows(again) == expected[1]
    parts = [rows(mv.batches(two_plain, 20, rank=rank, world_size=2, **order)) for rank in (0, 1)]
    assert [len(part) for part in parts] == [6, 6]
    with pytest.raises(RecipeError, match="batch_size was 20 and is 21"):
        mv.batches(two_plain, 21, seed=3, **order).load_state_dict(whole.state_dict())


def test_two_runs_without_a_seed_differ(two_plain):
    orders = [rows(mv.batches(two_plain, 20, shuffle=True)) for _ in range(2)]
    assert orders[0] != orders[1]


def test_what_is_no_collection():
    with pytest.raises(RecipeTypeError, match="is a path"):
        mv.batches("a.h5ad")


def test_torch_is_not_imported(two_plain):
    code = f"""
        import sys
        import mappedviz as mv
        ds = mv.MappedCollection({list(two_plain.path_list)!r}, obs_keys="cell_type")
        for order in ({{"shuffle": True}}, {{"weights": "cell_type"}}, {{"batches": "cell_type"}}):
            print(sum(len(batch["X"]) > 0 for batch in mv.batches(ds, 20, seed=0, **order)))
        print("torch" in sys.modules)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split()[::3] == ["11", "False"]
