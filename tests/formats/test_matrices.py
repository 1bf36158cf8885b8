"""Matrices: what is known of them, and malformed ones refused by name."""

from __future__ import annotations

import numpy as np
import pytest

from mappedviz.errors import ElementError
from mappedviz.formats.matrices import MatrixFacts, matrix_facts
from mappedviz.formats.obsm import obsm_facts, read_obsm
from tests.formats.trees import (
    MATRIX,
    TEXT,
    Tree,
    csr,
    text,
)


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
