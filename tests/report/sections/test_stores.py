"""One row per store, told apart by name."""

from __future__ import annotations

import pandas as pd

from mappedviz.report.html import audit_html
from mappedviz.report.sections.stores import depth_section, obs_section, shapes_section
from mappedviz.report.values import REPR_ROWS
from tests.hostile import (
    HOSTILE,
    depths,
    schema_table,
    stores_table,
)
from tests.report.pages import STORES, Reader


def test_hostile_names_are_told_apart(hostile):
    shapes, *_ = Reader(audit_html(hostile)).tables
    stores = [row[0] for row in shapes[1:]]
    assert len(set(stores)) == len(HOSTILE)
    assert all(0 < len(name) < 60 for name in stores)


def test_a_store_that_cannot_be_read_says_so_and_has_no_numbers():
    (table,) = shapes_section(stores_table(STORES, broken=1), REPR_ROWS, {}).tables
    broken, *others = table.rows
    assert "is an HTML page" in broken[1].text
    assert (broken[2].text, broken[2].bar) == ("–", None)
    assert max(row[2].bar for row in others) == 1


def test_stores_that_are_left_out_are_counted():
    (table,) = shapes_section(stores_table(STORES), 3, {}).tables
    assert len(table.rows) == 3
    assert table.note == "The first 3 of 8 stores; audit.stores has all."


def test_nothing_sampled_and_no_columns_make_no_section():
    assert depth_section(depths([]), REPR_ROWS, {}) is None
    nothing = pd.MultiIndex.from_tuples([], names=["store", "what"])
    assert obs_section(pd.DataFrame(columns=nothing), REPR_ROWS) is None


def test_columns_of_obs_name_their_types():
    (table,) = obs_section(schema_table(STORES), REPR_ROWS).tables
    assert [cell.text for cell in table.rows[0]] == ["cell_type", "8 of 8", "category(12)", "0.5 %"]
