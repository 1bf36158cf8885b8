"""Parts of compressed chunks: decoded without the rest of the chunk, where the format allows it.

A frame of zstd is a sequence of blocks, each of which needs those before it; a buffer of blosc is a set of
blocks that need nothing of each other. The bytes of some blocks and a header that says so are a frame,
or a buffer, of their own, which the usual decoders take.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from mappedviz._types import Array
from mappedviz.formats.announced import zstd_begin

__all__ = ["Excerpter", "Ranges", "blosc_excerpts", "numbers_of", "zstd_excerpts"]

Ranges: TypeAlias = Sequence[tuple[int, int]]
#: Takes the bytes of a chunk, its decoded size, and ascending ranges of decoded bytes; returns the
#: bytes of each range, or None where the whole chunk has to be decoded. They are valid until the same
#: thread asks again.
Excerpter: TypeAlias = Callable[[bytes, int, Ranges], "list[Array] | None"]

#: Of zstd: a block becomes no more bytes, and all but the last become as many, as a rule.
_BLOCK = 128 << 10
_MEMCPYED = 0x2  # a flag of blosc: stored as it is
_HEADER = 16
_ZSTD_HEADER = 9
_KEPT = 8 << 20  # bytes that a thread keeps to decode to: fresh memory costs as much as decoding

_thread = threading.local()


def _scratch(name: str, size: int) -> Array:
    """Bytes that are this thread's until it asks again."""
    found: Array | None = getattr(_thread, name, None)
    if found is None or len(found) < size:
        found = np.empty(size, np.uint8)
        if size <= _KEPT:
            setattr(_thread, name, found)
    return found[:size]


def zstd_excerpts(data: bytes, size: int, ranges: Ranges) -> list[Array] | None:
    """Decode a zstd frame as far as the last range needs it."""
    from numcodecs import zstd

    begin, announced = zstd_begin(data)
    if announced != size:
        return None
    n_blocks = -(-ranges[-1][1] // _BLOCK)
    if n_blocks * _BLOCK >= size:
        out = _scratch("out", size)
        zstd.decompress(data, out)
        return [out[a:b] for a, b in ranges]
    at = last = begin
    for _ in range(n_blocks):
        last = at
        header = int.from_bytes(data[at : at + 3], "little")
        if header & 1 or at + 3 > len(data):  # an early last block
            return None
        at += 3 + (1 if header >> 1 & 3 == 1 else header >> 3)
    total = n_blocks * _BLOCK
    # In place of the header: one segment of so many bytes, without a checksum.
    frame = _scratch("frame", _ZSTD_HEADER + at - begin)
    frame[:_ZSTD_HEADER] = np.frombuffer(
        b"\x28\xb5\x2f\xfd\xa0" + total.to_bytes(4, "little"), np.uint8
    )
    frame[_ZSTD_HEADER:] = np.frombuffer(data, np.uint8, at - begin, begin)
    frame[_ZSTD_HEADER + last - begin] |= 1
    out = _scratch("out", total)
    zstd.decompress(frame, out)
    return [out[a:b] for a, b in ranges]


def blosc_excerpts(data: bytes, size: int, ranges: Ranges) -> list[Array] | None:
    """Decode the blocks of a blosc buffer that ranges are in."""
    n_bytes, block, n_stored = np.frombuffer(data, "<u4", 3, 4).tolist()
    if n_bytes != size or not 0 < block <= size or n_stored != len(data):
        return None
    if data[2] & _MEMCPYED:
        view = np.frombuffer(data, np.uint8)[_HEADER:]
        return [view[a:b] for a, b in ranges] if len(view) == size else None
    wanted = {number for a, b in ranges for number in range(a // block, (b - 1) // block + 1)}
    n_blocks = -(-size // block)
    if len(wanted) == 1 and size % block and n_blocks - 1 in wanted:
        wanted.add(n_blocks - 2)  # a buffer has at least one whole block
    numbers = sorted(wanted)
    total = sum(min(block, size - number * block) for number in numbers)
    starts = np.frombuffer(data, "<i4", n_blocks, _HEADER)
    ordered = np.sort(starts)  # threads may have written blocks in any order
    if ordered[0] < _HEADER + 4 * n_blocks or ordered[-1] >= len(data):
        return None
    ends = np.append(ordered, len(data))[np.searchsorted(ordered, starts, side="right")]
    sizes = (ends - starts)[numbers]
    at = _HEADER + 4 * len(numbers) + np.concatenate([[0], np.cumsum(sizes)])
    header = np.array([total, block, at[-1]], "<u4").tobytes()
    parts = [data[:4], header, at[:-1].astype("<i4").tobytes()]
    parts += [data[starts[number] : ends[number]] for number in numbers]
    from numcodecs import blosc

    out = _scratch("out", total)
    blosc.decompress(b"".join(parts), out)
    place = {number: i * block for i, number in enumerate(numbers)}
    begins = [place[a // block] + a % block for a, _ in ranges]
    return [out[first : first + b - a] for first, (a, b) in zip(begins, ranges, strict=True)]


def numbers_of(found: Array, dtype: np.dtype[Any]) -> Array:
    """Decoded bytes as numbers in native byte order."""
    values: Array = found.view(dtype)
    return values if dtype.isnative else values.astype(dtype.newbyteorder("="))
