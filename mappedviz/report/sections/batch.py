"""A batch as plain values: type, shape and a few values of each column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mappedviz.report.values import Cell, Content, Section, Table, text_cell
from mappedviz.text.display import share, shown

if TYPE_CHECKING:
    from mappedviz.collection.row_batch import RowBatch


def batch_content(batch: RowBatch) -> Content:
    """Return what is shown of a batch: type, shape and a few values of each column."""
    rows = [
        [
            text_cell(key),
            Cell(_column_type(value)),
            Cell(_column_shape(value), number=True),
            Cell(_column_values(value)),
        ]
        for key, value in batch.columns.items()
    ]
    section = Section(
        "columns", "Columns", tables=[Table(("key", "type", "shape", "values"), rows)]
    )
    n = len(batch)
    return Content(
        verdict=f"RowBatch of {n:,} {'row' if n == 1 else 'rows'}",
        summary=f"{len(rows)} {'column' if len(rows) == 1 else 'columns'}",
        sections=[section],
    )


def _column_type(value: Any) -> str:
    if isinstance(value, list):
        return "arrays of different widths"
    return f"csr {value.dtype}" if hasattr(value, "indptr") else str(value.dtype)


def _column_shape(value: Any) -> str:
    if isinstance(value, list):
        return f"{len(value):,} × …"
    return " × ".join(f"{n:,}" for n in value.shape)


def _column_values(value: Any) -> str:
    """Return the share of non-zeros and the range, or the first values."""
    if isinstance(value, list):
        widths = [len(one) for one in value]
        return f"widths {min(widths):,} … {max(widths):,}" if widths else ""
    if hasattr(value, "indptr"):
        return f"{value.nnz:,} stored values"
    if value.ndim == 1:
        more = ", …" if len(value) > 6 else ""
        return ", ".join(shown(one, 24) for one in value[:6].tolist()) + more
    if not value.size or value.dtype.kind not in "iufb":
        return ""
    some = value[:256]
    return f"{share(np.count_nonzero(some) / some.size)} not 0, {some.min():.4g} … {some.max():.4g}"
