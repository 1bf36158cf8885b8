"""Arithmetic of chunk grids: which chunk is where, and how large ones are cut into smaller ones."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mappedviz._types import Array

#: Unfiltered data are read in pieces of about this size, however they were written.
VIRTUAL_CHUNK_BYTES = 1 << 20
#: Chunks of unfiltered data are left as they are up to this size.
HUGE_CHUNK_BYTES = 4 << 20


def unravel(chunk: int, grid: Sequence[int]) -> tuple[int, ...]:
    """Position in the grid of a chunk id (C order)."""
    out = []
    for n in reversed(grid):
        chunk, i = divmod(chunk, n)
        out.append(i)
    return tuple(reversed(out))


def grid_of(shape: Sequence[int], chunk_shape: Sequence[int]) -> tuple[int, ...]:
    """How many chunks there are along each axis."""
    return tuple(-(-n // c) for n, c in zip(shape, chunk_shape, strict=True))


def virtual_chunks(
    shape: tuple[int, ...], chunk_shape: tuple[int, ...], itemsize: int, limit: int
) -> tuple[int, ...]:
    """Smaller chunks for unfiltered data, cut along the first axis and never across a chunk.

    Returns `chunk_shape` itself where it is below `limit` or cannot be cut evenly.
    """
    if not shape or math.prod(chunk_shape) * itemsize <= limit or 0 in shape:
        return chunk_shape
    n, row = chunk_shape[0], math.prod(chunk_shape[1:]) * itemsize
    want = max(1, VIRTUAL_CHUNK_BYTES // row)
    if want >= n:
        return chunk_shape
    if n < shape[0]:  # several chunks along the axis: the cut must divide them
        want = next((d for d in range(want, want // 8, -1) if n % d == 0), n)
    return (want, *chunk_shape[1:])


def cut_extents(
    shape: tuple[int, ...],
    chunk_shape: tuple[int, ...],
    cut: tuple[int, ...],
    itemsize: int,
    offsets: Array,
    sizes: Array,
) -> tuple[Array, Array]:
    """Offsets and sizes of the virtual chunks of :func:`virtual_chunks`."""
    if cut == chunk_shape:
        return offsets, sizes
    old, new = grid_of(shape, chunk_shape), grid_of(shape, cut)
    piece = math.prod(cut) * itemsize
    rows = np.arange(new[0], dtype=np.int64)
    # Row of the old grid, and the bytes before the piece inside the old chunk.
    parent, before = (
        rows * cut[0] // chunk_shape[0],
        rows * cut[0] % chunk_shape[0] // cut[0] * piece,
    )
    parents = offsets.reshape(old[0], -1)[parent]
    starts = np.where(parents < 0, -1, parents + before[:, None])
    left = sizes.reshape(old[0], -1)[parent] - before[:, None]
    return starts.reshape(-1), np.clip(left, 0, piece).reshape(-1)
