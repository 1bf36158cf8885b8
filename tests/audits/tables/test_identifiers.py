"""Kinds of identifiers, and the species that they name."""

import pytest

from mappedviz.audits.tables.identifiers import id_kind, species_of


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (["ENSG00000141510"] * 3, "ensembl"),
        (["ENSMUSG00000059552.14"], "ensembl.version"),
        (["TP53", "HLA-A", "AC012.1"], "symbol"),
        (["0", "1", "2"], "positional"),
        (["7157", "672"], "number"),
        (["?", "!"], "other"),
        ([], "none"),
    ],
)
def test_kinds_of_identifiers(names, kind):
    assert id_kind(names) == kind


@pytest.mark.parametrize(
    ("names", "species"),
    [
        (["ENSG00000141510"], "human"),
        (["ENSMUSG00000059552.3"] * 4, "mouse"),
        (["ENSXYZG00000059552"], None),
        (["Trp53", "Cd4", "Cd8a"] * 9, "mouse"),
        (["TP53", "CD4"] * 9 + ["Xkr4"], "human"),
        (["TP53", "Cd4"] * 9, None),
        (["gene0", "gene1"], None),
    ],
)
def test_species_by_names(names, species):
    assert species_of(names) == species
