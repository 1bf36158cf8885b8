"""One store: its facts, its names and columns, and what is refused already when it is opened."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from mappedviz.errors import ElementError, MissingKeyError, StoreError
from mappedviz.formats.frames import ColumnFacts
from mappedviz.stores.store import expand_paths, open_store, open_stores
from mappedviz.testing import coded_anndata
from tests.stores import STORE_KINDS


@pytest.fixture
def path(tmp_path):
    return STORE_KINDS["h5ad"](coded_anndata(0, 9, genes=["a", "b", "c"]), tmp_path / "a")


@pytest.fixture
def edited(path):
    """A function that changes the file and opens it."""

    def edit(change):
        with h5py.File(path, "r+") as file:
            change(file)
        return open_store(path)

    return edit


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


def test_names_of_variables_that_are_numbers_or_missing(edited):
    def numbers(file):
        file["var/number"] = np.array([3, 1, 2])
        file["var/score"] = np.array([0.5, np.nan, 1])

    store = edited(numbers)
    assert store.read_var_names("number").tolist() == ["3", "1", "2"]
    with pytest.raises(ElementError, match=r"var/score: has 1 missing values"):
        store.read_var_names("score")


def layer_called_x(file):
    file.copy("X", file["layers"], name="X")


def short_embedding(file):
    del file["obsm/X_pca"]
    file["obsm/X_pca"] = np.zeros((8, 2))


def short_layer(file):
    del file["layers/scaled"]
    file["layers/scaled"] = np.zeros((9, 2))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (layer_called_x, r"layers/X: is called 'X', which stands for another matrix"),
        (short_embedding, r"obsm/X_pca: is 8 × 2 where obs and var say 9 rows"),
        (short_layer, r"layers/scaled: is 9 × 2 where obs and var say 9 × 3"),
    ],
)
def test_a_store_that_contradicts_itself_is_refused(edited, change, says):
    with pytest.raises(ElementError, match=says):
        edited(change)


def test_a_matrix_that_is_null_is_none(edited):
    def null(file):
        for name in ("X", "layers/scaled"):
            del file[name]
            file.create_group(name).attrs["encoding-type"] = "null"

    assert sorted(edited(null).facts.matrices) == ["counts", "raw.X"]


def test_stores_that_cannot_be_opened_are_named_or_skipped(path, tmp_path):
    bad = tmp_path / "bad.h5ad"
    bad.write_bytes(b"no HDF5")
    with pytest.raises(StoreError, match="bad.h5ad"):
        open_stores([path, bad], lambda store: store.name)
    with pytest.warns(UserWarning, match="left out 1 of 2"):
        opened = open_stores([path, bad], lambda store: store.name, on_error="skip")
    assert [name for _, name in opened] == ["a.h5ad"]


def test_patterns_and_folders(path, tmp_path):
    other = STORE_KINDS["zarr-v3"](coded_anndata(0, 3, genes=["a"], plain=True), tmp_path / "b")
    assert expand_paths([tmp_path]) == expand_paths([str(tmp_path / "*.*")]) == [
        str(path), str(other)]  # fmt: skip
    with pytest.raises(StoreError, match="nothing"):
        expand_paths([tmp_path / "nothing*.h5ad"])
