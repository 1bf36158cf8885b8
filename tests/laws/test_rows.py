"""Law: row k of a batch is row k of the request, and labels and weights are those of the rows."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse

from mappedviz import MappedCollection
from mappedviz.testing import coded_anndata, decode
from tests.stores import STORE_KINDS


@pytest.mark.parametrize("join", ["inner", "outer"])
def test_sparse_rows_are_the_dense_ones(paths, join):
    ds = MappedCollection(paths, join=join)
    order = np.random.default_rng(0).integers(0, len(ds), 90)
    matrix = ds.read_rows(order, sparse=True)["X"]
    assert sparse.issparse(matrix)
    assert matrix.has_sorted_indices
    np.testing.assert_array_equal(matrix.toarray(), ds[order]["X"])


@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(data=st.data())
def test_rows_come_in_the_order_asked_with_repeats(paths, data):
    ds = MappedCollection(paths, obs_keys=["origin", "cell_type"], encode_labels=["cell_type"])
    indices = data.draw(st.lists(st.integers(-len(ds), len(ds) - 1), max_size=40))
    batch = ds.read_rows(indices)
    whole = ds[:]
    for key in whole.keys():  # noqa: SIM118 - iterating a RowBatch gives samples
        np.testing.assert_array_equal(batch[key], whole[key][np.asarray(indices, dtype=int)])
    window = ds.read_window(indices)
    np.testing.assert_array_equal(window.cut(0, len(indices))["X"], batch["X"])
    for k, index in enumerate(indices[:5]):
        np.testing.assert_array_equal(ds[index]["X"], batch["X"][k])
        assert ds[index]["origin"] == batch["origin"][k]


def test_a_key_absent_from_a_store_keeps_one_label_and_weight_per_row(one_without):
    ds = MappedCollection(one_without, obs_keys="cell_type")
    assert (
        len(ds.get_merged_labels("cell_type"))
        == len(ds.get_label_weights("cell_type"))
        == len(ds)
        == 9
    )
    assert pd.isna(ds.get_merged_labels("cell_type")[5:]).all()
    assert (ds.get_label_weights("cell_type")[5:] == 0).all()


def test_two_keys_one_of_them_absent_somewhere_keep_row_i_as_row_i(one_without):
    ds = MappedCollection(one_without)
    weights = ds.get_label_weights(["cell_type", "donor"])
    assert len(weights) == 9
    assert (weights == 0).all()  # no row has both


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_value_says_that_it_is_of_its_row(paths, data):
    """Labels, weights, places and X of one row, whatever was filtered out before it."""
    kept = data.draw(st.sets(st.sampled_from(["T cell", "B cell", "NK cell", None]), min_size=1))
    ds = MappedCollection(
        paths,
        obs_keys=["origin", "cell_type"],
        encode_labels=["cell_type"],
        obs_filter={"cell_type": sorted(kept, key=str)},
        join=data.draw(st.sampled_from(["inner", "outer"])),
    )
    n = len(ds)
    assert n == len(ds.storage_idx) == len(ds.indices) == sum(ds.n_obs_list)
    assert n == len(ds.get_merged_labels("cell_type")) == len(ds.get_label_weights("cell_type"))
    rows = data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=20))
    batch = ds[rows]
    store, place = ds.storage_idx[rows], ds.indices[rows]
    assert batch["origin"].tolist() == (store.astype(np.int64) * 10**9 + place).tolist()
    for k, x in enumerate(batch["X"]):
        of_store, of_row, _ = decode(x[x > 0])
        assert set(of_store) <= {store[k]}
        assert set(of_row) <= {place[k]}


@pytest.mark.parametrize("kind", ["zarr-v2", "zarr-v3", "zarr-v2-zip", "h5ad"])
def test_entries_in_the_first_column_only_are_not_lost(tmp_path, kind):
    """zarr leaves out chunks of zeros, and all indices are 0."""
    if kind not in STORE_KINDS:
        pytest.skip("no such kind")
    adata = coded_anndata(0, 3, genes=["a", "b"], plain=True)
    entries = np.array([1, 2, 4], "f4"), np.zeros(3, "i4"), np.array([0, 2, 2, 3])
    adata.X = sparse.csr_matrix(entries, shape=(3, 2))
    ds = MappedCollection(STORE_KINDS[kind](adata, tmp_path / "a"))
    assert ds[:]["X"].tolist() == [[3, 0], [0, 0], [4, 0]]
