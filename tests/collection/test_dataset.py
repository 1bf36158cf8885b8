"""A plan as a dataset: its members, and its life cycle."""

import numpy as np
import pytest

from mappedviz import MappedCollection
from mappedviz.errors import (
    ClosedError,
)
from tests.collection import GENES


def test_iterating_ends(paths):
    ds = MappedCollection(paths, obs_keys="origin")
    assert [sample["origin"] for sample in ds] == ds[:]["origin"].tolist()


def test_members_of_the_reference(paths, adatas):
    ds = MappedCollection(paths, obs_keys="cell_type")
    assert ds.path_list == [str(path) for path in paths]
    assert (ds.n_obs, ds.n_vars) == ds.shape == (69, 5)
    assert ds.original_shapes == [a.shape for a in adatas]
    assert ds.n_obs_list == [a.n_obs for a in adatas]
    assert not ds.check_vars_sorted()
    assert not ds.check_vars_sorted(ascending=False)
    assert MappedCollection(paths[1]).check_vars_sorted()
    assert ds.check_vars_non_aligned(GENES[1]) == [0, 2]
    assert [v.tolist() for v in ds.var_list] == GENES
    assert ds.layers_keys == ["X"]
    assert ds.obs_keys == ["cell_type"]
    assert ds.obsm_keys == []
    assert MappedCollection.torch_worker_init_fn(0) is None
    assert "3 stores: 69 obs × 5 vars" in repr(ds)


def test_closing(paths):
    with MappedCollection(paths) as ds:
        before = ds[0]["X"]
        assert not ds.closed
    assert ds.closed
    for read in (lambda: ds[0], lambda: ds[[0]], lambda: ds.read_window([0])):
        with pytest.raises(ClosedError, match="was closed"):
            read()
    assert len(ds) == 69
    parallel = MappedCollection(paths, parallel=True)
    parallel.close()
    assert not parallel.closed
    np.testing.assert_array_equal(parallel[0]["X"], before)
