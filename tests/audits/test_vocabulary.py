"""Names as numbers."""

import numpy as np

from mappedviz.audits.vocabulary import Vocabulary
from mappedviz.recipe.names import Names


def names(*some):
    return Names.of(np.array(some, dtype=object))


def test_numbers_stay_while_it_grows():
    vocabulary = Vocabulary([names("a", "b", "a")])
    first = vocabulary.codes(names("a", "b", "a"))
    assert first.tolist() == [0, 1, 0]
    assert vocabulary.codes(names("c", "b")).tolist() == [2, 1]
    assert vocabulary.codes(names("a", "b", "a")) is first
    assert vocabulary.names.tolist() == ["a", "b", "c"]
    assert len(vocabulary) == 3
