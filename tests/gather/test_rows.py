"""Rows out of matrices: conversions, sums, and that nothing is written outside of the buffers."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from mappedviz.errors import ElementError
from mappedviz.gather.matrix import Matrix
from mappedviz.gather.request import Part
from mappedviz.gather.rows import gather_csr, gather_dense, gather_row
from mappedviz.recipe.column_map import ColumnMap


def test_importing_the_engine_loads_no_library_and_no_scipy():
    program = (
        "import sys, mappedviz.gather.rows as rows; from mappedviz import native;"
        "print(native._functions, 'scipy.sparse' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == ["{}", "False"]


# ------------------------------------------------------------------------------- conversions
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_every_float16_is_converted_as_numpy_does(dtype):
    every = np.arange(2**16, dtype=np.uint16).view(np.float16).reshape(256, 256)
    indptr = np.arange(257) * 256
    matrix = Matrix.from_csr(indptr, np.tile(np.arange(256), 256), every.ravel(), 256)
    out = np.empty((256, 256), dtype)
    gather_dense([Part(matrix, np.arange(256), np.arange(256))], out)
    expected = every.astype(dtype)
    np.testing.assert_array_equal(out, expected)  # NaN where NaN
    there = (expected != 0) & ~np.isnan(expected)  # 0 + -0.0 is 0.0, as in scipy
    assert (np.signbit(out) == np.signbit(expected))[there].all()


@pytest.mark.parametrize("stored", [np.float32, np.float64])
def test_floats_become_float16_as_numpy_rounds_them(stored):
    """Ties, subnormals, what is just too large, and everything between."""
    rng = np.random.default_rng(0)
    halves = np.arange(0, 0x7C00, dtype=np.uint16).view(np.float16).astype(np.float64)
    between = (halves[1:] + halves[:-1]) / 2
    wide = np.concatenate(
        [
            *(halves, between, np.nextafter(between, 0), np.nextafter(between, np.inf)),
            rng.normal(size=50_000) * 10.0 ** rng.integers(-9, 6, 50_000),
            [65504, 65519.99, 65520, np.inf, np.nan, 1e-300, 5e-324, 1e300],
        ]
    )
    with np.errstate(all="ignore"):
        values = np.concatenate([wide, -wide]).astype(stored)[None]
        matrix = Matrix.from_csr(
            np.array([0, values.size]), np.arange(values.size), values[0], values.size
        )
        out = np.empty(values.shape, np.float16)
        gather_dense([Part(matrix, np.array([0]), np.array([0]))], out)
        np.testing.assert_array_equal(out, values.astype(np.float16))


# -------------------------------------------------------------------------------------- sums
def _dense(part, n_cols, dtype):
    out = np.empty((1, n_cols), dtype)
    gather_dense([part], out)
    return out[0]


def _csr(part, n_cols, dtype):
    _, indices, data = gather_csr([part], 1, n_cols, dtype)
    out = np.zeros(n_cols, dtype)
    out[indices] = data
    return out


WAYS = {
    "dense": _dense,
    "csr": _csr,
    "row": lambda part, n_cols, dtype: gather_row(
        part.matrix, int(part.rows[0]), part.columns, n_cols, dtype
    ),
}


def _matrices(values, columns, n_vars):
    """The same row twice: repeated entries, and repeated columns that are mapped to one."""
    order = np.array(columns)
    entries = Matrix.from_csr(
        np.array([0, len(values)]), order, values, n_vars, store="a.h5ad", key="X"
    )
    mapped = Matrix.from_csr(
        np.array([0, len(values)]), np.arange(len(values)), values, len(values), store="a.h5ad"
    )
    row = np.array([0])
    return Part(entries, row, row), Part(mapped, row, row, ColumnMap(order))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", ["f4", "f8", "i4", "i8", "u2", "f2"])
@pytest.mark.parametrize("stored", ["u1", "i2", "u4", "u8", "f2", "f4"])
def test_sums_do_not_wrap(way, dtype, stored):
    values = np.array([200, 1, 200, 55], stored)
    for part in _matrices(values, [0, 1, 0, 0], 3):
        assert WAYS[way](part, 3, np.dtype(dtype)).tolist() == [455, 1, 0]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("stored", ["u1", "i1", "f4"])
def test_a_sum_that_does_not_fit_is_refused(way, stored):
    values = np.array([100, 1, 100], stored)
    for part in _matrices(values, [0, 1, 0], 2):
        with pytest.raises(ElementError, match="row 0.*does not fit int8.*dtype=") as error:
            WAYS[way](part, 2, np.dtype("i1"))
        assert error.value.store == "a.h5ad"
        assert WAYS[way](part, 2, np.dtype("u1")).tolist() == [200, 1]


def test_sums_of_the_widest_integers():
    for stored, values in (("i8", [2**62, 2**62]), ("u8", [2**63, 2**63])):
        for part in _matrices(np.array(values, stored), [0, 0], 1):
            for dtype in (stored, "f8"):
                with pytest.raises(ElementError, match="does not fit"):
                    _dense(part, 1, np.dtype(dtype))
    for part in _matrices(np.array([2**62, 2**62, -(2**62)], "i8"), [0, 0, 0], 1):
        assert _dense(part, 1, np.int64).tolist() == [2**62]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("stored", ["b1", "i1", "f4"])
def test_a_boolean_says_whether_any_value_is_not_zero(way, stored):
    values = np.array([1, 0, -1, 0], "i1").astype(stored)
    for part in _matrices(values, [0, 1, 0, 1], 3):
        assert WAYS[way](part, 3, np.dtype(bool)).tolist() == [True, False, False]
    if stored == "b1":
        for part in _matrices(values, [0, 1, 0, 1], 3):
            assert WAYS[way](part, 3, np.dtype("i4")).tolist() == [2, 0, 0]


def test_matrices_of_one_batch_may_differ_much_in_width():
    """The memory that sums need is that of the widest."""
    rng = np.random.default_rng(0)
    widths = [3, 70_000, 5, 200_000]
    parts, expected = [], np.zeros((4, 8), np.float32)
    for k, n_vars in enumerate(widths):
        indices = rng.integers(0, n_vars, 500)  # in no order, and some of them twice
        matrix = Matrix.from_csr(np.array([0, 500]), indices, np.ones(500, np.float32), n_vars)
        to = rng.integers(-1, 8, n_vars)
        np.add.at(expected[k], to[indices][to[indices] >= 0], 1)
        parts.append(Part(matrix, np.array([0]), np.array([k]), ColumnMap(to)))
    out = np.empty((4, 8), np.float32)
    gather_dense(parts, out)
    np.testing.assert_array_equal(out, expected)
    np.testing.assert_array_equal(gather_csr(parts, 4, 8, np.float32)[2], expected[expected != 0])


@pytest.mark.parametrize("dtype", ["u1", "f4", "f8"])
@pytest.mark.parametrize("shift", [0, 1, 3])
def test_large_batches_are_written_past_the_caches(dtype, shift):
    """From some megabytes on, whatever the alignment of the rows; others stay as they were."""
    rng = np.random.default_rng(0)
    n_rows, n_cols = 7000, 5001
    whole = rng.integers(0, 200, (40, n_cols)) * (rng.random((40, n_cols)) < 0.05)
    indptr = np.concatenate([[0], np.cumsum((whole != 0).sum(1))])
    matrix = Matrix.from_csr(indptr, np.nonzero(whole)[1], whole[whole != 0], n_cols)
    memory = np.full(n_rows * n_cols + 8, 77, dtype)
    out = memory[shift : shift + n_rows * n_cols].reshape(n_rows, n_cols)
    rows, out_rows = rng.integers(0, 40, n_rows - 10), rng.permutation(n_rows)[10:]
    gather_dense([Part(matrix, rows, out_rows)], out, threads=2)
    np.testing.assert_array_equal(out[out_rows], whole[rows].astype(dtype))
    assert (np.delete(out, out_rows, 0) == 77).all()
    assert (memory[:shift] == 77).all()
    assert (memory[shift + n_rows * n_cols :] == 77).all()


# ------------------------------------------------------------------------------------ bounds
ZONE = 64


@pytest.mark.parametrize("dtype", ["u1", "f2", "f4", "f8"])
@pytest.mark.parametrize("order", ["identity", "ascending", "permuted", "many to one"])
@pytest.mark.parametrize("kind", ["csr", "untidy", "dense"])
def test_nothing_is_written_outside_of_the_buffers(dtype, order, kind):
    """Guard zones on both sides of each array stay as they were."""
    rng = np.random.default_rng(0)
    n_rows, n_vars, n_cols = 30, 70, 70 if order == "identity" else 41
    whole = rng.integers(0, 3, (n_rows, n_vars)).astype("u1")
    if kind == "dense":
        matrix = _dense_matrix(whole)
    else:
        indptr = np.concatenate([[0], np.cumsum((whole != 0).sum(1))])
        indices = np.nonzero(whole)[1]
        if kind == "untidy":
            indices = rng.integers(0, n_vars, len(indices))
        matrix = Matrix.from_csr(indptr, indices, whole[whole != 0], n_vars)
    columns = {
        "identity": lambda: None,
        "ascending": lambda: ColumnMap(np.maximum(np.arange(n_vars) - (n_vars - n_cols), -1)),
        "permuted": lambda: ColumnMap(np.maximum(rng.permutation(n_vars) - 29, -1)),
        "many to one": lambda: ColumnMap(rng.integers(-1, n_cols, n_vars)),
    }[order]()
    rows = rng.integers(0, n_rows, 25)
    part = Part(matrix, rows, np.arange(25), columns)
    made = []

    def guarded(shape, dtype):
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        memory = np.full(size + 2 * ZONE, 0xA5, np.uint8)
        made.append((memory, size))
        return memory[ZONE : ZONE + size].view(dtype).reshape(shape)

    gather_dense([part], guarded((25, n_cols), dtype))
    gather_csr([part], 25, n_cols, np.dtype(dtype), empty=guarded)
    for row in range(n_rows):
        gather_row(matrix, row, columns, n_cols, np.dtype(dtype), guarded((n_cols,), dtype))
    for memory, size in made:
        assert (memory[:ZONE] == 0xA5).all()
        assert (memory[ZONE + size :] == 0xA5).all()


def _dense_matrix(values):
    from mappedviz.formats.cache import ChunkCache
    from mappedviz.formats.files import FilePool
    from mappedviz.formats.matrices import MatrixFacts

    class Whole:
        key, stamp, direct = ("a", "X"), 0, None
        shape = chunk_shape = values.shape
        dtype, grid, n_chunks = values.dtype, (1, 1), 1

        def load(self, chunk, files):
            return values.reshape(-1)

    matrix = Matrix(MatrixFacts("dense", values.shape, values.dtype), "a", "X")
    matrix.cache = ChunkCache(1 << 20, FilePool())
    matrix.values = Whole()
    return matrix
