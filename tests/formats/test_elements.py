"""AnnData's elements, every encoding of them, from HDF5 and zarr: what they are, or who is told what is wrong."""

from __future__ import annotations

import h5py
import numpy as np
import pandas as pd
import pytest
import zarr
from scipy import sparse

from mappedviz.errors import ElementError, MissingKeyError
from mappedviz.formats.columns import Column
from mappedviz.formats.detect import open_root
from mappedviz.formats.frames import (
    ColumnFacts,
    column_facts,
    column_names,
    frame_length,
    read_column,
    read_index,
)
from mappedviz.formats.matrices import MatrixFacts, matrix_facts
from mappedviz.formats.obsm import obsm_facts, read_field, read_obsm

TEXT = h5py.string_dtype()


class Tree(dict):
    """A group to write: children, and attributes."""

    def __init__(self, children=None, /, **attrs):
        super().__init__(children or {})
        self.attrs = {name.replace("_", "-", name != "_index"): v for name, v in attrs.items()}


def text(*values):
    return np.array(values, dtype=object)


def write_h5(group, tree):
    group.attrs.update(tree.attrs)
    for name, value in tree.items():
        if isinstance(value, Tree):
            write_h5(group.create_group(name), value)
        elif isinstance(value, np.ndarray) and value.dtype == object:
            group.create_dataset(name, data=value, dtype=TEXT)
        elif isinstance(value, tuple):  # an array with attributes
            made = group.create_dataset(name, data=value[0])
            for key, attr in value[1].items():
                made.attrs[key] = group[attr].ref if key == "categories" else attr
        else:
            group.create_dataset(name, data=value)


def write_zarr(group, tree):
    group.attrs.update(
        {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in tree.attrs.items()}
    )
    for name, value in tree.items():
        if isinstance(value, Tree):
            write_zarr(group.create_group(name), value)
            continue
        data, attrs = value if isinstance(value, tuple) else (value, {})
        data = np.asarray(data)
        made = group.create_array(
            name, shape=data.shape, dtype=str if data.dtype == object else data.dtype
        )
        made[...] = data.astype(str) if data.dtype == object else data
        made.attrs.update(attrs)


@pytest.fixture(params=["h5ad", "zarr"])
def node(request, tmp_path):
    """A function that writes a tree and opens it as a node."""
    return opener(request.param, tmp_path, request)


@pytest.fixture
def h5_node(request, tmp_path):
    """The same for what only HDF5 can hold."""
    return opener("h5ad", tmp_path, request)


def opener(kind, folder, request):
    def make(tree):
        path = folder / f"{len(list(folder.iterdir()))}store.{kind}"
        if kind == "h5ad":
            with h5py.File(path, "w") as file:
                write_h5(file, Tree({"element": tree}))
        else:
            write_zarr(zarr.open_group(path, mode="w"), Tree({"element": tree}))
        opened = open_root(path)
        root = opened.__enter__()
        request.addfinalizer(lambda: opened.__exit__(None, None, None))
        return root["element"]

    return make


def frame(columns=None, index=("a", "b", "c"), **attrs):
    return Tree(
        {"names": text(*index), **(columns or {})},
        **{"_index": "names", "encoding_type": "dataframe", **attrs},
    )


def categorical(codes, categories, **attrs):
    return Tree({"codes": np.array(codes, dtype=np.int8), "categories": categories},
                encoding_type="categorical", **attrs)  # fmt: skip


def nullable(kind, values, mask):
    return Tree({"values": values, "mask": np.array(mask)}, encoding_type=f"nullable-{kind}")


# --- columns ---------------------------------------------------------------------------------------

NAN = float("nan")
# What is stored -> its kind and type, its values, its codes and categories.
COLUMNS = {
    "integers": (np.array([3, 1, 3]), "integer", "int64", [3, 1, 3], ([1, 0, 1], [1, 3])),
    "unsigned": (np.array([3, 1, 3], "u2"), "integer", "uint16", [3, 1, 3], ([1, 0, 1], [1, 3])),
    "floats": (np.array([2.5, NAN, 1]), "float", "float64", [2.5, NAN, 1], ([1, -1, 0], [1, 2.5])),
    "all missing": (np.full(3, NAN, "f4"), "float", "float32", [NAN] * 3, ([-1] * 3, [])),
    "booleans": (
        np.array([True, False, True]), "boolean", "bool", [True, False, True], ([1, 0, 1], [False, True])),
    "strings": (text("y", "x", "y"), "string", "str", ["y", "x", "y"], ([1, 0, 1], ["x", "y"])),
    "the string nan": (text("nan", "", "ä"), "string", "str", ["nan", "", "ä"], ([1, 0, 2], ["", "nan", "ä"])),
    "categorical": (
        categorical([1, -1, 0], text("T", "B", "unused")), "categorical", "category(3)",
        ["B", NAN, "T"], ([1, -1, 0], ["T", "B", "unused"])),
    "ordered": (
        categorical([1, 1, 0], text("low", "high"), ordered=True), "categorical", "category(2)",
        ["high", "high", "low"], ([1, 1, 0], ["low", "high"])),
    "categorical of integers": (
        categorical([1, -1, 0], np.array([7, 5])), "categorical", "category(2)",
        [5, NAN, 7], ([1, -1, 0], [7, 5])),
    "categorical of floats, one missing": (
        categorical([1, 2, 0], np.array([0.5, NAN, 2])), "categorical", "category(3)",
        [NAN, 2, 0.5], ([-1, 1, 0], [0.5, 2])),
    "categorical of booleans": (
        categorical([1, -1, 0], np.array([False, True])), "categorical", "category(2)",
        [True, NAN, False], ([1, -1, 0], [False, True])),
    "categorical without categories": (
        categorical([-1, -1, -1], text()), "categorical", "category(0)", [NAN] * 3, ([-1] * 3, [])),
    "categorical of nullable strings": (
        categorical([2, 1, 0], nullable("string-array", text("x", "", "y"), [False, True, False])),
        "categorical", "category(3)", ["y", NAN, "x"], ([1, -1, 0], ["x", "y"])),
    "unsigned codes": (
        Tree({"codes": np.array([1, 0, 1], "u1"), "categories": text("a", "b")}, encoding_type="categorical"),
        "categorical", "category(2)", ["b", "a", "b"], ([1, 0, 1], ["a", "b"])),
    "nullable integers": (
        nullable("integer", np.array([4, 9, 2], "i4"), [False, True, False]), "integer", "Int32",
        [4, NAN, 2], ([1, -1, 0], [2, 4])),
    "nullable unsigned": (
        nullable("integer", np.array([4, 4, 2], "u1"), [False, True, False]), "integer", "UInt8",
        [4, NAN, 2], ([1, -1, 0], [2, 4])),
    "nullable booleans": (
        nullable("boolean", np.array([True, False, True]), [False, True, False]), "boolean", "boolean",
        [True, NAN, True], ([0, -1, 0], [True])),
    "nullable strings": (
        nullable("string-array", text("b", "?", "a"), [False, True, False]), "string", "string",
        ["b", NAN, "a"], ([1, -1, 0], ["a", "b"])),
    "nullable, none missing": (
        nullable("integer", np.array([4, 9, 2]), [False] * 3), "integer", "Int64", [4, 9, 2],
        ([1, 2, 0], [2, 4, 9])),
}  # fmt: skip


def told_apart(values):
    """Lists in which NaN equals NaN and 1 does not equal True."""
    return [(type(v).__name__, v) if v == v else "missing" for v in np.asarray(values).tolist()]


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_of_every_encoding(node, name):
    stored, kind, dtype, values, (codes, categories) = COLUMNS[name]
    element = node(frame({"column": stored}))
    column = read_column(element, "column", length=3)
    assert (column.kind, len(column), column.ordered) == (kind, 3, name == "ordered")
    assert column_facts(element, "column") == ColumnFacts(kind, dtype, 3)
    missing = [v != v for v in values]
    got = column.values()
    assert [v != v for v in got.tolist()] == missing
    assert [v for v in got.tolist() if v == v] == [v for v in values if v == v]
    found = column.factorized()
    assert (found[0].tolist(), found[1].tolist()) == (codes, categories)
    # Some rows are what these rows are of all.
    for rows in (np.array([2, 0, 2]), np.array([True, False, True])):
        part = column.take(rows)
        assert told_apart(part.values()) == told_apart(pd.Series(got, dtype=object)[rows]) or any(
            missing
        )
        assert [v != v for v in part.values().tolist()] == np.array(missing)[rows].tolist()
    got[...] = got[::-1].copy()  # a copy: the column stays
    assert [v != v for v in column.values().tolist()] == missing


def test_labels_of_several_types_are_sorted_as_text():
    column = Column("string", data=np.array(["b", 1, None, "1"], dtype=object))
    codes, categories = column.factorized()
    assert codes[2] == -1
    assert [categories[code] for code in codes[[0, 1, 3]]] == ["b", 1, "1"]


def test_the_order_of_columns_is_the_one_that_was_written(node):
    columns = {"z": np.arange(3), "a": np.arange(3), "m": np.arange(3)}
    assert sorted(column_names(node(frame(columns)))) == ["a", "m", "z"]
    ordered = {"column_order": np.array(["m", "gone", "z", "m"], dtype=TEXT)}
    assert column_names(node(frame(columns, **ordered)))[:2] == ("m", "z")
    assert sorted(column_names(node(frame(columns, **ordered)))) == ["a", "m", "z"]
    single = Tree(frame(columns))
    single.attrs = {"_index": "names", "column-order": "z"}
    assert column_names(node(single))[0] == "z"


@pytest.mark.parametrize("name", ["gone", "names", "__categories", "z/codes"])
def test_what_is_no_column_is_said_to_be_none(node, name):
    element = node(frame({"z": categorical([0, 0, 0], text("a")), "__categories": Tree()}))
    assert column_names(element) == ("z",)
    with pytest.raises(MissingKeyError, match=r"no column .* among \['z'\]"):
        read_column(element, name)


@pytest.mark.parametrize(
    ("index", "names"),
    [
        (text("c1", "c2"), ["c1", "c2"]),
        (np.array([10, 2]), ["10", "2"]),
        (np.array([0.5, 2.0]), ["0.5", "2.0"]),
        (categorical([1, 0], text("x", "y")), ["y", "x"]),
        (nullable("string-array", text("x", "y"), [False, False]), ["x", "y"]),
        (nullable("integer", np.array([5, 6]), [False, False]), ["5", "6"]),
    ],
)
def test_an_index_is_text_whatever_it_was(node, index, names):
    element = node(Tree({"i": index}, _index="i"))
    assert read_index(element).tolist() == names
    assert read_index(element).dtype == object
    assert frame_length(element) == 2
    assert column_names(element) == ()


@pytest.mark.parametrize("name", ["_index", "index"])
def test_an_index_that_nobody_names(node, name):
    element = node(Tree({name: text("a", "b"), "x": np.arange(2)}))
    assert read_index(element).tolist() == ["a", "b"]
    assert column_names(element) == ("x",)
    assert read_column(element, "x", length=2).kind == "integer"


# --- old versions ----------------------------------------------------------------------------------


def test_categories_where_anndata_0_7_kept_them(node):
    def tree():
        return frame(
            {
                "ct": np.array([1, 0, -1], "i1"),
                "plain": np.arange(3),
                "__categories": Tree({"ct": (np.array([5, 7]), {"ordered": True})}),
            }
        )

    element = node(tree())
    column = read_column(element, "ct", length=3)
    assert (column.kind, column.ordered, column.categories.tolist()) == (
        "categorical",
        True,
        [5, 7],
    )
    assert column_facts(element, "ct") == ColumnFacts("categorical", "category(2)", 3)
    assert read_column(element, "plain").kind == "integer"
    assert sorted(column_names(element)) == ["ct", "plain"]


def test_categories_that_were_lost(h5_node):
    """A column of 0.7 whose reference leads nowhere: its codes would pass for numbers."""
    columns = {"other": text("a"), "ct": (np.array([0, 0, 0], "i1"), {"categories": "other"})}
    element = h5_node(frame(columns))
    for read in (read_column, column_facts):
        with pytest.raises(ElementError, match=r"obs|element.*ct.*categories are not there"):
            read(element, "ct")


LEGACY = np.array(
    [(b"c1", 1, 2.5, b"x", 0), (b"c2", 0, NAN, b"\xc3\xa4", 1)],
    dtype=[("index", "S2"), ("ct", "i1"), ("score", ">f4"), ("note", "S2"), ("n", "u4")],
)


def test_a_data_frame_of_anndata_0_5(h5_node):
    root = h5_node(Tree({"obs": LEGACY, "uns": Tree({"ct_categories": text("T", "B")})}))
    obs, uns = root["obs"], root["uns"]
    assert column_names(obs) == ("ct", "score", "note", "n")
    assert (read_index(obs).tolist(), frame_length(obs)) == (["c1", "c2"], 2)
    assert read_column(obs, "ct", uns=uns, length=2).values().tolist() == ["B", "T"]
    assert read_column(obs, "ct").values().tolist() == [1, 0]  # nobody says that these are codes
    assert read_column(obs, "note", uns=uns).values().tolist() == ["x", "ä"]
    assert read_column(obs, "score", uns=uns).factorized()[0].tolist() == [0, -1]
    facts = {name: column_facts(obs, name, uns=uns) for name in column_names(obs)}
    assert {name: (one.kind, one.dtype) for name, one in facts.items()} == {
        "ct": ("categorical", "category(2)"),
        "score": ("float", "float32"),
        "note": ("string", "str"),
        "n": ("integer", "uint32"),
    }
    with pytest.raises(MissingKeyError, match="'gone'"):
        read_column(obs, "gone")


def test_an_index_of_anndata_0_5_that_has_another_name(h5_node):
    other = LEGACY.astype(
        [(name if name != "index" else "cell", t) for name, t in LEGACY.dtype.descr]
    )
    root = h5_node(Tree({"obs": other}))
    assert read_index(root["obs"]).tolist() == ["c1", "c2"]
    assert column_names(root["obs"])[0] == "ct"


def test_embeddings_of_anndata_0_5(h5_node):
    data = np.zeros(3, dtype=[("X_pca", ">f4", (2,)), ("t", "i2")])
    data["X_pca"] = [[1, 2], [3, 4], [5, 6]]
    obsm = h5_node(Tree({"obsm": data}))["obsm"]
    facts = obsm_facts(obsm)
    assert (facts["X_pca"].shape, facts["X_pca"].dtype) == ((3, 2), np.dtype("float32"))
    assert (facts["t"].shape, facts["t"].kind) == ((3,), "dense")
    assert read_field(obsm, "X_pca").tolist() == [[1, 2], [3, 4], [5, 6]]
    assert read_field(obsm, "X_pca").dtype.isnative


# --- matrices and embeddings -----------------------------------------------------------------------


def csr(matrix, encoding="csr_matrix", **changes):
    attrs = {"encoding_type": encoding, "shape": np.array(matrix.shape)}
    parts = {"data": matrix.data, "indices": matrix.indices, "indptr": matrix.indptr}
    tree = Tree({**parts, **{k: v for k, v in changes.items() if k in parts}}, **attrs)
    tree.attrs.update({k: v for k, v in changes.items() if k not in parts})
    return tree


MATRIX = sparse.csr_matrix(np.array([[0, 1.5, 0], [2, 0, 3]], dtype="f4"))


@pytest.mark.parametrize("encoding", ["csr_matrix", "csr", "csc_matrix", "csc"])
def test_what_a_sparse_matrix_is(node, encoding):
    kind = encoding[:3]
    element = node(csr(MATRIX.asformat(kind), encoding))
    facts = matrix_facts(element)
    assert (facts.kind, facts.shape, facts.nnz, facts.dtype) == (kind, (2, 3), 3, np.float32)
    assert facts.index_dtype == np.int32
    assert facts.density == 0.5
    np.testing.assert_array_equal(read_obsm(element), MATRIX.toarray())


def test_a_sparse_matrix_of_anndata_0_5(node):
    tree = csr(MATRIX)
    tree.attrs = {"h5sparse_format": "csr", "h5sparse_shape": np.array([2, 3])}
    assert matrix_facts(node(tree)).shape == (2, 3)


def test_what_a_dense_matrix_is(node):
    facts = matrix_facts(node(Tree({"X": np.ones((2, 3), ">i4")}))["X"])
    assert (facts.kind, facts.shape, facts.dtype, facts.nnz) == ("dense", (2, 3), np.int32, None)
    assert facts.density == 1.0
    assert np.isnan(MatrixFacts("csr", (0, 3), np.dtype("f4"), nnz=0).density)


def test_null_is_no_matrix(node):
    assert matrix_facts(node(Tree(encoding_type="null"))) is None


FRAME = {
    "x": np.array([1, 2, 3], "i2"),
    "y": np.array([0.5, NAN, 1], "f4"),
    "z": nullable("integer", np.array([1, 2, 3]), [False, True, False]),
}


def test_every_kind_of_embedding(node):
    dense = np.arange(6, dtype=">f4").reshape(3, 2)
    obsm = node(
        Tree(
            {
                "dense": dense,
                "deep": np.zeros((3, 2, 2)),
                "flat": np.arange(3, dtype="u1"),
                "sparse": csr(MATRIX),
                "null": Tree(encoding_type="null"),
                "frame": frame(FRAME, column_order=np.array(["x", "y", "z"], dtype=TEXT)),
                "empty": frame(),
            }
        )
    )
    facts = obsm_facts(obsm)
    assert {name: (one.kind, one.shape, str(one.dtype)) for name, one in facts.items()} == {
        "dense": ("dense", (3, 2), "float32"),
        "deep": ("dense", (3, 2, 2), "float64"),
        "flat": ("dense", (3,), "uint8"),
        "sparse": ("csr", (2, 3), "float32"),
        "frame": ("frame", (3, 3), "float64"),
        "empty": ("frame", (3, 0), "float64"),
    }
    np.testing.assert_array_equal(read_obsm(obsm["dense"]), dense)
    assert read_obsm(obsm["dense"]).dtype.isnative
    np.testing.assert_array_equal(read_obsm(obsm["frame"]), [[1, 0.5, 1], [2, NAN, NAN], [3, 1, 3]])
    assert read_obsm(obsm["empty"]).shape == (3, 0)
    assert read_obsm(obsm["deep"]).shape == (3, 2, 2)


# --- malformed -------------------------------------------------------------------------------------

BAD_COLUMNS = {
    "two dimensions": (np.zeros((3, 2)), "has 2 dimensions"),
    "a scalar": (np.array(3), "has 0 dimensions"),
    "complex numbers": (np.zeros(3, "c16"), "complex128"),
    "an unknown encoding": (Tree(encoding_type="awkward-array"), "encoding 'awkward-array'"),
    "no encoding": (Tree({"x": np.arange(3)}), "encoding None"),
    "no codes": (Tree({"categories": text("a")}, encoding_type="categorical"), "no array 'codes'"),
    "no categories": (
        Tree({"codes": np.zeros(3, "i1")}, encoding_type="categorical"), "categories"),
    "codes in a group": (
        Tree({"codes": Tree(), "categories": text("a")}, encoding_type="categorical"),
        "is a group where an array"),
    "codes of two dimensions": (
        Tree({"codes": np.zeros((3, 2), "i1"), "categories": text("a")}, encoding_type="categorical"),
        "codes of int8 in 2 dimensions"),
    "floats as codes": (
        Tree({"codes": np.zeros(3), "categories": text("a")}, encoding_type="categorical"),
        "codes of float64"),
    "a code too many": (categorical([0, 1, 2], text("a", "b")), "codes from 0 to 2 for 2 categories"),
    "a code below -1": (categorical([0, -2, 0], text("a", "b")), "codes from -2 to 0"),
    "repeated categories": (categorical([0, 1, 0], text("a", "a")), "2 categories, only 1"),
    "no mask": (Tree({"values": np.arange(3)}, encoding_type="nullable-integer"), "no array 'mask'"),
    "a short mask": (nullable("integer", np.arange(3), [True]), r"values \(3,\) but a mask \(1,\)"),
    "nullable of two dimensions": (
        nullable("integer", np.zeros((3, 2)), np.zeros((3, 2), bool)), r"values \(3, 2\)"),
    "another length": (np.arange(2), "has 2 values where the store has 3 rows"),
    "an encoding that is a list": (Tree(encoding_type=np.array([1, 2])), "encoding"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_COLUMNS)
def test_a_malformed_column_is_refused_by_name(node, name):
    stored, says = BAD_COLUMNS[name]
    element = node(frame({"bad": stored}))
    with pytest.raises(ElementError, match=says) as caught:
        read_column(element, "bad", length=3)
    assert str(caught.value.store).endswith(("store.h5ad", "store.zarr"))
    assert "bad" in str(caught.value.key)
    assert caught.value.remedy


BAD_FRAMES = {
    "an index that is not there": (Tree({"x": np.arange(3)}, _index="gone"), "names 'gone' as its index"),
    "no index at all": (Tree({"x": np.arange(3)}), "names None as its index"),
    "a missing name": (
        Tree({"i": nullable("string-array", text("a", "b"), [True, False])}, _index="i"), "1 missing names"),
    "an index of two dimensions": (Tree({"i": np.zeros((2, 2))}, _index="i"), "2 dimensions"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_FRAMES)
def test_a_malformed_index_is_refused(node, name):
    tree, says = BAD_FRAMES[name]
    with pytest.raises(ElementError, match=says):
        read_index(node(tree))


def test_a_length_that_nothing_says(node):
    element = node(Tree({"i": Tree(encoding_type="odd")}, _index="i"))
    with pytest.raises(ElementError, match="encoding 'odd'"):
        frame_length(element)
    assert frame_length(node(Tree({"i": np.array(3)}, _index="i"))) == 0


def test_an_array_is_no_data_frame(node):
    element = node(Tree({"obs": np.arange(3)}))["obs"]
    with pytest.raises(ElementError, match="array of int64, not a data frame"):
        column_names(element)


def test_a_field_of_several_numbers_is_no_column(h5_node):
    root = h5_node(Tree({"obs": np.zeros(2, dtype=[("index", "S2"), ("xy", "f4", (2,))])}))
    with pytest.raises(ElementError, match="obs.*has 2 dimensions"):
        read_column(root["obs"], "xy")


def test_text_that_is_no_utf8_in_a_structured_array(h5_node):
    bad = LEGACY.copy()
    bad["note"][0] = b"\xff"
    root = h5_node(Tree({"obs": bad}))
    with pytest.raises(ElementError, match="UTF-8") as caught:
        read_column(root["obs"], "note")
    assert "obs" in caught.value.key


BAD_MATRICES = {
    "another encoding": (csr(MATRIX, "coo"), "encoding 'coo', which is not a matrix"),
    "no shape": (csr(MATRIX, shape=np.array([2])), "which is not 2-d"),
    "a shape that is no number": (csr(MATRIX, shape=np.array(["a", "b"], dtype=TEXT)), "shape"),
    "a short indptr": (csr(MATRIX, indptr=np.array([0, 3])), "indptr of length"),
    "more data than indices": (csr(MATRIX, data=np.ones(5)), r"data \(5,\) but indices \(3,\)"),
    "text as data": (csr(MATRIX, data=text("a", "b", "c")), "data of object|data of"),
    "floats as indices": (csr(MATRIX, indices=np.zeros(3)), "indices of float64"),
    "an encoding that is a list": (csr(MATRIX, np.array([1, 2])), "encoding"),
}


@pytest.mark.parametrize("name", BAD_MATRICES)
def test_a_malformed_matrix_is_refused(node, name):
    tree, says = BAD_MATRICES[name]
    with pytest.raises(ElementError, match=says):
        matrix_facts(node(tree))


def test_a_matrix_without_a_part_is_refused(node):
    tree = csr(MATRIX)
    del tree["indices"]
    with pytest.raises(ElementError, match="no array 'indices'"):
        matrix_facts(node(tree))


def test_arrays_that_are_no_matrix(node):
    element = node(Tree({"X": np.arange(3), "text": text("a"), "obsm": Tree({"t": text("a")})}))
    for name in ("X", "text"):
        with pytest.raises(ElementError, match="not a 2-d matrix"):
            matrix_facts(element[name])
    with pytest.raises(ElementError, match="not an embedding"):
        obsm_facts(element["obsm"])


def test_indices_that_are_out_of_range_are_noticed(node):
    element = node(csr(MATRIX, indices=np.array([1, 0, 7], "i4")))
    with pytest.raises(ElementError, match="no valid csr matrix"):
        read_obsm(element)


@pytest.mark.parametrize("column", [text("a", "b", "c"), categorical([0, 0, 0], text("a"))])
def test_a_data_frame_of_words_is_no_embedding(node, column):
    with pytest.raises(ElementError, match=r"(string|categorical) column 'w', which is no number"):
        read_obsm(node(frame({"w": column})))
