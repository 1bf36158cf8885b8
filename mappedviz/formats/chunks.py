"""Stored arrays as chunks: where each one is and how it is decoded.

A :class:`ChunkedArray` says so for one stored array. It holds paths and offsets, never an open
file, so it outlives forks and closed handles. Descriptors come from a bounded
:class:`~mappedviz.formats.files.FilePool`, decoded chunks stay in a bounded
:class:`~mappedviz.formats.cache.ChunkCache`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from mappedviz._types import Array
from mappedviz.errors import ElementError, MappedvizError
from mappedviz.formats.codecs import DecodeError, Pipeline
from mappedviz.formats.foreign import named
from mappedviz.formats.grids import grid_of, unravel
from mappedviz.formats.limits import FREE_BYTES
from mappedviz.text.addresses import is_url

if TYPE_CHECKING:
    from mappedviz.formats.files import FilePool
    from mappedviz.formats.sources import Direct, Source

__all__ = ["ChunkedArray", "HeldArray", "RoutedArray", "StoredArray"]

_COPY_AGAIN = "Copy or download the file again."


class ChunkedArray(Protocol):
    """Where the chunks of one stored numeric array lie and how they are decoded.

    Chunk ids count the grid in C order. Holds paths and offsets, never an open file.
    """

    @property
    def key(self) -> tuple[str, str]:
        """Path of the store, and key of the array in it."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array: one or two dimensions."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the decoded chunks: native byte order."""
        ...

    @property
    def chunk_shape(self) -> tuple[int, ...]:
        """Shape of a decoded chunk."""
        ...

    @property
    def grid(self) -> tuple[int, ...]:
        """Chunks along each axis."""
        ...

    @property
    def n_chunks(self) -> int:
        """Product of the grid."""
        ...

    @property
    def direct(self) -> Direct | None:
        """Set where every chunk is as in memory, present, and in one file."""
        ...

    @property
    def stamp(self) -> Hashable:
        """Tells one content of the store from another; part of the identity in a cache."""
        ...

    def load(self, chunk: int, files: FilePool) -> Array:
        """One decoded chunk: 1-d, C order, ``prod(chunk_shape)`` elements, read-only."""
        ...


@dataclass(frozen=True, eq=False)
class StoredArray:
    """A :class:`ChunkedArray` made of a source of bytes and a pipeline of decoders.

    Attributes
    ----------
    key
        Path of the store, and key of the array in it.
    fill
        The value of chunks that were never written.
    absent
        Called with such a chunk, to raise an error where it cannot be right.
    omits_zeros
        Whether chunks that hold nothing but the fill value may never be written.
    is_remote
        Whether the bytes come from a server.
    """

    key: tuple[str, str]
    shape: tuple[int, ...]
    source: Source
    pipeline: Pipeline
    fill: Any = 0
    absent: Callable[[int], None] | None = None
    omits_zeros: bool = False
    dtype: np.dtype[Any] = field(init=False)
    grid: tuple[int, ...] = field(init=False)
    n_chunks: int = field(init=False)
    direct: Direct | None = field(init=False)
    is_remote: bool = field(init=False)

    def __post_init__(self) -> None:
        put = object.__setattr__  # frozen: these follow from the others
        put(self, "dtype", self.pipeline.stored.newbyteorder("="))
        put(self, "grid", grid_of(self.shape, self.chunk_shape))
        put(self, "n_chunks", math.prod(self.grid))
        put(self, "is_remote", is_url(self.key[0]))
        put(self, "direct", self.source.direct() if self.pipeline.raw else None)

    @property
    def chunk_shape(self) -> tuple[int, ...]:
        """Shape of a decoded chunk."""
        return self.pipeline.shape

    @property
    def stamp(self) -> Hashable:
        """See :class:`ChunkedArray`."""
        return self.source.stamp

    def load(self, chunk: int, files: FilePool) -> Array:
        """See :class:`ChunkedArray`."""
        try:
            found = self.source.fetch(chunk, files)
            if found is None:
                if self.absent is not None:
                    self.absent(chunk)
                if self.pipeline.nbytes > FREE_BYTES:
                    raise DecodeError(
                        f"is absent, and would be {self.pipeline.nbytes} bytes of fill values"
                    )
                values = np.full(math.prod(self.chunk_shape), self.fill, self.dtype)
                values.flags.writeable = False
                return values
            return self.pipeline.decode(*found)
        except MappedvizError:
            raise
        except Exception as error:  # a damaged place in the file, a size that no library takes
            what = f"cannot be read ({type(error).__name__}: {error})"
            raise ElementError(
                f"chunk {chunk} {error if isinstance(error, DecodeError) else what}",
                store=self.key[0],
                key=self.key[1],
                remedy=_COPY_AGAIN,
            ) from error

    @property
    def has_excerpts(self) -> bool:
        """Whether parts of a chunk may be decoded without the rest of it."""
        return self.pipeline.has_excerpts and not self.is_remote

    def excerpts(
        self, chunk: int, ranges: Sequence[tuple[int, int]], files: FilePool
    ) -> list[Array] | None:
        """Return the elements in ascending ranges of a chunk; None where it is better loaded.

        Nothing is said of what is wrong with a chunk: loading it does.
        """
        try:
            found = self.source.fetch(chunk, files)
        except Exception:
            return None
        if found is None or found[1]:
            return None
        return self.pipeline.excerpts(found[0], ranges)


@dataclass(frozen=True, eq=False)
class RoutedArray:
    """A :class:`ChunkedArray` whose chunks are read by h5py or zarr themselves: slow, always right.

    Attributes
    ----------
    read
        Reads a selection (a tuple of slices); opens and closes what it needs.
    """

    key: tuple[str, str]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunk_shape: tuple[int, ...]
    read: Callable[[tuple[slice, ...]], Array]
    stamp: Hashable
    direct: Direct | None = None
    grid: tuple[int, ...] = field(init=False)
    n_chunks: int = field(init=False)

    def __post_init__(self) -> None:
        # A chunk may claim to be larger than the array; there is nothing behind it.
        small = tuple(min(c, max(1, n)) for c, n in zip(self.chunk_shape, self.shape, strict=True))
        object.__setattr__(self, "chunk_shape", small)
        object.__setattr__(self, "grid", grid_of(self.shape, self.chunk_shape))
        object.__setattr__(self, "n_chunks", math.prod(self.grid))

    def load(self, chunk: int, files: FilePool) -> Array:
        """See :class:`ChunkedArray`."""
        where = unravel(chunk, self.grid)
        selection = tuple(
            slice(i * c, min((i + 1) * c, n))
            for i, c, n in zip(where, self.chunk_shape, self.shape, strict=True)
        )
        with named(*self.key):
            part = self.read(selection)  # first: it refuses what is too large
        values = np.zeros(self.chunk_shape, self.dtype)
        values[tuple(slice(n) for n in part.shape)] = part
        values = values.reshape(-1)
        values.flags.writeable = False
        return values


@dataclass(frozen=True, eq=False)
class HeldArray:
    """A :class:`ChunkedArray` of one chunk that is in memory already, and is read where it is.

    Attributes
    ----------
    values
        The array: contiguous, in native byte order.
    """

    key: tuple[str, str]
    values: Array
    direct: Direct | None = None
    stamp: Hashable = field(default_factory=object)

    @property
    def shape(self) -> tuple[int, ...]:
        """See :class:`ChunkedArray`."""
        return self.values.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """See :class:`ChunkedArray`."""
        return self.values.dtype

    @property
    def chunk_shape(self) -> tuple[int, ...]:
        """See :class:`ChunkedArray`."""
        return tuple(max(1, n) for n in self.values.shape)

    @property
    def grid(self) -> tuple[int, ...]:
        """See :class:`ChunkedArray`."""
        return tuple(min(1, n) for n in self.values.shape)

    @property
    def n_chunks(self) -> int:
        """See :class:`ChunkedArray`."""
        return math.prod(self.grid)

    def load(self, chunk: int, files: FilePool) -> Array:
        """See :class:`ChunkedArray`."""
        values = self.values.reshape(-1)
        values.flags.writeable = False  # of this view
        return values
