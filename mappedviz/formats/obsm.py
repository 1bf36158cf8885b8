"""Elements of obsm: arrays, sparse matrices and data frames."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np

from mappedviz._types import Array
from mappedviz.formats.encodings import child_array, encoding_of, malformed
from mappedviz.formats.frames import column_names, frame_length, read_column
from mappedviz.formats.matrices import matrix_facts
from mappedviz.formats.nodes import ArrayNode, GroupNode

__all__ = ["ObsmFacts", "obsm_facts", "read_field", "read_obsm"]


@dataclass(frozen=True)
class ObsmFacts:
    """What one obsm element is: ``kind`` ``"dense"``, ``"csr"``, ``"csc"`` or ``"frame"``."""

    kind: Literal["dense", "csr", "csc", "frame"]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def obsm_facts(node: GroupNode | ArrayNode) -> dict[str, ObsmFacts]:
    """What the elements of obsm are, from metadata; null-encoded ones are left out."""
    if isinstance(node, ArrayNode):  # anndata 0.5: a structured array
        fields: Any = node.dtype.fields or {}
        found = {name: fields[name][0].subdtype or (fields[name][0], ()) for name in fields}
        return {
            name: ObsmFacts("dense", (node.shape[0], *shape), dtype.newbyteorder("="))
            for name, (dtype, shape) in found.items()
        }
    elements = {name: _obsm_element(node[name]) for name in node.keys()}  # noqa: SIM118
    return {name: facts for name, facts in elements.items() if facts is not None}


def read_field(node: ArrayNode, name: str) -> Array:
    """One field of a structured array, in native byte order."""
    values: Array = node.read()[name]
    return values.astype(values.dtype.newbyteorder("="))


def _obsm_element(node: GroupNode | ArrayNode) -> ObsmFacts | None:
    if encoding_of(node) == "null":
        return None
    if isinstance(node, ArrayNode):
        if node.dtype.names is None and len(node.shape) >= 1 and node.dtype.kind in "iufb":
            return ObsmFacts("dense", node.shape, node.dtype.newbyteorder("="))
        raise malformed(node, f"is an array {node.shape} of {node.dtype}, not an embedding")
    if encoding_of(node) == "dataframe":
        names = column_names(node)
        dtypes = []
        for name in names:
            column = node[name]
            if not isinstance(column, ArrayNode):
                values = child_array(column, "values" if "values" in column else "codes")
                dtypes.append(np.result_type(values.dtype, np.float64))
            else:
                dtypes.append(column.dtype.newbyteorder("="))
        dtype = np.result_type(*dtypes) if dtypes else np.dtype(np.float64)
        return ObsmFacts("frame", (frame_length(node), len(names)), dtype)
    facts = matrix_facts(node)
    assert facts is not None  # null was dealt with above
    return ObsmFacts(facts.kind, facts.shape, facts.dtype)


def read_obsm(node: GroupNode | ArrayNode) -> Array:
    """A whole obsm element as a dense array (n_obs, …); columns of a data frame side by side."""
    if isinstance(node, ArrayNode):
        values: Array = node.read()
        return values.astype(values.dtype.newbyteorder("="), copy=False)
    if encoding_of(node) == "dataframe":
        columns, n = [], frame_length(node)
        for name in column_names(node):
            column = read_column(node, name, length=n)
            if column.kind in ("categorical", "string"):
                raise malformed(node, f"has a {column.kind} column {name!r}, which is no number")
            columns.append(column.values())
        if not columns:
            return np.empty((n, 0))
        return np.column_stack(columns)
    from scipy import sparse

    facts = matrix_facts(node)
    assert facts is not None
    node.take(math.prod(facts.shape) * facts.dtype.itemsize)
    parts = tuple(child_array(node, key).read() for key in ("data", "indices", "indptr"))
    make: Callable[..., Any] = sparse.csr_matrix if facts.kind == "csr" else sparse.csc_matrix
    try:
        matrix = make(parts, shape=facts.shape)
        matrix.check_format(full_check=True)
    except ValueError as error:
        raise malformed(node, f"is no valid {facts.kind} matrix ({error})") from error
    return cast(Array, matrix.toarray())
