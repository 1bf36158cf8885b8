"""Where the chunks of an HDF5 data set are, so that they are read without HDF5."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from h5py import h5d, h5t

from mappedviz._types import Array
from mappedviz.errors import StoreError
from mappedviz.formats import codecs
from mappedviz.formats.chunks import ChunkedArray, RoutedArray, StoredArray
from mappedviz.formats.files import FilePool
from mappedviz.formats.grids import (
    HUGE_CHUNK_BYTES,
    VIRTUAL_CHUNK_BYTES,
    cut_extents,
    grid_of,
    virtual_chunks,
)
from mappedviz.formats.hdf5_errors import readable
from mappedviz.formats.sources import Extents, Held

if TYPE_CHECKING:
    from mappedviz.formats.hdf5_dataset import Hdf5Dataset

__all__ = ["chunk_map", "touch_chunks"]

#: More than a table of chunks may have; nobody writes so many, but a damaged shape says anything.
_MAX_CHUNKS = 1 << 28


def chunk_map(node: Hdf5Dataset, route: Callable[[tuple[slice, ...]], Array]) -> ChunkedArray:
    """Return where the chunks of a numeric data set are and how they are decoded.

    Parameters
    ----------
    node
        The data set.
    route
        Reads a selection through HDF5, opening the file again: for what only HDF5 can read.
    """
    # No more is asked than `touch_chunks` asks: a damaged file may end the process.
    layout = h5d.CONTIGUOUS if node.in_one_piece else node.made.get_layout()
    key = (node.file.path, node.name)
    size = node.stored.itemsize
    # A type that numpy cannot express exactly (12 bits, odd mantissas) is converted by h5py.
    exact = node.ident.get_type().equal(h5t.py_create(node.stored, logical=True))
    if exact and layout == h5d.COMPACT:
        values = node.read()
        pipeline = codecs.Pipeline((), node.dtype, _at_least_one(node.shape))
        data = values.tobytes().ljust(pipeline.nbytes, b"\0")
        return StoredArray(key, node.shape, Held(data, node.file.stamp), pipeline)
    if exact and layout == h5d.CONTIGUOUS:
        return _contiguous(node, key)
    if exact and layout == h5d.CHUNKED:
        steps = [codecs.hdf5_step(code, values, size) for code, values in node.filters]
        known = [step for step in steps if step is not None]
        if len(known) == len(steps):
            return _chunked(node, key, tuple(reversed(known)))
    lacking = node.lacking_filter()
    if lacking is not None:
        raise node.no_filter(lacking)
    chunk_shape = node.chunks or virtual_chunks(node.shape, node.shape, size, VIRTUAL_CHUNK_BYTES)
    return RoutedArray(
        key, node.shape, node.dtype, _at_least_one(chunk_shape), route, node.file.stamp
    )


def touch_chunks(node: Hdf5Dataset) -> bool:
    """Ask HDF5 for what :func:`chunk_map` asks of a data set, without the map.

    Returns
    -------
    bool
        False for a data set of which it asks more.
    """
    if node.in_one_piece:
        return True
    with readable(node):
        if node.made.get_layout() != h5d.CHUNKED:
            return False
        _Written(node.ident)
        _fill(node)
    return True


def _contiguous(node: Hdf5Dataset, key: tuple[str, str]) -> ChunkedArray:
    start = node.ident.get_offset()
    size = node.stored.itemsize
    n_bytes, file_size = math.prod(node.shape) * size, node.file.stamp.size
    if start is not None and start + n_bytes > file_size:
        raise node.error(
            f"claims {n_bytes} bytes at {start}, where the file has {file_size}",
            "Copy or download the file again.",
        )
    node.take(n_bytes >> 10)  # the table below, and a bound on what was never written
    whole = _at_least_one(node.shape)
    cut = virtual_chunks(node.shape, whole, size, VIRTUAL_CHUNK_BYTES)
    offsets = np.full(1, -1 if start is None else start, np.int64)
    sizes = np.full(1, n_bytes, np.int64)
    if 0 in node.shape:
        offsets, sizes = offsets[:0], sizes[:0]
    offsets, sizes = cut_extents(node.shape, whole, cut, size, offsets, sizes)
    pipeline = codecs.Pipeline((), node.stored, cut)
    source = Extents(node.file.path, node.file.stamp, offsets, sizes, pad=pipeline.nbytes)
    fill = _fill(node) if start is None else node.stored.type()  # none of it is unwritten
    return StoredArray(key, node.shape, source, pipeline, fill)


def _chunked(
    node: Hdf5Dataset, key: tuple[str, str], steps: tuple[codecs.Step, ...]
) -> ChunkedArray:
    chunk_shape = node.made.get_chunk()
    size = node.stored.itemsize
    grid = grid_of(node.shape, chunk_shape)
    written = _Written(node.ident)
    n = math.prod(grid)
    if n > _MAX_CHUNKS:
        raise node.error(
            f"claims {n} chunks of {chunk_shape} values", "Write the store with larger chunks."
        )
    node.take(20 * n)
    offsets = np.full(n, -1, np.int64)
    sizes = np.zeros(n, np.int64)
    masks = np.zeros(n, np.uint32)
    if written.offsets:
        corner = np.asarray(written.corners).reshape(-1, len(grid))
        where = np.zeros(len(corner), np.int64)
        for axis, step in enumerate(chunk_shape):
            where = where * grid[axis] + corner[:, axis] // step
        offsets[where] = np.asarray(written.offsets) + _shift(node, written)
        sizes[where] = written.sizes
        masks[where] = written.masks
    if masks.any():  # HDF5 counts filters in the order of encoding
        turned = np.zeros_like(masks)
        for i in range(len(steps)):
            turned |= (masks >> np.uint32(i) & np.uint32(1)) << np.uint32(len(steps) - 1 - i)
        masks = turned
    pipeline = codecs.Pipeline(steps, node.stored, chunk_shape)
    pad = 0
    if pipeline.plain:
        cut = virtual_chunks(node.shape, chunk_shape, size, HUGE_CHUNK_BYTES)
        if cut != chunk_shape:
            offsets, sizes = cut_extents(node.shape, chunk_shape, cut, size, offsets, sizes)
            pipeline = codecs.Pipeline((), node.stored, cut)
            masks, pad = masks[:0], pipeline.nbytes
    source = Extents(
        node.file.path,
        node.file.stamp,
        offsets,
        sizes,
        masks if masks.any() else None,
        pad,
    )
    return StoredArray(key, node.shape, source, pipeline, _fill(node))


def _fill(node: Hdf5Dataset) -> Any:
    value = np.zeros(1, node.stored)
    node.made.get_fill_value(value)
    return value[0]


class _Written:
    """The chunks that HDF5 has written: where each begins in the data set, and in the file.

    As numbers at once. Thousands of tuples that are kept make Python look through all objects of the process for
    garbage, which takes longer than HDF5 does.
    """

    def __init__(self, ident: Any) -> None:
        self.corners, self.masks = array("q"), array("q")
        self.offsets, self.sizes = array("q"), array("q")
        if hasattr(ident, "chunk_iter"):
            ident.chunk_iter(self._note)
        else:  # HDF5 before 1.12.3
            for i in range(ident.get_num_chunks()):
                self._note(ident.get_chunk_info(i))

    def _note(self, info: Any) -> None:
        corner, mask, offset, size = info
        self.corners.extend(corner)
        self.masks.append(mask)
        self.offsets.append(offset)
        self.sizes.append(size)


def _shift(node: Hdf5Dataset, written: _Written) -> int:
    """What has to be added to the offsets: old HDF5 left out the user block."""
    block = int(node.file.file.userblock_size)
    if not block:
        return 0
    offset, size = written.offsets[0], written.sizes[0]
    _, raw = node.ident.read_direct_chunk(tuple(written.corners[: len(node.shape)]))
    file = FilePool(1).get(node.file.path)
    for shift in (0, block):
        with suppress(StoreError):  # it ends before
            if file.read(offset + shift, size) == bytes(raw):
                return shift
    raise node.error("has chunks that are not where HDF5 says", "Write the store again.")


def _at_least_one(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(max(1, n) for n in shape)
