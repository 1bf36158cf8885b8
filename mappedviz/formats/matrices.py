"""Matrices as anndata writes them: dense, CSR and CSC, known from their metadata."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast

import numpy as np

from mappedviz.formats.encodings import child_array, encoding_of, malformed
from mappedviz.formats.nodes import ArrayNode, GroupNode

__all__ = ["SPARSE_PARTS", "MatrixFacts", "MatrixKind", "matrix_facts"]

#: The arrays of a sparse matrix.
SPARSE_PARTS = ("data", "indices", "indptr")

MatrixKind: TypeAlias = Literal["csr", "csc", "dense"]

_SPARSE: dict[str, MatrixKind] = {
    "csr_matrix": "csr",
    "csc_matrix": "csc",
    "csr": "csr",
    "csc": "csc",
}


@dataclass(frozen=True)
class MatrixFacts:
    """What one stored matrix is, known from its metadata alone.

    Attributes
    ----------
    kind
        ``"csr"``, ``"csc"`` or ``"dense"``.
    shape
        Observations × variables.
    dtype
        Type of the values, in native byte order.
    index_dtype
        Type of the column indices; None for a dense matrix.
    nnz
        Number of stored values; None for a dense matrix.
    chunks
        Shape of the chunks of the values; None where they are contiguous.
    codec
        How the values are compressed, for people: ``"gzip(4)+shuffle"``, ``"none"``.
    stored_nbytes
        Bytes on disk, where that is cheap to know.
    """

    kind: MatrixKind
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    index_dtype: np.dtype[Any] | None = None
    nnz: int | None = None
    chunks: tuple[int, ...] | None = None
    codec: str = "none"
    stored_nbytes: int | None = None

    @property
    def density(self) -> float:
        """Stored values over all values; 1 for a dense matrix, NaN for an empty one."""
        size = self.shape[0] * self.shape[1]
        if self.nnz is None:
            return 1.0
        return self.nnz / size if size else float("nan")


def matrix_facts(node: GroupNode | ArrayNode) -> MatrixFacts | None:
    """What a stored matrix is; None for a null-encoded one.

    Raises
    ------
    ElementError
        The element is no matrix, or its parts contradict each other.
    """
    if encoding_of(node) == "null":
        return None
    if isinstance(node, ArrayNode):
        if len(node.shape) != 2 or node.dtype.kind not in "iufb":
            raise malformed(node, f"is an array {node.shape} of {node.dtype}, not a 2-d matrix")
        return MatrixFacts(
            "dense",
            (node.shape[0], node.shape[1]),
            node.dtype.newbyteorder("="),
            chunks=node.chunks,
            codec=node.codec,
            stored_nbytes=node.stored_nbytes,
        )
    encoding = encoding_of(node) or str(node.attrs.get("h5sparse_format"))
    if encoding not in _SPARSE:
        raise malformed(node, f"has the encoding {encoding!r}, which is not a matrix")
    shape = node.attrs.get("shape", node.attrs.get("h5sparse_shape"))
    if np.shape(shape) != (2,) or np.asarray(shape).dtype.kind not in "iuf":
        raise malformed(node, f"has the shape {shape!r}, which is not 2-d")
    data, indices, indptr = (child_array(node, key) for key in SPARSE_PARTS)
    n_obs, n_vars = int(shape[0]), int(shape[1])
    kind = _SPARSE[encoding]
    major = n_obs if kind == "csr" else n_vars
    if indptr.shape != (major + 1,):
        raise malformed(node, f"has an indptr of length {indptr.shape} for {major} {kind} rows")
    if data.shape != indices.shape or len(data.shape) != 1:
        raise malformed(node, f"has data {data.shape} but indices {indices.shape}")
    if data.dtype.kind not in "iufb" or indices.dtype.kind not in "iu":
        raise malformed(node, f"has data of {data.dtype} and indices of {indices.dtype}")
    sizes = (data.stored_nbytes, indices.stored_nbytes)
    return MatrixFacts(
        kind,
        (n_obs, n_vars),
        data.dtype.newbyteorder("="),
        indices.dtype.newbyteorder("="),
        data.shape[0],
        data.chunks,
        data.codec,
        None if None in sizes else sum(cast("tuple[int, int]", sizes)),
    )
