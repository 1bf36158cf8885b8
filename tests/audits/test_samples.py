"""Samples of rows: scale, totals, hashes."""

import numpy as np
import pytest
from scipy import sparse

from mappedviz.audits.samples import hash_rows, sample_of, spread_rows
from mappedviz.formats.cache import ChunkCache
from mappedviz.formats.files import FilePool
from mappedviz.stores.store import open_store
from mappedviz.testing import coded_anndata
from tests.stores import STORE_KINDS


def matrix_of(x, folder, kind="h5ad"):
    folder.mkdir(exist_ok=True)
    adata = coded_anndata(0, len(x), n_vars=x.shape[1], plain=True)
    adata.X = sparse.csr_matrix(x)
    store = open_store(STORE_KINDS[kind](adata, folder / "a"))
    return store.open_matrix("X", ChunkCache(1 << 20, FilePool())), store


def counts(n=40):
    return np.random.default_rng(0).poisson(2, (n, 6)).astype(np.float32)


SHARES = np.random.default_rng(1).random((40, 6)).astype(np.float32)
SHARES *= 150 / SHARES.sum(axis=1, keepdims=True)
SCALES = {
    "counts": counts(),
    "scaled": counts() - 1.5,
    "normalised": SHARES,
    "log1p": np.log1p(SHARES),
    "not finite": np.where(counts() > 4, np.nan, counts()),
    "empty": np.zeros((40, 6), np.float32),
    "proportions": SHARES / 150,
    "log counts": np.log1p(counts()),
    "sqrt": np.sqrt(counts()),
    "unknown": np.abs(np.random.default_rng(2).normal(size=(40, 6))).astype(np.float32),
    "fractions": 40 * np.random.default_rng(2).random((40, 6)).astype(np.float32),
    "mixed": np.concatenate([counts(20), np.log1p(SHARES[20:])]),
}


@pytest.mark.parametrize("scale", SCALES)
def test_scale_of_a_sample(tmp_path, scale):
    x = SCALES[scale]
    matrix, _ = matrix_of(x, tmp_path)
    sample = sample_of(matrix, "X", 512)
    assert sample.scale == scale
    assert (sample.rows, sample.asked) == (40, 512)
    if sample.finite:
        np.testing.assert_allclose(sample.totals, x.sum(axis=1), rtol=1e-5)
        assert (sample.low, sample.high) == (pytest.approx(x.min()), pytest.approx(x.max()))
        assert sample.genes.tolist() == (x != 0).sum(axis=1).tolist()


def test_zeros_and_repeats_that_are_stored(tmp_path):
    x = counts(4)
    matrix = sparse.csr_matrix(
        (np.array([1, 2, 0, 4, 5], np.float32), [0, 0, 1, 2, 3], [0, 3, 4, 5, 5]), shape=(4, 6)
    )
    adata = coded_anndata(0, 4, n_vars=6, plain=True)
    adata.X = matrix
    store = open_store(STORE_KINDS["h5ad"](adata, tmp_path / "a"))
    sample = sample_of(store.open_matrix("X", ChunkCache(1 << 20, FilePool())), "X", 512)
    assert (sample.zeros, sample.repeats) == (1, 1)
    assert sample.totals.tolist() == [3, 4, 5, 0]
    plain, _ = matrix_of(x, tmp_path / "b")
    sample = sample_of(plain, "X", 512)
    assert (sample.zeros, sample.repeats) == (0, 0)


def test_ends_of_a_sample_are_finite(tmp_path):
    x = counts(4)
    x[0, :2] = np.nan, np.inf
    matrix, _ = matrix_of(x, tmp_path)
    sample = sample_of(matrix, "X", 512)
    assert (sample.low, sample.high, sample.finite) == (0, np.nanmax(x[x < np.inf]), False)


def test_rows_are_spread_over_the_store():
    rows = np.concatenate(spread_rows(10_000, 512))
    assert len(rows) == len(np.unique(rows)) == 512
    assert (rows[0], rows[-1]) == (0, 9_999)
    assert spread_rows(0, 512) == []


def test_hashes_do_not_depend_on_the_order_of_the_genes(tmp_path):
    x = counts()
    x[3] = 0
    genes = np.array([f"g{i}" for i in range(6)], dtype=object)
    (tmp_path / "b").mkdir()
    one, _ = matrix_of(x, tmp_path)
    other, _ = matrix_of(x[:, ::-1], tmp_path / "b", "zarr-v3")
    a = hash_rows(one, genes, lambda: None)
    b = hash_rows(other, genes[::-1], lambda: None)
    assert a.tolist() == b.tolist()
    assert a[3] == 0
    assert len(set(a.tolist())) == len({tuple(row) for row in x.tolist()})
