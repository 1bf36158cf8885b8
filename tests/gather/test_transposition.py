"""Rows of matrices that are stored by columns, in bands."""

import numpy as np
import pytest
import zarr
from scipy import sparse

from mappedviz.errors import ElementError
from mappedviz.formats.cache import ChunkCache
from mappedviz.formats.detect import open_root
from mappedviz.formats.files import FilePool
from mappedviz.gather.matrix import Matrix
from mappedviz.gather.transposition import rows_of_csc


def stored(path, data, indices, indptr, shape, chunks=(7, 5)):
    group = zarr.open_group(path, mode="w", zarr_format=2)
    x = group.create_group("X", attributes={"encoding-type": "csc_matrix", "shape": list(shape)})
    for name, values, size in (
        ("data", data, chunks[0]), ("indices", indices, chunks[1]), ("indptr", indptr, 100),
    ):  # fmt: skip
        x.create_array(name, shape=values.shape, dtype=values.dtype, chunks=(size,))[:] = values
    with open_root(path) as root:
        return Matrix.open(root["X"], ChunkCache(1 << 20, FilePool()))


@pytest.mark.parametrize("band_values", [10, 60, 10_000])
@pytest.mark.parametrize("dtype", ["f4", "i2", "?"])
def test_rows_are_those_of_the_matrix(tmp_path, band_values, dtype):
    rng = np.random.default_rng(2)
    values = np.where(rng.random((31, 17)) < 0.3, rng.integers(1, 90, (31, 17)), 0).astype(dtype)
    values[5] = 0
    csc = sparse.csc_matrix(values)
    # Rows of a column in any order.
    for begin, end in zip(csc.indptr[:-1], csc.indptr[1:], strict=True):
        order = rng.permutation(end - begin)
        csc.data[begin:end] = csc.data[begin:end][order]
        csc.indices[begin:end] = csc.indices[begin:end][order]
    matrix = stored(tmp_path / "a.zarr", csc.data, csc.indices, csc.indptr, csc.shape)
    (tmp_path / "bands").mkdir()
    calls = []
    at, out = 0, np.zeros_like(values)
    for rows in rows_of_csc(
        matrix, str(tmp_path / "bands"), lambda: calls.append(1), band_values=band_values
    ):
        assert rows.first == at
        n = len(rows.indptr) - 1
        parts = (rows.data, rows.indices, rows.indptr)
        some = sparse.csr_matrix(parts, shape=(n, 17))
        assert some.has_canonical_format
        out[at : at + n] = some.toarray()
        at += n
    assert at == 31
    assert (out == values).all()
    assert calls
    assert not list((tmp_path / "bands").iterdir())


def test_repeated_entries_are_summed_and_do_not_wrap(tmp_path):
    indptr, indices = np.array([0, 3, 4]), np.array([1, 0, 1, 1])
    for data, expected in ((np.array([2, 3, 4, 5], "u1"), [[3, 0], [6, 5]]), (None, None)):
        given = np.array([200, 3, 100, 5], "u1") if data is None else data
        matrix = stored(tmp_path / "a.zarr", given, indices, indptr, (2, 2))
        folder = tmp_path / f"bands{given[0]}"
        folder.mkdir()
        if expected is None:
            with pytest.raises(ElementError, match="sum does not fit uint8"):
                list(rows_of_csc(matrix, str(folder)))
            continue
        [rows] = rows_of_csc(matrix, str(folder))
        parts = (rows.data, rows.indices, rows.indptr)
        assert sparse.csr_matrix(parts, shape=(2, 2)).toarray().tolist() == expected


def test_a_row_outside_of_the_matrix_is_named(tmp_path):
    matrix = stored(
        tmp_path / "a.zarr", np.ones(3, "f4"), np.array([0, 9, 1]), np.array([0, 1, 3]), (2, 2)
    )
    with pytest.raises(ElementError, match="row index 9 in column 1, outside of its 2 rows"):
        list(rows_of_csc(matrix, str(tmp_path)))
