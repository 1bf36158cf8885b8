"""The compiled loops of the decoders: byte unshuffle and LZF. They release the GIL."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from mappedviz._types import Array

# Declared signatures: compiled once (and kept on disk), not once per flavour of array.
_READ = "Array(uint8, 1, 'C', readonly=True)"
_OPTIONS: Any = {"nogil": True, "cache": True}


@numba.njit(f"void({_READ}, uint8[::1], int64)", **_OPTIONS)
def _unshuffle2(source: Array, out: Array, n: int) -> None:
    a, b = source[:n], source[n : 2 * n]
    for j in range(n):
        out[2 * j] = a[j]
        out[2 * j + 1] = b[j]


@numba.njit(f"void({_READ}, uint32[::1], int64)", **_OPTIONS)
def _unshuffle4(source: Array, out: Array, n: int) -> None:
    a, b, c, d = source[:n], source[n : 2 * n], source[2 * n : 3 * n], source[3 * n : 4 * n]
    for j in range(n):  # one store a word: the compiler makes vectors of it
        out[j] = (
            np.uint32(a[j])
            | np.uint32(b[j]) << np.uint32(8)
            | np.uint32(c[j]) << np.uint32(16)
            | np.uint32(d[j]) << np.uint32(24)
        )


@numba.njit(f"void({_READ}, uint8[::1], int64, int64)", **_OPTIONS)
def _unshuffle(source: Array, out: Array, n: int, itemsize: int) -> None:
    for j in range(n):
        for k in range(itemsize):
            out[j * itemsize + k] = source[k * n + j]


def unshuffle(source: Array, out: Array, n: int, itemsize: int) -> None:
    """Put the bytes of n items together again."""
    source = source.view()
    source.flags.writeable = False
    if itemsize == 4:
        _unshuffle4(source, out[: 4 * n].view("<u4"), n)
    elif itemsize == 2:
        _unshuffle2(source, out, n)
    else:
        _unshuffle(source, out, n, itemsize)


@numba.njit(f"int64({_READ}, uint8[::1])", **_OPTIONS)
def _lzf(source: Array, out: Array) -> int:
    i = o = 0
    end, room = source.size, out.size
    while i < end:
        control = int(source[i])
        i += 1
        if control < 32:  # a run of literals
            control += 1
            if i + control > end or o + control > room:
                return -1
            for k in range(control):
                out[o + k] = source[i + k]
            i += control
            o += control
        else:  # a copy of what came before
            length = control >> 5
            back = o - ((control & 31) << 8) - 1
            if length == 7:
                if i >= end:
                    return -1
                length += int(source[i])
                i += 1
            if i >= end:
                return -1
            back -= int(source[i])
            i += 1
            length += 2
            if back < 0 or o + length > room:
                return -1
            for k in range(length):  # may overlap: byte by byte
                out[o + k] = out[back + k]
            o += length
    return o


def lzf(source: Array, out: Array) -> int:
    """Decode an LZF stream; the number of bytes written, -1 where the stream is damaged."""
    source = source.view()
    source.flags.writeable = False
    return int(_lzf(source, out))
