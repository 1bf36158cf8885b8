"""Labels: one order, one notion of missing, the same codes everywhere."""

import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappedviz.errors import MissingKeyError, RecipeError
from mappedviz.recipe.labels import (
    Encoder,
    Labels,
    as_label,
    smallest_int,
    sort_labels,
)

label = st.one_of(
    st.text(max_size=3), st.integers(-5, 5), st.floats(allow_nan=False, width=32), st.booleans()
)


@pytest.mark.parametrize("missing", [None, np.nan, float("nan"), pd.NA, pd.NaT, np.float32("nan")])
def test_there_is_one_missing(missing):
    assert as_label(missing) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.str_("a"), "a"),
        (np.int8(3), 3),
        (np.bool_(True), True),
        (b"x", "x"),
        ("nan", "nan"),
        (2.5, 2.5),
    ],
)
def test_labels_are_native_scalars(value, expected):
    assert as_label(value) == expected
    assert type(as_label(value)) is type(expected)


def test_what_is_no_label_is_refused():
    with pytest.raises(RecipeError, match="is no label"):
        as_label(["a"])


@given(st.lists(label))
def test_the_order_is_total_and_does_not_depend_on_the_input_order(labels):
    assert sort_labels(labels) == sort_labels(labels[::-1])
    assert len(set(labels)) == len(sort_labels(labels))


@given(st.lists(st.lists(st.sampled_from(["a", "b", 1, "1", None, 2.5]), max_size=6), max_size=5))
def test_merging_keeps_every_row(stores):
    parts = []
    for rows in stores:
        categories = list(dict.fromkeys(rows))
        codes = np.array([categories.index(row) for row in rows], dtype=int)
        parts.append((codes, categories))
    merged = Labels.merge(parts)
    flat = [row for rows in stores for row in rows]
    got = [None if code < 0 else merged.categories[code] for code in merged.codes]
    assert got == flat
    assert merged.counts().sum() + merged.n_missing == len(flat)
    assert merged.codes.dtype == smallest_int(len(merged.categories))


def test_codes_take_the_smallest_type():
    assert [smallest_int(n).name for n in (0, 128, 129, 32768, 32769)] == [
        "int8", "int8", "int16", "int16", "int32",
    ]  # fmt: skip


def test_values_are_numbers_where_all_labels_are():
    ints = Labels.merge([(np.array([1, 0]), [5, 7])])
    assert ints.values().tolist() == [7, 5]
    assert ints.values().dtype.kind == "i"
    some = Labels.merge([(np.array([1, 0]), [5, 7]), 1])
    np.testing.assert_array_equal(some.values(), [7, 5, np.nan])
    mixed = Labels.merge([(np.array([0, 1, -1]), [1, "1"])])
    assert mixed.values()[:2].tolist() == [1, "1"]
    assert np.isnan(mixed.values()[2])


def test_all_missing_is_no_class():
    labels = Labels.merge([3, 2])
    assert labels.categories == ()
    assert np.isnan(labels.values()).all()
    assert labels.counts().tolist() == []


def test_renaming_merges_classes():
    labels = Labels.merge([(np.array([0, 1, 2, 1]), ["CD4 T", "CD4_T", "junk"])])
    renamed = labels.relabel({"CD4_T": "CD4 T", "junk": None})
    assert renamed.categories == ("CD4 T",)
    assert renamed.codes.tolist() == [0, 0, -1, 0]


def test_combining_keeps_rows_where_they_are():
    a = Labels.merge([(np.array([0, 1, -1, 0]), ["x", "y"])])
    b = Labels.merge([(np.array([0, 0, 0, 1]), [1, 2])])
    both = Labels.combine([a, b])
    assert [None if c < 0 else both.categories[c] for c in both.codes] == [
        "x__1",
        "y__1",
        None,
        "x__2",
    ]


def test_combined_texts_that_coincide_are_one_class():
    a = Labels.merge([(np.array([0, 1]), ["a__b", "a"])])
    b = Labels.merge([(np.array([1, 0]), ["b__c", "c"])])
    both = Labels.combine([a, b])
    assert both.categories == ("a__b__c",)
    assert both.codes.tolist() == [0, 0]


def test_encoders_are_the_same_whatever_the_hash_seed():
    code = (
        "from mappedviz.recipe.labels import Encoder;"
        "print(Encoder.from_categories(['T', 'b', 'Ä', 3, 1.5, '3', True, 'zz'], unknown_label='zz'))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": str(seed), "PATH": ""},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in range(20)
    }  # fmt: skip
    assert len(outputs) == 1


@given(st.lists(label, unique=True), st.data())
def test_encoders_survive_json_and_pickle(labels, data):
    unknown = data.draw(st.none() | st.sampled_from(labels)) if labels else None
    encoder = Encoder.from_categories(labels, unknown)
    again = Encoder.from_json(encoder.to_json())
    assert list(again.items()) == list(encoder.items())
    assert [type(key) for key in again] == [type(key) for key in encoder]
    assert pickle.loads(pickle.dumps(encoder)) == encoder
    n = len(encoder.classes)
    assert sorted(code for code in encoder.values() if code >= 0) == list(range(n))


@pytest.mark.parametrize(
    "codes", [{"a": 1}, {"a": 0, "b": 0}, {"a": -2}, {"a": 0.5}, {"a": True}, {None: 0}]
)
def test_impossible_encoders_are_refused(codes):
    with pytest.raises(RecipeError, match="encoders"):
        Encoder(codes)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"schema": 2, "codes": []}', '{"schema": 1, "codes": 3}']
)
def test_what_is_no_encoder_json_is_refused(text):
    with pytest.raises(RecipeError, match="no encoder"):
        Encoder.from_json(text)


def test_an_encoder_cannot_be_changed():
    encoder = Encoder({"a": 0})
    for change in (lambda: encoder.update(b=1), lambda: encoder.pop("a"), encoder.clear):
        with pytest.raises(TypeError, match="cannot be changed"):
            change()
    assert hash(encoder) == hash(Encoder({"a": 0}))
    assert repr(encoder) == "Encoder({'a': 0})"


def test_unseen_labels_are_an_error_or_minus_one():
    encoder = Encoder({"a": 0})
    with pytest.raises(MissingKeyError, match=r"cell_type: 1 labels have no code.*'b'"):
        encoder.table(["a", "b"], key="cell_type")
    assert encoder.table(["a", "b"], unseen="ignore").tolist() == [0, -1, -1]
