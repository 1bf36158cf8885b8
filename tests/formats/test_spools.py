"""Matrices that are appended and put in another order."""

import numpy as np
import pytest
from scipy import sparse

from mappedviz.formats import spools
from mappedviz.formats.spools import CsrSpool, DenseSpool


@pytest.fixture
def values():
    rng = np.random.default_rng(3)
    found = np.where(rng.random((50, 20)) < 0.3, rng.integers(1, 300, (50, 20)), 0)
    found[7] = 0
    return found.astype(np.float32)


@pytest.mark.parametrize("at_a_time", [7, 4_000_000])
def test_sparse_rows_in_another_order(values, tmp_path, monkeypatch, at_a_time):
    monkeypatch.setattr(spools, "_VALUES_AT_A_TIME", at_a_time)
    order = np.random.default_rng(0).permutation(50)
    spool = CsrSpool(str(tmp_path / "a"), 20, np.dtype("f4"), np.dtype("i4"))
    for begin in range(0, 50, 11):
        rows = sparse.csr_matrix(values[begin : begin + 11])
        spool.append(rows.indptr, rows.indices, rows.data)
    new = spool.reordered(str(tmp_path / "b"), order)
    parts = new.data.mapped().astype("f4"), new.indices.mapped().astype("i4"), new.indptr
    assert (sparse.csr_matrix(parts, new.shape).toarray() == values[order]).all()
    assert new.indices.kept == np.uint8
    assert not list((tmp_path / "a").iterdir())


def test_dense_rows_in_another_order(values, tmp_path):
    order = np.random.default_rng(0).permutation(50)
    spool = DenseSpool(str(tmp_path / "a"), 20, np.dtype("f4"))
    spool.append(values[:20])
    spool.append(values[20:])
    new = spool.reordered(str(tmp_path / "b"), order)
    assert (new.data.mapped().reshape(new.shape) == values[order]).all()
    assert new.data.kept == np.uint16
