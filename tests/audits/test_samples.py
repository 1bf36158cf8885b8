"""Samples of rows: scale, totals, hashes."""

import anndata as ad
import numpy as np
import pytest
from scipy import sparse

from mappedviz.audits.gene_marks import gene_marks
from mappedviz.audits.samples import sample_of, spread_rows
from mappedviz.formats.cache import ChunkCache
from mappedviz.formats.files import FilePool
from mappedviz.gather.row_hashes import hash_rows
from mappedviz.recipe.names import Names
from mappedviz.stores.store import open_store
from mappedviz.testing import coded_anndata
from tests.stores import STORE_KINDS


def matrix_of(x, folder, kind="h5ad"):
    folder.mkdir(exist_ok=True)
    adata = ad.AnnData(sparse.csr_matrix(x))
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


GENES = [*(f"MT-{k}" for k in range(2)), *(f"SYM{k}" for k in range(4))]


def marks(n_vars=6):
    names = [Names.of(np.array(GENES[:n_vars], dtype=object))]
    return gene_marks(names)


@pytest.mark.parametrize("scale", ["counts", "log1p", "normalised", "proportions", "sqrt"])
def test_mitochondrial_shares_are_those_of_what_was_counted(tmp_path, scale):
    x = SCALES[scale]
    matrix, _ = matrix_of(x, tmp_path)
    sample = sample_of(matrix, "X", 512, marks())
    assert sample.scale == scale
    linear = {"log1p": np.expm1, "sqrt": np.square}.get(scale, lambda x: x)(x.astype(float))
    known = ~np.isnan(sample.mito)
    assert known.sum() > 30  # rows of whole numbers say nothing where others are no counts
    want = linear[:, :2].sum(axis=1) / linear.sum(axis=1)
    np.testing.assert_allclose(sample.mito[known], want[known], rtol=1e-4)


@pytest.mark.parametrize("scale", ["scaled", "not finite", "mixed", "unknown", "fractions"])
def test_mitochondrial_shares_are_not_guessed(tmp_path, scale):
    matrix, _ = matrix_of(SCALES[scale], tmp_path)
    assert sample_of(matrix, "X", 512, marks()).mito is None


def test_without_names_there_are_no_shares_and_no_hashes(tmp_path):
    matrix, _ = matrix_of(counts(), tmp_path)
    sample = sample_of(matrix, "X", 512)
    assert sample.mito is None
    assert sample.hashes is None


def test_a_row_without_values_has_no_share(tmp_path):
    x = counts()
    x[5] = 0
    matrix, _ = matrix_of(x, tmp_path)
    mito = sample_of(matrix, "X", 512, marks()).mito
    assert np.flatnonzero(np.isnan(mito)).tolist() == [5]


def test_shares_are_those_of_the_rows_whatever_is_read_at_once(tmp_path, monkeypatch):
    x = counts(700)
    matrix, _ = matrix_of(x, tmp_path)
    whole = sample_of(matrix, "X", 64, marks())
    rows = np.concatenate(spread_rows(700, 64))
    np.testing.assert_allclose(whole.mito, x[rows, :2].sum(axis=1) / x[rows].sum(axis=1), rtol=1e-6)


def test_hashes_are_of_rows_that_have_enough_values_and_are_not_repeated(tmp_path):
    x = np.random.default_rng(0).poisson(5, (40, 30)).astype(np.float32) + 1
    x[3, 15:] = 0  # too few values
    x[10:14] = x[10]  # four times the same
    x[20] = x[21]
    matrix, _ = matrix_of(x, tmp_path)
    names = [Names.of(np.array([f"g{k}" for k in range(30)], dtype=object))]
    sample = sample_of(matrix, "X", 512, gene_marks(names))
    assert sorted(sample.hashed_rows) == sorted({*range(40)} - {3, 10, 11, 12, 13, 21})
    every = hash_rows(matrix, names[0].values, lambda: None)
    assert sample.hashes.tolist() == every[sample.hashed_rows].tolist()


def test_of_a_larger_store_some_rows_are_hashed(tmp_path):
    x = np.random.default_rng(0).poisson(2, (3000, 60)).astype(np.float32)
    matrix, _ = matrix_of(x, tmp_path)
    names = [Names.of(np.array([f"g{k}" for k in range(60)], dtype=object))]
    sample = sample_of(matrix, "X", 512, gene_marks(names))
    assert 64 < len(sample.hashes) <= 96
    every = hash_rows(matrix, names[0].values, lambda: None)
    assert sample.hashes.tolist() == every[sample.hashed_rows].tolist()
