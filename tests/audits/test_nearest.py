"""Names that may be meant by one that matches nothing."""

import pytest

from mappedviz.audits.nearest import did_you_mean, nearest, some_of


@pytest.mark.parametrize(
    ("name", "known", "meant"),
    [
        ("Blood", ["lung", "blood"], "blood"),
        ("T cell", ["T cells", "B cells"], "T cells"),
        ("CD4 T", ["CD4_T"], "CD4_T"),
        ("monocyt", ["monocyte", "B"], "monocyte"),
        ("1", [0, 1, 2], 1),
        (1, ["0", "1"], "1"),
        ("1.0", [1], 1),
        (True, ["False", "True"], "True"),
        ("lung", ["blood", 3], None),
        ("lung", [], None),
    ],
)
def test_nearest(name, known, meant):
    assert nearest(name, known) == meant


def test_words():
    assert did_you_mean(["a", "b", "c", "d"], []) == "'a', 'b', 'c' and 1 more"
    assert did_you_mean(["T"], ["t"]) == "'T' (did you mean 't'?)"
    assert some_of([1, "x\n"]) == "1, 'x\\\\n'"
