"""Arithmetic of chunk grids."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mappedviz.formats import grids as grids_module
from mappedviz.formats.grids import cut_extents, grid_of, unravel, virtual_chunks


@given(st.data())
def test_virtual_chunks_tile_what_they_cut(data: st.DataObject) -> None:
    shape = tuple(data.draw(st.lists(st.integers(1, 40), min_size=1, max_size=2)))
    chunk = tuple(data.draw(st.integers(1, 45)) for _ in shape)
    item, limit = data.draw(st.sampled_from([1, 2, 4])), data.draw(st.integers(1, 200))
    old_size, grids_module.VIRTUAL_CHUNK_BYTES = grids_module.VIRTUAL_CHUNK_BYTES, limit
    try:
        cut = virtual_chunks(shape, chunk, item, limit)
    finally:
        grids_module.VIRTUAL_CHUNK_BYTES = old_size
    # A file of chunks, each element numbered by where it belongs.
    n = math.prod(shape)
    numbers = np.arange(n).reshape(shape)
    whole = math.prod(chunk)
    file, offsets = [], []
    for i in range(math.prod(grid_of(shape, chunk))):
        box = np.full(chunk, -1)
        where = unravel(i, grid_of(shape, chunk))
        part = numbers[tuple(slice(w * c, w * c + c) for w, c in zip(where, chunk, strict=True))]
        box[tuple(slice(m) for m in part.shape)] = part
        offsets.append(len(file) * item)
        file += box.reshape(-1).tolist()
    sizes = np.full(len(offsets), whole * item)
    starts, lengths = cut_extents(shape, chunk, cut, item, np.array(offsets), sizes)
    seen = np.full(shape, -1)
    for i in range(math.prod(grid_of(shape, cut))):
        got = file[starts[i] // item : (starts[i] + lengths[i]) // item]
        got = np.array(got + [-1] * (math.prod(cut) - len(got))).reshape(cut)
        where = unravel(i, grid_of(shape, cut))
        box = tuple(slice(w * c, w * c + c) for w, c in zip(where, cut, strict=True))
        seen[box] = got[tuple(slice(m) for m in seen[box].shape)]
    np.testing.assert_array_equal(seen, numbers)
