"""Records: what was read of one store, in one small file of JSON and arrays.

A record is a head of 32 bytes (magic, schema, checksum, sizes), a table of contents as JSON, and
per section JSON and raw arrays, never a pickle. Ten thousand are read at a time: one takes 11 µs,
where numpy's ``.npz`` takes 160, most of it in zipfile and for one header per array. A section is
decoded when it is asked for: whoever reads the facts does not pay for what others keep beside them.
"""

from __future__ import annotations

import json
import math
import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from zlib import crc32

import numpy as np

from mappedviz._types import Array, PathLike
from mappedviz.errors import MappedvizError
from mappedviz.text.files import write_bytes

__all__ = ["SCHEMA", "Record", "RecordError", "Section", "encode", "read_record", "write_record"]

#: Number of this layout and of the sections that the engine writes; others are not read.
SCHEMA = 1

_MAGIC = b"\x93mvfact\n"
_HEAD = struct.Struct("<8sIIQQ")  # magic, schema, checksum of what follows, its size, table
_ALIGNED = 8
_LARGE, _MOST_BYTES = 16 << 20, 4 << 30
_KINDS = "biuf"
_decoder = json.JSONDecoder()
_encoder = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
_TableRow: TypeAlias = tuple[int, int, list[tuple[str, str, list[int], int]]]


class RecordError(MappedvizError):
    """A file is no record, a damaged one, or one of another version."""


@dataclass(frozen=True, eq=False)
class Section:
    """One part of a record.

    Attributes
    ----------
    data
        Anything that JSON can hold.
    arrays
        Arrays of numbers or booleans by name; read-only once they were read.
    """

    data: Any = None
    arrays: Mapping[str, Array] = field(default_factory=dict)


class Record(Mapping[str, Section]):
    """The sections of one record by name, decoded when they are asked for.

    Parameters
    ----------
    content
        The bytes of a record.
    path
        The file that they are from, for errors.

    Raises
    ------
    RecordError
        They are no record, or a damaged one, or one of another version.

    Examples
    --------
    >>> record = Record(encode({"facts": Section({"n_obs": 2}, {"codes": np.array([1, 0])})}))
    >>> list(record), record["facts"].data, record["facts"].arrays["codes"]
    (['facts'], {'n_obs': 2}, array([1, 0]))
    """

    def __init__(self, content: bytes, path: PathLike | None = None) -> None:
        self.content = content
        if len(content) < _HEAD.size or not content.startswith(_MAGIC):
            raise _error("is no record of mappedviz", path)
        _, schema, checksum, size, n_table = _HEAD.unpack_from(content)
        if schema != SCHEMA:
            raise _error(f"is of schema {schema}, where {SCHEMA} is read", path)
        if len(content) != _HEAD.size + size:
            raise _error(f"has {len(content)} bytes of {_HEAD.size + size}", path)
        if crc32(memoryview(content)[_HEAD.size :]) != checksum:
            raise _error("is damaged: its checksum is another one", path)
        self._begin = _HEAD.size + n_table
        self._table: dict[str, _TableRow] = _decoded(content[_HEAD.size : self._begin].rstrip(b" "))

    def __getitem__(self, name: str) -> Section:
        at, n_json, arrays = self._table[name]
        begin = self._begin + at
        return Section(
            _decoded(self.content[begin : begin + n_json]),
            {key: self._array(dtype, shape, where) for key, dtype, shape, where in arrays},
        )

    def _array(self, dtype: str, shape: list[int], at: int) -> Array:
        n = shape[0] if len(shape) == 1 else math.prod(shape)
        flat: Array = np.frombuffer(self.content, dtype, n, self._begin + at)
        return flat if len(shape) == 1 else flat.reshape(shape)

    def __contains__(self, name: object) -> bool:
        return name in self._table

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)

    def __len__(self) -> int:
        return len(self._table)


def _decoded(content: bytes) -> Any:
    """Return what JSON says: :func:`json.loads` takes half of its time before and after that."""
    text = str(content, "ascii")
    value, end = _decoder.raw_decode(text)
    if end != len(text):
        raise ValueError("is JSON and something else")
    return value


def encode(sections: Mapping[str, Section]) -> bytes:
    """Return the bytes of a record.

    Raises
    ------
    TypeError
        JSON cannot hold what a section has, or an array is not of numbers or booleans.
    """
    body: list[bytes] = []
    table: dict[str, _TableRow] = {}
    at = 0

    def add(part: bytes) -> int:
        nonlocal at
        begin = at
        padding = -len(part) % _ALIGNED
        body.extend((part, b"\0" * padding))
        at += len(part) + padding
        return begin

    for name, section in sections.items():
        text = _encoder.encode(section.data).encode("ascii")
        begin = add(text)
        arrays = []
        for key, values in section.arrays.items():
            if values.dtype.kind not in _KINDS:
                raise TypeError(f"{name}, {key}: an array of {values.dtype} is not kept")
            plain = np.ascontiguousarray(values)
            arrays.append((key, plain.dtype.str, list(values.shape), add(plain.tobytes())))
        table[name] = (begin, len(text), arrays)
    contents = _encoder.encode(table).encode("ascii")
    contents += b" " * (-len(contents) % _ALIGNED)
    rest = b"".join((contents, *body))
    return _HEAD.pack(_MAGIC, SCHEMA, crc32(rest), len(rest), len(contents)) + rest


def write_record(path: PathLike, sections: Mapping[str, Section]) -> None:
    """Write a record atomically: a reader meets the old one or the new one, never a part.

    Raises
    ------
    OSError
        It cannot be written.
    TypeError
        See :func:`encode`.
    """
    write_bytes(path, encode(sections))


def read_record(path: PathLike) -> Record:
    """Return the record in a file.

    Raises
    ------
    RecordError
        The file is no record, a damaged one, or one of another version, or cannot be read.
    FileNotFoundError
        There is none.
    """
    try:
        # A pipe of this name is no record, and not waited for.
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            size = os.fstat(file).st_size
            if size > _LARGE and (
                size > _MOST_BYTES or os.pread(file, len(_MAGIC), 0) != _MAGIC
            ):  # before there is memory for it
                raise _error("is no record of mappedviz", path)
            content = os.read(file, size)
            while len(content) < size and (more := os.read(file, size - len(content))):
                content += more
        finally:
            os.close(file)
    except FileNotFoundError:
        raise
    except NotADirectoryError as error:
        raise FileNotFoundError(error.errno, error.strerror, os.fspath(path)) from error
    except OSError as error:
        raise _error(f"cannot be read ({error.strerror or error})", path) from error
    return Record(content, path)


def _error(found: str, path: PathLike | None) -> RecordError:
    return RecordError(
        found,
        store=None if path is None else os.fspath(path),
        remedy="Remove it, or make it again.",
    )
