"""What the compiled core is called with: structs of int64, and return codes.

Mirrors ``mappedviz/native/src/layout.hpp``, which says what the fields mean.
"""

from __future__ import annotations

import ctypes
from typing import Any


def _fields(*names: str) -> list[tuple[str, Any]]:
    return [(name, ctypes.c_int64) for name in names]


class Chunks(ctypes.Structure):
    """The chunks of a stored array: where they are, in a file or in memory."""

    _fields_ = _fields("table", "count", "ids", "length", "item")


class Source(ctypes.Structure):
    """Where a table of chunks counts from: the start of an open file, or an address."""

    _fields_ = _fields("fd", "origin")


class MatrixFields(ctypes.Structure):
    """A matrix in a batch; from ``values_from`` on, the fields are of this batch."""

    _fields_ = [
        *_fields("dense", "n_rows", "n_vars", "nnz", "indptr", "wide", "type", "index"),
        ("values", Chunks),
        ("columns", Chunks),
        *_fields("width", "grid"),
        ("values_from", Source),
        ("columns_from", Source),
        *_fields("remap", "order", "begin", "end"),
    ]


class BatchCall(ctypes.Structure):
    """One call of ``check``, ``plan``, ``dense`` or ``csr``."""

    _fields_ = [
        *_fields("matrices", "n_matrices", "rows", "out_rows", "begin", "end", "n_out", "n_cols"),
        *_fields("type", "bound", "longest", "out", "indptr", "indices", "data"),
        *_fields("part_of", "slot_of", "turns", "n_turns", "ids", "most_chunks"),
        *_fields("total", "spans", "failed_part", "failed_row"),
    ]


class RowCall(ctypes.Structure):
    """One row of one matrix."""

    _fields_ = [("matrix", MatrixFields), *_fields("row", "out", "n_cols", "type", "bound", "lost")]


# Positions among the int64 of a struct.
N_FIELDS = ctypes.sizeof(MatrixFields) // 8
N_FIXED = MatrixFields.values_from.offset // 8
VALUES = MatrixFields.values.offset // 8
COLUMNS = MatrixFields.columns.offset // 8
TABLE, COUNT, IDS = (getattr(Chunks, name).offset // 8 for name in ("table", "count", "ids"))
SOURCES = MatrixFields.values_from.offset // 8
ROW, OUT, LOST_AT = (getattr(RowCall, name).offset // 8 for name in ("row", "out", "lost"))

#: Types of values and indices; their position is the number that the core knows them by.
TYPES = ("b1", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8")
CODES = {name: code for code, name in enumerate(TYPES)}

#: Mapped files that the guard knows at once; in its table, three int64 each.
START, STOP, LOST_PAGE = 0, 1, 2
N_ENTRY = 3

# --- return codes --------------------------------------------------------------------------
OK = 0
BAD_ROW = -1  # the matrix has no such row
BAD_OUT_ROW = -2  # the output has no such row
BAD_POINTER = -3  # row pointers outside [0, nnz] or descending
BAD_INDEX = -4  # a column index outside [0, n_vars)
SHORT = -5  # the file ends before the chunk does
UNREADABLE = -6  # pread failed
NO_CHUNK = -7  # a chunk is not in the table
TOO_LARGE = -8  # a sum does not fit the type of the output
NO_MEMORY = -9
RECOUNT = -10  # a row does not have as many values as the row pointers of the output say
LOST = -11  # a page of a mapped file was missing
