"""Elements of an AnnData object as nodes: encoded as anndata writes them, and refused where it would."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from mappedviz.errors import ElementError, MissingKeyError
from mappedviz.formats.columns import Column
from mappedviz.formats.frames import column_facts, column_names, read_column, read_index
from mappedviz.formats.matrices import matrix_facts
from mappedviz.formats.memory_nodes import MemoryArray, frame_at, matrix_at, names_at, obsm_at


def column(values, index=None) -> Column:
    frame = pd.DataFrame({"a": values}, index=index)
    return read_column(frame_at(frame, "memory:0", "obs"), "a", length=len(frame))


@pytest.mark.parametrize(
    ("values", "kind", "want"),
    [
        (np.array([1, 2], dtype="int8"), "integer", [1, 2]),
        (np.array([1, 2], dtype=">i4"), "integer", [1, 2]),
        (np.array([True, False]), "boolean", [True, False]),
        (np.array([1.5, np.nan]), "float", [1.5, None]),
        (np.array(["a", None], dtype=object), "string", ["a", None]),
        (np.array(["a", np.nan], dtype=object), "string", ["a", None]),
        (np.array([np.str_("a"), pd.NA], dtype=object), "string", ["a", None]),
        (pd.array(["a", pd.NA], dtype="string"), "string", ["a", None]),
        (pd.array([1, pd.NA], dtype="Int16"), "integer", [1, None]),
        (pd.array([True, pd.NA], dtype="boolean"), "boolean", [True, None]),
        (pd.array([1.5, pd.NA], dtype="Float32"), "float", [1.5, None]),
        (pd.arrays.SparseArray([0.0, 2.0]), "float", [0.0, 2.0]),
        (pd.Categorical(["b", None], categories=["b", "a"]), "categorical", ["b", None]),
        (pd.Categorical([2, 1]), "categorical", [2, 1]),
    ],
    ids=lambda value: str(getattr(value, "dtype", "")),
)
def test_columns_of_every_kind_are_read(values, kind, want):
    got = column(values)
    assert got.kind == kind
    assert [None if value != value else value for value in got.values().tolist()] == want
    assert all(type(value) in (str, int, float, bool) for value in got.values().tolist())


def test_an_ordered_categorical_keeps_its_order():
    got = column(pd.Categorical(["low"], categories=["low", "high"], ordered=True))
    assert got.ordered
    assert got.categories.tolist() == ["low", "high"]


@pytest.mark.parametrize(
    "values",
    [
        [["a"], "b"],
        pd.array(["2026-01-01"], dtype="datetime64[ns]"),
        pd.Categorical(pd.cut([1, 5], 2)),
        np.array([True, None], dtype=object),
        np.array([1j]),
    ],
    ids=["lists", "times", "intervals", "objects", "complex"],
)
def test_what_no_column_can_hold_is_named(values):
    with pytest.raises(ElementError, match=r"memory:0, obs/a"):
        column(values)


def test_facts_of_columns_are_those_of_files():
    frame = pd.DataFrame({"a": pd.Categorical(["x"]), "b": pd.array([1], dtype="Int8"), "c": ["x"]})
    node = frame_at(frame, "memory:0", "obs")
    assert [column_facts(node, name).dtype for name in "abc"] == ["category(1)", "Int8", "str"]


def test_values_are_fresh():
    values = np.arange(3)
    read = MemoryArray("memory:0", "a", values).read()
    read[:] = 9
    assert values.tolist() == [0, 1, 2]
    texts = np.array(["a"], dtype=object)
    MemoryArray("memory:0", "a", texts).read()[0] = "b"
    assert texts.tolist() == ["a"]


def test_the_index_is_no_column_whatever_it_is_called():
    frame = pd.DataFrame({"cell": ["a"], "b": [1]}, index=pd.Index(["a"], name="cell"))
    node = frame_at(frame, "memory:0", "obs")
    assert column_names(node) == ("b",)
    assert read_index(node).tolist() == ["a"]
    assert node["cell"].read().tolist() == ["a"]


def test_columns_may_have_any_text_as_a_name():
    frame = pd.DataFrame({"n/genes": [1], "index": [2], "": [3]}, index=["a"])
    node = frame_at(frame, "memory:0", "obs")
    assert column_names(node) == ("n/genes", "index", "")
    assert [read_column(node, name).values().tolist() for name in ("n/genes", "index")] == [
        [1],
        [2],
    ]


@pytest.mark.parametrize(("columns", "found"), [([1, "a"], "no texts: 1"), (["a", "a"], "several")])
def test_names_of_columns_that_no_store_has_are_refused(columns, found):
    with pytest.raises(ElementError, match=found):
        frame_at(pd.DataFrame([[1, 2]], columns=columns), "memory:0", "obs")


@pytest.mark.parametrize("kind", ["csr_matrix", "csc_matrix", "csr_array", "csc_array"])
def test_sparse_matrices_are_groups_of_their_own_arrays(kind):
    matrix = getattr(sparse, kind)(np.eye(3, dtype="int16"))
    node = matrix_at(matrix, "adata.X", "memory:0", "X")
    facts = matrix_facts(node)
    assert (facts.kind, facts.shape, facts.nnz) == (kind[:3], (3, 3), 3)
    assert (facts.codec, facts.chunks, facts.stored_nbytes) == ("none", None, 18)
    assert np.shares_memory(node["data"].chunked().values, matrix.data)


def test_room_for_more_entries_is_not_read():
    roomy = sparse.csr_matrix(
        (np.ones(9, "float32"), np.arange(9, dtype="int32") % 3, [0, 1, 3]), shape=(2, 3)
    )
    roomy.data, roomy.indices = np.ones(9, "float32"), np.zeros(9, "int32")
    facts = matrix_facts(matrix_at(roomy, "adata.X", "memory:0", "X"))
    assert facts.nnz == 3


def test_arrays_are_copied_where_their_rows_are_not_in_one_piece():
    rows = np.arange(6.0).reshape(3, 2)
    for matrix, shared in ((rows, True), (np.asfortranarray(rows), False), (rows[:, :1], False)):
        array = matrix_at(matrix, "adata.X", "memory:0", "X").chunked()
        assert np.shares_memory(array.values, matrix) == shared
        np.testing.assert_array_equal(array.load(0, None).reshape(matrix.shape), matrix)


@pytest.mark.parametrize(
    ("matrix", "remedy"),
    [
        (sparse.coo_matrix(np.eye(2)), r"adata\.X = adata\.X\.tocsr\(\)"),
        ([[1]], "Change it in the AnnData object"),
    ],
)
def test_what_is_no_matrix_is_refused(matrix, remedy):
    with pytest.raises(ElementError, match=remedy):
        matrix_at(matrix, "adata.X", "memory:0", "X")


def test_a_lazy_matrix_of_dask_is_refused_with_what_computes_it():
    array = pytest.importorskip("dask.array").ones((2, 2))
    with pytest.raises(ElementError, match=r"adata\.X = adata\.X\.compute\(\)"):
        matrix_at(array, "adata.X", "memory:0", "X")


def test_names_that_are_listed_are_not_read():
    node = names_at({"title": "x", 3: None}, "memory:0", "uns")
    assert node.keys() == ["3", "title"]
    with pytest.raises(ElementError, match="not read"):
        node["title"]
    with pytest.raises(MissingKeyError):
        node["other"]


def test_a_frame_of_obsm_is_one():
    node = obsm_at(pd.DataFrame({"a": [1]}), "adata.obsm['a']", "memory:0", "obsm/a")
    assert "a" in node
    assert "a/b" not in node
    assert "../a" not in node
