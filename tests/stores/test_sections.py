"""Facts and columns as sections of a record, and back."""

from __future__ import annotations

import numpy as np
import pytest

from mappedviz.formats.columns import Column
from mappedviz.stores.records import Record, encode
from mappedviz.stores.sections import (
    column_of,
    column_section,
    facts_of,
    facts_section,
    in_codes,
)
from mappedviz.stores.store import Store, open_store
from mappedviz.testing import coded_anndata
from tests.stores import STORE_KINDS


def through(section):
    return Record(encode({"s": section}))["s"]


@pytest.mark.parametrize(
    "kind", ["h5ad", "h5ad-0.5", "h5ad-0.7", "h5ad-big-endian", "zarr-v3", "zarr-zip"]
)
def test_facts_and_columns_of_a_store_come_back(tmp_path, kind):
    store = open_store(STORE_KINDS[kind](coded_anndata(0, 9), tmp_path / "a"))
    assert facts_of(through(facts_section(store.facts))) == store.facts
    known = Store.known(store.path, store.facts, store.stamp)
    known.check_unchanged()
    assert known.kind == store.kind
    np.testing.assert_array_equal(known.obs_names, store.obs_names)
    for name in store.facts.obs_columns:
        column = store.obs_column(name)
        back = column_of(through(column_section(column)))
        assert back.kind == in_codes(column).kind
        assert back.ordered == column.ordered
        assert len(back) == len(column)
        for one, other in zip(back.factorized(), column.factorized(), strict=True):
            assert one.tolist() == other.tolist()
        assert str(back.values().tolist()) == str(column.values().tolist())


@pytest.mark.parametrize(
    "column",
    [
        Column("categorical", np.array([0, -1], np.int8), np.array([], dtype=object)),
        Column("categorical", np.array([0, 1]), np.array([2.5, 7.0]), ordered=True),
        Column("string", data=np.array(["\udcff", None, "a\0"], dtype=object)),
        Column("boolean", data=np.array([True, False]), missing=np.array([False, True])),
        Column("float", data=np.array([1, np.nan], ">f4")),
    ],
)
def test_odd_columns_come_back(column):
    back = column_of(through(column_section(column)))
    for one, other in zip(back.factorized(), column.factorized(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert back.kind == in_codes(column).kind


def test_what_is_neither_number_nor_text_is_not_kept():
    with pytest.raises(TypeError, match="not kept"):
        column_section(Column("categorical", np.array([0]), np.array([b"a"], dtype=object)))


def test_equal_values_are_in_memory_once(tmp_path):
    section = through(
        facts_section(open_store(STORE_KINDS["h5ad"](coded_anndata(0, 9), tmp_path / "a")).facts)
    )
    assert facts_of(section).obs_columns is facts_of(section).obs_columns
