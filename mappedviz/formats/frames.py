"""Data frames as anndata writes them: names of columns, the index, and one column at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from mappedviz._types import Array
from mappedviz.errors import ElementError, MissingKeyError
from mappedviz.formats.columns import (
    Column,
    ColumnKind,
    categorical_column,
    coded_column,
    kind_of,
    length_of,
    plain_column,
    read_values,
)
from mappedviz.formats.encodings import child_array, encoding_of, malformed
from mappedviz.formats.nodes import ArrayNode, GroupNode

__all__ = [
    "ColumnFacts",
    "column_facts",
    "column_names",
    "frame_length",
    "read_column",
    "read_index",
]


def column_names(frame: GroupNode | ArrayNode) -> tuple[str, ...]:
    """Names of the columns of an obs or var element, the index left out."""
    if isinstance(frame, ArrayNode):
        names = frame.dtype.names
        if names is None:
            raise malformed(frame, f"is an array of {frame.dtype}, not a data frame")
        return tuple(name for name in names if name != _legacy_index(frame))
    index = frame.attrs.get("_index")
    inside = frame.keys()
    keys = [key for key in inside if key not in ("__categories", index)]
    if index is None:
        keys = [key for key in keys if key not in ("_index", "index")]
    order = frame.attrs.get("column-order")
    if order is None:
        return tuple(keys)
    present = set(keys)
    ordered = [str(key) for key in np.atleast_1d(order) if str(key) in present]
    return tuple(dict.fromkeys(ordered + keys))


def _has_column(frame: GroupNode | ArrayNode, name: str) -> bool:
    """Whether a name is among :func:`column_names`, without listing all of them."""
    if isinstance(frame, ArrayNode):
        return name in column_names(frame)
    index = frame.attrs.get("_index")
    none = ("__categories", "_index", "index") if index is None else ("__categories", index)
    # A name with a slash leads into a column of a file; an object in memory may have one of that name.
    return name not in none and name in frame and ("/" not in name or name in list(frame))


def read_index(frame: GroupNode | ArrayNode) -> Array:
    """The index of an obs or var element: objects (n,) of type str."""
    if isinstance(frame, ArrayNode):
        values, missing = _legacy_field(frame, _legacy_index(frame)), None
    else:
        values, missing = read_values(_index_node(frame))
    if missing is not None and missing.any():
        raise malformed(frame, f"has an index with {int(missing.sum())} missing names")
    if values.dtype != object:  # positional or numeric names: "0", "1", …
        values = np.array([str(value) for value in values.tolist()], dtype=object)
    return values


def frame_length(frame: GroupNode | ArrayNode) -> int:
    """Number of rows of an obs or var element, from metadata alone."""
    if isinstance(frame, ArrayNode):
        return int(frame.shape[0])
    return length_of(_index_node(frame))


def read_column(
    frame: GroupNode | ArrayNode,
    name: str,
    *,
    uns: GroupNode | None = None,
    length: int | None = None,
) -> Column:
    """One column of an obs or var element.

    Parameters
    ----------
    frame
        The element ``obs`` or ``var``.
    name
        Name of the column.
    uns
        The element ``uns`` of the same store: anndata 0.5 kept categories there.
    length
        Number of rows that the column must have.

    Raises
    ------
    MissingKeyError
        No such column.
    ElementError
        The column is malformed: wrong length, codes outside the categories, unknown encoding.
    """
    if not _has_column(frame, name):
        raise MissingKeyError(
            f"no column {name!r} among {list(column_names(frame))[:20]}",
            store=frame.store,
            key=frame.name,
            remedy="Name one of these columns.",
        )
    _check_length(frame, name, length)
    if isinstance(frame, ArrayNode):
        data = _legacy_field(frame, name)
        legacy = uns is not None and f"{name}_categories" in uns and data.dtype.kind in "iu"
        node: GroupNode | ArrayNode = frame
        column = (
            categorical_column(
                frame, data, *read_values(cast(GroupNode, uns)[f"{name}_categories"])
            )
            if legacy
            else plain_column(frame, data, None)
        )
    else:
        node = frame[name]
        shared = _shared_categories(frame, name) if isinstance(node, ArrayNode) else None
        if isinstance(node, ArrayNode) and shared is not None:
            ordered = bool(shared.attrs.get("ordered", False))
            column = categorical_column(node, node.read(), *read_values(shared), ordered=ordered)
        elif isinstance(node, GroupNode) and encoding_of(node) == "categorical":
            column = coded_column(node)
        else:
            column = plain_column(node, *read_values(node))
    _refuse_length(frame, name, len(column), length)
    return column


def _check_length(frame: GroupNode | ArrayNode, name: str, length: int | None) -> None:
    """Refuse a column of another length by its metadata, before memory is taken for it."""
    if length is None or isinstance(frame, ArrayNode):
        return
    node = frame[name]
    if isinstance(node, ArrayNode):
        found = node.shape[0] if len(node.shape) == 1 else None
    else:
        keys = [key for key in ("codes", "values", "mask") if key in node]
        shapes = [child_array(node, key).shape for key in keys]
        # A part that is too short takes no memory: what it does not fit is said when it is read.
        longer = [shape[0] for shape in shapes if len(shape) == 1 and shape[0] > length]
        found = longer[0] if longer else None
    if found is not None:
        _refuse_length(frame, name, found, length)


def _refuse_length(frame: GroupNode | ArrayNode, name: str, found: int, length: int | None) -> None:
    if length is not None and found != length:
        raise ElementError(
            f"has {found} values where the store has {length} rows",
            store=frame.store,
            key=f"{frame.name}/{name}",
            remedy="Write the store again with anndata, or leave it out.",
        )


@dataclass(frozen=True)
class ColumnFacts:
    """What one column of obs or var is, from metadata alone.

    Attributes
    ----------
    kind
        What the column holds.
    dtype
        Its type as a person would say it: ``"category(12)"``, ``"int64"``, ``"str"``.
    length
        Number of values.
    """

    kind: ColumnKind
    dtype: str
    length: int


def column_facts(
    frame: GroupNode | ArrayNode, name: str, *, uns: GroupNode | None = None
) -> ColumnFacts:
    """What a column is, without reading it (but see anndata 0.5 string fields)."""
    if isinstance(frame, ArrayNode):
        assert frame.dtype.fields is not None
        dtype = frame.dtype.fields[name][0]
        if uns is not None and f"{name}_categories" in uns and dtype.kind in "iu":
            n = length_of(uns[f"{name}_categories"])
            return ColumnFacts("categorical", f"category({n})", frame.shape[0])
        return ColumnFacts(kind_of(dtype), _dtype_name(dtype), frame.shape[0])
    node = frame[name]
    if isinstance(node, ArrayNode):
        shared = _shared_categories(frame, name)
        if shared is not None:
            n = length_of(shared)
            return ColumnFacts("categorical", f"category({n})", node.shape[0])
        return ColumnFacts(kind_of(node.dtype), _dtype_name(node.dtype), node.shape[0])
    if "codes" in node and "categories" in node:
        n = length_of(node["categories"])
        return ColumnFacts("categorical", f"category({n})", child_array(node, "codes").shape[0])
    values = child_array(node, "values")
    name_of = {"i": "Int", "u": "UInt", "b": "boolean", "O": "string", "S": "string", "U": "string"}
    text = name_of.get(values.dtype.kind, "")
    bits = str(values.dtype.itemsize * 8) if values.dtype.kind in "iu" else ""
    return ColumnFacts(kind_of(values.dtype), f"{text}{bits}", values.shape[0])


def _shared_categories(frame: GroupNode, name: str) -> GroupNode | ArrayNode | None:
    """Where anndata 0.7 kept the categories of a column; None if it is not categorical."""
    shared = frame["__categories"] if "__categories" in frame else None  # noqa: SIM401
    if isinstance(shared, GroupNode) and name in shared:
        return shared[name]
    node = frame[name]
    if "categories" in node.attrs:  # a reference, which leads nowhere
        raise malformed(node, "has codes, but their categories are not there")
    return None


def _index_node(frame: GroupNode) -> GroupNode | ArrayNode:
    name = frame.attrs.get("_index")
    if name is None:
        name = next((key for key in ("_index", "index") if key in frame), None)
    if name is None or str(name) not in frame:
        raise malformed(frame, f"names {name!r} as its index, which is not there")
    return frame[str(name)]


def _legacy_index(frame: ArrayNode) -> str:
    names = frame.dtype.names or ()
    return next((name for name in ("index", "_index") if name in names), names[0] if names else "")


def _legacy_field(frame: ArrayNode, name: str) -> Array:
    return frame.read()[name]


def _dtype_name(dtype: np.dtype[Any]) -> str:
    return "str" if dtype.kind in "OSU" else str(dtype.newbyteorder("="))
