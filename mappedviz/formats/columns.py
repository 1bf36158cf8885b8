"""Columns of obs and var: categorical or plain, with one notion of missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast

import numpy as np

from mappedviz._types import Array
from mappedviz.formats.encodings import child_array, encoding_of, malformed
from mappedviz.formats.nodes import ArrayNode, GroupNode

ColumnKind: TypeAlias = Literal["categorical", "string", "integer", "float", "boolean"]

__all__ = [
    "Column",
    "ColumnKind",
    "all_text",
    "categorical_column",
    "coded_column",
    "kind_of",
    "length_of",
    "plain_column",
    "read_values",
]


@dataclass(frozen=True, eq=False)
class Column:
    """One column of obs or var.

    Either categorical (``codes`` into ``categories``, -1 is missing) or plain
    (``data`` with an optional mask ``missing``). There is one notion of missing: code -1, a set
    mask, NaN, None. The string ``"nan"`` is a string.

    Attributes
    ----------
    kind
        What the column holds.
    codes, categories
        Of a categorical column: integers (n,) and the labels that they point to.
    data, missing
        Of a plain column: values (n,) and a boolean mask (n,) or None.
    ordered
        Whether the categories have an order.
    """

    kind: ColumnKind
    codes: Array | None = None
    categories: Array | None = None
    data: Array | None = None
    missing: Array | None = None
    ordered: bool = False

    def __len__(self) -> int:
        return len(self.codes if self.codes is not None else cast(Array, self.data))

    def take(self, rows: Array) -> Column:
        """The same column for some rows.

        Parameters
        ----------
        rows
            Integers or a boolean mask, as for numpy.
        """
        if self.codes is not None:
            return Column(self.kind, self.codes[rows], self.categories, ordered=self.ordered)
        assert self.data is not None
        missing = None if self.missing is None else self.missing[rows]
        return Column(self.kind, data=self.data[rows], missing=missing)

    def values(self) -> Array:
        """Labels (n,): objects for strings, else numbers; NaN where missing."""
        if self.codes is not None:
            assert self.categories is not None
            missing = self.codes < 0
            if len(self.categories) == 0:
                return np.full(len(self.codes), np.nan, dtype=object)
            return _with_nan(self.categories[self.codes], missing)
        assert self.data is not None
        return _with_nan(self.data, self.missing)

    def factorized(self) -> tuple[Array, Array]:
        """Codes (n,), -1 where missing, and the categories that they point to.

        A categorical column keeps its categories, unused ones included; another column gets
        its distinct values, sorted.
        """
        if self.codes is not None:
            assert self.categories is not None
            return self.codes, self.categories
        assert self.data is not None
        if self.data.dtype == object:
            from pandas import factorize

            # Not sorted by pandas, which cannot compare labels of different types.
            codes, categories = factorize(self.data)
            order = np.argsort(categories.astype(str), kind="stable")
            rank = np.append(np.empty(len(categories), dtype=np.intp), -1)  # code -1 stays -1
            rank[order] = np.arange(len(categories))
            codes, categories = rank[codes], categories[order]
        else:
            categories, codes = np.unique(self.data, return_inverse=True)
            if self.data.dtype.kind == "f" and len(categories) and np.isnan(categories[-1]):
                codes = np.where(codes == len(categories) - 1, -1, codes)
                categories = categories[:-1]
        if self.missing is not None and self.missing.any():
            codes = np.where(self.missing, -1, codes)
            used = np.zeros(len(categories), dtype=bool)
            used[codes[codes >= 0]] = True
            if not used.all():  # a value that stood only under the mask is not a category
                rank = np.cumsum(used) - 1
                codes = np.where(codes < 0, -1, rank[codes])
                categories = categories[used]
        return codes, categories


def _with_nan(values: Array, missing: Array | None) -> Array:
    if missing is None or not missing.any():
        return values.copy() if values.dtype != object else values
    if values.dtype.kind in "iub":
        # float64 cannot hold every integer or tell True from 1.0: objects can.
        values = values.astype(object if values.dtype.kind == "b" else np.float64)
    else:
        values = values.copy()
    values[missing] = np.nan
    return values


def read_values(node: GroupNode | ArrayNode) -> tuple[Array, Array | None]:
    """Return values (n,) and a mask of missing ones: of an array, or of a group by its encoding."""
    if isinstance(node, ArrayNode):
        if len(node.shape) != 1:
            raise malformed(node, f"has {len(node.shape)} dimensions where 1 was expected")
        return node.read(), None
    encoding = encoding_of(node)
    read = _VALUES.get(encoding or "")
    if read is None:
        raise malformed(node, f"has the encoding {encoding!r}, which is not known as a column")
    return read(node)


def _nullable(node: GroupNode) -> tuple[Array, Array | None]:
    values, mask = child_array(node, "values"), child_array(node, "mask")
    if values.shape != mask.shape or len(values.shape) != 1:
        raise malformed(node, f"has values {values.shape} but a mask {mask.shape}")
    return values.read(), mask.read().astype(bool)


def _labels(node: GroupNode) -> tuple[Array, Array | None]:
    column = coded_column(node)  # used as an index
    return column.values(), cast(Array, column.codes) < 0


#: Encoding of a group -> reads its values and the mask of missing ones.
_VALUES: dict[str, Callable[[GroupNode], tuple[Array, Array | None]]] = {
    "categorical": _labels,
    "nullable-boolean": _nullable,
    "nullable-integer": _nullable,
    "nullable-string-array": _nullable,
}


def coded_column(node: GroupNode) -> Column:
    """Return a categorical of anndata 0.8 and later: codes beside their categories."""
    codes = child_array(node, "codes").read()
    if "categories" not in node:
        raise malformed(node, "has codes, but their categories are not there")
    ordered = bool(node.attrs.get("ordered", False))
    return categorical_column(node, codes, *read_values(node["categories"]), ordered=ordered)


def all_text(values: Array) -> bool:
    """Whether all objects are of type str: quicker than to look whether each is missing.

    Examples
    --------
    >>> all_text(np.array(["a", "b"], dtype=object)), all_text(np.array(["a", None]))
    (True, False)
    """
    return set(map(type, values.tolist())) <= {str}


def plain_column(node: GroupNode | ArrayNode, data: Array, missing: Array | None) -> Column:
    """Return a column of values; None and NaN are missing, as is what the mask says."""
    if data.ndim != 1:
        raise malformed(node, f"has {data.ndim} dimensions where 1 was expected")
    if data.dtype == object:
        absent = _absent(data)
        if absent is not None:
            missing = absent if missing is None else missing | absent
    elif data.dtype.kind == "f":
        absent = np.isnan(data)
        missing = absent if missing is None else missing | absent
    elif data.dtype.kind not in "iub":
        raise malformed(node, f"has values of {data.dtype}, which no column can have")
    return Column(kind_of(data.dtype), data=data, missing=missing)


def _absent(values: Array) -> Array | None:
    """Mask of the objects that are None or NaN; None where there are none."""
    if all_text(values):
        return None
    absent = np.array([value is None or value != value for value in values], dtype=bool)
    return absent if absent.any() else None


def categorical_column(
    node: GroupNode | ArrayNode,
    codes: Array,
    categories: Array,
    missing: Array | None,
    ordered: bool = False,
) -> Column:
    """Return a column of codes and categories, after checking that they fit each other."""
    codes = codes.astype(np.int64) if codes.dtype.kind == "u" else codes
    if codes.dtype.kind != "i" or codes.ndim != 1:
        raise malformed(
            node,
            f"has codes of {codes.dtype} in {codes.ndim} dimensions where integers in 1 were expected",
        )
    if len(codes) and (int(codes.max()) >= len(categories) or int(codes.min()) < -1):
        raise malformed(
            node,
            f"has codes from {codes.min()} to {codes.max()} for {len(categories)} categories",
        )
    if missing is None and categories.dtype == object:
        missing = _absent(categories)
    elif missing is None and categories.dtype.kind == "f":
        missing = np.isnan(categories)
    if missing is not None and missing.any():  # a missing category is no category
        rank = np.where(missing, -1, np.cumsum(~missing) - 1)
        codes = np.where(codes < 0, -1, rank[codes]).astype(codes.dtype)
        categories = categories[~missing]
    distinct = len(set(categories.tolist()))
    if distinct != len(categories):
        raise malformed(node, f"has {len(categories)} categories, only {distinct} of them distinct")
    return Column("categorical", codes, categories, ordered=ordered)


def kind_of(dtype: np.dtype[Any]) -> ColumnKind:
    """Return what a column of values of this type is."""
    kinds: dict[str, ColumnKind] = {
        "i": "integer",
        "u": "integer",
        "f": "float",
        "b": "boolean",
    }
    return kinds.get(dtype.kind, "string")


def length_of(node: GroupNode | ArrayNode) -> int:
    """Return the number of values of a column, from metadata alone."""
    if isinstance(node, ArrayNode):
        return int(node.shape[0]) if node.shape else 0
    for key in ("values", "codes"):
        if key in node:
            return int(child_array(node, key).shape[0])
    raise malformed(node, f"has the encoding {encoding_of(node)!r}, which is not known")
