"""The genes of the demo are named consistently."""

from __future__ import annotations

import re

from mappedviz.datasets.genes import CELL_TYPES, ensembl, markers, retired, symbols


def test_each_symbol_has_one_identifier():
    assert len(symbols()) == len(set(symbols())) == len(ensembl()) == len(set(ensembl()))
    assert symbols() == sorted(symbols())
    assert all(re.fullmatch(r"ENSG\d{11}", one) for one in ensembl())


def test_versions_are_of_the_same_identifiers():
    assert [one.partition(".")[0] for one in ensembl(version=True)] == ensembl()
    assert all(re.fullmatch(r"ENSG\d{11}\.\d+", one) for one in ensembl(version=True))


def test_retired_symbols_are_of_genes_that_are_there_and_are_no_symbols_of_today():
    assert set(retired()) <= set(symbols())
    assert not set(retired().values()) & set(symbols())
    assert len(set(retired().values())) == len(retired()) > 30


def test_markers_are_genes_that_are_there():
    assert all(markers(one) <= set(symbols()) and len(markers(one)) > 10 for one in CELL_TYPES)


def test_there_are_mitochondrial_genes():
    assert sum(name.startswith("MT-") for name in symbols()) == 13
