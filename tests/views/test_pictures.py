"""Charts and tables are checked where they are made: what travels can be drawn."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mappedviz.text.colours import OKABE_ITO
from mappedviz.text.display import shown
from mappedviz.views import pictures
from tests.hostile import HOSTILE

SERIES = [{"name": "cells", "colour": "#0072b2"}]
GRID = [{"id": "a", "label": "A"}, {"id": "b", "label": "B", "align": "right"}]


def test_values_of_numpy_become_numbers_of_json():
    rows = [{"id": "a", "label": "A", "values": np.array([1, 2.5, np.nan]), "marks": [3.0]}]
    made = pictures.bars("bars", "B", rows, SERIES)
    assert made["rows"] == [{"label": "A", "values": [1, 2.5, None], "marks": [3], "id": "a"}]
    json.dumps(made, allow_nan=False)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["a"], "is not a dictionary"),
        ([{"label": "A"}], "'id'.*is not text"),
        ([{"id": 1, "label": "A"}], "'id'.*is not text"),
        ([{"id": "a", "label": 3}], "'label'.*is not text"),
        ([{"id": "a", "label": "A"}] * 2, "the id 'a' is there twice"),
        ([{"id": "a", "label": "A", "value": 3}], r"has \['value'\]; known are"),
        ([{"id": "a", "label": "A", "values": 3}], "is not a list of numbers"),
        ([{"id": "a", "label": "A", "values": "12"}], "is not a list of numbers"),
        ([{"id": "a", "label": "A", "values": ["1"]}], "is not a number"),
        ([{"id": "a", "label": "A", "values": [True]}], "is not a number"),
        ([{"id": "a", "label": "A", "values": [np.inf]}], "cannot be drawn"),
        ([{"id": str(i)} for i in range(201)], "too many"),
    ],
)
def test_rows_that_cannot_be_drawn_are_refused(rows, message):
    with pytest.raises((TypeError, ValueError), match=message):
        pictures.bars("bars", "B", rows, SERIES)


@pytest.mark.parametrize("colour", ["red", "#fff", "url(http://evil)", "#0072b2;x", None, 3])
def test_colours_are_colours(colour):
    with pytest.raises(ValueError, match="is not a colour"):
        pictures.bars("bars", "B", [], [{"name": "x", "colour": colour}])
    row = {"id": "r", "cells": [{"text": "x", "colour": colour or "red"}, {"text": ""}]}
    with pytest.raises(ValueError, match="is not a colour"):
        pictures.table("t", "T", GRID, [row])


def test_a_change_of_25_categories_and_8_stores_is_small():
    rng = np.random.default_rng(0)
    rows = [
        {
            "id": str(i),
            "label": f"CD{i} positive, αβ T cell",
            "values": row,
            "text": f"{row.sum():,} (3.1 %)",
            "title": "in all 8 stores",
        }
        for i, row in enumerate(rng.integers(1_000, 90_000, (25, 8)))
    ]
    series = [{"name": f"store_{i}.h5ad", "colour": OKABE_ITO[i]} for i in range(8)]
    assert len(json.dumps(pictures.bars("bars", "Cells", rows, series))) < 10_000


@pytest.mark.parametrize("name", HOSTILE)
def test_any_name_is_a_label(name):
    made = pictures.bars("bars", "B", [{"id": "0", "label": shown(name), "values": [1]}], SERIES)
    json.dumps(made, ensure_ascii=False).encode()
