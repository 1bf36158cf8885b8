"""A batch says what its columns hold."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from mappedviz import RowBatch
from mappedviz.report.html import batch_html
from tests.report.pages import KEPT_TAGS, Reader


def test_batch(collection):
    batch = collection[[0, 5, 1100]]
    reader = Reader(batch._repr_html_())
    assert set(reader.tags) <= KEPT_TAGS
    (columns,) = reader.tables
    assert [row[0] for row in columns[1:]] == batch.keys()
    assert "RowBatch of 3 rows" in reader.text
    by_key = {row[0]: row[1:] for row in columns[1:]}
    assert by_key["cell_type"][0] == "int64"
    assert by_key["X"][1] == f"3 × {batch['X'].shape[1]:,}"


def test_batch_of_every_kind_of_column():
    batch = RowBatch(
        {
            "X": sp.csr_matrix(np.eye(3)),
            "dense": np.zeros((3, 2)),
            "ragged": [np.zeros(2), np.zeros(5), np.zeros(3)],
            "labels": np.array(["<b>", None, ""], dtype=object),
            "empty": np.zeros((3, 0)),
            "many": np.arange(3),
        },
        3,
    )
    (columns,) = Reader(batch_html(batch)).tables
    values = {row[0]: row[1:] for row in columns[1:]}
    assert values["X"] == ["csr float64", "3 × 3", "3 stored values"]
    assert values["dense"][2] == "0 % not 0, 0 … 0"
    assert values["ragged"] == ["arrays of different widths", "3 × …", "widths 2 … 5"]
    assert values["labels"][2] == "<b>, (missing), (empty)"
    assert values["empty"][2] == ""
    none = RowBatch({"ragged": [], "long": np.arange(0)}, 0)
    assert "RowBatch of 0 rows" in batch_html(none)
