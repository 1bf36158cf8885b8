"""Attributes of HDF5 objects as plain values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5t

from mappedviz.formats.hdf5_errors import Somewhere, readable
from mappedviz.formats.nodes import Node, plain

__all__ = ["TEXT", "TEXT_TYPE", "Attributes", "is_text"]


class _Identified:
    """All that h5py's attributes want of their object."""

    __slots__ = ("id",)

    def __init__(self, ident: Any) -> None:
        self.id = ident


_ABSENT = object()
_NUMBERS = (h5t.TypeIntegerID, h5t.TypeFloatID, h5t.TypeEnumID)
TEXT: np.dtype[Any] = np.dtype(h5py.string_dtype())
TEXT_TYPE = h5t.py_create(TEXT)


def is_text(kind: Any) -> bool:
    """Whether a type of HDF5 is a string of variable length."""
    return isinstance(kind, h5t.TypeStringID) and bool(kind.is_variable_str())


def _decoded(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")


class Attributes(Mapping[str, Any]):
    """Attributes, read when asked for."""

    def __init__(self, node: Node, ident: Any) -> None:
        self._store, self._name = node.store, node.name  # not the node: no circle
        self._id = ident
        self._known: dict[str, Any] = {}

    @property
    def _raw(self) -> Any:
        return h5py.AttributeManager(_Identified(self._id))

    def __getitem__(self, name: str) -> Any:
        found = self.get(name, _ABSENT)
        if found is _ABSENT:
            raise KeyError(name)
        return found

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value of an attribute, or the default: each is asked for once."""
        found = self._known.get(name)
        if found is None:
            found = _ABSENT
            if name in self:
                with readable(Somewhere(self._store, self._name)):
                    found = self._read(name)
            self._known[name] = found
        return default if found is _ABSENT else found

    def _read(self, name: str) -> Any:
        attribute = h5a.open(self._id, name.encode("utf-8", "surrogateescape"))
        kind, shape = attribute.get_type(), attribute.shape
        # Nearly all are of these kinds; h5py takes twice as long.
        if shape is not None and len(shape) < 2 and is_text(kind):
            values = np.empty(shape, TEXT)
            attribute.read(values, TEXT_TYPE)
            text: Any = values.tolist()
            return list(map(_decoded, text)) if shape else _decoded(text)
        if shape is not None and isinstance(kind, _NUMBERS):
            values = np.empty(shape, kind.dtype)
            attribute.read(values)
            return plain(values)
        return self._plain(self._raw[name])

    def _plain(self, value: Any) -> Any:
        if isinstance(value, h5py.Empty):
            return None
        if isinstance(value, h5py.Reference):  # anndata 0.7: the categories of a column
            found = h5py.h5r.get_name(value, self._id) if value else None
            return None if found is None else found.decode().strip("/")
        return plain(value)

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        return bool(h5a.exists(self._id, name.encode("utf-8", "surrogateescape")))

    def __iter__(self) -> Iterator[str]:
        return iter(self._raw)

    def __len__(self) -> int:
        return len(self._raw)
