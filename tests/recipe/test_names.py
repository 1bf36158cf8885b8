"""Lists of names are known by a digest."""

import numpy as np
import pytest

from mappedviz.recipe.names import Names, digest


def objects(*names):
    return np.array(names, dtype=object)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (["a", "bc"], ["ab", "c"]),
        (["a", "b"], ["b", "a"]),
        (["a", "b"], ["a\0b"]),
        (["a\0b", "c"], ["a", "b\0c"]),
        ([], [""]),
        (["a"], ["a", ""]),
    ],
)
def test_other_names_have_another_digest(one, other):
    assert digest(objects(*one)) != digest(objects(*other))


def test_equal_names_have_one_digest():
    names = ["TP53", "\udcff", "a\0b"]
    assert digest(objects(*names)) == digest(objects(*names)) == Names.of(objects(*names)).key
    assert len(Names.of(objects(*names))) == 3
