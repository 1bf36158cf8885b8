"""Conditions on obs as text: what pandas' own query says, and nothing that is executed."""

import contextlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappedviz.errors import RecipeError, RecipeTypeError
from mappedviz.recipe.query import Query

FRAME = pd.DataFrame(
    {
        "n": [100, 250, 300, 250, 0],
        "score": [0.5, np.nan, -1.0, 2.0, np.inf],
        "tissue": pd.Categorical(["blood", None, "lung", "blood", "skin"]),
        "stage": pd.Categorical(["early", "late", "early", None, "late"],
                                categories=["early", "mid", "late"], ordered=True),
        "donor": np.array(["d1", "d2", np.nan, "d1", "ü"], dtype=object),
        "bad": [True, False, False, True, False],
        "cell type": ["T", "B", "T", "NK", "T"],
    }
)  # fmt: skip
AS_PANDAS = [
    "n > 200",
    "n > 200 and tissue not in ['blood'] and not bad",
    "100 < n <= 250",
    "score > 0 or bad",
    "score != 2.0",
    "score == score",
    "tissue == 'blood'",
    "tissue != 'blood'",
    "tissue in ['lung', 'nowhere']",
    "donor in ['d1', 'ü']",
    "donor not in ('d1',)",
    "stage > 'early'",
    "stage == 'mid'",
    "n / 100 >= 2.5 and n - 50 != 200",
    "n * 2 + 1 > -score",
    "not (bad or n == 0)",
    "`cell type` == 'T' and n > 0",
    "bad",
    "bad == True",
    "donor == 'a ` b'",
]


def mask(text, frame=FRAME):
    query = Query(text)
    return query.mask({name: frame.get(name) for name in query.columns}, len(frame))


@pytest.mark.parametrize("text", AS_PANDAS)
def test_as_pandas_has_it(text):
    expected = FRAME.index.isin(FRAME.query(text, engine="python").index)
    assert mask(text).tolist() == expected.tolist()


@given(st.data())
def test_any_combination_is_as_pandas_has_it(data):
    parts = data.draw(st.lists(st.sampled_from(AS_PANDAS[:-1]), min_size=2, max_size=5))
    text = parts[0]
    for part in parts[1:]:
        how = data.draw(st.sampled_from(["and", "or", "and not", "or not"]))
        text = f"({text}) {how} ({part})"
    expected = FRAME.index.isin(FRAME.query(text, engine="python").index)
    assert mask(text).tolist() == expected.tolist()


def test_missing_values_can_be_asked_for():
    assert mask("donor == None").tolist() == [False, False, True, False, False]
    assert mask("score != None").tolist() == [True, False, True, True, True]
    assert mask("tissue in [None]").tolist() == [False, True, False, False, False]
    booleans = pd.DataFrame({"bad": np.array([True, np.nan, False], dtype=object)})
    assert mask("bad", booleans).tolist() == [True, False, False]
    assert mask("not bad", booleans).tolist() == [False, False, True]
    numbers = pd.DataFrame({"bad": [1, 0, 2]})
    assert mask("not bad", numbers).tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x > 1", False),
        ("x == 'a'", False),
        ("'a' != x", True),
        ("x in [1]", False),
        ("x not in [1]", True),
        ("x == None", True),
        ("x != None", False),
        ("x", False),
        ("not x", False),
        ("-x < 3", False),
        ("x + 1 != 2", True),
        ("x > 'a' or n > 100", None),
    ],
)
def test_a_store_without_the_column_has_no_values(text, expected):
    found = mask(text)
    assert found.tolist() == ((FRAME["n"] > 100).tolist() if expected is None else [expected] * 5)


def test_columns_come_in_their_order_and_under_their_names():
    query = Query("`cell type` == 'n' and n > `a-b` and n < 3")
    assert query.columns == ("cell type", "n", "a-b")
    assert Query("x in ['`y`']").columns == ("x",)
    assert query == Query(query.text)
    assert hash(query) == hash(Query(query.text))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "n >",
        "1 == 1",
        "__import__('os').system('true')",
        "n.max() > 1",
        "n[0] == 1",
        "[x for x in n]",
        "lambda: n",
        "n if n else n",
        "f'{n}' == 'a'",
        "n == b'a'",
        "n is None",
        "n in tissue",
        "n in [m]",
        "n ** 9 ** 9",
        "n; m",
        "n = 3",
        "(n := 3)",
        "@n > 3",
        "n > 1j",
        "n == ...",
        "*n",
        "n\0",
        "(" * 500 + "n" + ")" * 500,
        "n == 1 " + "or n == 1 " * 2000,
    ],
)
def test_whatever_is_no_condition_is_refused(text):
    with pytest.raises(RecipeError, match="obs_query"):
        Query(text)


@given(st.text(max_size=40))
def test_any_text_is_a_condition_or_refused(text):
    with contextlib.suppress(RecipeError):
        Query(text)


def test_other_types_are_refused():
    with pytest.raises(RecipeTypeError, match="obs_query"):
        Query(3)


@pytest.mark.parametrize("text", ["tissue > 'a'", "n > 'a'", "donor > 3", "donor", "donor + 1 > 3"])
def test_values_that_cannot_be_compared_are_named(text):
    with pytest.raises(RecipeError, match=r"does not fit the values"):
        mask(text)
