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


def test_what_is_derived_is_kept_until_there_are_more_names():
    vocabulary = Vocabulary()
    calls = []

    def make(names):
        calls.append(len(names))
        return len(names)

    vocabulary.codes(Names.of(np.array(["a", "b"], dtype=object)))
    first = vocabulary.names
    assert [vocabulary.derived("n", first, make) for _ in range(2)] == [2, 2]
    vocabulary.codes(Names.of(np.array(["c"], dtype=object)))
    assert vocabulary.derived("n", vocabulary.names, make) == 3
    assert vocabulary.derived("other", vocabulary.names, make) == 3
    assert calls == [2, 3, 3]
