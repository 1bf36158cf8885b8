"""Nodes of what is in memory already: arrays, sparse matrices and data frames of an AnnData object.

They are encoded as anndata writes them, so that everything above reads them as it reads a file;
matrices are not copied.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from mappedviz._types import Array
from mappedviz.formats.chunks import HeldArray
from mappedviz.formats.nodes import ArrayNode, GroupNode, join, split

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MemoryArray", "MemoryGroup", "frame_at", "matrix_at", "names_at", "obsm_at"]

Maker: TypeAlias = "Callable[[str, str], GroupNode | ArrayNode]"
"""Makes the node of an element, given its store and its key."""

_REPAIR = "Change it in the AnnData object, or leave it out."
#: How elements of a library become those of numpy or scipy, in code.
_INTO_MEMORY = {
    "anndata": "{}.to_memory()",
    "cupy": "{}.get()",
    "cupyx": "{}.get()",
    "dask": "{}.compute()",
    "h5py": "{}[...]",
    "torch": "{}.numpy()",
    "zarr": "{}[...]",
}


class MemoryGroup(GroupNode):
    """A group whose children are made of what is in memory, when they are asked for.

    Parameters
    ----------
    store, name
        Address of the store, and key of the group.
    children
        Makers of the children by their names.
    attrs
        The attributes.
    """

    repair = _REPAIR

    def __init__(
        self,
        store: str,
        name: str,
        children: Mapping[str, Maker],
        attrs: Mapping[str, Any] | None = None,
    ) -> None:
        self.store = store
        self.name = name
        self._children = children
        self._attrs = attrs or {}

    @property
    def attrs(self) -> Mapping[str, Any]:
        """See :class:`~mappedviz.formats.nodes.Node`."""
        return self._attrs

    def keys(self) -> list[str]:
        """See :class:`~mappedviz.formats.nodes.GroupNode`."""
        return sorted(self._children)

    def __contains__(self, name: object) -> bool:
        if name in self._children:
            return True
        first, _, rest = str(name).partition("/")
        child = self[first] if rest and first in self._children else None
        return isinstance(child, MemoryGroup) and rest in child

    def __getitem__(self, name: str) -> GroupNode | ArrayNode:
        make = self._children.get(name)
        if make is not None:
            return make(self.store, join(self.name, name))
        first, *rest = split(name) or [""]
        if not rest or first not in self._children:
            raise self.missing(name)
        child = self[first]
        if not isinstance(child, MemoryGroup):
            raise self.missing(name)
        return child["/".join(rest)]


class MemoryArray(ArrayNode):
    """An array of numpy.

    Parameters
    ----------
    store, name
        Address of the store, and key of the array.
    values
        The array. Objects are texts, None and NaN.
    """

    repair = _REPAIR

    def __init__(self, store: str, name: str, values: Array) -> None:
        self.store = store
        self.name = name
        self.values = values
        self.shape = values.shape
        kind = values.dtype.kind
        self.dtype = np.dtype(object) if kind in "OSU" else values.dtype.newbyteorder("=")

    @property
    def attrs(self) -> Mapping[str, Any]:
        """See :class:`~mappedviz.formats.nodes.Node`."""
        return {}

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """See :class:`~mappedviz.formats.nodes.ArrayNode`."""
        return None

    @property
    def codec(self) -> str:
        """See :class:`~mappedviz.formats.nodes.ArrayNode`."""
        return "none"

    @property
    def stored_nbytes(self) -> int | None:
        """See :class:`~mappedviz.formats.nodes.ArrayNode`."""
        return self.values.nbytes

    def take(self, n_bytes: int) -> None:
        """Count nothing: it is in memory already."""

    def read(self, selection: Any = ()) -> Array:
        """See :class:`~mappedviz.formats.nodes.ArrayNode`."""
        values = np.asarray(self.values[selection])
        return self._texts(values) if self.dtype == object else values.astype(self.dtype)

    def chunked(self) -> HeldArray:
        """See :class:`~mappedviz.formats.nodes.ArrayNode`; a copy if rows are not in one piece."""
        self.check_numeric()
        return HeldArray((self.store, self.name), np.ascontiguousarray(self.values, self.dtype))

    def _texts(self, values: Array) -> Array:
        from pandas import isna

        given = values.reshape(-1).tolist()
        kinds = set(map(type, given))
        if kinds <= {str}:
            return values.astype(object)  # a copy
        texts = [one if isinstance(one, str) else None for one in given]
        wrong = {
            type(one) for one in given if not isinstance(one, str) and not _is_missing(one, isna)
        }
        if wrong:
            names = ", ".join(sorted(kind.__name__ for kind in wrong))
            raise self.error(
                f"has objects of type {names}, which are neither numbers nor texts",
                "Make them one or the other, such as with astype(str), or leave it out.",
            )
        made = np.empty(len(texts), dtype=object)
        made[:] = [None if one is None else str(one) for one in texts]
        return made.reshape(values.shape)


def _is_missing(value: Any, isna: Callable[[Any], Any]) -> bool:
    return isna(value) is True


# ------------------------------------------------------------------------------------- elements
def array_at(values: Any, store: str, name: str) -> MemoryArray:
    """Return the node of an array."""
    return MemoryArray(store, name, np.asarray(values))


def names_at(names: Mapping[str, Any], store: str, name: str) -> MemoryGroup:
    """Return the node of a mapping whose values are not read."""
    return MemoryGroup(store, name, {str(key): _not_read for key in names})


def _not_read(store: str, name: str) -> GroupNode:
    raise MemoryGroup(store, name, {}).error("is not read of an AnnData object")


def matrix_at(matrix: Any, code: str, store: str, name: str) -> GroupNode | ArrayNode:
    """Return the node of a matrix.

    Parameters
    ----------
    matrix
        An array of numpy, or a CSR or CSC matrix of scipy.
    code
        What it is called in code: ``"adata.X"``.
    store, name
        Address of the store, and key of the matrix.

    Raises
    ------
    ElementError
        It is neither.
    """
    if isinstance(matrix, np.ndarray):
        return array_at(matrix, store, name)
    form = _form_of(matrix)
    if form in ("csr", "csc"):
        n = int(matrix.indptr[-1])  # scipy may have room for more entries
        parts: dict[str, Maker] = {
            "data": partial(array_at, matrix.data[:n]),
            "indices": partial(array_at, matrix.indices[:n]),
            "indptr": partial(array_at, matrix.indptr),
        }
        attrs = {"encoding-type": f"{form}_matrix", "shape": matrix.shape}
        return MemoryGroup(store, name, parts, attrs)
    kind = type(matrix)
    library = kind.__module__.partition(".")[0]
    into = "{}.tocsr()" if form else _INTO_MEMORY.get(library)
    raise MemoryGroup(store, name, {}).error(
        f"is {kind.__module__}.{kind.__qualname__}, not an array of numpy or a CSR or CSC matrix of scipy",
        _REPAIR if into is None else f"Make it one: {code} = {into.format(code)}",
    )


def _form_of(matrix: Any) -> str:
    """The format of a sparse matrix of scipy, ``""`` for anything else."""
    from scipy import sparse

    sparse_one: Any = matrix if sparse.issparse(matrix) else None
    return "" if sparse_one is None else str(sparse_one.format)


def obsm_at(element: Any, code: str, store: str, name: str) -> GroupNode | ArrayNode:
    """Return the node of an element of obsm: a matrix, an array or a data frame."""
    if hasattr(element, "columns") and hasattr(element, "index"):
        return frame_at(element, store, name)
    return matrix_at(element, code, store, name)


def frame_at(frame: pd.DataFrame, store: str, name: str) -> MemoryGroup:
    """Return the node of a data frame.

    Raises
    ------
    ElementError
        Names of columns are no texts, or there twice.
    """
    columns: list[Any] = list(frame.columns)
    node = MemoryGroup(store, name, {})
    wrong = [column for column in columns if not isinstance(column, str)]
    if wrong:
        raise node.error(
            f"has columns whose names are no texts: {', '.join(map(repr, wrong[:5]))}",
            f"Name them by texts: adata.{name}.columns = adata.{name}.columns.astype(str)",
        )
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise node.error(f"has several columns {twice!r}", "Rename all but one of them.")
    index = frame.index.name if isinstance(frame.index.name, str) else "_index"
    children: dict[str, Maker] = {
        column: partial(_column_at, frame, column) for column in columns if column != index
    }
    children[index] = partial(array_at, frame.index.astype(str).to_numpy(dtype=object))
    attrs = {
        "encoding-type": "dataframe",
        "encoding-version": "0.2.0",
        "_index": index,
        "column-order": columns,
    }
    return MemoryGroup(store, name, children, attrs)


def _column_at(frame: pd.DataFrame, key: str, store: str, name: str) -> GroupNode | ArrayNode:
    import pandas as pd

    column = frame[key]
    dtype: Any = column.dtype
    array: Any = column.array
    if isinstance(dtype, pd.CategoricalDtype):
        parts: dict[str, Maker] = {
            "codes": partial(array_at, column.cat.codes.to_numpy()),
            "categories": partial(array_at, dtype.categories.to_numpy()),
        }
        attrs = {"encoding-type": "categorical", "ordered": bool(dtype.ordered)}
        return MemoryGroup(store, name, parts, attrs)
    if isinstance(array, (pd.arrays.IntegerArray, pd.arrays.BooleanArray)):
        mask = np.asarray(array.isna())
        filled = array.to_numpy(dtype=dtype.numpy_dtype, na_value=0)
        parts = {"values": partial(array_at, filled), "mask": partial(array_at, mask)}
        kind = "boolean" if dtype.kind == "b" else "integer"
        return MemoryGroup(store, name, parts, {"encoding-type": f"nullable-{kind}"})
    if isinstance(array, pd.arrays.FloatingArray):
        return array_at(array.to_numpy(dtype=dtype.numpy_dtype, na_value=np.nan), store, name)
    return array_at(column.to_numpy(), store, name)
