"""Names that a table of genes maps, as the audit counts them; the rows of the what-if table are in test_what_if."""

import numpy as np
import pytest

from mappedviz import Recipe
from mappedviz.audits.tables.mapped import AsJoined, mapped_codes, maps_of, species_with_table
from mappedviz.audits.vocabulary import Vocabulary
from mappedviz.recipe.names import Names

GENES = ["TP53", "CD4", "CD8A", "CD3E", "MS4A1", "NKG7", "LYZ", "GNLY", "SEPT2", "GAPDH"]


def names(some):
    return Names.of(np.array(some, dtype=object))


def test_maps_by_the_kinds_that_are_mixed():
    assert maps_of(["symbol", "ensembl"]) == ("symbol->ensembl", "ensembl->symbol")
    assert maps_of(["ensembl.version", "ensembl"]) == ("ensembl->ensembl",)
    assert maps_of(["symbol", "number"]) == maps_of(["positional"]) == ()


def test_the_species_of_all_lists():
    human, mouse = names(GENES), names([gene.capitalize() for gene in GENES])
    fish = names([f"ENSDARG{k:011d}" for k in range(9)])
    some = [[human], [mouse], [human, mouse], [fish], [names(["a"])]]
    assert [species_with_table(one) for one in some] == ["human", "mouse", None, None, None]


def test_names_are_mapped_once_for_all_lists(monkeypatch):
    vocabulary = Vocabulary()
    lists = [names(GENES), names([*GENES[:8], "SEPTIN2", "nonsense"]), names(list("abcdefghij"))]
    codes = [vocabulary.codes(one) for one in lists]
    every = vocabulary.names
    one, two = mapped_codes(vocabulary, every, codes[:2], "human", "symbol->ensembl")
    assert (len(one), len(two), len(np.intersect1d(one, two))) == (10, 9, 9)
    assert mapped_codes(vocabulary, every, codes, "human", "symbol->ensembl") is None
    monkeypatch.setattr("mappedviz.audits.tables.mapped.packaged", lambda species: 1 / 0)
    again = mapped_codes(vocabulary, every, codes[:1], "human", "symbol->ensembl")
    assert again[0].tolist() == one.tolist()
    vocabulary.codes(names(["another"]))
    with pytest.raises(ZeroDivisionError):
        mapped_codes(vocabulary, vocabulary.names, codes[:1], "human", "symbol->ensembl")


def test_names_as_they_are_joined():
    some = names([*GENES, "nonsense"])
    assert AsJoined(Recipe())(some) is some
    assert len(AsJoined(Recipe(var_map="symbol->ensembl"))(some)) == 10
    assert AsJoined(Recipe(var_map="mouse: symbol->ensembl"))(some) is some
    joined = AsJoined(Recipe(var_alias={"TP53": "p"}))(some)
    assert joined.values.tolist() == ["p", *GENES[1:], "nonsense"]


def test_a_list_that_many_stores_have_is_made_once():
    as_joined = AsJoined(Recipe(var_map="symbol->ensembl"))
    assert as_joined(names(GENES)) is as_joined(names(GENES))
