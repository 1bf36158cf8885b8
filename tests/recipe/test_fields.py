"""Fields of a recipe as code and as JSON; what is refused is in test_recipe.py."""

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mappedviz.recipe.fields import code_of, holdout_of, json_value, parts_of, split_by_of
from mappedviz.recipe.labels import number_of_json

label = st.one_of(
    st.none(), st.text(max_size=3), st.integers(), st.floats(allow_nan=False), st.booleans()
)
value = st.recursive(
    label,
    lambda inner: (
        st.lists(inner, max_size=3).map(tuple) | st.dictionaries(st.text(max_size=3), inner)
    ),
    max_leaves=8,
)


def lists(one):
    """What JSON makes of tuples."""
    if isinstance(one, dict):
        return {key: lists(item) for key, item in one.items()}
    return [lists(item) for item in one] if isinstance(one, tuple) else one


@given(value)
def test_values_survive_code_and_json(one):
    assert eval(code_of(one)) == one
    text = json.dumps(json_value(one), allow_nan=False)
    assert json.loads(text, object_hook=number_of_json) == lists(one)


def test_one_key_is_a_string_and_several_are_a_tuple():
    assert split_by_of(["donor"]) == split_by_of("donor") == "donor"
    assert split_by_of(["donor", "day", "donor"]) == ("donor", "day")
    assert split_by_of(None) is None


def test_parts_keep_their_order():
    assert parts_of({"b": 0.25, "a": np.float64(0.75)}) == (("b", 0.25), ("a", 0.75))
    assert parts_of([["b", 0.25], ["a", 0.75]]) == parts_of({"b": 0.25, "a": 0.75})
    assert parts_of(dict.fromkeys("abc", 1 / 3))[2] == ("c", 1 / 3)


def test_what_is_held_out_is_of_the_last_part_unless_one_is_named():
    assert holdout_of({"d": ["x", np.nan], "e": 1}, "test") == {
        "test": {"d": ("x", None), "e": (1,)}
    }
    assert holdout_of({"validation": {"d": "x"}}, "test") == {"validation": {"d": ("x",)}}
