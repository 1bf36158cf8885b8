"""Columns of obs and var: every encoding, and malformed ones refused by name."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mappedviz.errors import ElementError, MissingKeyError
from mappedviz.formats.columns import Column
from mappedviz.formats.frames import (
    ColumnFacts,
    column_facts,
    column_names,
    read_column,
)
from tests.formats.trees import (
    LEGACY,
    NAN,
    Tree,
    categorical,
    frame,
    nullable,
    text,
)

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


@pytest.mark.parametrize("name", ["gone", "names", "__categories", "z/codes"])
def test_what_is_no_column_is_said_to_be_none(node, name):
    element = node(frame({"z": categorical([0, 0, 0], text("a")), "__categories": Tree()}))
    assert column_names(element) == ("z",)
    with pytest.raises(MissingKeyError, match=r"no column .* among \['z'\]"):
        read_column(element, name)


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
