"""The parts of expectations agree with what audits say."""

import pytest

from mappedviz.audits import ExpectedColumn, ExpectedGenes, ExpectedMatrix, ExpectedStores
from mappedviz.audits.checks.values import _WORDS
from mappedviz.audits.expectations.parts import COLUMN_KINDS, part_of
from mappedviz.audits.scales import SCALES
from mappedviz.audits.tables.identifiers import ID_KINDS, id_kind
from mappedviz.errors import RecipeError


def test_scales_and_kinds_are_those_of_the_audit():
    assert set(SCALES) == {*_WORDS, "empty"}
    names = ["ENSG00000141510"], ["ENSG00000141510.1"], ["TP53"], ["0"], ["7"], ["_"], []
    assert {id_kind(some) for some in names} == set(ID_KINDS)
    every = {kind for kinds in COLUMN_KINDS.values() for kind in kinds}
    assert every == {"categorical", "string", "integer", "float", "boolean"}


def test_one_value_is_a_list_of_one():
    assert ExpectedMatrix(scale="counts").scale == ("counts",)
    assert ExpectedGenes(species="Homo sapiens").species == ("human",)
    assert ExpectedColumn(labels=["T", "T", 1, True]).labels == ("T", 1)


def test_a_part_stays_what_it_is():
    part = ExpectedStores(least=2)
    assert part_of(ExpectedStores, part, "stores") is part
    with pytest.raises(RecipeError, match="stores.least"):
        part_of(ExpectedStores, {"least": -1}, "stores")
