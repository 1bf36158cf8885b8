"""Names with the one gene that they mean: on a table that is small enough to be worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mappedviz.genes.gene_table import GeneTable
from mappedviz.genes.lookup import HOW

E1, E2, E3, E4, E5, E6, E7 = (f"ENSG0000000000{i}" for i in range(1, 8))
ROWS = [
    # ensembl, symbol, retired, earlier, synonyms, named, current
    (E1, "AAA", "OLD1|BBB", "AC1.1", "syn|shared", True, True),
    (E2, "BBB", "OLD2", "AC2.1", "shared|OLD1", True, True),
    (E3, "", "", "AC3.1", "", False, True),  # a gene without a symbol
    (E4, "TWO", "", "AC1.1", "", True, True),  # two identifiers of one symbol: E4 is the one
    (E5, "TWO", "", "", "", False, True),
    (E6, "GONE", "", "GONE0", "", False, False),  # a gene that is there no longer
    (E7, "OLD2", "", "AC3.1", "", False, False),  # one that BBB's identifier was before
]


@pytest.fixture
def table():
    columns = ["ensembl", "symbol", "retired", "earlier", "synonyms", "named", "current"]
    frame = pd.DataFrame(ROWS, columns=columns)
    frame["releases"] = ""
    return GeneTable("hand", "1", frame)


SYMBOLS = {
    "AAA": (E1, "current"),
    "BBB": (E2, "current"),  # also retired of AAA: what a gene is called today comes first
    "OLD1": (E1, "retired"),  # also a synonym of BBB, which comes last
    "OLD2": (E2, "retired"),
    "syn": (E1, "synonym"),
    "shared": ("", "ambiguous"),
    "AC1.1": ("", "ambiguous"),
    "AC2.1": (E2, "earlier"),
    "AC3.1": ("", "ambiguous"),  # of E3, and of E7, which is BBB
    "TWO": (E4, "current"),
    "GONE": (E6, "former"),
    "GONE0": (E6, "former"),
    "other": ("", "unknown"),
    E1: (E1, "same"),
    "ENSG00000999999": ("", "unknown"),  # too short to be an identifier
    "ENSG00000999999999"[:15]: ("ENSG00000999999", "same"),
}


def test_symbols_become_identifiers(table):
    names = [name for name in SYMBOLS if len(name) != 15 or name == E1]
    found = table.map(names, "symbol->ensembl")
    expected = [SYMBOLS[name] for name in names]
    assert list(zip(found.values.tolist(), found.how, strict=True)) == expected


def test_retired_symbols_become_those_of_today_and_others_stay(table):
    names = ["AAA", "OLD1", "OLD2", "syn", "shared", "TWO", "GONE", "other", E1, "AC2.1"]
    found = table.map(names, "symbol->symbol").values.tolist()
    assert found == ["AAA", "AAA", "BBB", "AAA", "", "TWO", "GONE", "other", E1, "BBB"]


def test_identifiers_become_symbols_and_symbols_stay(table):
    names = [E1, E3, E4, E5, E6, E7, "OLD1", "other", "ENSG00000099999"]
    found = table.map(names, "ensembl->symbol")
    assert found.values.tolist() == ["AAA", "", "TWO", "TWO", "GONE", "BBB", "OLD1", "other", ""]
    assert found.how[1] == found.how[-1] == "unknown"


def test_identifiers_of_yesterday_become_those_of_today(table):
    found = table.map([E1, E6, E7, "OLD1"], "ensembl->ensembl")
    assert found.values.tolist() == [E1, E6, E2, "OLD1"]
    assert found.how == ["same", "same", "retired", "same"]


def test_names_are_not_changed_and_none_is_welcome(table):
    names = np.array(["OLD1", "AAA"], dtype=object)
    table.map(names, "symbol->symbol")
    assert names.tolist() == ["OLD1", "AAA"]
    assert table.map([], "symbol->ensembl").values.tolist() == []
    assert table.map([""], "symbol->ensembl").how == ["unknown"]


def test_what_is_known(table):
    names = np.array(["AAA", "OLD1", "shared", E7, "other", E3], dtype=object)
    assert table.knows(names).tolist() == [True, True, True, True, False, True]


def test_all_genes_of_a_name(table):
    assert table.candidates(["AC1.1", "shared", "other"]) == {
        "AC1.1": [E1, E4],
        "shared": [E1, E2],
        "other": [],
    }


def test_ways_have_names():
    assert len(set(HOW)) == len(HOW) < 128
