"""AnnData's on-disk elements, dispatched on ``encoding-type``, whichever library opened the file.

Everything here works on :class:`~mappedviz.formats.detect.GroupNode` and
:class:`~mappedviz.formats.detect.ArrayNode`. anndata's own ``read_elem`` is not used: it needs
anndata, pandas and (for zarr) one to two milliseconds per element, where opening
hundreds of stores must take less than a second.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np

from mappedviz._types import Array
from mappedviz.errors import ElementError, MissingKeyError
from mappedviz.formats.detect import ArrayNode, GroupNode

MatrixKind = Literal["csr", "csc", "dense"]
ColumnKind = Literal["categorical", "string", "integer", "float", "boolean"]

_SPARSE: dict[str, MatrixKind] = {
    "csr_matrix": "csr",
    "csc_matrix": "csc",
    "csr": "csr",
    "csc": "csc",
}
_NULLABLE = ("nullable-integer", "nullable-boolean", "nullable-string-array")


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


# --- frames -------------------------------------------------------------------------------


def column_names(frame: GroupNode | ArrayNode) -> tuple[str, ...]:
    """Names of the columns of an obs or var element, the index left out."""
    if isinstance(frame, ArrayNode):
        names = frame.dtype.names
        if names is None:
            raise _malformed(frame, f"is an array of {frame.dtype}, not a data frame")
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
    return name not in none and "/" not in name and name in frame


def read_index(frame: GroupNode | ArrayNode) -> Array:
    """The index of an obs or var element: objects (n,) of type str."""
    if isinstance(frame, ArrayNode):
        values, missing = _legacy_field(frame, _legacy_index(frame)), None
    else:
        values, missing = _read_values(_index_node(frame))
    if missing is not None and missing.any():
        raise _malformed(frame, f"has an index with {int(missing.sum())} missing names")
    if values.dtype != object:  # positional or numeric names: "0", "1", …
        values = np.array([str(value) for value in values.tolist()], dtype=object)
    return values


def frame_length(frame: GroupNode | ArrayNode) -> int:
    """Number of rows of an obs or var element, from metadata alone."""
    if isinstance(frame, ArrayNode):
        return int(frame.shape[0])
    return _length(_index_node(frame))


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
    if isinstance(frame, ArrayNode):
        data = _legacy_field(frame, name)
        legacy = uns is not None and f"{name}_categories" in uns and data.dtype.kind in "iu"
        node: GroupNode | ArrayNode = frame
        column = (
            _categorical(frame, data, *_read_values(cast(GroupNode, uns)[f"{name}_categories"]))
            if legacy
            else _plain(frame, data, None)
        )
    else:
        node = frame[name]
        shared = _shared_categories(frame, name) if isinstance(node, ArrayNode) else None
        if isinstance(node, ArrayNode) and shared is not None:
            ordered = bool(shared.attrs.get("ordered", False))
            column = _categorical(node, node.read(), *_read_values(shared), ordered=ordered)
        elif isinstance(node, GroupNode) and _encoding(node) == "categorical":
            column = _coded(node)
        else:
            column = _plain(node, *_read_values(node))
    if length is not None and len(column) != length:
        raise ElementError(
            f"has {len(column)} values where the store has {length} rows",
            store=frame.store,
            key=f"{frame.name}/{name}",
            remedy="Write the store again with anndata, or leave it out.",
        )
    return column


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
            n = _length(uns[f"{name}_categories"])
            return ColumnFacts("categorical", f"category({n})", frame.shape[0])
        return ColumnFacts(_kind(dtype), _dtype_name(dtype), frame.shape[0])
    node = frame[name]
    if isinstance(node, ArrayNode):
        shared = _shared_categories(frame, name)
        if shared is not None:
            n = _length(shared)
            return ColumnFacts("categorical", f"category({n})", node.shape[0])
        return ColumnFacts(_kind(node.dtype), _dtype_name(node.dtype), node.shape[0])
    if "codes" in node and "categories" in node:
        n = _length(node["categories"])
        return ColumnFacts("categorical", f"category({n})", _array(node, "codes").shape[0])
    values = _array(node, "values")
    name_of = {"i": "Int", "u": "UInt", "b": "boolean", "O": "string", "S": "string", "U": "string"}
    text = name_of.get(values.dtype.kind, "")
    bits = str(values.dtype.itemsize * 8) if values.dtype.kind in "iu" else ""
    return ColumnFacts(_kind(values.dtype), f"{text}{bits}", values.shape[0])


def _shared_categories(frame: GroupNode, name: str) -> GroupNode | ArrayNode | None:
    """Where anndata 0.7 kept the categories of a column; None if it is not categorical."""
    shared = frame["__categories"] if "__categories" in frame else None  # noqa: SIM401
    if isinstance(shared, GroupNode) and name in shared:
        return shared[name]
    node = frame[name]
    if "categories" in node.attrs:  # a reference, which leads nowhere
        raise _malformed(node, "has codes, but their categories are not there")
    return None


def _index_node(frame: GroupNode) -> GroupNode | ArrayNode:
    name = frame.attrs.get("_index")
    if name is None:
        name = next((key for key in ("_index", "index") if key in frame), None)
    if name is None or str(name) not in frame:
        raise _malformed(frame, f"names {name!r} as its index, which is not there")
    return frame[str(name)]


def _legacy_index(frame: ArrayNode) -> str:
    names = frame.dtype.names or ()
    return next((name for name in ("index", "_index") if name in names), names[0] if names else "")


def _legacy_field(frame: ArrayNode, name: str) -> Array:
    return frame.read()[name]


def _read_values(node: GroupNode | ArrayNode) -> tuple[Array, Array | None]:
    """Values (n,) and a mask of missing ones: arrays, nullable arrays, categoricals."""
    if isinstance(node, ArrayNode):
        if len(node.shape) != 1:
            raise _malformed(node, f"has {len(node.shape)} dimensions where 1 was expected")
        return node.read(), None
    encoding = _encoding(node)
    if encoding in _NULLABLE:
        values, mask = _array(node, "values"), _array(node, "mask")
        if values.shape != mask.shape or len(values.shape) != 1:
            raise _malformed(node, f"has values {values.shape} but a mask {mask.shape}")
        return values.read(), mask.read().astype(bool)
    if encoding == "categorical":  # used as an index
        column = _coded(node)
        return column.values(), cast(Array, column.codes) < 0
    raise _malformed(node, f"has the encoding {encoding!r}, which is not known as a column")


def _coded(node: GroupNode) -> Column:
    """A categorical of anndata 0.8 and later: codes beside their categories."""
    codes = _array(node, "codes").read()
    if "categories" not in node:
        raise _malformed(node, "has codes, but their categories are not there")
    ordered = bool(node.attrs.get("ordered", False))
    return _categorical(node, codes, *_read_values(node["categories"]), ordered=ordered)


def _encoding(node: GroupNode | ArrayNode) -> str | None:
    """What an element says it is; whatever is no text there is known by nobody."""
    encoding = node.attrs.get("encoding-type")
    return encoding if encoding is None or isinstance(encoding, str) else repr(encoding)


def all_text(values: Array) -> bool:
    """Whether all objects are of type str: quicker than to look whether each is missing.

    Examples
    --------
    >>> all_text(np.array(["a", "b"], dtype=object)), all_text(np.array(["a", None]))
    (True, False)
    """
    return set(map(type, values.tolist())) <= {str}


def _plain(node: GroupNode | ArrayNode, data: Array, missing: Array | None) -> Column:
    if data.ndim != 1:
        raise _malformed(node, f"has {data.ndim} dimensions where 1 was expected")
    if data.dtype == object:
        absent = _absent(data)
        if absent is not None:
            missing = absent if missing is None else missing | absent
    elif data.dtype.kind == "f":
        absent = np.isnan(data)
        missing = absent if missing is None else missing | absent
    elif data.dtype.kind not in "iub":
        raise _malformed(node, f"has values of {data.dtype}, which no column can have")
    return Column(_kind(data.dtype), data=data, missing=missing)


def _absent(values: Array) -> Array | None:
    """Mask of the objects that are None or NaN; None where there are none."""
    if all_text(values):
        return None
    absent = np.array([value is None or value != value for value in values], dtype=bool)
    return absent if absent.any() else None


def _categorical(
    node: GroupNode | ArrayNode,
    codes: Array,
    categories: Array,
    missing: Array | None,
    ordered: bool = False,
) -> Column:
    codes = codes.astype(np.int64) if codes.dtype.kind == "u" else codes
    if codes.dtype.kind != "i" or codes.ndim != 1:
        raise _malformed(
            node,
            f"has codes of {codes.dtype} in {codes.ndim} dimensions where integers in 1 were expected",
        )
    if len(codes) and (int(codes.max()) >= len(categories) or int(codes.min()) < -1):
        raise _malformed(
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
        raise _malformed(
            node, f"has {len(categories)} categories, only {distinct} of them distinct"
        )
    return Column("categorical", codes, categories, ordered=ordered)


def _kind(dtype: np.dtype[Any]) -> ColumnKind:
    kinds: dict[str, ColumnKind] = {
        "i": "integer",
        "u": "integer",
        "f": "float",
        "b": "boolean",
    }
    return kinds.get(dtype.kind, "string")


def _dtype_name(dtype: np.dtype[Any]) -> str:
    return "str" if dtype.kind in "OSU" else str(dtype.newbyteorder("="))


def _length(node: GroupNode | ArrayNode) -> int:
    if isinstance(node, ArrayNode):
        return int(node.shape[0]) if node.shape else 0
    for key in ("values", "codes"):
        if key in node:
            return int(_array(node, key).shape[0])
    raise _malformed(node, f"has the encoding {_encoding(node)!r}, which is not known")


# --- matrices -----------------------------------------------------------------------------


def matrix_facts(node: GroupNode | ArrayNode) -> MatrixFacts | None:
    """What a stored matrix is; None for a null-encoded one.

    Raises
    ------
    ElementError
        The element is no matrix, or its parts contradict each other.
    """
    if _encoding(node) == "null":
        return None
    if isinstance(node, ArrayNode):
        if len(node.shape) != 2 or node.dtype.kind not in "iufb":
            raise _malformed(node, f"is an array {node.shape} of {node.dtype}, not a 2-d matrix")
        return MatrixFacts(
            "dense",
            (node.shape[0], node.shape[1]),
            node.dtype.newbyteorder("="),
            chunks=node.chunks,
            codec=node.codec,
            stored_nbytes=node.stored_nbytes,
        )
    encoding = _encoding(node) or str(node.attrs.get("h5sparse_format"))
    if encoding not in _SPARSE:
        raise _malformed(node, f"has the encoding {encoding!r}, which is not a matrix")
    shape = node.attrs.get("shape", node.attrs.get("h5sparse_shape"))
    if np.shape(shape) != (2,) or np.asarray(shape).dtype.kind not in "iuf":
        raise _malformed(node, f"has the shape {shape!r}, which is not 2-d")
    data, indices, indptr = (_array(node, key) for key in ("data", "indices", "indptr"))
    n_obs, n_vars = int(shape[0]), int(shape[1])
    kind = _SPARSE[encoding]
    major = n_obs if kind == "csr" else n_vars
    if indptr.shape != (major + 1,):
        raise _malformed(node, f"has an indptr of length {indptr.shape} for {major} {kind} rows")
    if data.shape != indices.shape or len(data.shape) != 1:
        raise _malformed(node, f"has data {data.shape} but indices {indices.shape}")
    if data.dtype.kind not in "iufb" or indices.dtype.kind not in "iu":
        raise _malformed(node, f"has data of {data.dtype} and indices of {indices.dtype}")
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
    if _encoding(node) == "null":
        return None
    if isinstance(node, ArrayNode):
        if node.dtype.names is None and len(node.shape) >= 1 and node.dtype.kind in "iufb":
            return ObsmFacts("dense", node.shape, node.dtype.newbyteorder("="))
        raise _malformed(node, f"is an array {node.shape} of {node.dtype}, not an embedding")
    if _encoding(node) == "dataframe":
        names = column_names(node)
        dtypes = []
        for name in names:
            column = node[name]
            if not isinstance(column, ArrayNode):
                values = _array(column, "values" if "values" in column else "codes")
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
    if _encoding(node) == "dataframe":
        columns = []
        for name in column_names(node):
            column = read_column(node, name)
            if column.kind in ("categorical", "string"):
                raise _malformed(node, f"has a {column.kind} column {name!r}, which is no number")
            columns.append(column.values())
        if not columns:
            return np.empty((frame_length(node), 0))
        return np.column_stack(columns)
    from scipy import sparse

    facts = matrix_facts(node)
    assert facts is not None
    parts = tuple(_array(node, key).read() for key in ("data", "indices", "indptr"))
    make: Callable[..., Any] = sparse.csr_matrix if facts.kind == "csr" else sparse.csc_matrix
    try:
        matrix = make(parts, shape=facts.shape)
        matrix.check_format(full_check=True)
    except ValueError as error:
        raise _malformed(node, f"is no valid {facts.kind} matrix ({error})") from error
    return cast(Array, matrix.toarray())


def _array(node: GroupNode, key: str) -> ArrayNode:
    if key not in node:
        raise _malformed(node, f"has no array {key!r}")
    child = node[key]
    if not isinstance(child, ArrayNode):
        raise _malformed(child, "is a group where an array was expected")
    return child


def _malformed(node: GroupNode | ArrayNode, found: str) -> ElementError:
    return ElementError(
        found,
        store=node.store,
        key=node.name or "/",
        remedy="Write the store again with anndata, or leave it out.",
    )
