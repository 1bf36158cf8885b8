"""Rows come out as by the slow route, bit for bit, from every format; damage is named."""

from __future__ import annotations

import itertools
import math
import os
import tempfile
import threading
import time
import warnings
from pathlib import Path

import anndata
import h5py
import numcodecs
import numpy as np
import pandas as pd
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from mappedviz.errors import ElementError, StoreError
from mappedviz.formats.cache import ChunkCache
from mappedviz.formats.detect import open_root
from mappedviz.formats.files import FileHandle, FilePool
from mappedviz.formats.matrices import MatrixFacts
from mappedviz.formats.sources import Direct
from mappedviz.formats.stamps import Stamp
from mappedviz.gather import mapped_files
from mappedviz.gather import rows as gather
from mappedviz.gather.mapped_files import MappedFile
from mappedviz.gather.matrix import Matrix
from mappedviz.gather.request import Batch, Part, chunk_nbytes
from mappedviz.gather.rows import gather_csr, gather_dense, gather_row
from mappedviz.recipe.column_map import ColumnMap

STORED = ["b1", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8"]
INDEX = ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"]


# ------------------------------------------------------------------------------ the slow route
def summed_type(stored, dtype=None):
    """A type that holds sums of stored values."""
    stored = np.dtype(stored)
    if dtype is not None and np.dtype(dtype) == bool:
        return np.dtype(bool)
    if stored.kind in "biu":
        return np.dtype(object)  # Python's own integers
    return np.dtype("f4") if stored == np.float16 else stored


def add(to, where, values):
    """Sum in the type of the values, one after the other; booleans: or."""
    (np.logical_or if to.dtype == bool else np.add).at(to, where, values)


def stored_rows(source, rows, dtype=None):
    """The rows asked for, dense, repeated entries summed in a type that holds them."""
    if isinstance(source, np.ndarray):
        return source[rows].astype(summed_type(source.dtype, dtype))
    indptr, indices, data, n_vars = source
    dense = np.zeros((len(rows), n_vars), summed_type(data.dtype, dtype))
    for k, row in enumerate(rows):
        here = slice(int(indptr[row]), int(indptr[row + 1]))
        add(dense[k], indices[here].astype(np.int64), data[here].astype(dense.dtype))
    return dense


def slow_route(source, rows, columns, n_cols, dtype):
    """Rows of one matrix; ArithmeticError where a sum does not fit the type."""
    dense = stored_rows(source, rows, dtype)
    times = times_summed(source, rows, columns, n_cols)
    remap = None if columns is None else columns.array
    if remap is not None:
        kept = np.flatnonzero(remap >= 0)
        mapped = np.zeros((len(rows), n_cols), dense.dtype)
        if isinstance(source, np.ndarray) and len(set(remap[kept])) == len(kept):
            mapped[:, remap[kept]] = dense[:, kept]
        else:
            add(mapped, (slice(None), remap[kept]), dense[:, kept])
        dense = mapped
    with np.errstate(all="ignore"):
        wide = dense.dtype
        if wide.kind == "O":
            stored = (source if isinstance(source, np.ndarray) else source[2]).dtype
            wide = np.dtype("u8" if stored == np.uint64 else "i8")
        limit = np.dtype(dtype) if np.dtype(dtype).kind in "iu" else wide
        if limit.kind in "iu":
            sums, (least, most) = dense[times > 1], (np.iinfo(limit).min, np.iinfo(limit).max)
            if not all(
                least <= (one if wide.kind in "iu" else np.trunc(one)) <= most for one in sums
            ):
                raise ArithmeticError
        return dense.astype(wide).astype(dtype)


def times_summed(source, rows, columns, n_cols):
    """How many values there are for each column of the output."""
    if isinstance(source, np.ndarray):
        ones = np.ones((len(rows), source.shape[1]), np.int64)
    else:
        indptr, indices, _, n_vars = source
        ones = np.zeros((len(rows), n_vars), np.int64)
        for k, row in enumerate(rows):
            here = slice(int(indptr[row]), int(indptr[row + 1]))
            np.add.at(ones[k], indices[here].astype(np.int64), 1)
    if columns is None:
        return ones
    times = np.zeros((len(rows), n_cols), np.int64)
    kept = np.flatnonzero(columns.array >= 0)
    np.add.at(times, (slice(None), columns.array[kept]), ones[:, kept])
    return times


def assert_same_bits(found, expected):
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)
    if expected.dtype.kind == "f":
        there = ~np.isnan(expected)
        assert (np.signbit(found) == np.signbit(expected))[there].all()


# --------------------------------------------------------------------------- arrays in a file
class LaidOut:
    """A chunked array in a file of the test's making; `how` is "file", "aligned" or "memory"."""

    numbers = itertools.count()

    def __init__(self, path, values, chunk_shape, how, shuffle):
        self.key = (str(path), f"array {next(LaidOut.numbers)}")
        self.shape, self.dtype = values.shape, values.dtype
        self.chunk_shape = chunk_shape
        self.grid = tuple(-(-n // c) for n, c in zip(values.shape, chunk_shape, strict=True))
        self.n_chunks = math.prod(self.grid)
        self.stamp = "made once"
        padded = np.zeros(
            [g * c for g, c in zip(self.grid, chunk_shape, strict=True)], values.dtype
        )
        padded[tuple(slice(n) for n in values.shape)] = values
        if values.ndim == 1:
            self.chunks = padded.reshape(-1, *chunk_shape)
        else:
            (gr, gc), (cr, cc) = self.grid, chunk_shape
            self.chunks = padded.reshape(gr, cr, gc, cc).swapaxes(1, 2).reshape(-1, cr * cc)
        self.loads = 0
        self.direct = None
        if how != "memory" and self.n_chunks:
            offsets = np.zeros(self.n_chunks, np.int64)
            order = np.arange(self.n_chunks)
            shuffle(order)
            with path.open("ab") as file:
                for chunk in order:
                    file.write(b"-" * int(chunk % 3 == 1))  # some chunks follow each other
                    if how == "aligned":
                        file.write(b"-" * (-file.tell() % 8))
                    offsets[chunk] = file.tell()
                    file.write(self.chunks[chunk].tobytes())
            self.direct = Direct(str(path), offsets, None)

    def sealed(self):
        """To be called when nothing more is written to the file."""
        if self.direct is not None:
            path = self.direct.path
            self.direct = Direct(path, self.direct.offsets, Stamp.of(path))

    def load(self, chunk, files):
        self.loads += 1
        return np.ascontiguousarray(self.chunks[chunk].reshape(-1))


def sparse_matrix(path, indptr, indices, data, n_vars, cache, how=("file", "file"), chunks=(7, 7)):
    facts = MatrixFacts("csr", (len(indptr) - 1, n_vars), data.dtype, indices.dtype, len(data))
    matrix = Matrix(facts, str(path), "X")
    shuffle = np.random.default_rng(len(data)).shuffle
    matrix.cache = cache
    matrix.values = LaidOut(path, data, (chunks[0],), how[0], shuffle)
    matrix.columns = LaidOut(path, indices, (chunks[1],), how[1], shuffle)
    matrix._indptr = LaidOut(path, indptr, (3,), "memory", shuffle)
    for array in (matrix.values, matrix.columns):
        array.sealed()
    return matrix


def dense_matrix(path, values, cache, how="file", chunks=(3, 4)):
    matrix = Matrix(MatrixFacts("dense", values.shape, values.dtype), str(path), "X")
    matrix.cache = cache
    matrix.values = LaidOut(path, values, chunks, how, np.random.default_rng(1).shuffle)
    matrix.values.sealed()
    return matrix


def values_of(dtype, n, rng, to=None):
    dtype, to = np.dtype(dtype), np.dtype(to or dtype)
    if dtype.kind == "b":
        return rng.random(n) < 0.7
    if dtype.kind == "f" and to.kind in "iu":
        # What becomes of others is not defined: numpy's answer depends on the processor.
        return rng.integers(0, 2, n).astype(dtype)
    if dtype.kind == "f":
        values = rng.normal(size=n) * 10.0 ** rng.integers(-3, 4, n)
        special = rng.random(n) < 0.1
        values[special] = rng.choice([0.0, -0.0, np.nan, np.inf], int(special.sum()))
        return values.astype(dtype)
    # Whole range of the type, with many small values among them.
    wide = rng.integers(0, 256, (n, dtype.itemsize), dtype=np.uint8)
    wide[rng.random(n) < 0.5, 1:] = 0
    if rng.random() < 0.8:  # and sums that fit
        wide[:, dtype.itemsize - dtype.itemsize // 4 :] = 0
    return wide.view(dtype).reshape(n)


def csr_of(rng, n_rows, n_vars, stored, index, *, tidy, to=None):
    """Row pointers, columns and values; sorted and without repeats where `tidy`."""
    counts = rng.integers(0, 12 if n_vars else 1, n_rows)
    rows = []
    for n in counts:
        if tidy:
            rows.append(np.sort(rng.permutation(n_vars)[:n]))
        else:
            rows.append(rng.integers(0, n_vars, n))
    indices = np.concatenate([*rows, np.empty(0, np.int64)]).astype(index)
    indptr = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    return indptr, indices, values_of(stored, len(indices), rng, to), n_vars


def columns_of(rng, n_vars, n_cols, how):
    if how == "identity":
        return None
    remap = np.full(n_vars, -1, np.int32)
    if how == "many to one":
        remap[:] = rng.integers(-1, n_cols, n_vars)
    else:
        n = min(n_vars, n_cols)
        kept = rng.permutation(n_vars)[:n]
        to = rng.permutation(n_cols)[:n]
        if how == "ascending":
            kept.sort()
            to.sort()
        remap[kept] = to
    return ColumnMap(remap)


@pytest.fixture(autouse=True, params=["pread", "mapped"])
def reading(request, monkeypatch):
    """How files are read: both ways must give the same, and say the same where they cannot."""
    if request.param == "mapped":
        monkeypatch.setattr(mapped_files, "_WORTH_MAPPING", 1)
        monkeypatch.setattr(mapped_files, "_in_memory", lambda fd, size: True)
        monkeypatch.setattr(mapped_files, "_n_waits", lambda: 0)
    else:
        monkeypatch.setattr(mapped_files, "_WORTH_MAPPING", math.inf)
    return request.param


@pytest.fixture
def cache():
    return ChunkCache(1 << 22, FilePool(handle=MappedFile), threads=2)


# ---------------------------------------------------------------------------------------- laws
@st.composite
def cases(draw):
    how = st.sampled_from(["file", "aligned", "memory", "resident"])
    part = st.fixed_dictionaries(
        {
            "kind": st.sampled_from(["csr", "csr", "dense"]),
            "stored": st.sampled_from(STORED),
            "index": st.sampled_from(INDEX),
            "tidy": st.booleans(),
            "how": st.tuples(how, how),
            "chunks": st.tuples(st.integers(1, 40), st.integers(1, 40)),
            "n_rows": st.integers(1, 8),
            "n_vars": st.integers(1, 90),
            "columns": st.sampled_from(["identity", "ascending", "any", "many to one"]),
        }
    )
    return {
        "seed": draw(st.integers(0, 2**32)),
        "n_cols": draw(st.integers(1, 90)),
        "dtype": draw(st.sampled_from(["f4", "f4", "f4", "f8", *STORED])),
        "parts": draw(st.lists(part, min_size=1, max_size=4)),
        "cache": draw(st.sampled_from([0, 1 << 10, 1 << 22])),
        "threads": draw(st.sampled_from([1, 1, 1, 2])),
        "sorted_from": draw(st.sampled_from([1, 256])),
    }


def build(case, folder):
    """Parts for us, and for the slow route."""
    rng = np.random.default_rng(case["seed"])
    cache = ChunkCache(case["cache"], FilePool(2, MappedFile), threads=2)
    n_cols = case["n_cols"]
    parts, sources = [], []
    n_out = 0
    for i, spec in enumerate(case["parts"]):
        path = Path(folder) / f"{i}.bin"
        n_vars = n_cols if spec["columns"] == "identity" else spec["n_vars"]
        if spec["kind"] == "dense":
            values = values_of(spec["stored"], spec["n_rows"] * n_vars, rng, case["dtype"])
            source = values.reshape(spec["n_rows"], n_vars)
            how = "memory" if spec["how"][0] == "resident" else spec["how"][0]
            matrix = dense_matrix(path, source, cache, how, spec["chunks"])
        else:
            source = csr_of(
                rng,
                spec["n_rows"],
                n_vars,
                spec["stored"],
                spec["index"],
                tidy=spec["tidy"],
                to=case["dtype"],
            )
            if "resident" in spec["how"]:
                matrix = Matrix.from_csr(*source)
            else:
                matrix = sparse_matrix(path, *source, cache, spec["how"], spec["chunks"])
        rows = rng.integers(0, spec["n_rows"], rng.integers(0, 7))
        columns = columns_of(rng, n_vars, n_cols, spec["columns"])
        parts.append(Part(matrix, rows, np.arange(n_out, n_out + len(rows)), columns))
        sources.append(source)
        n_out += len(rows) + 1  # one row of the output is nobody's
    order = rng.permutation(n_out)
    for part in parts:
        part.out_rows = order[part.out_rows]
    return parts, sources, n_out


@given(cases())
@settings(max_examples=150)
def test_dense_rows_are_those_of_the_slow_route(case):
    with tempfile.TemporaryDirectory() as folder, np.errstate(all="ignore"):
        parts, sources, n_out = build(case, folder)
        expected = np.full((n_out, case["n_cols"]), 1, case["dtype"])
        out = expected.copy()
        try:
            for part, source in zip(parts, sources, strict=True):
                expected[part.out_rows] = slow_route(
                    source, part.rows, part.columns, case["n_cols"], case["dtype"]
                )
        except ArithmeticError:
            with pytest.raises(ElementError, match="does not fit"):
                gather_dense(parts, out, threads=case["threads"])
            return
        gather_dense(parts, out, threads=case["threads"])
        assert_same_bits(out, expected)
        for part in parts:
            for row, out_row in zip(part.rows.tolist(), part.out_rows.tolist(), strict=True):
                one = gather_row(part.matrix, row, part.columns, case["n_cols"], case["dtype"])
                assert_same_bits(one, expected[out_row])


@given(cases())
@settings(max_examples=150)
def test_csr_rows_are_those_of_the_slow_route(case):
    with tempfile.TemporaryDirectory() as folder, np.errstate(all="ignore"):
        parts, sources, n_out = build(case, folder)
        n_cols, dtype = case["n_cols"], np.dtype(case["dtype"])
        there = np.zeros((n_out, n_cols), bool)
        expected = np.zeros((n_out, n_cols), dtype)
        for part, source in zip(parts, sources, strict=True):
            try:
                rows = slow_route(source, part.rows, part.columns, n_cols, dtype)
            except ArithmeticError:
                with pytest.raises(ElementError, match="does not fit"):
                    gather_csr(parts, n_out, n_cols, dtype)
                return
            expected[part.out_rows] = rows
            if isinstance(source, np.ndarray):
                wide = summed_type(source.dtype, dtype)
                stored = slow_route(source, part.rows, part.columns, n_cols, wide)
                there[part.out_rows] = stored != 0
            else:  # every entry that is stored, zeros included
                indptr, indices, _, n_vars = source
                ones = (indptr, indices, np.ones(len(indices), bool), n_vars)
                there[part.out_rows] = slow_route(ones, part.rows, part.columns, n_cols, bool)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(gather, "_WORTH_SORTING", case["sorted_from"])
            for _ in range(2):  # then the lengths of the rows are known
                indptr, indices, data = gather_csr(parts, n_out, n_cols, dtype)
                assert (indptr.dtype, indices.dtype, data.dtype) == (np.int64, np.int32, dtype)
                np.testing.assert_array_equal(indptr, [0, *np.cumsum(there.sum(1))])
                np.testing.assert_array_equal(indices, np.nonzero(there)[1])  # none twice
                np.testing.assert_array_equal(data, expected[there])


@pytest.mark.parametrize("how", ["permuted", "ascending", "identity"])
def test_rows_are_read_in_the_order_of_the_file_once_their_lengths_are_known(tmp_path, cache, how):
    rng = np.random.default_rng(0)
    source = csr_of(rng, 900, 60, "f4", "i4", tidy=True)
    matrix = sparse_matrix(tmp_path / "a.bin", *source, cache, chunks=(50, 70))
    columns, n_cols = None, 60
    if how != "identity":
        to, n_cols = np.full(60, -1, np.int32), 40
        kept = rng.permutation(60)[:40]
        to[np.sort(kept) if how == "ascending" else kept] = np.arange(40)
        columns = ColumnMap(to)
    known = []
    for _ in range(3):
        rows = rng.permutation(np.r_[rng.integers(0, 900, 500), 100:200, 100:150])
        out_rows = rng.permutation(700)[: len(rows)]
        expected = np.zeros((700, n_cols), "f4")
        expected[out_rows] = slow_route(source, rows, columns, n_cols, "f4")
        indptr, indices, data = gather_csr(
            [Part(matrix, rows, out_rows, columns)], 700, n_cols, "f4"
        )
        found = np.zeros_like(expected)
        found[np.repeat(np.arange(700), np.diff(indptr)), indices] = data
        np.testing.assert_array_equal(found, expected)
        counts = matrix.opened().lengths.counts
        known.append(int((counts < np.iinfo(counts.dtype).max).sum()))
    assert known[0] == 900 if how == "identity" else 300 < known[0] < known[2]
    # What is known wrongly does no harm.
    counts[:] = np.minimum(counts, rng.integers(0, 9, 900))
    again = gather_csr([Part(matrix, rows, out_rows, columns)], 700, n_cols, "f4")
    for one, other in zip(again, (indptr, indices, data), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("index", [np.int32, np.int64])
@pytest.mark.parametrize("stored", ["b1", "i1", "u2", "i4", "i8", "u8", "f4", "f8"])
def test_the_slow_route_is_scipys(stored, index):
    """The reference of the laws above agrees with scipy where scipy can do it."""
    rng = np.random.default_rng(5)
    indptr, indices, data, n_vars = csr_of(rng, 30, 20, stored, index, tidy=False)
    theirs = sparse.csr_matrix((data, indices, indptr.astype(index)), shape=(30, 20))
    rows = rng.integers(0, 30, 40)
    expected = theirs[rows].toarray()
    if stored not in ("b1", "f4", "f8"):  # scipy's sums are made in the stored type, and wrap
        rows = rows[(times_summed((indptr, indices, data, n_vars), rows, None, 20) < 2).all(1)]
        expected = theirs[rows].toarray()
    with np.errstate(all="ignore"):
        found = slow_route((indptr, indices, data, n_vars), rows, None, 20, stored)
    assert len(found)
    assert_same_bits(found, expected)


# ------------------------------------------------------------------------------- one at a time
def test_output_is_checked(cache, tmp_path):
    matrix = dense_matrix(tmp_path / "a", np.eye(3), cache)
    part = [Part(matrix, np.array([0]), np.array([0]))]
    for out in (
        np.empty(3),
        np.empty((3, 3), order="F"),
        np.empty((3, 6))[:, ::2],
        np.broadcast_to(np.zeros(3), (3, 3)),
    ):
        with pytest.raises(ValueError, match="C-contiguous"):
            gather_dense(part, out)
    with pytest.raises(TypeError, match="complex128"):
        gather_dense(part, np.empty((3, 3), complex))
    with pytest.raises(TypeError, match="read as"):
        gather_csr(part, 1, 3, np.dtype(">f4"))
    with pytest.raises(ValueError, match="another width"):
        gather_dense(part, np.empty((3, 4)))
    with pytest.raises(ValueError, match="contiguous"):
        gather_row(matrix, 0, None, 3, np.float64, np.empty(4))
    with pytest.raises(ValueError, match="int32"):
        gather_csr(part, 1, 2**31, np.float32)


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        pytest.param([0, 1], "a column map of 2 columns", id="too short"),
        pytest.param([0, 1, 4], "to 0 … 4", id="beyond the output"),
        pytest.param([0, -2, 1], "-1 where it is dropped", id="negative"),
        pytest.param([0.0, 1.0, 2.0], "one integer per column", id="floats"),
    ],
)
def test_column_maps_are_checked(cache, tmp_path, columns, found):
    matrix = dense_matrix(tmp_path / "a", np.eye(3), cache)
    with pytest.raises(ValueError, match=found):
        gather_dense(
            [Part(matrix, np.array([0]), np.array([0]), ColumnMap(np.array(columns)))],
            np.empty((1, 3)),
        )


def test_a_column_map_of_another_type_is_taken(cache, tmp_path):
    matrix = dense_matrix(tmp_path / "a", np.eye(3), cache)
    columns = ColumnMap(np.array([2, -1, 0], dtype=np.int64))
    for _ in range(2):
        out = np.empty((2, 3))
        gather_dense([Part(matrix, np.array([0, 2]), np.array([1, 0]), columns)], out)
        assert out.tolist() == [[1, 0, 0], [0, 0, 1]]
        assert gather_row(matrix, 2, columns, 3, np.float64).tolist() == [1, 0, 0]


@pytest.mark.parametrize("row", [-1, 3, 2**40, -(2**40)])
@pytest.mark.parametrize("kind", ["csr", "dense"])
def test_rows_out_of_range(cache, tmp_path, kind, row):
    if kind == "dense":
        matrix = dense_matrix(tmp_path / "a", np.eye(3), cache)
    else:
        matrix = sparse_matrix(tmp_path / "a", np.arange(4), np.arange(3), np.ones(3), 3, cache)
    part = [Part(matrix, np.array([0, row]), np.array([0, 1]))]
    out = np.empty((2, 3))
    for read in (
        lambda: gather_dense(part, out),
        lambda: gather_csr(part, 2, 3, np.float64),
        lambda: gather_row(matrix, row, None, 3, np.float64),
    ):
        with pytest.raises(IndexError, match=f"no row {row}"):
            read()
    with pytest.raises(IndexError, match=f"output has no row {row}"):
        gather_dense([Part(matrix, np.array([0]), np.array([row]))], out)
    with pytest.raises(ValueError, match="as many rows"):
        gather_dense([Part(matrix, np.array([0]), np.array([0, 1]))], out)
    with pytest.raises(TypeError, match="integers"):
        gather_dense([Part(matrix, np.array([0.0]), np.array([0]))], out)


def test_no_parts_and_no_rows(cache, tmp_path):
    matrix = dense_matrix(tmp_path / "a", np.eye(3), cache)
    nobody = Part(matrix, np.empty(0, np.int64), np.empty(0, np.int64))
    out = np.full((2, 3), 5.0)
    for parts in ([], [nobody]):
        gather_dense(parts, out)
        assert (out == 5).all()
        indptr, indices, data = gather_csr(parts, 2, 3, np.float32)
        assert (indptr.tolist(), len(indices), len(data)) == ([0, 0, 0], 0, 0)


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (4, 5)])
def test_nothing_stored(cache, tmp_path, shape):
    indptr = np.zeros(shape[0] + 1, np.int64)
    none = sparse_matrix(
        tmp_path / "a", indptr, np.empty(0, np.int32), np.empty(0, np.float32), shape[1], cache
    )
    rows = np.arange(shape[0])
    out = np.full(shape, 7, np.float32)
    gather_dense([Part(none, rows, rows)], out)
    assert (out == 0).all()
    assert gather_csr([Part(none, rows, rows)], shape[0], shape[1], "f4")[0].tolist() == [0] * (
        shape[0] + 1
    )


def test_memory_for_csr_comes_from_the_caller(cache, tmp_path):
    made = []

    def empty(shape, dtype):
        made.append((shape, np.dtype(dtype)))
        return np.empty(shape, dtype)

    matrix = sparse_matrix(tmp_path / "a", np.arange(4), np.arange(3), np.ones(3, "f4"), 3, cache)
    drop = ColumnMap([-1, -1, -1])
    _, indices, _ = gather_csr(
        [Part(matrix, np.arange(3), np.arange(3), drop)], 3, 3, "f4", empty=empty
    )
    assert made == [((4,), np.int32), ((4,), np.float32)]
    assert len(indices) == 0


def test_all_missing_chunks_are_asked_for_at_once(cache, tmp_path, monkeypatch):
    asked = []
    get = ChunkCache.get_many_of
    monkeypatch.setattr(
        ChunkCache, "get_many_of", lambda self, wants: asked.append(wants) or get(self, wants)
    )
    rng = np.random.default_rng(0)
    parts, sources = [], []
    for i in range(3):
        source = csr_of(rng, 40, 50, "f4", "i4", tidy=True)
        matrix = sparse_matrix(tmp_path / f"{i}", *source, cache, ("memory", "memory"))
        parts.append(Part(matrix, np.array([30, 2, 2, 5]), np.arange(4 * i, 4 * i + 4)))
        sources.append(source)
    out = np.empty((12, 50), np.float32)
    gather_dense(parts, out)
    assert_same_bits(out, np.concatenate([stored_rows(s, [30, 2, 2, 5]) for s in sources]))
    assert len(asked) == 1
    for _, chunks in asked[0]:
        assert (np.diff(chunks) > 0).all()
    for part in parts:  # none decoded twice, none that is not needed
        pointers = part.matrix.opened().pointers.tolist()
        needed = {at // 7 for row in part.rows for at in range(pointers[row], pointers[row + 1])}
        assert part.matrix.values.loads == len(needed)


@pytest.mark.parametrize("kind", ["csr", "dense"])
def test_more_chunks_than_memory_are_taken_in_steps(tmp_path, monkeypatch, kind):
    for module in ("rows", "request"):
        monkeypatch.setattr(f"mappedviz.gather.{module}.STEP_BYTES", 4000)
    cache = ChunkCache(4000, FilePool(), threads=2)
    seen = []
    get = ChunkCache.get_many_of

    def watch(self, wants):
        seen.append(sum(len(chunks) * chunk_nbytes(array) for array, chunks in wants))
        return get(self, wants)

    monkeypatch.setattr(ChunkCache, "get_many_of", watch)
    rng = np.random.default_rng(0)
    if kind == "csr":
        source = csr_of(rng, 400, 60, "f4", "i4", tidy=True)
        matrix = sparse_matrix(tmp_path / "a", *source, cache, ("memory", "memory"), (50, 60))
    else:
        source = rng.normal(size=(400, 60)).astype("f4")
        matrix = dense_matrix(tmp_path / "a", source, cache, "memory", (5, 20))
    rows = rng.integers(0, 400, 300)
    expected = stored_rows(source, rows)
    out = np.empty((300, 60), np.float32)
    gather_dense([Part(matrix, rows, np.arange(300))], out)
    assert_same_bits(out, expected)
    indptr, indices, data = gather_csr([Part(matrix, rows, np.arange(300))], 300, 60, "f4")
    found = sparse.csr_matrix((data, indices, indptr), shape=(300, 60)).toarray()
    np.testing.assert_array_equal(found, expected)
    assert len(seen) > 4
    assert max(seen) <= 4000


def test_row_pointers_are_counted_in_the_cache(cache, tmp_path):
    matrix = sparse_matrix(
        tmp_path / "a", np.arange(1001), np.zeros(1000, "i4"), np.ones(1000), 3, cache
    )
    assert cache.nbytes == 0
    matrix.check()
    assert 4 * 1001 <= cache.nbytes < 4 * 1001 + 8 * 300 + 1000
    cache.clear()
    gather_dense([Part(matrix, np.array([5]), np.array([0]))], np.empty((1, 3)))
    assert cache.nbytes >= 4 * 1001
    assert matrix._indptr.loads == matrix._indptr.n_chunks  # not read again


def test_values_and_columns_in_two_files(cache, tmp_path):
    source = csr_of(np.random.default_rng(0), 20, 30, "f4", "i4", tidy=True)
    matrix = sparse_matrix(tmp_path / "a", *source, cache)
    other = LaidOut(tmp_path / "b", source[1], (5,), "file", lambda order: None)
    other.sealed()
    matrix.columns = other
    expected = stored_rows(source, np.arange(20))
    out = np.empty((20, 30), np.float32)
    gather_dense([Part(matrix, np.arange(20), np.arange(20))], out)
    assert_same_bits(out, expected)
    assert_same_bits(gather_row(matrix, 7, None, 30, np.float32), expected[7])


@pytest.mark.parametrize("how", [("file", "file"), ("memory", "file"), ("memory", "memory")])
@pytest.mark.parametrize("ahead", [10, 60, 1 << 14])
def test_rows_that_follow_one_another(cache, tmp_path, how, ahead, monkeypatch):
    """Read together, wherever they are in the batch; the same rows come out."""
    rng = np.random.default_rng(0)
    sources = [csr_of(rng, 300, 50, "f4", "i8", tidy=True) for _ in range(2)]
    opened_ = [
        sparse_matrix(tmp_path / f"{i}", *source, cache, how, (40, 33))
        for i, source in enumerate(sources)
    ]
    check = Batch.check

    def limited(self, *args):  # as if so few values fitted
        check(self, *args)
        self.call.longest = min(self.call.longest, max(ahead, 12))

    monkeypatch.setattr(Batch, "check", limited)
    block = np.arange(40, 200)
    for rows in (block, block[::-1].copy(), np.repeat(block, 2), rng.permutation(block)):
        n = len(rows)
        for order in (np.arange(2 * n), rng.permutation(2 * n)):
            parts = [
                Part(opened_[0], rows, order[:n]),
                Part(opened_[1], rows + 7, order[n:]),
            ]
            expected = np.empty((2 * n, 50), np.float32)
            expected[order[:n]] = stored_rows(sources[0], rows)
            expected[order[n:]] = stored_rows(sources[1], rows + 7)
            out = np.empty((2 * n, 50), np.float32)
            gather_dense(parts, out)
            np.testing.assert_array_equal(out, expected)
            indptr, indices, data = gather_csr(parts, 2 * n, 50, "f4")
            found = sparse.csr_matrix((data, indices, indptr), shape=(2 * n, 50)).toarray()
            np.testing.assert_array_equal(found, expected)


def test_a_row_call_holds_no_file_open(cache, tmp_path):
    source = csr_of(np.random.default_rng(0), 20, 30, "f4", "i4", tidy=True)
    matrix = sparse_matrix(tmp_path / "a", *source, cache)
    gather_row(matrix, 3, None, 30, np.float32)
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 1
    cache.files.close()
    after = len(os.listdir("/proc/self/fd")) if before > 1 else 0
    assert after <= before - 1


# --------------------------------------------------------------------------------------- damage
def corrupt(tmp_path, cache, indices, how, index="i4"):
    indices = np.array(indices).astype(index)
    return sparse_matrix(
        tmp_path / "a.bin", np.array([0, 2, 4]), indices, np.ones(4, "f4"), 10, cache, how, (3, 3)
    )


@pytest.mark.parametrize("how", ["file", "memory"])
@pytest.mark.parametrize(
    ("index", "value", "shown"),
    [
        ("i4", 10, "10"),
        ("i4", -1, "-1"),
        ("i8", 2**32, "4294967296"),
        ("i8", -(2**62), "-4611686018427387904"),
        ("u4", 2**32 - 1, "4294967295"),
        ("u8", 2**64 - 1, "18446744073709551615"),
        ("i1", -128, "-128"),
        ("i2", -5, "-5"),
        ("u1", 200, "200"),
        ("u2", 10, "10"),
    ],
)
def test_column_index_outside_is_named(cache, tmp_path, how, index, value, shown):
    indices = np.array([0, 1, 2, 0], dtype=index)
    indices[3] = np.array(value, dtype=np.uint64 if value > 2**62 else np.int64).astype(index)
    matrix = corrupt(tmp_path, cache, indices, (how, how), index)
    everything = [Part(matrix, np.array([0, 1]), np.array([0, 1]))]
    same = ColumnMap(np.arange(10))
    for read in (
        lambda: gather_dense(everything, np.empty((2, 10), np.float32)),
        lambda: gather_dense([Part(matrix, np.array([1]), np.array([0]), same)], np.empty((1, 10))),
        lambda: gather_csr(everything, 2, 10, np.float32),
        lambda: gather_row(matrix, 1, None, 10, np.float32),
    ):
        with pytest.raises(ElementError) as error:
            read()
        assert str(error.value).startswith(
            f"{tmp_path / 'a.bin'}, X: has the column index {shown} in row 1, outside of its 10 columns"
        )
    # The right row is blamed although both were read at once, and the good one is still to be had.
    assert gather_row(matrix, 0, None, 10, np.float32).tolist() == [1, 1] + [0] * 8


def test_column_index_outside_of_a_matrix_in_memory():
    matrix = Matrix.from_csr(np.array([0, 1]), np.array([7]), np.ones(1), 3, store="s", key="k")
    with pytest.raises(ElementError, match="s, k: has the column index 7 in row 0"):
        gather_row(matrix, 0, None, 3, np.float64)


@pytest.mark.parametrize(
    ("indptr", "found"),
    [
        ([0, 0, 0], "an indptr of zeros although 4 values are stored"),
        ([1, 2, 4], "begins with 1, not with 0"),
        ([-1, 2, 4], "begins with -1"),
        ([0, 3, 2], "descends from 3 to 2 at row 1"),
        ([0, 5, 4], "descends from 5 to 4 at row 1"),
        ([0, 2, 3], "ends with 3, but 4 values"),
        ([0, 2, 5], "ends with 5, but 4 values"),
        ([0.0, 2.0, 4.0], "of float64, not of integers"),
    ],
)
def test_row_pointers_that_make_no_sense(cache, tmp_path, indptr, found):
    matrix = sparse_matrix(
        tmp_path / "a", np.array(indptr), np.zeros(4, "i4"), np.ones(4, "f4"), 10, cache
    )
    for _ in range(2):
        with pytest.raises(ElementError, match=found) as error:
            gather_row(matrix, 0, None, 10, np.float32)
        assert (error.value.store, error.value.key) == (str(tmp_path / "a"), "X")
        assert error.value.remedy


def test_row_pointers_that_change_in_memory_do_no_harm(cache, tmp_path):
    """The loops check for themselves: nothing is read or written outside."""
    matrix = corrupt(tmp_path, cache, [0, 1, 2, 3], ("file", "file"))
    matrix.check()
    pointers = matrix.opened().pointers
    for broken in ([0, 2, 1], [0, 2, 2**31]):
        pointers[:] = broken
        for read in (
            lambda: gather_row(matrix, 1, None, 10, np.float32),
            lambda: gather_csr([Part(matrix, np.array([1]), np.array([0]))], 1, 10, "f4"),
        ):
            with pytest.raises(ElementError, match="row 1"):
                read()


@pytest.mark.parametrize("kind", ["csr", "dense"])
def test_a_file_that_became_shorter_is_named(cache, tmp_path, kind):
    path = tmp_path / "a.bin"
    if kind == "csr":
        source = csr_of(np.random.default_rng(0), 200, 30, "f4", "i4", tidy=True)
        matrix = sparse_matrix(path, *source, cache)
    else:
        matrix = dense_matrix(path, np.ones((200, 30), "f4"), cache)
    rows = np.arange(200)
    out = np.empty((200, 30), np.float32)
    gather_dense([Part(matrix, rows, rows)], out)
    os.truncate(path, path.stat().st_size // 3)
    reads = (
        lambda: gather_dense([Part(matrix, rows, rows)], out),
        lambda: gather_csr([Part(matrix, rows, rows)], 200, 30, "f4"),
        lambda: [gather_row(matrix, row, None, 30, "f4") for row in range(200)],
    )
    for read in reads:
        with pytest.raises(StoreError, match="truncated while open") as error:
            read()
        assert error.value.store == str(path)
    # Even if nobody looked at the size: the loop notices.
    for array in (matrix.values, matrix.columns):
        if array is not None:
            array.sealed()
    matrix._strong = None
    cache.clear()
    for read in reads:
        with pytest.raises(StoreError, match="is shorter than when it was opened"):
            read()


def test_a_file_that_cannot_be_read_any_more(cache, tmp_path, monkeypatch):
    """A descriptor that is no file: what the system says is passed on."""
    path = tmp_path / "a.bin"
    source = csr_of(np.random.default_rng(0), 200, 30, "f4", "i4", tidy=True)
    matrix = sparse_matrix(path, *source, cache)
    matrix.check()
    monkeypatch.setattr(FileHandle, "verify", lambda self, stamp: None)
    handle = cache.files.get(str(path))
    fd, handle.fd = handle.fd, os.open(tmp_path, os.O_RDONLY)  # a directory: EISDIR
    try:
        with pytest.raises(StoreError, match="could not be read"):
            gather_row(matrix, 3, None, 30, np.float32)
        path.unlink()
        with pytest.raises(StoreError, match="gone"):
            gather_row(matrix, 3, None, 30, np.float32)
    finally:
        os.close(handle.fd)
        handle.fd = fd


def test_a_file_that_was_replaced_is_named(cache, tmp_path):
    path = tmp_path / "a.bin"
    matrix = dense_matrix(path, np.ones((20, 30), "f4"), cache)
    gather_row(matrix, 0, None, 30, "f4")
    content = path.read_bytes()
    path.write_bytes(content[::-1])
    os.utime(path, ns=(1, 1))
    with pytest.raises(StoreError, match="changed or replaced"):
        gather_dense([Part(matrix, np.array([0]), np.array([0]))], np.empty((1, 30), "f4"))
    time.sleep(2 * gather.TRUST_SECONDS)
    with pytest.raises(StoreError, match="changed or replaced"):
        gather_row(matrix, 0, None, 30, "f4")


def test_types_that_nobody_can_join():
    with pytest.raises(ElementError, match="complex64"):
        Matrix(MatrixFacts("dense", (1, 1), np.dtype("c8")), "a.h5ad", "X")
    with pytest.raises(ElementError, match="more than can be joined"):
        Matrix(MatrixFacts("dense", (1, 2**31), np.dtype("f4")), "a.h5ad", "X")


# --------------------------------------------------------------------------------- real stores
N_OBS, N_VARS = 60, 40


def counts(dtype="f4"):
    rng = np.random.default_rng(0)
    dense = rng.integers(0, 5, (N_OBS, N_VARS)) * (rng.random((N_OBS, N_VARS)) < 0.3)
    return dense.astype(dtype)


def write(path, X, **options):
    obs = pd.DataFrame(index=[f"c{i}" for i in range(N_OBS)])
    var = pd.DataFrame(index=[f"g{i}" for i in range(N_VARS)])
    adata = anndata.AnnData(X, obs=obs, var=var)
    if path.suffix == ".h5ad":
        adata.write_h5ad(path, **options)
        return
    version = options.pop("version", 2)
    with (
        anndata.settings.override(zarr_write_format=version),
        warnings.catch_warnings(action="ignore"),  # of defaults that will change
    ):
        adata.write_zarr(path, **options)


def opened(path, cache, key="X"):
    with open_root(path) as root:
        return Matrix.open(root[key], cache)


def all_ways(matrix, expected):
    """Every way to read gives the rows of `expected`."""
    rng = np.random.default_rng(1)
    rows = rng.integers(0, len(expected), 90)
    some = ColumnMap(np.maximum(rng.permutation(N_VARS) - 5, -1))
    for dtype in (expected.dtype, np.float32):
        for columns in (None, some):
            n_cols = N_VARS if columns is None else N_VARS - 5
            want = slow_route(np.ascontiguousarray(expected), rows, columns, n_cols, dtype)
            out = np.full((90, n_cols), 3, dtype)
            gather_dense([Part(matrix, rows, np.arange(90), columns)], out)
            np.testing.assert_array_equal(out, want)
            indptr, indices, data = gather_csr(
                [Part(matrix, rows, np.arange(90), columns)], 90, n_cols, dtype
            )
            found = np.zeros((90, n_cols), dtype)
            found[np.repeat(np.arange(90), np.diff(indptr)), indices] = data
            np.testing.assert_array_equal(found, want)
            for k in (0, 40, 89):
                np.testing.assert_array_equal(
                    gather_row(matrix, int(rows[k]), columns, n_cols, dtype), want[k]
                )


@pytest.mark.parametrize("compression", [None, "gzip", "lzf"])
@pytest.mark.parametrize("kind", ["csr", "csc", "dense"])
def test_h5ad(cache, tmp_path, kind, compression):
    X = counts() if kind == "dense" else getattr(sparse, f"{kind}_matrix")(counts())
    write(tmp_path / "a.h5ad", X, compression=compression)
    matrix = opened(tmp_path / "a.h5ad", cache)
    assert matrix.facts.kind == kind
    all_ways(matrix, counts())


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("kind", ["csr", "csc", "dense"])
def test_zarr(cache, tmp_path, kind, version):
    X = counts() if kind == "dense" else getattr(sparse, f"{kind}_matrix")(counts())
    write(tmp_path / "a.zarr", X, version=version)
    all_ways(opened(tmp_path / "a.zarr", cache), counts())


@pytest.mark.parametrize("dtype", ["b1", "i1", "u2", "i8", "f8"])
def test_stored_types_in_h5ad(cache, tmp_path, dtype):
    write(tmp_path / "a.h5ad", sparse.csr_matrix(counts(dtype)))
    matrix = opened(tmp_path / "a.h5ad", cache)
    assert matrix.facts.dtype == dtype
    all_ways(matrix, counts(dtype))


@pytest.mark.parametrize("chunks", [None, (17,)])
@pytest.mark.parametrize("index", ["<i8", "<u4", ">i4"])
@pytest.mark.parametrize("stored", ["<f4", ">f4", "<f2", ">i2"])
def test_types_that_only_others_write(cache, tmp_path, stored, index, chunks):
    """Big-endian values, float16, wide and unsigned indices; contiguous and chunked."""
    csr = sparse.csr_matrix(counts())
    with h5py.File(tmp_path / "a.h5ad", "w") as file:
        group = file.create_group("X")
        group.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0"})
        group.attrs["shape"] = csr.shape
        group.create_dataset("data", data=csr.data.astype(stored), chunks=chunks)
        group.create_dataset("indices", data=csr.indices.astype(index), chunks=chunks)
        group.create_dataset("indptr", data=csr.indptr.astype(index))
        file.create_dataset("dense", data=counts(stored), chunks=chunks and (7, 9))
    native = np.dtype(stored).newbyteorder("=")
    all_ways(opened(tmp_path / "a.h5ad", cache), counts(native))
    all_ways(opened(tmp_path / "a.h5ad", cache, "dense"), counts(native))


def test_null_is_no_matrix(cache, tmp_path):
    with h5py.File(tmp_path / "a.h5ad", "w") as file:
        file.create_dataset("X", data=h5py.Empty("f4")).attrs["encoding-type"] = "null"
    with pytest.raises(ElementError, match="null"):
        opened(tmp_path / "a.h5ad", cache)


def test_row_pointers_that_zarr_lost(cache, tmp_path):
    """A chunk that was never written reads as zeros."""
    write(tmp_path / "a.zarr", sparse.csr_matrix(counts()))
    for chunk in (tmp_path / "a.zarr" / "X" / "indptr").iterdir():
        if not chunk.name.startswith("."):
            chunk.unlink()
    matrix = opened(tmp_path / "a.zarr", cache)
    with pytest.raises(ElementError, match="indptr of zeros"):
        gather_row(matrix, 0, None, N_VARS, np.float32)


def test_an_index_changed_in_a_real_file(cache, tmp_path):
    csr = sparse.csr_matrix(counts())
    write(tmp_path / "a.h5ad", csr)
    with h5py.File(tmp_path / "a.h5ad", "r+") as file:
        file["X/indices"][int(csr.indptr[7])] = N_VARS
    matrix = opened(tmp_path / "a.h5ad", cache)
    rows = np.arange(N_OBS)
    with pytest.raises(ElementError, match=f"column index {N_VARS} in row 7"):
        gather_dense([Part(matrix, rows, rows)], np.empty((N_OBS, N_VARS), "f4"))


# ------------------------------------------------------------------------------------------ CSC
def test_csc_is_converted_once_and_counted(cache, tmp_path):
    write(tmp_path / "a.h5ad", sparse.csc_matrix(counts()))
    matrix = opened(tmp_path / "a.h5ad", cache)
    all_ways(matrix, counts())
    assert cache.nbytes >= matrix.facts.nnz * 8
    made = matrix.opened()
    assert matrix.opened() is made
    cache.clear()  # the cache lets go of it, and so does the matrix
    del made
    assert matrix._weak() is None
    all_ways(matrix, counts())


def test_csc_larger_than_the_cache_says_how_to_convert_it(tmp_path):
    write(tmp_path / "a.h5ad", sparse.csc_matrix(counts()))
    matrix = opened(tmp_path / "a.h5ad", ChunkCache(1000, FilePool()))
    with pytest.raises(ElementError) as error:
        gather_row(matrix, 0, None, N_VARS, np.float32)
    said = str(error.value)
    assert said.startswith(f"{tmp_path / 'a.h5ad'}, X: is stored by columns (CSC)")
    # The remedy is code that works.
    exec(said.partition("convert it: ")[2].replace("converted", f"{tmp_path}/new"), {})
    all_ways(opened(tmp_path / "new.h5ad", ChunkCache(1 << 20, FilePool())), counts())


@pytest.mark.parametrize(
    ("key", "said"), [("layers/x", 'a.layers["x"] = '), ("raw/X", "raw = a.raw.to_adata()")]
)
def test_csc_elsewhere_says_how_to_convert_that(tmp_path, key, said):
    csc = sparse.csc_matrix(counts())
    adata = anndata.AnnData(csc, layers={"x": csc})
    adata.raw = adata
    adata.write_h5ad(tmp_path / "a.h5ad")
    matrix = opened(tmp_path / "a.h5ad", ChunkCache(1000, FilePool()), key)
    with pytest.raises(ElementError) as error:
        matrix.check()
    assert said in str(error.value)
    code = str(error.value).partition("convert it: ")[2].replace("converted", f"{tmp_path}/new")
    exec(code, {})
    matrix = opened(tmp_path / "new.h5ad", ChunkCache(1000, FilePool()), key)
    assert matrix.facts.kind == "csr"


@pytest.mark.parametrize("value", [-1, N_OBS])
def test_csc_with_a_row_index_outside(cache, tmp_path, value):
    csc = sparse.csc_matrix(counts())
    write(tmp_path / "a.h5ad", csc)
    with h5py.File(tmp_path / "a.h5ad", "r+") as file:
        file["X/indices"][int(csc.indptr[3])] = value
    matrix = opened(tmp_path / "a.h5ad", cache)
    with pytest.raises(ElementError, match=f"row index {value} in column 3"):
        gather_row(matrix, 0, None, N_VARS, np.float32)


# -------------------------------------------------------------------------------------- threads
def test_threads_in_each_others_way_read_the_same(tmp_path):
    """Two threads on one tiny cache and one descriptor: everything is evicted all the time."""
    cache = ChunkCache(20_000, FilePool(1, MappedFile), threads=2)
    rng = np.random.default_rng(0)
    sources, opened_ = [], []
    for i, how in enumerate([("file", "file"), ("memory", "memory"), ("file", "memory")]):
        source = csr_of(rng, 300, 80, "f4", "i4", tidy=i != 2)
        sources.append(source)
        opened_.append(sparse_matrix(tmp_path / f"{i}", *source, cache, how, (64, 50)))
    values = rng.normal(size=(300, 80)).astype("f4")
    sources.append(values)
    opened_.append(dense_matrix(tmp_path / "dense", values, cache, "memory", (10, 30)))
    columns = columns_of(rng, 80, 50, "any")
    expected = [slow_route(source, np.arange(300), columns, 50, "f4") for source in sources]
    wrong = []

    def work(seed):
        rng = np.random.default_rng(seed)
        try:
            for _ in range(150):
                chosen = [rng.integers(0, 300, 10) for _ in opened_]
                parts = [
                    Part(matrix, rows, np.arange(10 * i, 10 * i + 10), columns)
                    for i, (matrix, rows) in enumerate(zip(opened_, chosen, strict=True))
                ]
                out = np.empty((40, 50), "f4")
                gather_dense(parts, out)
                want = np.concatenate([e[rows] for e, rows in zip(expected, chosen, strict=True)])
                np.testing.assert_array_equal(out, want)
                indptr, indices, data = gather_csr(parts, 40, 50, "f4")
                found = sparse.csr_matrix((data, indices, indptr), shape=(40, 50)).toarray()
                np.testing.assert_array_equal(found, want)
                for matrix, rows, e in zip(opened_, chosen, expected, strict=True):
                    row = int(rows[0])
                    np.testing.assert_array_equal(
                        gather_row(matrix, row, columns, 50, "f4"), e[row]
                    )
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, wrong[0]
    assert cache.nbytes <= cache.max_bytes


def test_an_error_on_one_of_the_threads_is_raised(cache, tmp_path):
    matrix = corrupt(tmp_path, cache, [0, 1, 2, 77], ("file", "file"))
    rows = np.array([0] * 50 + [1])
    with pytest.raises(ElementError, match="77"):
        gather_dense([Part(matrix, rows, np.arange(51))], np.empty((51, 10), "f4"), threads=2)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_reads_on(cache, tmp_path):
    source = csr_of(np.random.default_rng(0), 20, 30, "f4", "i4", tidy=True)
    matrix = sparse_matrix(tmp_path / "a", *source, cache, ("file", "memory"))
    expected = gather_row(matrix, 7, None, 30, np.float32)
    pid = os.fork()
    if pid == 0:
        try:
            out = np.empty((20, 30), np.float32)
            gather_dense([Part(matrix, np.arange(20), np.arange(20))], out)
            os._exit(0 if (out[7] == expected).all() else 1)
        except BaseException:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@pytest.mark.parametrize("kind", ["csr", "csc", "dense"])
def test_rows_of_numbers_that_are_kept_in_a_smaller_type(tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(5)
    values = np.where(rng.random((40, 30)) < 0.3, rng.integers(1, 200, (40, 30)), 0)
    wide = values.astype(np.float32)
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)

    def put(parent: zarr.Group, name: str, array: np.ndarray, kept: str) -> None:
        filters = [numcodecs.AsType(encode_dtype=kept, decode_dtype=array.dtype.str)]
        parent.create_array(
            name, shape=array.shape, dtype=array.dtype, chunks=array.shape, filters=filters,
            compressors=None, fill_value=0,
        )[:] = array  # fmt: skip

    if kind == "dense":
        put(group, "X", wide, "|u1")
    else:
        matrix = sparse.csr_matrix(wide) if kind == "csr" else sparse.csc_matrix(wide)
        attributes = {"encoding-type": f"{kind}_matrix", "shape": list(wide.shape)}
        inside = group.create_group("X", attributes=attributes)
        put(inside, "data", matrix.data, "|u1")
        put(inside, "indices", matrix.indices, "<u2")
        put(inside, "indptr", matrix.indptr, "<u4")
    with open_root(tmp_path / "a.zarr") as root:
        opened = Matrix.open(root["X"], ChunkCache(1 << 20, FilePool()))
    assert opened.facts.dtype == np.float32
    assert opened.stored == np.uint8
    rows = rng.integers(0, 40, 25)
    for dtype in ("f4", "f8", "u1", "i8"):
        out = np.empty((25, 30), dtype)
        gather_dense([Part(opened, rows, np.arange(25))], out)
        assert (out == wide[rows].astype(dtype)).all()
    indptr, indices, data = gather_csr([Part(opened, rows, np.arange(25))], 25, 30, np.float32)
    assert (sparse.csr_matrix((data, indices, indptr), (25, 30)).toarray() == wide[rows]).all()
