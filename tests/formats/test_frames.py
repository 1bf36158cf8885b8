"""Data frames: order of columns, the index, old versions, and malformed ones."""

from __future__ import annotations

import numpy as np
import pytest

from mappedviz.errors import ElementError, MissingKeyError
from mappedviz.formats.frames import (
    column_facts,
    column_names,
    frame_length,
    read_column,
    read_index,
)
from tests.formats.trees import (
    LEGACY,
    TEXT,
    Tree,
    categorical,
    frame,
    nullable,
    text,
)


def test_the_order_of_columns_is_the_one_that_was_written(node):
    columns = {"z": np.arange(3), "a": np.arange(3), "m": np.arange(3)}
    assert sorted(column_names(node(frame(columns)))) == ["a", "m", "z"]
    ordered = {"column_order": np.array(["m", "gone", "z", "m"], dtype=TEXT)}
    assert column_names(node(frame(columns, **ordered)))[:2] == ("m", "z")
    assert sorted(column_names(node(frame(columns, **ordered)))) == ["a", "m", "z"]
    single = Tree(frame(columns))
    single.attrs = {"_index": "names", "column-order": "z"}
    assert column_names(node(single))[0] == "z"


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
