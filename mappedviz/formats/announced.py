"""What compressed bytes say of how many they will become, read before memory is taken for them."""

from __future__ import annotations

import bz2
import lzma
from typing import Any

__all__ = ["bz2_within", "lzma_within", "zstd_begin", "zstd_bound"]

_ZSTD = 0xFD2FB528
_SKIPPABLE = range(0x184D2A50, 0x184D2A60)
_BLOCK = 128 << 10  # of zstd: no block becomes more
_RAW, _RLE = 0, 1


def zstd_bound(data: Any) -> int:
    """Return the most bytes that frames of zstd can become, from the headers of frames and blocks.

    Where a frame says its size, that is it: numcodecs decodes that frame. What is cut off or no zstd at all ends the count:
    the decoder says what is wrong.

    Examples
    --------
    >>> from numcodecs.zstd import Zstd
    >>> zstd_bound(Zstd().encode(bytes(1000)))
    1000
    """
    view = memoryview(data).cast("B")
    total = at = 0
    while at + 8 <= len(view):
        magic = int.from_bytes(view[at : at + 4], "little")
        if magic in _SKIPPABLE:
            at += 8 + int.from_bytes(view[at + 4 : at + 8], "little")
            continue
        if magic != _ZSTD:
            break
        at, size, checked = _frame(view, at + 4)
        if size is not None:
            return total + size
        at, bound = _blocks(view, at)
        total += bound
        at += 4 * checked
    return total


def zstd_begin(data: Any) -> tuple[int, int | None]:
    """Return where the blocks of a frame of zstd begin, and the size that it says; None: it says none, or is no such frame.

    A frame that needs a dictionary is none of ours, nor one with a checksum: that is of all blocks.
    """
    view = memoryview(data).cast("B")
    if len(view) < 18 or int.from_bytes(view[:4], "little") != _ZSTD or view[4] & 3:
        return 0, None
    begin, size, checked = _frame(view, 4)
    return begin, None if checked else size


def _frame(view: memoryview, at: int) -> tuple[int, int | None, bool]:
    """Where the blocks of a frame begin, the size that it says, and whether a checksum ends it."""
    flags = view[at]
    single = bool(flags & 0x20)
    n_size = (1 if single else 0, 2, 4, 8)[flags >> 6]
    at += 1 + (not single) + (0, 1, 2, 4)[flags & 3]
    size = int.from_bytes(view[at : at + n_size], "little") if n_size else None
    if size is not None and n_size == 2:
        size += 256
    return at + n_size, size, bool(flags & 4)


def _blocks(view: memoryview, at: int) -> tuple[int, int]:
    """Where the blocks of a frame end, and the most bytes that they become."""
    bound = 0
    while at + 3 <= len(view):
        header = int.from_bytes(view[at : at + 3], "little")
        kind, size = header >> 1 & 3, header >> 3
        bound += size if kind in (_RAW, _RLE) else _BLOCK
        at += 3 + (1 if kind == _RLE else size)
        if header & 1:
            break
    return at, bound


def bz2_within(data: Any, limit: int) -> bytes:
    """Decode bz2, but no more than one byte above `limit`."""
    return _within(bz2.BZ2Decompressor, data, limit)


def lzma_within(data: Any, limit: int, config: dict[str, Any]) -> bytes:
    """Decode lzma as numcodecs writes it, but no more than one byte above `limit`."""
    kind = int(config.get("format", lzma.FORMAT_XZ))
    filters = config.get("filters") if kind == lzma.FORMAT_RAW else None
    return _within(lambda: lzma.LZMADecompressor(format=kind, filters=filters), data, limit)


def _within(make: Any, data: Any, limit: int) -> bytes:
    parts, size = [], 0
    rest = bytes(data)
    while rest and size <= limit:  # streams may follow each other
        stream = make()
        parts.append(stream.decompress(rest, limit + 1 - size))
        size += len(parts[-1])
        if not stream.eof:
            if size <= limit:
                raise EOFError("the compressed stream has no end")
            break
        rest = stream.unused_data
    return b"".join(parts)
