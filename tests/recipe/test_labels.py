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
    combinations,
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


def test_combined_texts_never_coincide():
    """Identity is the tuple: the reference makes one class of both."""
    a = Labels.merge([(np.array([0, 1, 1]), ["a__b", "a"])])
    b = Labels.merge([(np.array([1, 0, 1]), ["b__c", "c"])])
    both = Labels.combine([a, b])
    assert both.categories == ("('a', 'b__c')", "('a__b', 'c')", "a__c")
    assert both.codes.tolist() == [1, 0, 2]


part_of_label = st.sampled_from(["a", "a__b", "b", "b__c", "__", "", "('a', 'b__c')", 1, "1", 2.5])


@given(st.lists(st.tuples(part_of_label, part_of_label, part_of_label), max_size=12))
def test_rows_share_a_joint_label_if_and_only_if_they_share_all(rows):
    keys = [Labels.merge([(np.arange(len(rows)), [row[i] for row in rows])]) for i in range(3)]
    joint = Labels.combine(keys).values().tolist()
    for row, one in zip(rows, joint, strict=True):
        for other, two in zip(rows, joint, strict=True):
            assert (row == other) == (one == two)
    codes, tuples = combinations(keys)
    assert [tuples[code] for code in codes] == rows


@given(st.lists(st.sampled_from([0, 1, 1.0, True, False, 0.0, 2, 2.0, 0.5, "1", "x"]), max_size=9))
def test_equal_labels_have_one_spelling_whatever_the_order(labels):
    parts = [(np.array([0]), [label]) for label in labels]
    merged, back = Labels.merge(parts), Labels.merge(parts[::-1])
    assert list(map(repr, merged.categories)) == list(map(repr, back.categories))
    assert merged.codes.tolist() == back.codes[::-1].tolist()
    assert len(merged.categories) == len(set(labels))
    encoder = Encoder.from_categories(labels)
    assert repr(encoder) == repr(Encoder.from_categories(labels[::-1]))
    assert tuple(map(repr, encoder.classes)) == tuple(map(repr, merged.categories))


def test_labels_of_one_type_are_spelled_as_they_are():
    assert sort_labels([2.0, 1.0]) == [1.0, 2.0]
    assert list(map(repr, sort_labels([2.0, 1.0]))) == ["1.0", "2.0"]
    assert list(map(repr, sort_labels([True, False]))) == ["False", "True"]
    assert list(map(repr, sort_labels([2.0, 1, True, 0.5, float("inf"), 1e300]))) == [
        "0.5", "1", "2", str(int(1e300)), "inf",
    ]  # fmt: skip


BIG = [2**53 + 1, 2**63, -(2**63), 2**64 - 1, 2**70, 2**53]


@pytest.mark.parametrize("big", [BIG, BIG[:1], BIG[1:3], [2**63, -1], [2**70, 0.5]])
@pytest.mark.parametrize("missing", [False, True])
def test_huge_labels_keep_their_value(big, missing):
    labels = Labels.merge([(np.arange(len(big)), big), *([1] if missing else [])])
    values = labels.values().tolist()
    assert values[: len(big)] == big
    assert not missing or np.isnan(values[-1])


def test_infinite_labels_are_labels():
    labels = Labels.merge([(np.arange(3), [np.inf, -np.inf, 0.5]), 1])
    assert labels.categories == (-np.inf, 0.5, np.inf)
    assert labels.values()[:3].tolist() == [np.inf, -np.inf, 0.5]
    encoder = Encoder.from_categories(labels.categories)
    assert Encoder.from_json(encoder.to_json()) == encoder
    assert "Infinity" not in encoder.to_json()
    assert eval(repr(encoder)) == encoder


def test_an_empty_encoder_is_an_encoder():
    empty = Encoder({})
    assert Encoder.from_json(empty.to_json()) == empty
    assert empty.classes == ()
    assert empty.table(["a"], unseen="ignore").tolist() == [-1, -1]
    with pytest.raises(MissingKeyError, match="1 labels have no code"):
        empty.table(["a"])


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
