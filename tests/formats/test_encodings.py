"""What all encodings have in common: their names, their arrays, and the error about a bad one."""

from __future__ import annotations

import numpy as np
import pytest

from mappedviz.errors import ElementError
from mappedviz.formats.encodings import child_array, encoding_of, malformed
from tests.formats.trees import Tree


def test_an_encoding_is_text_or_none(node):
    assert encoding_of(node(Tree(encoding_type="array"))) == "array"
    assert encoding_of(node(Tree())) is None


def test_an_encoding_that_is_no_text_is_shown(node):
    assert encoding_of(node(Tree(encoding_type=3))) in ("3", "np.int64(3)")


def test_arrays_of_an_element_are_there_and_are_arrays(node):
    element = node(Tree({"data": np.arange(3), "group": Tree()}))
    assert child_array(element, "data").read().tolist() == [0, 1, 2]
    with pytest.raises(ElementError, match="has no array 'nothing'"):
        child_array(element, "nothing")
    with pytest.raises(ElementError, match="is a group where an array was expected") as caught:
        child_array(element, "group")
    assert caught.value.key.endswith("element/group")


def test_the_error_names_store_and_key_and_a_remedy(node):
    element = node(Tree())
    error = malformed(element, "is odd")
    assert (error.store, error.key) == (element.store, element.name)
    assert "is odd" in str(error)
    assert "Write the store again with anndata" in str(error)
