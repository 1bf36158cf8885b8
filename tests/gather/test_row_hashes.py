"""Hashes of rows, and the rows that two stores with the same cells both choose."""

import numpy as np
import pytest
from scipy import sparse

from mappedviz.gather.row_hashes import (
    hash_csr,
    hash_positions,
    hash_rows,
    hash_texts,
    known_by,
    not_often,
    telling_rows,
)
from tests.audits.test_samples import counts, matrix_of


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


def test_stored_zeros_say_nothing():
    genes = hash_texts(np.array([f"g{k}" for k in range(40)], dtype=object))
    x = np.zeros((3, 40))
    x[0, :20] = x[1, :20] = 1
    x[2, :15] = 1
    plain = sparse.csr_matrix(x)
    _, hashes = known_by(plain.indptr, plain.indices, plain.data, genes)
    full = sparse.csr_matrix(x + 1)
    full.data -= 1
    rows, again = known_by(full.indptr, full.indices, full.data, genes)
    assert rows.tolist() == [0, 1]
    assert again.tolist() == hashes.tolist()


def test_of_no_rows_none_is_known():
    none = np.empty(0)
    rows, hashes = known_by(np.array([0]), none.astype(int), none, np.ones(3, np.uint64))
    assert (len(rows), len(hashes), len(not_often(hashes))) == (0, 0, 0)


@pytest.fixture(scope="module")
def cells():
    rng = np.random.default_rng(3)
    rates = rng.lognormal(0, 0.5, (4000, 1)) * rng.random(80)
    return rng.poisson(rates).astype(np.float32)


def chosen(x, folder):
    matrix, _ = matrix_of(x, folder)
    return {tuple(x[row].tolist()) for row in telling_rows(matrix)}


def test_stores_with_the_same_cells_choose_the_same(tmp_path, cells):
    one = chosen(cells, tmp_path / "a")
    assert len(one) == 32
    shuffled = cells[np.random.default_rng(0).permutation(len(cells))]
    # Among those with as many values, the next row decides: not all are the same.
    assert len(one & chosen(shuffled, tmp_path / "b")) > 5
    in_order = chosen(cells[100:], tmp_path / "c")
    assert len(one & in_order) > 25


@pytest.mark.parametrize("part", [0.5, 0.2])
def test_a_part_of_a_store_chooses_many_of_those_of_the_whole(tmp_path, cells, part):
    kept = np.random.default_rng(1).random(len(cells)) < part
    some = chosen(cells[kept], tmp_path / "a")
    assert len(some & chosen(cells, tmp_path / "b")) >= 3


def test_a_dense_matrix_tells_nothing_without_being_read(tmp_path):
    import anndata as ad

    from mappedviz.formats.cache import ChunkCache
    from mappedviz.formats.files import FilePool
    from mappedviz.stores.store import open_store

    ad.AnnData(counts()).write_h5ad(tmp_path / "a.h5ad")
    matrix = open_store(tmp_path / "a.h5ad").open_matrix("X", ChunkCache(1 << 20, FilePool()))
    assert len(telling_rows(matrix)) == 0


def test_rows_with_few_values_are_not_chosen(tmp_path):
    x = np.zeros((20, 30), np.float32)
    x[4, :16] = 1
    x[5, :15] = 1
    matrix, _ = matrix_of(x, tmp_path)
    assert telling_rows(matrix).tolist() == [4]
    matrix, _ = matrix_of(0 * x, tmp_path / "b")
    assert telling_rows(matrix).tolist() == []


def test_rows_in_memory_have_the_hashes_of_their_columns():
    indptr, columns = np.array([0, 2, 2, 4]), hash_positions(3)
    hashes = hash_csr(indptr, np.array([0, 2, 2, 0]), np.array([1, 5, 5, 1], "u1"), columns)
    assert hashes[0] == hashes[2] != 0
    assert hashes[1] == 0
    other = hash_csr(indptr, np.array([0, 1, 1, 0]), np.array([1, 5, 5, 1.0]), columns)
    assert other[0] == other[2] != hashes[0]
