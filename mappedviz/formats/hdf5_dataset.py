"""Data sets of HDF5 files: what they are, and their values as HDF5 reads them."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from h5py import h5d, h5o, h5s, h5z

from mappedviz._types import Array, lazy
from mappedviz.formats import codecs
from mappedviz.formats.hdf5_attributes import TEXT, TEXT_TYPE, Attributes, is_text
from mappedviz.formats.hdf5_errors import readable
from mappedviz.formats.limits import FREE_BYTES, Budget
from mappedviz.formats.nodes import ArrayNode, strings

if TYPE_CHECKING:
    from mappedviz.errors import ElementError
    from mappedviz.formats.stamps import Stamp

__all__ = ["Hdf5Dataset", "OpenFile"]


class OpenFile:
    """What all nodes of one open file share."""

    __slots__ = ("budget", "file", "nodes", "path", "stamp", "store")

    def __init__(self, store: str, path: str, stamp: Stamp, file: h5py.File) -> None:
        self.store = store
        self.path = path
        self.stamp = stamp
        self.file = file
        self.nodes: dict[str, Any] = {}
        self.budget = Budget(lambda: stamp.size)

    def holds(self, ident: Any) -> bool:
        """Return True for an object of this very file."""
        return bool(h5o.get_info(ident).fileno == h5o.get_info(self.file.id).fileno)


class Hdf5Dataset(ArrayNode):
    """A data set of an HDF5 file: what it is, and its values as HDF5 reads them.

    Attributes
    ----------
    file, ident
        The open file, and the identifier of the data set in it.
    is_null
        Whether it has no values, which is how anndata writes None.
    """

    def __init__(self, file: OpenFile, name: str, ident: Any) -> None:
        self.file = file
        self.budget = file.budget
        self.store = file.store
        self.name = name
        self.ident = ident
        with readable(self):
            shape = ident.shape
        self.is_null = shape is None
        self.shape = () if shape is None else tuple(shape)
        self._refuse_other_files()

    # Each of these costs HDF5 some microseconds, and most nodes are asked for few of them.
    @lazy
    def _data(self) -> Any:
        with readable(self):
            return h5py.Dataset(self.ident)

    @lazy
    def kind(self) -> Any:
        """The type in the words of HDF5."""
        with readable(self):
            return self.ident.get_type()

    @lazy
    def stored(self) -> np.dtype[Any]:
        """The type of the stored values, byte order included."""
        if is_text(self.kind):
            return TEXT
        with readable(self):
            dtype: np.dtype[Any] = self.kind.dtype
            return dtype

    @lazy
    def dtype(self) -> np.dtype[Any]:
        """See :class:`~mappedviz.formats.nodes.ArrayNode`."""
        return np.dtype(object) if self.is_null else _native(self.stored)

    @lazy
    def attrs(self) -> Mapping[str, Any]:
        """See :class:`~mappedviz.formats.nodes.Node`."""
        return Attributes(self, self.ident)

    @lazy
    def made(self) -> Any:
        """The properties that the data set was created with."""
        with readable(self):
            return self.ident.get_create_plist()

    @lazy
    def in_one_piece(self) -> bool:
        """Whether the values are one piece of this very file; False if there are none yet."""
        with readable(self):  # a fifth of the time that the properties take
            return self.ident.get_offset() is not None

    def _refuse_other_files(self) -> None:
        """Raise ElementError if the values are in another file, whatever that file is."""
        if self.in_one_piece:
            return
        with readable(self):
            if self.made.get_layout() == h5d.VIRTUAL:
                found = "is a virtual data set, whose values are in other data sets"
                names = {self.made.get_virtual_filename(i) for i in range(self._n_virtual())}
            elif self.made.get_external_count():
                found = "has its values outside of the HDF5 file"
                count = self.made.get_external_count()
                names = {os.fsdecode(self.made.get_external(i)[0]) for i in range(count)}
            else:
                return
        listed = ", ".join(repr(name) for name in sorted(names)[:3])
        raise self.error(
            f"{found}: {listed}", "Write the store again, with all of its data in one file."
        )

    def _n_virtual(self) -> int:
        return min(3, int(self.made.get_virtual_count()))

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """See :class:`~mappedviz.formats.nodes.ArrayNode`."""
        if self.is_null or self.in_one_piece or self.made.get_layout() != h5d.CHUNKED:
            return None
        chunks: tuple[int, ...] = self.made.get_chunk()
        return chunks

    @property
    def codec(self) -> str:
        """See :class:`~mappedviz.formats.nodes.ArrayNode`."""
        names = []
        for number, values in self.filters:
            step = codecs.hdf5_step(number, values, self.stored.itemsize)
            names.append(step.name if step else codecs.hdf5_filter_name(number))
        return "+".join(reversed(names)) or "none"

    @property
    def stored_nbytes(self) -> int | None:
        """See :class:`~mappedviz.formats.nodes.ArrayNode`."""
        with readable(self):
            return int(self.ident.get_storage_size())

    @lazy
    def filters(self) -> list[tuple[int, tuple[int, ...]]]:
        """Numbers and parameters of the filters, in the order of encoding."""
        if self.in_one_piece:  # only chunks are filtered
            return []
        made = self.made
        found = [made.get_filter(i) for i in range(made.get_nfilters())]
        return [(code, tuple(values)) for code, _, values, _ in found]

    def read_by_hdf5(self, selection: Any) -> Array:
        """Return the values, or a part of them; every filter must be available."""
        self.take_values(selection)
        chunk = math.prod(self.chunks or ()) * self.stored.itemsize
        if chunk > FREE_BYTES:  # HDF5 decodes all of it
            self.take(chunk)
        with readable(self):
            if is_text(self.kind):
                values = self._values(selection)
                if not isinstance(values, np.ndarray):
                    return np.array(values.decode(), dtype=object)
                return _decoded(values)
            values = np.asarray(self._values(selection))
        if values.dtype.kind in "SUO" or values.dtype.names:
            return strings(values, self)
        return values.astype(self.dtype, copy=False)

    def _values(self, selection: Any) -> Any:
        whole = isinstance(selection, tuple) and not selection
        if not whole or not self.shape or self.stored.subdtype is not None:
            return self._data[selection]
        values = np.zeros(self.shape, self.stored)
        if values.size:  # as h5py does it, without looking at the data set from all sides
            kind = TEXT_TYPE if self.stored is TEXT else None
            self.ident.read(h5s.ALL, h5s.ALL, values, kind)
        return values

    def lacking_filter(self) -> int | None:
        """Return the number of a filter that the data need and HDF5 does not have."""
        for number, _ in self.filters:
            if not h5z.filter_avail(number):
                with suppress(ImportError):
                    import_module("hdf5plugin")  # registers its filters
                if not h5z.filter_avail(number):
                    return number
        return None

    def no_filter(self, number: int) -> ElementError:
        """Return the error about a filter that is not installed."""
        return self.error(
            f"is compressed with HDF5's {codecs.hdf5_filter_name(number)} ({number}), "
            "which is not installed",
            "Run `pip install hdf5plugin`.",
        )


#: Thousands of stores name the same variables: such a list is decoded once, if it is of this length.
_MANY, _TOO_MANY = 1_000, 70_000


def _decoded(values: Array) -> Array:
    """Return text for bytes."""
    # HDF5 hands out C strings, so none holds a zero: all are decoded at once.
    joined = b"\0".join(values.reshape(-1).tolist())
    many = _MANY <= values.size <= _TOO_MANY
    texts = _last_list(joined, values.size).copy() if many else _texts(joined, values.size)
    return texts.reshape(values.shape)


def _texts(joined: bytes, n: int) -> Array:
    texts = np.empty(n, dtype=object)
    texts[:] = joined.decode().split("\0")[:n]
    return texts


_last_list = lru_cache(1)(_texts)


def _native(dtype: np.dtype[Any]) -> np.dtype[Any]:
    if dtype.kind == "O" or dtype.names:
        return np.dtype(object) if dtype.kind == "O" else dtype
    return np.dtype(dtype.newbyteorder("=").str) if dtype.metadata else dtype.newbyteorder("=")
