"""Names that no store has: the error says what there is."""

import pytest

from mappedviz import MappedCollection
from mappedviz.collection.unknown_names import near, some_of
from mappedviz.errors import MissingKeyError, RecipeError


def test_words_on_names():
    assert near("cel_type", ["cell_type", "donor"]) == "; did you mean 'cell_type'?"
    assert near("zzz", ["cell_type"]) == ""
    assert some_of(["a", "b", "c"], 2) == "'a', 'b' and 1 more"
    assert some_of([]) == "none"


def test_a_matrix_that_no_store_has(paths):
    with pytest.raises(MissingKeyError, match=r"none of the \d stores has this matrix.*'counts'"):
        MappedCollection(paths, layers_keys="count")


def test_an_alias_for_a_store_that_is_not_there(paths):
    with pytest.raises(RecipeError, match=r"obs_alias\['k'\].*'nowhere'.* is no store here"):
        MappedCollection(paths, obs_keys="k", obs_alias={"k": {"nowhere": "batch"}})
