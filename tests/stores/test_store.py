"""One store: its names and columns."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mappedviz.errors import AbsentStoreError, MissingKeyError
from mappedviz.formats.frames import ColumnFacts
from mappedviz.stores.store import open_store, stamp_of
from mappedviz.testing import coded_anndata
from tests.stores import STORE_KINDS


def test_what_a_store_says_of_itself(path):
    store = open_store(path)
    assert repr(store) == f"Store({str(path)!r}: 9 obs × 3 vars)"
    assert store.column_facts("cell_type") == ColumnFacts("categorical", "category(4)", 9)
    assert store.column_facts("highly_variable", "var").kind == "boolean"
    assert store.read_var_names().tolist() == ["a", "b", "c"]
    assert len(set(store.read_var_names("gene_ids").tolist())) == 3
    with pytest.raises(MissingKeyError, match="var has no column 'symbol'"):
        store.read_var_names("symbol")
    with pytest.raises(MissingKeyError, match="no column 'nowhere'"):
        store.obs_column("nowhere")


def test_names_of_variables_that_are_numbers(edited):
    def numbers(file):
        file["var/number"] = np.array([3, 1, 2])
        file["var/score"] = np.array([0.5, np.nan, 1])

    store = edited(numbers)
    assert store.read_var_names("number").tolist() == ["3", "1", "2"]
    assert store.read_var_names("score").tolist() == ["0.5", "", "1.0"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["E1", "", "E3"], ["E1", "", "E3"]),
        ([7157.0, np.nan, 920.0], ["7157", "", "920"]),
        ([7157, 12, 920], ["7157", "12", "920"]),
        ([0.5, np.nan, 1.0], ["0.5", "", "1.0"]),
        (pd.array([7157, None, 920], dtype="Int64"), ["7157", "", "920"]),
        (pd.Categorical(["E1", None, "E3"]), ["E1", "", "E3"]),
        ([np.nan] * 3, ["", "", ""]),
    ],
    ids=repr,
)
@pytest.mark.parametrize("kind", ["h5ad", "zarr-v3"])
def test_an_identifier_has_gaps(tmp_path, values, expected, kind):
    adata = coded_anndata(0, 9, genes=["a", "b", "c"], plain=True)
    adata.var["ids"] = values
    path = STORE_KINDS[kind](adata, tmp_path / "gaps")
    assert open_store(path).read_var_names("ids").tolist() == expected


def test_names_of_raw_by_a_column_are_those_of_raw(tmp_path):
    adata = coded_anndata(0, 9, genes=["a", "b", "c"], plain=True)
    adata.var["ids"] = ["x", "y", "z"]
    adata.raw = adata
    path = STORE_KINDS["h5ad"](adata[:, ["a", "c"]].copy(), tmp_path / "raw")
    store = open_store(path)
    assert store.read_var_names("ids").tolist() == ["x", "z"]
    assert store.read_var_names("ids", raw=True).tolist() == ["x", "y", "z"]


def test_an_anndata_object_is_a_store():
    adata = coded_anndata(1, 9)
    store = open_store(adata)
    assert store.path == open_store(store.path).path
    assert store.kind == store.facts.kind == "memory"
    assert store.facts.nbytes is None
    assert store.facts.encoding == "dataframe 0.2.0"
    assert store.obs_names.tolist() == adata.obs_names.tolist()
    assert store.read_var_names("gene_ids").tolist() == adata.var["gene_ids"].tolist()
    assert store.read_var_names(raw=True).tolist() == adata.raw.var_names.tolist()
    np.testing.assert_array_equal(store.read_rows("X", [3, 3, 0]), adata.X[[3, 3, 0]].toarray())
    np.testing.assert_array_equal(store.read_rows("raw.X", [1]), adata.raw.X[[1]].toarray())
    for key in ("sparse", "frame"):
        assert store.facts.obsm[key].shape == adata.obsm[key].shape
    with pytest.raises(MissingKeyError, match="no matrix 'nowhere'"):
        store.read_rows("nowhere", [0])
    store.check_same()
    with pytest.raises(AbsentStoreError, match="in memory"):
        stamp_of(store.path)
