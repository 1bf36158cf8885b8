"""One store: its names and columns."""

from __future__ import annotations

import numpy as np
import pytest

from mappedviz.errors import ElementError, MissingKeyError
from mappedviz.formats.frames import ColumnFacts
from mappedviz.stores.store import open_store


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
