"""What differs between two trees is what travels, and makes the one of the other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappedviz.views.tree import diff, flat

PROPS = st.dictionaries(st.sampled_from(["text", "value", "rows"]), st.integers(0, 2), max_size=3)
NODES = st.fixed_dictionaries({"kind": st.sampled_from(["note", "check"])})
FLATS = st.dictionaries(
    st.sampled_from("abcd"), st.tuples(NODES, PROPS).map(lambda both: {**both[0], **both[1]})
)


def received(old, message):
    """What a browser makes of a patch."""
    made = {name: dict(props) for name, props in old.items() if name not in message.get("gone", ())}
    for name, props in message.get("patch", {}).items():
        if "kind" in props:
            made[name] = {}
        made.setdefault(name, {}).update(props)
    return {
        name: {key: value for key, value in props.items() if value is not None}
        for name, props in made.items()
    }


@given(old=FLATS, new=FLATS)
def test_a_patch_makes_the_new_tree_of_the_old(old, new):
    assert received(old, diff(old, new)) == new
    assert diff(new, {name: dict(props) for name, props in new.items()}) == {}


def test_an_id_is_there_once():
    twice = {"id": "a", "kind": "row", "children": [{"id": "a", "kind": "note"}]}
    with pytest.raises(ValueError, match="'a' is there twice"):
        flat(twice)


def test_children_stay_in_order():
    tree = {"id": "a", "kind": "row", "children": [{"id": c, "kind": "note"} for c in "zyx"]}
    assert flat(tree)["a"]["children"] == ["z", "y", "x"]


def test_what_was_touched_is_told_again():
    old = {"k": {"kind": "check", "value": True}, "t": {"kind": "table", "rows": []}}
    assert diff(old, old, {"k": "value"}) == {"patch": {"k": {"value": True}}}
    assert diff(old, old, {"t": "selected"}) == {"patch": {"t": {"selected": None}}}
    assert diff(old, old, {"gone": "value"}) == {}
