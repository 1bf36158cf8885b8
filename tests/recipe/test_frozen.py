"""A dict that is a value."""

import pickle

import pytest

from mappedviz.recipe.frozen import FrozenDict


def test_equal_ones_have_one_hash_and_none_can_be_changed():
    one, other = FrozenDict({"a": 1, "b": (2,)}), FrozenDict({"b": (2.0,), "a": True})
    assert one == other
    assert hash(one) == hash(other)
    assert pickle.loads(pickle.dumps(one)) == one
    for change in (lambda: one.update(a=2), one.clear, lambda: one.pop("a")):
        with pytest.raises(TypeError, match="cannot be changed"):
            change()
