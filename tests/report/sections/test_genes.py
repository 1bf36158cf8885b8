"""What each store keeps, and the patterns that it shares."""

from __future__ import annotations

from mappedviz.audits.tables.genes import Coverage
from mappedviz.report.sections.genes import genes_section
from mappedviz.report.values import REPR_ROWS
from tests.hostile import (
    coverage_table,
)
from tests.report.pages import STORES


def test_genes_are_those_of_the_coverage():
    coverage = coverage_table(STORES)
    section = genes_section(coverage, REPR_ROWS, {})
    assert section.numbers[0] == (str(coverage.inner), "genes in all stores (inner)")
    per_store, patterns, *_ = section.tables
    assert [row[2].text for row in per_store.rows] == [str(coverage.inner)] * len(STORES)
    assert len(patterns.rows) == min(coverage.n_patterns, 16)
    total = sum(int(row[1].text.replace(",", "")) for row in patterns.rows)
    assert total == coverage.outer


def test_of_many_stores_those_that_cost_most_are_shown_in_their_order():
    coverage = coverage_table([f"s{i}" for i in range(150)])
    per_store = genes_section(coverage, REPR_ROWS, {}).tables[0]
    assert len(per_store.rows) == 30
    shown = [int(row[0].text[1:]) for row in per_store.rows]
    assert shown == sorted(shown)
    assert per_store.note.startswith("The 30 of 150 stores that cost the inner join most")


def test_genes_of_no_store():
    section = genes_section(Coverage.of({}), REPR_ROWS, {})
    assert section.tables[0].rows == []
