"""What groups and arrays look like, whatever library wrote them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from mappedviz._types import Array
from mappedviz.errors import ElementError, MissingKeyError
from mappedviz.formats.limits import REMEDY, TEXT_BYTES, Budget, TooLargeError

if TYPE_CHECKING:
    from mappedviz.formats.chunks import ChunkedArray


class Node(ABC):
    """A group or an array inside a store.

    Attributes
    ----------
    store
        Path of the store, as it was given.
    name
        Key inside the store: ``""`` for the root, ``"obs/cell_type"``.
    budget
        Memory that the open store may still take.
    repair
        One thing to do about an element that is malformed.
    """

    store: str
    name: str
    repair: ClassVar[str] = "Write the store again with anndata, or leave it out."
    budget: Budget = Budget(lambda: 1 << 60)  # of a format that does not count

    @property
    @abstractmethod
    def attrs(self) -> Mapping[str, Any]:
        """Attributes as plain values: str (never bytes), numbers, bool, lists, arrays, None."""

    def error(self, message: str, remedy: str | None = None) -> ElementError:
        """An ElementError about this node."""
        return ElementError(message, store=self.store, key=self.name or None, remedy=remedy)

    def take(self, n_bytes: int) -> None:
        """Count memory that is about to be taken; ElementError if the store has had enough."""
        try:
            self.budget.take(n_bytes)
        except TooLargeError as error:
            raise self.error(str(error), REMEDY) from error

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name or '/'!r} of {self.store!r}>"


class GroupNode(Node):
    """A group: a mapping from names to nodes. Names of grandchildren (``"obs/index"``) are understood."""

    @property
    def metadata(self) -> Callable[[str], bytes | None] | None:
        """Read a file of metadata by its key; None for a format that has no such files."""
        return None

    @abstractmethod
    def keys(self) -> list[str]:
        """Names of the children, sorted."""

    @abstractmethod
    def __getitem__(self, name: str) -> GroupNode | ArrayNode:
        """The child of this name; MissingKeyError (a KeyError) where there is none."""

    @abstractmethod
    def __contains__(self, name: object) -> bool:
        """Whether there is a child of this name, readable or not."""

    def __iter__(self) -> Any:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.keys())

    def missing(self, name: str) -> MissingKeyError:
        """The error for a child that is not there."""
        return MissingKeyError(
            f"has no {join(self.name, name)!r}",
            store=self.store,
            key=self.name or None,
            remedy="Look at its keys() for what there is.",
        )


class ArrayNode(Node):
    """An array: what it is, and its values.

    Attributes
    ----------
    shape
        Shape; ``()`` for scalars.
    dtype
        Native byte order; object for strings of variable length, structured for compounds.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    @abstractmethod
    def chunks(self) -> tuple[int, ...] | None:
        """Shape of the chunks that are decoded at once; None where contiguous."""

    @property
    @abstractmethod
    def codec(self) -> str:
        """How chunks are compressed, for people: ``"gzip(4)+shuffle"``, ``"none"``."""

    @property
    @abstractmethod
    def stored_nbytes(self) -> int | None:
        """Bytes on disk, where that is cheap to know."""

    @abstractmethod
    def read(self, selection: Any = ()) -> Array:
        """The values, or a part: a slice of the first axis, or a tuple of slices and integers.

        Strings are str objects whatever their encoding on disk. The array is fresh.
        """

    @abstractmethod
    def chunked(self) -> ChunkedArray:
        """Where the chunks lie. Numeric arrays of one or two dimensions only.

        They may be kept in a smaller type than that of the node, which holds their numbers exactly.
        """

    def touch(self) -> None:
        """Ask the library for what :meth:`chunked` asks of it: after a damaged node, this process may be gone."""
        self.chunked()

    def take_values(self, selection: Any = ()) -> None:
        """Count the memory of a selection that is about to be read; see :meth:`Node.take`."""
        n, item = n_selected(self.shape, selection), self.dtype.itemsize
        self.take(n * (item + TEXT_BYTES if self.dtype.kind in "OSU" else item))

    def check_numeric(self) -> None:
        """Raise ElementError where :meth:`chunked` makes no sense."""
        if len(self.shape) not in (1, 2) or self.dtype.kind not in "biuf":
            raise self.error(
                f"is an array {self.shape} of {self.dtype}, not a numeric one of 1 or 2 dimensions",
                "Write it again with anndata.",
            )


def read_selection(
    shape: tuple[int, ...], selection: Any, rows: Callable[[int, int], Array]
) -> Array:
    """A basic selection through a reader of ranges of rows."""
    parts = list(selection) if isinstance(selection, tuple) else [selection]
    if any(part is Ellipsis for part in parts):
        i = parts.index(Ellipsis)
        parts[i : i + 1] = [slice(None)] * (len(shape) - len(parts) + 1)
    if not shape:
        return rows(0, 0)
    first = parts[0] if parts else slice(None)
    if isinstance(first, slice) and (first.step is None or first.step == 1):
        start, stop, _ = first.indices(shape[0])
        return np.asarray(rows(start, max(start, stop))[(slice(None), *parts[1:])])
    return np.asarray(rows(0, shape[0])[tuple(parts)])


def n_selected(shape: tuple[int, ...], selection: Any) -> int:
    """Return the number of values of a basic selection, or of all where that takes thinking.

    Examples
    --------
    >>> n_selected((10, 3), slice(2, 4)), n_selected((10, 3), (0, slice(2))), n_selected((), ())
    (6, 2, 1)
    """
    parts = selection if isinstance(selection, tuple) else (selection,)
    sizes = list(shape)
    for axis, part in enumerate(parts[: len(sizes)]):
        if isinstance(part, slice):
            sizes[axis] = len(range(*part.indices(shape[axis])))
        elif isinstance(part, int):
            sizes[axis] = 1
        else:
            break
    return math.prod(sizes)


def join(parent: str, child: str) -> str:
    """Key of a child.

    Examples
    --------
    >>> join("", "obs"), join("obs", "index")
    ('obs', 'obs/index')
    """
    return f"{parent}/{child}" if parent else child


def split(name: object) -> list[str] | None:
    """The parts of a key, None where it is none.

    ``..`` is no key: keys become file paths in a zarr directory.

    Examples
    --------
    >>> split("obs/index"), split("../secret"), split("")
    (['obs', 'index'], None, None)
    """
    if not isinstance(name, str) or not name:
        return None
    if name.isidentifier():  # nearly all are
        return [name]
    parts = name.strip("/").split("/")
    if any(part in ("", ".", "..") or "\0" in part or "\\" in part for part in parts):
        return None
    return parts


def to_str(values: Iterable[Any], node: Node) -> list[Any]:
    """Bytes to str; what is no bytes stays what it is."""
    try:
        return [v.decode("utf-8") if isinstance(v, bytes) else v for v in values]
    except UnicodeDecodeError as error:
        raise not_utf8(node, error) from error


def not_utf8(node: Node, error: UnicodeDecodeError) -> ElementError:
    """The error for text that is not UTF-8."""
    near = error.object[max(0, error.start - 20) : error.start + 20]
    return node.error(f"holds text that is not UTF-8 ({near!r})", "Write the store again.")


def strings(values: Array, node: Node) -> Array:
    """Arrays of bytes or numpy strings to arrays of str objects; compounds field by field."""
    if values.dtype.names:
        fields = [(n, *_field(values.dtype[n])) for n in values.dtype.names]
        out = np.empty(values.shape, np.dtype(fields))
        for name in values.dtype.names:
            part = values[name]
            out[name] = strings(part, node) if part.dtype.kind in "SUOV" else part
        return out
    if values.dtype.kind not in "SUO":
        return values
    out = np.empty(values.shape, dtype=object)
    out.reshape(-1)[:] = to_str(values.reshape(-1).tolist(), node)
    return out


def _field(dtype: np.dtype[Any]) -> tuple[Any, ...]:
    base, shape = dtype.subdtype or (dtype, ())
    kind = np.dtype(object) if base.kind in "SUO" else base.newbyteorder("=")
    return (kind, shape) if shape else (kind,)


def plain(value: Any) -> Any:
    """An attribute as a plain value."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, np.ndarray):
        if value.dtype.kind in "SUO":
            return _texts(value.tolist())
        return plain(value[()]) if value.ndim == 0 else value.astype(value.dtype.newbyteorder("="))
    if isinstance(value, np.void):
        return value
    if isinstance(value, np.generic):
        return plain(value.item()) if isinstance(value, np.bytes_) else value.item()
    return value


def _texts(value: Any) -> Any:
    return [_texts(v) for v in value] if isinstance(value, list) else plain(value)
