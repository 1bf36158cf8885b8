"""The test kit itself: its codes, its writers, and the contract over every kind of store."""

from __future__ import annotations

import pickle
import subprocess
import sys
import warnings
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st

pytest.register_assert_rewrite("mappedviz.testing.contract")

from mappedviz.testing import (  # noqa: E402 - after its assertions are made to explain themselves
    EMPTY_ROW_EVERY,
    FOLDS,
    LAYOUTS,
    PLAIN_COLUMNS,
    StoreContract,
    assert_same_values,
    coded_anndata,
    coded_matrix,
    coded_pattern,
    decode,
    dense,
    encode,
    fold,
    hash_store,
)
from tests.stores import BROKEN, STORE_KINDS, with_suffix  # noqa: E402

DTYPES = [*LAYOUTS, *FOLDS, "bool"]


# --------------------------------------------------------------------------------- codes


@st.composite
def places(draw):
    """A dtype and a place that its codes can name."""
    name = draw(st.sampled_from(sorted(LAYOUTS)))
    limits = LAYOUTS[name]
    numbers = [draw(st.integers(0, n - 1)) for n in (limits.stores, limits.rows, limits.genes)]
    return name, *numbers


@given(places())
def test_a_code_decodes_to_its_place(place):
    name, store, row, gene = place
    assert decode(encode(store, row, gene, name)) == (store, row, gene)


@given(places())
def test_a_code_survives_float64_and_the_other_byte_order(place):
    name, store, row, gene = place
    code = encode(store, row, gene, np.dtype(name).newbyteorder(">"))
    assert decode(code.astype("float64"), name) == (store, row, gene)


@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_the_largest_code_is_exact_and_one_more_is_refused(name):
    limits = LAYOUTS[name]
    last = (limits.stores - 1, limits.rows - 1, limits.genes - 1)
    code = encode(*last, name)
    assert int(code) == sum(
        a * b
        for a, b in zip(
            (limits.stores, limits.rows - 1, limits.genes - 1),
            (limits.store_unit, limits.row_unit, 1),
            strict=True,
        )
    )
    for part in range(3):
        beyond = [number + (position == part) for position, number in enumerate(last)]
        with pytest.raises(ValueError, match="tell"):
            encode(*beyond, name)


@given(st.sampled_from(sorted(FOLDS)), st.integers(0, 14), st.integers(0, 900), st.integers(0, 900))
def test_small_codes_differ_from_their_neighbours_and_are_never_zero(name, store, row, gene):
    near = [(0, 0, 0), (0, 0, 1), (0, 1, 0), (0, 1, 1), (1, 0, 0)]
    codes = {int(encode(store + s, row + r, gene + g, name)) for s, r, g in near}
    assert len(codes) == len(near)
    assert 0 not in codes
    assert max(codes) <= FOLDS[name]


@given(st.sampled_from(sorted(FOLDS)), st.integers(0, 14), st.integers(0, 999), st.integers(0, 999))
def test_a_folded_float32_code_is_the_small_code(name, store, row, gene):
    assert fold(encode(store, row, gene), name) == encode(store, row, gene, name)


def test_folding_keeps_what_fits():
    np.testing.assert_array_equal(
        fold(np.array([0.0, 1.5, -2.0]), "float16"),
        np.array([0, 1.5, -2], dtype="float16"),
        strict=True,
    )
    assert fold(np.array([0.0, 1e6]), "int8")[0] == 0


@pytest.mark.parametrize("value", [5.0, 1.5, 17e6, -1e6])
def test_a_number_that_is_no_code_is_not_decoded(value):
    with pytest.raises(ValueError, match="no float32 code"):
        decode(np.float32(value))


def test_a_zero_has_no_place():
    assert decode(0) == (-1, -1, -1)
    assert [part.tolist() for part in decode(np.array([0.0, 1e12]))] == [[-1, 0]] + [[-1, 0]] * 2


def test_small_codes_are_not_decoded():
    with pytest.raises(ValueError, match="float16 has no codes"):
        decode(np.float16(3))


# -------------------------------------------------------------------------------- matrices


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_stored_entry_is_the_code_of_its_place(dtype):
    matrix = coded_matrix(2, 30, 20, dtype=dtype, format="dense")
    row, gene = np.nonzero(matrix)
    np.testing.assert_array_equal(matrix[row, gene], encode(2, row, gene, dtype), strict=True)
    np.testing.assert_array_equal(matrix != 0, coded_pattern(2, 30, 20, 0.3))
    if dtype in LAYOUTS:
        assert decode(matrix[row, gene])[1].tolist() == row.tolist()


@pytest.mark.parametrize("format", ["csr", "csc"])
def test_formats_hold_the_same(format):
    matrix = coded_matrix(1, 30, 20, format=format)
    assert matrix.format == format
    np.testing.assert_array_equal(matrix.toarray(), coded_matrix(1, 30, 20, format="dense"))


@given(st.integers(0, 9), st.integers(0, 40), st.integers(0, 40), st.floats(0, 0.99))
def test_the_pattern_of_a_row_depends_on_its_place_only(store, n_obs, n_vars, density):
    large = coded_pattern(store, 50, 50, density)
    np.testing.assert_array_equal(
        coded_pattern(store, n_obs, n_vars, density), large[:n_obs, :n_vars]
    )
    assert not large[EMPTY_ROW_EVERY - 1].any()


def test_density_is_about_what_was_asked_for():
    assert 0.25 < coded_pattern(0, 300, 300, 0.3).mean() < 0.3
    assert coded_pattern(0, 30, 30, 1).all()
    assert (coded_pattern(0, 300, 300, 0.3) != coded_pattern(1, 300, 300, 0.3)).mean() > 0.3


def test_a_matrix_too_large_for_its_dtype_is_refused():
    with pytest.raises(ValueError, match="float32 codes tell 1000 genes apart"):
        coded_matrix(0, 2, 1001)


# -------------------------------------------------------------------------------- anndata


def test_the_anndata_has_every_kind_of_column():
    obs = coded_anndata(1, 20).obs
    assert list(obs["cell_type"].cat.categories) == ["B cell", "NK cell", "T cell", "unused"]
    assert not (obs["cell_type"] == "unused").any()
    assert obs["stage"].cat.ordered
    assert obs["origin"].tolist() == list(range(10**9, 10**9 + 20))
    missing = np.arange(20) % 5 == 4
    for name in ("cell_type", "stage", "cluster", "score", "score32", "age", "treated", "note"):
        np.testing.assert_array_equal(obs[name].isna(), missing, err_msg=name)
    kinds = {str(dtype) for dtype in obs.dtypes}
    assert kinds == {
        *("category", "int64", "object", "int32", "uint8", "float64", "float32", "bool"),
        *("Int64", "boolean", "string"),
    }


def test_labels_genes_and_missing_are_as_asked():
    adata = coded_anndata(1, 6, genes=["a", "b"], labels=["x", "y"], unused=None, missing=0)
    assert adata.obs["cell_type"].tolist() == ["y", "x"] * 3
    assert list(adata.obs["cell_type"].cat.categories) == ["x", "y"]
    assert list(adata.var_names) == ["a", "b"]
    with pytest.raises(ValueError, match="3, but 2 genes"):
        coded_anndata(0, 6, 3, genes=["a", "b"])


def test_plain_is_a_part_of_all():
    plain, full = coded_anndata(2, 20, plain=True), coded_anndata(2, 20)
    pd.testing.assert_frame_equal(plain.obs, full.obs[list(PLAIN_COLUMNS)])
    np.testing.assert_array_equal(dense(plain.X), dense(full.X))
    assert plain.raw is None
    assert not plain.layers


def test_layers_and_raw_differ_from_x_but_name_the_same_rows():
    adata = coded_anndata(2, 20, 9, density=1)
    assert decode(dense(adata.layers["counts"])[5, 3]) == (2, 5, 3)
    assert decode(-adata.layers["scaled"][5, 3]) == (2, 5, 3)
    assert decode(dense(adata.raw.X)[5, 10]) == (2, 5, 10)
    assert list(adata.raw.var_names[2:]) == list(adata.var_names)


def test_it_is_the_same_every_time():
    assert pickle.dumps(coded_anndata(1).X.data) == pickle.dumps(coded_anndata(1).X.data)


# -------------------------------------------------------------------------------- writers


def read_with_anndata(path: Path) -> anndata.AnnData:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old formats, which is what they are
        if path.suffix.lower() == ".h5ad":
            return anndata.read_h5ad(path)
        if path.suffix == ".zip":
            with zarr.storage.ZipStore(path, mode="r") as store:
                return anndata.read_zarr(store)
        return anndata.read_zarr(path)


@pytest.mark.parametrize("name", [name for name, kind in STORE_KINDS.items() if kind.anndata_reads])
def test_anndata_reads_what_was_written(name, tmp_path):
    kind, adata = STORE_KINDS[name], coded_anndata(1, 30, 9)
    path, want = kind(adata, tmp_path / "a.store"), kind.expected(adata)
    assert path == tmp_path / f"a.store{kind.suffix}"
    got = read_with_anndata(path)
    assert got.shape == want.shape
    assert list(got.obs_names) == list(want.obs_names)
    assert list(got.var_names) == list(want.var_names)
    for frame in ("obs", "var"):
        read, made = getattr(got, frame), getattr(want, frame)
        assert list(read.columns) == list(made.columns)
        for column in made.columns:
            assert_same_values(read[column].astype(object).where(read[column].notna(), np.nan),
                               made[column].astype(object))  # fmt: skip
            if made[column].dtype == "category":
                assert list(read[column].cat.categories) == list(made[column].cat.categories)
                assert read[column].cat.ordered == made[column].cat.ordered
    assert (got.X is None) == (want.X is None)
    read, made = StoreContract.matrices(got), StoreContract.matrices(want)
    assert set(read) == set(made)
    for key in made:
        np.testing.assert_array_equal(read[key], made[key], err_msg=key, strict=True)
    assert set(got.obsm) == set(want.obsm)
    for key in want.obsm:
        np.testing.assert_array_equal(dense(got.obsm[key]), dense(want.obsm[key]), err_msg=key)


def test_writing_leaves_the_anndata_as_it_was(tmp_path):
    adata = coded_anndata(1, 12)
    before = adata.copy()
    for kind in STORE_KINDS.values():
        if kind.suffix == ".h5ad":
            kind(adata, tmp_path / kind.name)
    pd.testing.assert_frame_equal(adata.obs, before.obs)
    np.testing.assert_array_equal(dense(adata.X), dense(before.X))
    assert set(adata.layers) == set(before.layers)
    assert adata.raw is not None


@pytest.mark.parametrize("name", ["h5ad", "h5ad-0.5", "h5ad-gzip", "zarr-v3", "zarr-zip"])
def test_writing_twice_writes_the_same_bytes(name, tmp_path):
    kind, adata = STORE_KINDS[name], coded_anndata(1, 12, plain=True)
    assert hash_store(kind(adata, tmp_path / "1")) == hash_store(kind(adata, tmp_path / "2"))


def test_suffixes_are_made_those_of_the_kind():
    assert with_suffix("x/a.h5ad", ".zarr").as_posix() == "x/a.zarr"
    assert with_suffix("a.ZARR.zip", ".h5ad").name == "a.h5ad"
    assert with_suffix("a.b", ".H5AD").name == "a.b.H5AD"


def on_disk(name: str, folder: Path) -> h5py.File:
    return h5py.File(STORE_KINDS[name](coded_anndata(1, 30, 9), folder / "a"), "r")


@pytest.mark.parametrize(
    ("name", "holds"),
    [
        ("h5ad-gzip", lambda f: f["X/data"].compression == "gzip" and f["X/data"].chunks == (16,)),
        ("h5ad-gzip-shuffle", lambda f: f["X/data"].shuffle),
        ("h5ad-lzf", lambda f: f["X/data"].compression == "lzf"),
        ("h5ad-fletcher32", lambda f: f["layers/scaled"].fletcher32),
        ("h5ad-chunked", lambda f: f["X/data"].compression is None and f["X/indices"].chunks),
        ("h5ad-contiguous", lambda f: f["X/data"].chunks is f["layers/scaled"].chunks is None),
        ("h5ad-userblock", lambda f: f.userblock_size == 512),
        ("h5ad-big-endian", lambda f: f["X/data"].dtype == ">f4" and f["X/indptr"].dtype == ">i4"),
        ("h5ad-big-endian", lambda f: f["obs/origin"].dtype == ">i8"),
        ("h5ad-int64-index", lambda f: f["X/indices"].dtype == f["X/indptr"].dtype == "int64"),
        ("h5ad-uint32-index", lambda f: f["X/indices"].dtype == f["X/indptr"].dtype == "uint32"),
        ("h5ad-float16", lambda f: f["X/data"].dtype == "float16"),
        ("h5ad-bool", lambda f: f["X/data"].dtype == "bool"),
        ("h5ad-unsorted", lambda f: len(f["X/data"]) > len(f["raw/X/data"]) * 0.9),
        ("h5ad-csc", lambda f: f["X"].attrs["encoding-type"] == "csc_matrix"),
        ("h5ad-dense", lambda f: f["X"].shape == (30, 9)),
        ("h5ad-dense-sparse-chunks", lambda f: 0 < f["X"].id.get_num_chunks() < 45),
        (
            "h5ad-nullable-string-index",
            lambda f: f["var/_index"].attrs["encoding-type"] == "nullable-string-array",
        ),
        ("h5ad-fixed-bytes", lambda f: f["obs/_index"].dtype.kind == "S"),
        ("h5ad-fixed-bytes", lambda f: f["obs/cell_type/categories"].dtype.kind == "S"),
        ("h5ad-bytes-attributes", lambda f: isinstance(f.attrs["encoding-type"], bytes)),
        ("h5ad-null-raw", lambda f: f["raw"].attrs["encoding-type"] == "null"),
        ("h5ad-without-x", lambda f: "X" not in f),
        ("h5ad-0.5", lambda f: f["X"].attrs["h5sparse_format"] == "csr"),
        ("h5ad-0.5", lambda f: f["obs"].dtype["index"].kind == "S" and "raw.X" in f),
        ("h5ad-0.5", lambda f: "cell_type_categories" in f["uns"]),
        ("h5ad-0.7", lambda f: f["obs"].attrs["encoding-version"] == "0.1.0"),
        ("h5ad-0.7", lambda f: "cell_type" in f["obs/__categories"]),
        ("h5ad-named-index", lambda f: f["var"].attrs["_index"] == "symbol"),
    ],
)
def test_the_h5ad_dialects_are_what_they_are_called(name, holds, tmp_path):
    with on_disk(name, tmp_path) as f:
        assert holds(f)


def test_unsorted_rows_fall_and_repeat(tmp_path):
    with on_disk("h5ad-unsorted", tmp_path) as f:
        first = f["X/indices"][: f["X/indptr"][1]]
    assert (np.diff(first) < 0).any()
    assert len(set(first)) < len(first)


@pytest.mark.parametrize(
    ("name", "file", "holds"),
    [
        ("zarr-v2", ".zmetadata", ""),
        ("zarr-v2-unconsolidated", "X/data/.zarray", '"chunks"'),
        ("zarr-v3", "zarr.json", "consolidated_metadata"),
        ("zarr-blosc", "X/data/.zarray", "blosc"),
        ("zarr-gzip", "X/data/.zarray", "gzip"),
        ("zarr-zlib", "X/data/.zarray", "zlib"),
        ("zarr-lz4", "X/data/.zarray", "lz4"),
        ("zarr-v2-uncompressed", "X/data/.zarray", '"compressor": null'),
        ("zarr-v2-nested", "X/data/.zarray", '"dimension_separator": "/"'),
        ("zarr-v2-fortran", "X/.zarray", '"order": "F"'),
        ("zarr-big-endian", "X/data/.zarray", '">f4"'),
        ("zarr-dense-big-endian", "X/zarr.json", '"big"'),
        ("zarr-v3-sharded", "X/data/zarr.json", "sharding_indexed"),
        ("zarr-v3-blosc", "X/data/zarr.json", "blosc"),
        ("zarr-v3-gzip", "X/data/zarr.json", "gzip"),
        ("zarr-v3-crc32c", "X/data/zarr.json", "crc32c"),
        ("zarr-v3-transpose", "X/zarr.json", "transpose"),
        ("zarr-csc", "X/zarr.json", "csc_matrix"),
        ("zarr-0.7", "obs/.zattrs", '"0.1.0"'),
        ("zarr-0.7", "obs/cell_type/.zattrs", "__categories/cell_type"),
    ],
)
def test_the_zarr_dialects_are_what_they_are_called(name, file, holds, tmp_path):
    path = STORE_KINDS[name](coded_anndata(1, 30, 9), tmp_path / "a")
    assert holds in (path / file).read_text()


def test_unconsolidated_is_not_consolidated_and_stale_lacks_a_column(tmp_path):
    adata = coded_anndata(1, 12, plain=True)
    path = STORE_KINDS["zarr-unconsolidated"](adata, tmp_path / "a")
    assert "consolidated" not in (path / "zarr.json").read_text()
    path = STORE_KINDS["zarr-stale-consolidated"](adata, tmp_path / "b")
    assert "origin" not in zarr.open_group(path, mode="r")["obs"]
    assert "origin" in zarr.open_group(path, mode="r", use_consolidated=False)["obs"]


def test_importing_the_kit_imports_neither_anndata_nor_pytest():
    code = (
        "import sys, mappedviz.testing;"
        "sys.exit(any(m in sys.modules for m in ('anndata', 'h5py', 'zarr', 'pytest', 'scipy')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_unknown_name_is_an_attribute_error():
    import mappedviz.testing

    with pytest.raises(AttributeError, match="nonsense"):
        mappedviz.testing.nonsense  # noqa: B018 - looking it up is the test


# ---------------------------------------------------------------------------- comparisons


def test_values_are_compared_with_their_types():
    column = pd.Series(["1", None, "b"], dtype="string")
    assert_same_values(np.array(["1", np.nan, "b"], dtype=object), column)
    for wrong in (["1", "b", np.nan], [1, np.nan, "b"], ["1", np.nan]):
        with pytest.raises(AssertionError):
            assert_same_values(np.array(wrong, dtype=object), column)
    with pytest.raises(AssertionError):
        assert_same_values(np.array([1.0, 2.0]), pd.Series([1, 2]))


def test_the_hash_sees_names_and_bytes(tmp_path):
    (tmp_path / "a").write_text("x")
    before = hash_store(tmp_path)
    (tmp_path / "a").write_text("y")
    changed = hash_store(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    assert len({before, changed, hash_store(tmp_path)}) == 3


# -------------------------------------------------------------------- broken stores, contract


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_store_is_refused_and_its_fault_named(name, tmp_path):
    kind = BROKEN[name]
    assert kind.must_say.endswith(".")
    path = kind(coded_anndata(1), tmp_path / "broken")
    assert str(path) == kind.error(path).store


def test_a_reader_that_says_nothing_is_caught(tmp_path):
    kind = BROKEN["html"]
    path = STORE_KINDS["h5ad"](coded_anndata(1, plain=True), tmp_path / "good")
    with pytest.raises(AssertionError, match="opening raised nothing"):
        kind.error(path)
    path = BROKEN["zero-bytes"](coded_anndata(1, plain=True), tmp_path / "empty")
    with pytest.raises(AssertionError, match="does not match"):
        kind.error(path)


class OfKind(StoreContract):
    """The contract for one entry of STORE_KINDS."""

    name: str

    def write(self, adata, path):
        return STORE_KINDS[self.name](adata, path)

    def expected(self, adata):
        return STORE_KINDS[self.name].expected(adata)


for _name in STORE_KINDS:
    _title = "Test" + "".join(part.capitalize() for part in _name.replace(".", "_").split("-"))
    globals()[_title] = type(_title, (OfKind,), {"name": _name, "__module__": __name__})
