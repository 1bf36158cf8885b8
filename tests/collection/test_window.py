"""Windows of rows that are read in steps: what the first batches need comes first."""

import warnings

import anndata as ad
import h5py
import numpy as np
import pytest
import zarr

from mappedviz import MappedCollection
from mappedviz.collection.window import n_steps, steps_of
from mappedviz.formats.chunks import StoredArray
from mappedviz.testing import coded_anndata
from tests.stores import STORE_KINDS

GENES = [list("abcde"), list("bcdef"), list("cdefg")]
KINDS = ["h5ad-gzip", "zarr-v3", "h5ad"]
BATCH = 4


def dense(x):
    return x.toarray() if hasattr(x, "toarray") else x


def with_small_chunks(path, adata, n=20):
    """Write X again, a few rows a chunk."""
    if path.is_dir():
        group = zarr.open_group(path, use_consolidated=False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of anndata, about its plans
            ad.io.write_elem(group, "X", adata.X, dataset_kwargs={"chunks": (n,)})
            zarr.consolidate_metadata(group.store)
        return
    with h5py.File(path, "a") as file:
        del file["X"]
        options = {"chunks": (n,), "compression": "gzip"}
        ad.io.write_elem(file, "X", adata.X, dataset_kwargs=options)


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """Three stores: two of many small compressed chunks, one that is plain."""
    found = []
    for i, kind in enumerate(KINDS):
        adata = coded_anndata(i, 150, genes=GENES[i])
        path = STORE_KINDS[kind](adata, tmp_path_factory.mktemp("steps") / str(i))
        if kind != "h5ad":
            with_small_chunks(path, adata)
        found.append(path)
    return found


@pytest.mark.parametrize("options", [{}, {"join": "outer"}, {"join": None}, {"obsm_keys": "X_pca"}])
@pytest.mark.parametrize("sparse", [False, True])
def test_batches_are_those_of_a_window_that_is_read_at_once(stores, options, sparse):
    if sparse and options.get("join", "") is None:
        pytest.skip("rows of several widths have no sparse form")
    ds = MappedCollection(stores, obs_keys="origin", **options)
    rows = np.random.default_rng(0).choice(len(ds), 40 * BATCH)  # some come twice
    window = ds.read_window(rows, sparse=sparse, batch_size=BATCH, in_steps=True)
    cut = 0
    readies = []
    for ready in window.steps():
        readies.append(ready)
        while cut < ready:  # every batch as soon as it is said to be there
            here = slice(cut, cut + BATCH)
            found, wanted = window.cut(cut, cut + BATCH), ds.read_rows(rows[here], sparse=sparse)
            assert list(found.keys()) == list(wanted.keys())
            for key in wanted.keys():  # noqa: SIM118 - iterating a RowBatch gives samples
                for one, other in zip(dense(found[key]), dense(wanted[key]), strict=True):
                    np.testing.assert_array_equal(one, other)
            cut += BATCH
    assert cut == len(rows)
    assert readies[0] == BATCH
    assert len(readies) > 3


def test_a_chunk_is_decoded_once_for_all_batches_and_not_before_it_is_needed(stores, monkeypatch):
    loaded = []
    load = StoredArray.load

    def noted(self, chunk, files):
        loaded.append((self.key, chunk))
        return load(self, chunk, files)

    monkeypatch.setattr(StoredArray, "load", noted)
    ds = MappedCollection(stores[:2], cache_bytes=1 << 20)
    rows = np.random.default_rng(0).permutation(len(ds))
    window = ds.read_window(rows, batch_size=BATCH, in_steps=True)
    values = lambda: [one for one in loaded if one[0][1].endswith("data")]  # noqa: E731
    before = len(values())
    steps = window.steps()
    next(steps)
    first = len(values()) - before
    list(steps)
    every = values()
    assert first <= 2 * BATCH  # a row may begin in one chunk and end in the next
    assert len(every) - before > 2 * first
    assert len(every) == len(set(every))


def test_one_step_where_more_would_not_help(stores):
    ds = MappedCollection(stores)
    rows = np.random.default_rng(0).permutation(len(ds))
    for window in (
        ds.read_window(rows, batch_size=len(rows) // 2, in_steps=True),  # needs most chunks
        ds.read_window(rows[:BATCH], batch_size=BATCH, in_steps=True),  # one batch
        MappedCollection(stores[2]).read_window(rows[:99] % 150, batch_size=BATCH, in_steps=True),
        ds.read_window(rows, in_steps=True),
    ):
        assert len(list(window.steps())) == 1


def test_steps_hold_each_row_once_and_are_not_too_many():
    rng = np.random.default_rng(0)
    for n_chunks in (50, 1000):
        chunk, batch = rng.integers(0, n_chunks, 2000), np.arange(2000) // 10
        steps = steps_of(chunk, batch, 2000, 10)
        assert sorted(np.concatenate([rows for _, rows in steps])) == list(range(2000))
        ready = [n for n, _ in steps]
        assert ready == sorted(set(ready))
        assert (ready[0], ready[-1]) == (10, 2000)
        assert len(steps) <= n_steps(200)
        read = np.zeros(2000, bool)
        for n, rows in steps:
            read[rows] = True
            assert read[:n].all()
