"""Coded matrices and AnnData: every kind of element, each value the code of its place."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest

from mappedviz.testing import (
    FOLDS,
    LAYOUTS,
    PLAIN_COLUMNS,
    coded_anndata,
    coded_matrix,
    coded_pattern,
    decode,
    dense,
    encode,
    layers_of,
)

DTYPES = [*LAYOUTS, *FOLDS, "bool"]


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


def test_a_matrix_too_large_for_its_dtype_is_refused():
    with pytest.raises(ValueError, match="float32 codes tell 1000 genes apart"):
        coded_matrix(0, 2, 1001)


def test_the_anndata_has_every_kind_of_column():
    obs = coded_anndata(1, 20).obs
    assert list(obs["cell_type"].cat.categories) == ["B cell", "NK cell", "T cell", "unused"]
    assert not (obs["cell_type"] == "unused").any()
    assert obs["stage"].cat.ordered
    assert obs["origin"].tolist() == list(range(10**9, 10**9 + 20))
    missing = np.arange(20) % 5 == 4
    for name in ("cell_type", "stage", "cluster", "score", "score32", "age", "treated", "note"):
        np.testing.assert_array_equal(obs[name].isna(), missing, err_msg=name)
    text = str(pd.Series(["text"]).dtype)  # object, str since pandas 3
    kinds = {str(dtype) for dtype in obs.dtypes}
    assert kinds == {
        *("category", "int64", text, "int32", "uint8", "float64", "float32", "bool"),
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
    assert not layers_of(plain)


def test_layers_and_raw_differ_from_x_but_name_the_same_rows():
    adata = coded_anndata(2, 20, 9, density=1)
    assert decode(dense(adata.layers["counts"])[5, 3]) == (2, 5, 3)
    assert decode(-adata.layers["scaled"][5, 3]) == (2, 5, 3)
    assert decode(dense(adata.raw.X)[5, 10]) == (2, 5, 10)
    assert list(adata.raw.var_names[2:]) == list(adata.var_names)


def test_it_is_the_same_every_time():
    assert pickle.dumps(coded_anndata(1).X.data) == pickle.dumps(coded_anndata(1).X.data)
