"""What tests of chunks share: values of every type, and comparing an array bit for bit."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import numpy as np
from zarr.codecs import BloscCodec, Crc32cCodec, GzipCodec, ZstdCodec

from mappedviz.errors import ElementError
from mappedviz.formats.chunks import ChunkedArray
from mappedviz.formats.detect import open_root
from mappedviz.formats.files import FilePool
from mappedviz.formats.grids import grid_of, unravel
from mappedviz.formats.prefetch import read_rows
from mappedviz.formats.stamps import Stamp

DTYPES = ["?", "i1", "u1", "i2", "u2", "<f2", ">f2", "<i4", ">i4", "<u4", ">u4", "<i8", ">i8"]


DTYPES += ["<u8", "<f4", ">f4", "<f8", ">f8"]


def values_of(dtype: str, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Values that compress a little, and differ in every byte."""
    rng = np.random.default_rng(seed)
    d = np.dtype(dtype)
    if d.kind == "b":
        return rng.random(shape) < 0.4
    if d.kind == "f":
        return np.round(rng.normal(size=shape) * 100, 1).astype(d)
    info = np.iinfo(d)
    big = rng.integers(info.min, info.max, shape, dtype=d.newbyteorder("="), endpoint=True)
    return np.where(rng.random(shape) < 0.5, 7, big).astype(d)


def chunked(path: Path, key: str) -> ChunkedArray:
    """The array after its store was closed: nothing may depend on an open handle."""
    with open_root(path) as root:
        return root[key].chunked()


def check(array: ChunkedArray, expected: np.ndarray) -> None:
    """Every chunk, and the whole, bit for bit."""
    files = FilePool()
    assert array.shape == expected.shape
    assert array.dtype == expected.dtype.newbyteorder("=")
    assert array.grid == grid_of(array.shape, array.chunk_shape)
    assert array.n_chunks == math.prod(array.grid)
    native = expected.astype(array.dtype)
    for chunk in range(array.n_chunks):
        values = array.load(chunk, files)
        assert values.dtype == array.dtype
        assert values.dtype.isnative
        assert values.ndim == 1
        assert values.flags.c_contiguous
        assert not values.flags.writeable
        assert values.size == math.prod(array.chunk_shape)
        where = unravel(chunk, array.grid)
        box = tuple(slice(i * c, i * c + c) for i, c in zip(where, array.chunk_shape, strict=True))
        want = native[box]
        got = values.reshape(array.chunk_shape)[tuple(slice(n) for n in want.shape)]
        assert got.tobytes() == want.tobytes()
    assert read_rows(array, 0, array.shape[0], files).tobytes() == native.tobytes()
    check_direct(array, native)


def check_direct(array: ChunkedArray, native: np.ndarray) -> None:
    if array.direct is None:
        return
    raw = Path(array.direct.path).read_bytes()
    assert array.direct.stamp == Stamp.of(array.direct.path)
    assert len(array.direct.offsets) == array.n_chunks
    for chunk, offset in enumerate(array.direct.offsets.tolist()):
        where = unravel(chunk, array.grid)
        box = tuple(slice(i * c, i * c + c) for i, c in zip(where, array.chunk_shape, strict=True))
        want = native[box]
        row = math.prod(array.chunk_shape[1:]) * array.dtype.itemsize
        for i, part in enumerate(want):
            start = offset + i * row
            assert raw[start : start + part.nbytes] == part.tobytes()


ZARR3: dict[str, dict[str, Any]] = {
    "none": {"compressors": None},
    "zstd": {"compressors": ZstdCodec()},
    "gzip": {"compressors": GzipCodec()},
    "blosc": {"compressors": BloscCodec(cname="lz4")},
    "crc32c": {"compressors": [ZstdCodec(), Crc32cCodec()]},
    "big-endian": {
        "compressors": ZstdCodec(),
        "serializer": {"name": "bytes", "configuration": {"endian": "big"}},
    },
    "transposed": {"compressors": ZstdCodec(), "filters": "transpose"},
    "dots": {"compressors": None, "chunk_key_encoding": {"name": "default", "separator": "."}},
    "keys of 2": {"compressors": None, "chunk_key_encoding": {"name": "v2", "separator": "."}},
    "sharded": {"compressors": ZstdCodec(), "shards": True},
    "sharded plain": {"compressors": None, "shards": True},
    "sharded blosc": {"compressors": BloscCodec(cname="zstd"), "shards": True},
}


class Made:
    """An array of chunks that are made up, counted, and of different sizes."""

    def __init__(self, name: str = "x", n: int = 50, slow: float = 0.0) -> None:
        self.key = ("store", name)
        self.shape = (n * 10,)
        self.dtype = np.dtype("i8")
        self.chunk_shape = (10,)
        self.grid = (n,)
        self.n_chunks = n
        self.direct = None
        self.stamp = 0
        self.slow = slow
        self.loads: list[int] = []
        self.running: set[int] = set()
        self.twice = False
        self.bad: set[int] = set()

    def load(self, chunk: int, files: FilePool) -> np.ndarray:
        self.twice |= chunk in self.running
        self.running.add(chunk)
        time.sleep(self.slow)
        self.loads.append(chunk)
        self.running.discard(chunk)
        if chunk in self.bad:
            raise ElementError("is bad", store="store", key="x")
        return np.full(10 + chunk % 3, chunk)
