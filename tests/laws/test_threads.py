"""Several threads at once: collections of one audit share facts and names, never an open file."""

import threading

import numpy as np
import pytest

import mappedviz as mv
from mappedviz.audits import forget_scans
from mappedviz.testing import coded_anndata
from tests.stores import STORE_KINDS


def all_at_once(work, threads):
    """Run `work(i)` in threads that start together; the errors, in no order."""
    failed = []
    begin = threading.Barrier(threads)

    def run(i):
        try:
            begin.wait()
            work(i)
        except BaseException as error:
            failed.append(error)

    running = [threading.Thread(target=run, args=(i,)) for i in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return failed


@pytest.fixture(params=["h5ad", "zarr-v2", "zarr-v3"])
def audited(request, tmp_path):
    """An audit of two stores that share their names, and what a collection of it holds."""
    forget_scans()
    write = STORE_KINDS[request.param]
    paths = [str(write(coded_anndata(i, 40, plain=True), tmp_path / f"s{i}")) for i in range(2)]
    audit = mv.audit(paths, label="cell_type", progress=False, workers=0)
    ds = mv.MappedCollection(paths, obs_keys="cell_type")
    return audit, ds


def test_collections_of_one_audit_open_matrices_on_several_threads(audited):
    audit, ds = audited
    rows = [0, 41, 1, 79]
    expected = ds[rows]["X"]

    def read(i):
        assert np.array_equal(audit.collection()[rows]["X"], expected)

    for _ in range(15):
        assert not (failed := all_at_once(read, 4)), failed[0]


def test_collections_of_one_audit_read_columns_on_several_threads(audited):
    """Columns that the audit was not asked for are read of the file, and names of memory."""
    audit, ds = audited
    keys = ["batch", "origin", "cell_type"]
    expected = {key: ds.get_merged_labels(key).tolist() for key in keys}

    def read(i):
        collection = audit.collection()
        key = keys[i % len(keys)]
        assert collection.get_merged_labels(key).tolist() == expected[key]
        assert collection.stores[0].read_var_names().tolist() == ds.var_list[0].tolist()

    for _ in range(15):
        assert not (failed := all_at_once(read, 6)), failed[0]


def test_one_collection_and_new_audits_on_several_threads(audited):
    """What reads, audits and forgets at once gets what each alone gets."""
    audit, ds = audited
    paths = ds.path_list
    expected = ds[[0, 79]]["X"]

    def read(i):
        if i % 3 == 0:
            forget_scans()
        one = mv.audit(paths, label="cell_type", progress=False, workers=0) if i % 2 else audit
        assert np.array_equal(one.collection()[[0, 79]]["X"], expected)
        assert one.coverage.inner == ds.n_vars

    for _ in range(5):
        assert not (failed := all_at_once(read, 4)), failed[0]
