"""Bars of labels hold all cells, whatever the number of stores."""

from __future__ import annotations

import pytest

from mappedviz.report.sections.labels import labels_section, weights_section
from mappedviz.report.values import REPR_ROWS
from tests.hostile import (
    label_counts,
    weight_table,
)
from tests.report.pages import CLASSES, STORES


@pytest.mark.parametrize("n_stores", [1, 8, 9, 30])
def test_segments_add_up(n_stores):
    labels = label_counts([f"s{i}" for i in range(n_stores)], CLASSES)
    section = labels_section(labels, REPR_ROWS, {})
    table = section.tables[0]
    assert sum(int(row[1].text.replace(",", "")) for row in table.rows) == labels.n_rows
    assert all(sum(length for length, _ in row[3].parts) <= 1.000001 for row in table.rows)
    assert len(section.legend) == min(n_stores, 8)
    assert max(len(row[3].parts) for row in table.rows) <= 8
    if n_stores > 8:
        assert section.legend[-1][1] == f"other ({n_stores - 7} stores)"


def test_the_longest_label_fills_its_cell():
    table = labels_section(label_counts(STORES, CLASSES), REPR_ROWS, {}).tables[0]
    assert sum(length for length, _ in table.rows[0][3].parts) == pytest.approx(1)


def test_the_scheme_of_the_audit_is_marked():
    schemes, table = weights_section(weight_table(CLASSES), REPR_ROWS, {}).tables
    marked = [row[0].text for row in schemes.rows if "(as asked for)" in row[0].text]
    assert marked == ["inverse: 1/n (as asked for)"]
    assert len(table.rows) == 25
