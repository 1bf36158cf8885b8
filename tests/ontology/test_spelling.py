"""How labels are written: the same words, however they are spelled."""

import pytest

from mappedviz.ontology.spelling import is_marker, parts_of, plain, words_of


@pytest.mark.parametrize(
    "spellings",
    [
        [
            "CD4+ T cell",
            "CD4-positive T-cells",
            "CD4 positive T lymphocyte",
            "CD4_T",
            "T cell, CD4+",
        ],
        ["CD25- T", "CD25-negative T", "CD25 neg T cell"],
        ["CD56bright NK", "CD56-bright natural killer cell", "CD56hi NK cells", "NCAM1-high NK"],
        ["CD16-low NK", "CD16dim NK", "CD16lo natural killer"],
        ["FCGR3A+ Mono", "CD16+ monocytes"],
        ["naïve B", "naive B cells", "Naive_B"],
        ["gdT", "\u03b3\u03b4T", "gd T cell", "gamma-delta T cells"],
        ["CD4+CD25+ T Reg", "CD4-positive, CD25-positive regulatory T cell", "CD4+/CD25+ Treg"],
        ["B_GC", "germinal center B cell", "germinal centre B"],
        ["Th17", "T-helper 17 cell"],
        ["CD14 Mono", "CD14\uff0b monocyte", "CD14+ monocyte"],
    ],
)
def test_spellings_of_one_kind_have_the_same_words(spellings):
    assert len({words_of(one) for one in spellings}) == 1, [words_of(one) for one in spellings]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("CD4+ T", "CD4- T"), ("CD4 T", "CD8 T"), ("pre-B", "B"), ("non T", "T"),
        ("epithelial cell of lung", "lung epithelial cell"), ("GC", "germinal center"),
        ("CD56bright NK", "CD56dim NK"), ("lymphocyte", "T lymphocyte"),
    ],
)  # fmt: skip
def test_what_differs_stays_apart(one, other):
    assert words_of(one) != words_of(other)


def test_plurals_and_hyphens_are_one_spelling():
    assert plain("Mast_cells") == plain("mast-cell") == plain("mast cell")
    assert plain("pancreatic islets") != plain("pancreatic")
    assert plain("basis") == "basis"


def test_markers_and_parts():
    assert [one for one in sorted(words_of("CD45RA+ CD25- NK")) if is_marker(one)] == [
        "cd25~", "cd45ra+",
    ]  # fmt: skip
    assert parts_of("T / NK") == ["T", "NK"]
    assert parts_of("") == []
    assert words_of("") == words_of("cells") == frozenset()
