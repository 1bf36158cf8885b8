"""Labels that people use, and the terms that they mean; what is not sure is not said."""

import pytest

from mappedviz.ontology import relabel, suggest, terms
from mappedviz.ontology.matching import matches

#: Of the 10x PBMC sets as scanpy has them, a breast tumour (Azizi 2018), and Azimuth's blood.
KNOWN = {
    "B cells": ("B cell", "plural"),
    "CD14+ Monocytes": ("CD14-positive monocyte", "tokens"),
    "CD4 T cells": ("CD4-positive, alpha-beta T cell", "tokens"),
    "CD8_T": ("CD8-positive, alpha-beta T cell", "tokens"),
    "CD8+ T-cells": ("CD8-positive, alpha-beta T cell", "tokens"),
    "FCGR3A+ Monocytes": ("CD14-positive, CD16-positive monocyte", "tokens"),
    "NK cells": ("natural killer cell", "plural"),
    "NK": ("natural killer cell", "tokens"),
    "CD19+ B": ("B cell, CD19-positive", "tokens"),
    "CD4+/CD25 T Reg": ("CD4-positive, CD25-positive, alpha-beta regulatory T cell", "tokens"),
    "CD4+/CD45RO+ Memory": ("CD4-positive, alpha-beta memory T cell, CD45RO-positive", "tokens"),
    "CD8+ Cytotoxic T": ("CD8-positive, alpha-beta cytotoxic T cell", "tokens"),
    "CD4+/CD45RA+/CD25- Naive T": (
        "naive thymus-derived CD4-positive, alpha-beta T cell",
        "broader",
    ),
    "CD56+ NK": ("natural killer cell", "broader"),
    "Dendritic": ("dendritic cell", "tokens"),
    "B_GC": ("germinal center B cell", "tokens"),
    "B_naive": ("naive B cell", "tokens"),
    "ILC3": ("group 3 innate lymphoid cell", "synonym"),
    "Treg": ("regulatory T cell", "synonym"),
    "Tregs": ("regulatory T cell", "plural"),
    "gdT": ("gamma-delta T cell", "tokens"),
    "mast": ("mast cell", "tokens"),
    "pDC": ("plasmacytoid dendritic cell", "synonym"),
    "plasma": ("plasma cell", "tokens"),
    "CD4 Naive": ("naive thymus-derived CD4-positive, alpha-beta T cell", "tokens"),
    "CD8 TEM": ("effector memory CD8-positive, alpha-beta T cell", "tokens"),
    "CD14 Mono": ("CD14-positive monocyte", "tokens"),
    "MAIT": ("mucosal-associated invariant T cell", "tokens"),
    "Platelet": ("platelet", "exact"),
    "plasmablast": ("plasmablast", "exact"),
    "red blood cells": ("erythrocyte", "plural"),
    "OPC": ("oligodendrocyte precursor cell", "tokens"),
    "CL:0000084": ("T cell", "identifier"),
    "CL_0000084": ("T cell", "identifier"),
}
UNKNOWN = [
    "7", "", " ", "unknown", "Doublet", "T/NK", "T cell & B cell", "B cells and plasma cells", "T + NK",
    "CD34+", "M", "F", "alpha", "non T", "not B", "MT-high", "cluster T", "CL:9999999", "+",
]  # fmt: skip


@pytest.mark.parametrize("label", KNOWN)
def test_labels_of_people_are_recognised(label):
    (found,) = matches(label)
    assert (terms().of[found.id].name, found.how) == KNOWN[label]


@pytest.mark.parametrize("label", UNKNOWN)
def test_what_may_be_anything_is_not_recognised(label):
    assert matches(label) == ()


def test_each_name_is_recognised_as_itself():
    """Of all terms: names exactly, and synonyms that two terms share as both of them."""
    for term in terms().of.values():
        (found,) = matches(term.name)
        assert (found.id, found.how, found.score) == (term.id, "exact", 1.0)
        assert all(
            one.how in ("exact", "synonym") for text in term.synonyms for one in matches(text)
        )


def test_what_several_terms_are_called_is_not_decided():
    found = matches("Horizontal")
    names = {terms().of[one.id].name for one in found}
    assert names == {"retina horizontal cell", "H1 horizontal cell"}
    assert all(one.score < 0.5 for one in found)
    assert relabel(["Horizontal"]) == {}
    assert suggest(["Horizontal"])["label"].tolist() == ["Horizontal"] * 2


def test_surer_ways_have_higher_scores():
    labels = ["CL:0000236", "B cell", "B-lymphocyte", "B_cells", "B", "CD4 T", "CD3+ B"]
    scores = [matches(one)[0].score for one in labels]
    assert scores == sorted(scores, reverse=True)
