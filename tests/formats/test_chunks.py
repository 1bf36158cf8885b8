"""Where the bytes lie, how they are decoded, and what is kept of them."""

from __future__ import annotations

import gzip
import json
import math
import os
import pickle
import shutil
import subprocess
import sys
import threading
import time
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import numcodecs
import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from zarr.codecs import BloscCodec, Crc32cCodec, GzipCodec, TransposeCodec, ZstdCodec

from mappedviz.errors import ElementError, StoreError
from mappedviz.formats import cache as cache_module
from mappedviz.formats import codecs, hdf5_chunks
from mappedviz.formats import files as files_module
from mappedviz.formats import grids as grids_module
from mappedviz.formats import zarr as zarr_module
from mappedviz.formats.cache import ChunkCache
from mappedviz.formats.chunks import ChunkedArray, read_rows
from mappedviz.formats.codecs import DecodeError, Pipeline
from mappedviz.formats.detect import open_root
from mappedviz.formats.files import FileHandle, FilePool, Stamp, pread
from mappedviz.formats.grids import cut_extents, grid_of, unravel, virtual_chunks

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


# ------------------------------------------------------------------------------------- HDF5
HDF5_FILTERS: dict[str, dict[str, Any]] = {
    "none": {},
    "gzip": {"compression": "gzip"},
    "gzip+shuffle": {"compression": "gzip", "compression_opts": 9, "shuffle": True},
    "lzf": {"compression": "lzf"},
    "lzf+shuffle": {"compression": "lzf", "shuffle": True},
    "fletcher32": {"fletcher32": True},
    "all": {"compression": "gzip", "shuffle": True, "fletcher32": True},
    "szip": {"compression": "szip"},
}


@pytest.mark.parametrize("filters", HDF5_FILTERS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_hdf5_chunks_are_what_h5py_reads(tmp_path: Path, filters: str, dtype: str) -> None:
    one, two = values_of(dtype, (1003,)), values_of(dtype, (53, 21), 1)
    options = HDF5_FILTERS[filters]
    if filters == "szip" and (dtype[-2:] == "f2" or not h5py.h5z.filter_avail(4)):
        return  # not for this type, or not in this HDF5
    with h5py.File(tmp_path / "a.h5ad", "w") as file:
        file.create_dataset("one", data=one, chunks=(100,), **options)
        file.create_dataset("two", data=two, chunks=(10, 8), **options)
    for key, values in (("one", one), ("two", two)):
        array = chunked(tmp_path / "a.h5ad", key)
        check(array, values)
        native = filters == "none" and values.dtype.isnative
        assert (array.direct is not None) == native


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", ["contiguous", "compact", "external", "virtual"])
def test_hdf5_layouts_without_chunks(tmp_path: Path, layout: str, dtype: str) -> None:
    values = values_of(dtype, (53, 7))
    with h5py.File(tmp_path / "a.h5ad", "w") as file:
        if layout == "compact":
            plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            plist.set_layout(h5py.h5d.COMPACT)
            space = h5py.h5s.create_simple(values.shape)
            kind = h5py.h5t.py_create(values.dtype, logical=True)
            h5py.Dataset(h5py.h5d.create(file.id, b"x", kind, space, plist))[:] = values
        elif layout == "virtual":
            file["part"] = values
            source = h5py.VirtualSource(file["part"])
            target = h5py.VirtualLayout(values.shape, values.dtype)
            target[:] = source[:]
            file.create_virtual_dataset("x", target)
        else:
            external = [(str(tmp_path / "raw"), 0, values.nbytes)] if layout == "external" else None
            file.create_dataset("x", data=values, external=external)
    array = chunked(tmp_path / "a.h5ad", "x")
    check(array, values)
    assert (array.direct is not None) == (layout == "contiguous" and values.dtype.isnative)


@pytest.mark.parametrize("block", [512, 4096])
def test_offsets_count_the_user_block(tmp_path: Path, block: int) -> None:
    values = values_of("<i4", (1000,))
    with h5py.File(tmp_path / "a.h5ad", "w", userblock_size=block) as file:
        file.create_dataset("chunked", data=values, chunks=(64,))
        file.create_dataset("gzip", data=values, chunks=(64,), compression="gzip")
        file.create_dataset("contiguous", data=values)
    for key in ("chunked", "gzip", "contiguous"):
        check(chunked(tmp_path / "a.h5ad", key), values)


def test_old_hdf5_left_the_user_block_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = values_of("<i4", (1000,))
    with h5py.File(tmp_path / "a.h5ad", "w", userblock_size=512) as file:
        file.create_dataset("x", data=values, chunks=(64,))
    ours = hdf5_chunks._infos
    wrong = 512

    def infos(ident: Any) -> list[Any]:
        return [info._replace(byte_offset=info.byte_offset - wrong) for info in ours(ident)]

    monkeypatch.setattr(hdf5_chunks, "_infos", infos)
    check(chunked(tmp_path / "a.h5ad", "x"), values)
    wrong = 3
    with pytest.raises(ElementError, match="not where HDF5 says"):
        chunked(tmp_path / "a.h5ad", "x")


@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_every_index_of_chunks(tmp_path: Path, libver: str) -> None:
    # Fixed array, extensible array, version 2 B-tree, single chunk: HDF5 keeps chunks in all of them.
    values = values_of("<i4", (40, 30))
    with h5py.File(tmp_path / "a.h5ad", "w", libver=libver) as file:
        for name, maxshape in (("n", None), ("i", (None, 30)), ("ii", (None, None))):
            for filters in ("none", "gzip"):
                file.create_dataset(
                    name + filters,
                    data=values,
                    chunks=(7, 11),
                    maxshape=maxshape,
                    **HDF5_FILTERS[filters],
                )
        file.create_dataset("single", data=values, chunks=(40, 30), compression="gzip")
        names = list(file)
    for name in names:
        check(chunked(tmp_path / "a.h5ad", name), values)


def test_chunks_are_found_without_chunk_iter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = values_of("<i4", (1000,))
    with h5py.File(tmp_path / "a.h5ad", "w") as file:
        file.create_dataset("x", data=values, chunks=(64,))

    class Old:  # HDF5 before 1.12.3
        def __init__(self, ident: Any) -> None:
            self.get_num_chunks, self.get_chunk_info = ident.get_num_chunks, ident.get_chunk_info

    def infos(ident: Any) -> list[Any]:
        return original(Old(ident))

    original = hdf5_chunks._infos
    monkeypatch.setattr(hdf5_chunks, "_infos", infos)
    check(chunked(tmp_path / "a.h5ad", "x"), values)


@pytest.mark.parametrize("fill", [None, 5])
@pytest.mark.parametrize("options", [{}, {"compression": "gzip"}, {"shuffle": True}])
def test_chunks_never_written_hold_the_fill_value(tmp_path: Path, fill: Any, options: Any) -> None:
    with h5py.File(tmp_path / "a.h5ad", "w") as file:
        data = file.create_dataset("x", (1000,), ">i4", chunks=(100,), fillvalue=fill, **options)
        data[250:420] = np.arange(170)
        file.create_dataset("never", (1000,), "f4", chunks=(100,), fillvalue=fill, **options)
        file.create_dataset("contiguous", (1000,), "f4", fillvalue=fill)
        expected = {name: file[name][:] for name in file}
    for name, values in expected.items():
        array = chunked(tmp_path / "a.h5ad", name)
        check(array, values)
        assert array.direct is None


@pytest.mark.parametrize("shape", [(0,), (0, 5), (5, 0)])
@pytest.mark.parametrize("chunks", [None, True])
def test_empty_arrays_have_no_chunks(tmp_path: Path, shape: tuple[int, ...], chunks: Any) -> None:
    with h5py.File(tmp_path / "a.h5ad", "w") as file:
        maxshape = tuple(None for _ in shape) if chunks else None
        file.create_dataset("x", shape, "f4", chunks=chunks, maxshape=maxshape)
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=3)
    group.create_array("x", shape=shape, dtype="f4", chunks=tuple(max(1, n) for n in shape))
    for name in ("a.h5ad", "a.zarr"):
        array = chunked(tmp_path / name, "x")
        assert array.n_chunks == 0
        check(array, np.zeros(shape, "f4"))
        with open_root(tmp_path / name) as root:
            assert root["x"].read().shape == shape


def test_filters_that_a_chunk_skipped(tmp_path: Path) -> None:
    values = values_of("<i4", (400,))
    steps = {  # bit i: filter i was left out, in the order of encoding
        0b00: lambda raw: zlib.compress(bytes(numcodecs.Shuffle(4).encode(raw))),
        0b01: zlib.compress,
        0b10: lambda raw: bytes(numcodecs.Shuffle(4).encode(raw)),
        0b11: lambda raw: raw,
    }
    with h5py.File(tmp_path / "a.h5ad", "w") as file:
        data = file.create_dataset(
            "x", (400,), "<i4", chunks=(100,), shuffle=True, compression="gzip"
        )
        for mask, encode in steps.items():
            raw = encode(values[100 * mask : 100 * mask + 100].tobytes())
            data.id.write_direct_chunk((100 * mask,), raw, mask)
    check(chunked(tmp_path / "a.h5ad", "x"), values)


@pytest.mark.parametrize("number", [32001, 32004, 32015, 32008])
def test_filters_of_plugins(tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    values = values_of("<i4", (3000,))

    def lz4(raw: bytes, block: int = 1600) -> bytes:
        out = [len(raw).to_bytes(8, "big"), block.to_bytes(4, "big")]
        for at in range(0, len(raw), block):
            part = raw[at : at + block]
            packed = bytes(numcodecs.LZ4().encode(part))[4:]
            packed = part if len(packed) >= len(part) else packed
            out += [len(packed).to_bytes(4, "big"), packed]
        return b"".join(out)

    encode = {
        32001: lambda raw: bytes(numcodecs.Blosc("zstd", 5, 1).encode(np.frombuffer(raw, "i4"))),
        32004: lz4,
        32015: lambda raw: bytes(numcodecs.Zstd(3).encode(raw)),
        32008: lambda raw: raw,
    }[number]
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((1000,))
    plist.set_filter(number, h5py.h5z.FLAG_OPTIONAL, (0,))
    with h5py.File(tmp_path / "a.h5ad", "w") as file:
        space = h5py.h5s.create_simple((3000,))
        ident = h5py.h5d.create(file.id, b"x", h5py.h5t.STD_I32LE, space, plist)
        for start in (0, 1000, 2000):
            ident.write_direct_chunk((start,), encode(values[start : start + 1000].tobytes()))
    monkeypatch.setattr(h5py.h5z, "filter_avail", lambda n: n < 32000)
    with open_root(tmp_path / "a.h5ad") as root:
        node = root["x"]
        assert (
            node.codec == {32001: "blosc", 32004: "lz4", 32015: "zstd", 32008: "bitshuffle"}[number]
        )
        if number == 32008:
            for read in (node.read, node.chunked):
                with pytest.raises(ElementError, match="bitshuffle") as error:
                    read()
                assert "pip install hdf5plugin" in str(error.value)
            return
        np.testing.assert_array_equal(node.read(slice(5, 2500)), values[5:2500])
        check(node.chunked(), values)


def test_types_that_numpy_lacks_are_converted_by_hdf5(tmp_path: Path) -> None:
    kind = h5py.h5t.IEEE_F16LE.copy()  # bfloat16
    kind.set_fields(15, 7, 8, 0, 7)
    kind.set_ebias(127)
    values = np.arange(100, dtype="f4") - 50
    with h5py.File(tmp_path / "a.h5ad", "w") as file:
        space = h5py.h5s.create_simple((100,))
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((30,))
        h5py.Dataset(h5py.h5d.create(file.id, b"x", kind, space, plist))[:] = values
    check(chunked(tmp_path / "a.h5ad", "x"), values)


# ------------------------------------------------------------------------------------- zarr
ZARR2: dict[str, dict[str, Any]] = {
    "none": {"compressors": None},
    "zlib": {"compressors": numcodecs.Zlib(4)},
    "gzip": {"compressors": numcodecs.GZip(4)},
    "zstd": {"compressors": numcodecs.Zstd(3)},
    "lz4": {"compressors": numcodecs.LZ4()},
    "bz2": {"compressors": numcodecs.BZ2()},
    "lzma": {"compressors": numcodecs.LZMA()},
    "blosc": {"compressors": numcodecs.Blosc("lz4")},
    "blosc-bit": {"compressors": numcodecs.Blosc("zstd", 5, numcodecs.Blosc.BITSHUFFLE)},
    "fortran": {"compressors": numcodecs.Zstd(3), "order": "F"},
    "slash": {"compressors": None, "chunk_key_encoding": {"name": "v2", "separator": "/"}},
    "shuffle": {"compressors": numcodecs.Zlib(1), "filters": [numcodecs.Shuffle(4)]},
    "crc32c": {"compressors": None, "filters": [numcodecs.CRC32C()]},
    "fletcher32": {"compressors": None, "filters": [numcodecs.Fletcher32()]},
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", ZARR2)
def test_zarr_2_chunks_are_what_zarr_reads(tmp_path: Path, kind: str, dtype: str) -> None:
    options = ZARR2[kind]
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    for name, shape, chunk in (("one", (1003,), (100,)), ("two", (53, 21), (10, 8))):
        values = values_of(dtype, shape)
        group.create_array(
            name, shape=shape, chunks=chunk, dtype=values.dtype, overwrite=True, **options
        )[...] = values
        check(chunked(tmp_path / "a.zarr", name), values)
        with open_root(tmp_path / "a.zarr") as root:
            assert (
                root[name].read().tobytes()
                == values.astype(values.dtype.newbyteorder("=")).tobytes()
            )


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


@pytest.mark.parametrize("dtype", [d for d in DTYPES if d[0] != ">"])
@pytest.mark.parametrize("kind", ZARR3)
def test_zarr_3_chunks_are_what_zarr_reads(tmp_path: Path, kind: str, dtype: str) -> None:
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=3)
    for name, shape, chunk in (("one", (1003,), (100,)), ("two", (53, 21), (10, 8))):
        options = dict(ZARR3[kind])
        if options.pop("shards", False):
            options["shards"] = tuple(3 * n for n in chunk)
        if options.get("filters") == "transpose":
            options["filters"] = [TransposeCodec(order=tuple(range(len(shape)))[::-1])]
        values = values_of(dtype, shape)
        group.create_array(name, shape=shape, chunks=chunk, dtype=values.dtype, **options)[...] = (
            values
        )
        array = chunked(tmp_path / "a.zarr", name)
        assert array.chunk_shape == chunk
        check(array, values)
        with open_root(tmp_path / "a.zarr") as root:
            assert root[name].read().tobytes() == values.tobytes()


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("version", [2, 3])
def test_what_our_reader_does_not_know_is_read_by_zarr(
    tmp_path: Path, version: Any, zipped: bool
) -> None:
    values = values_of("<i4", (53, 21))
    path = tmp_path / "a.zarr"
    store = zarr.storage.ZipStore(path, mode="w") if zipped else path
    group = zarr.open_group(store, mode="w", zarr_format=version)
    if version == 2:
        options: dict[str, Any] = {"filters": [numcodecs.Delta("<i4")]}
    else:  # two axes turned twice, a shard inside a shard
        turn = TransposeCodec(order=(1, 0))
        options = {"filters": [turn, turn]}
    group.create_array("x", shape=(53, 21), chunks=(10, 8), dtype="i4", **options)[...] = values
    if zipped:
        group.store.close()
    array = chunked(path, "x")
    assert type(array).__name__ == "RoutedArray"
    check(array, values)
    with open_root(path) as root:
        np.testing.assert_array_equal(root["x"].read(slice(3, 30)), values[3:30])
        assert root["x"].chunks == (10, 8)
    if not zipped:
        chunk = path / "x" / ("0.0" if version == 2 else "c/0/0")
        chunk.write_bytes(b"nonsense")
        with pytest.raises(ElementError, match="zarr says"):
            array.load(0, FilePool())


@pytest.mark.parametrize("location", ["start", "end"])
@pytest.mark.parametrize("checked", [True, False])
def test_shards_by_place_of_their_table(tmp_path: Path, location: str, checked: bool) -> None:
    from zarr.codecs import BytesCodec, ShardingCodec

    values = values_of("<i4", (100, 6))
    values[20:40] = 0  # absent inner chunks
    values[60:90] = 0  # an absent shard
    index = [BytesCodec(endian="little"), *([Crc32cCodec()] if checked else [])]
    sharding = ShardingCodec(
        chunk_shape=(10, 3), codecs=[BytesCodec(), ZstdCodec()], index_codecs=index,
        index_location=location,
    )  # fmt: skip
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=3)
    array = group.create_array(
        "x", shape=(100, 6), chunks=(30, 6), dtype="i4", serializer=sharding, compressors=None
    )
    array[...] = values
    found = chunked(tmp_path / "a.zarr", "x")
    assert found.chunk_shape == (10, 3)
    check(found, values)


@pytest.mark.parametrize("compression", [0, 8, 12])
@pytest.mark.parametrize("kind", ["none", "zstd", "sharded"])
def test_zarr_in_a_zip(tmp_path: Path, kind: str, compression: int) -> None:
    import zipfile

    values = values_of("<i4", (53, 21))
    options = dict(ZARR3[kind])
    if options.pop("shards", False):
        options["shards"] = (30, 16)
    store = zarr.storage.ZipStore(tmp_path / "a.zip", mode="w", compression=compression)
    group = zarr.open_group(store, mode="w", zarr_format=3)
    group.create_array("x", shape=(53, 21), chunks=(10, 8), dtype="i4", **options)[...] = values
    store.close()
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert {info.compress_type for info in archive.infolist()} == {compression}
    with open_root(tmp_path / "a.zip") as root:
        np.testing.assert_array_equal(
            root["x"].read() if kind != "sharded" or not compression else values, values
        )
    array = chunked(tmp_path / "a.zip", "x")
    if kind == "sharded" and compression:
        with pytest.raises(ElementError, match="compressed zip"):
            array.load(0, FilePool())
        return
    check(array, values)
    assert (array.direct is not None) == (kind == "none" and not compression)


def test_a_lone_uncompressed_chunk_is_direct(tmp_path: Path) -> None:
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    values = values_of("<f4", (50, 20))
    group.create_array("x", shape=(50, 20), chunks=(64, 20), dtype="f4", compressors=None)[...] = (
        values
    )
    array = chunked(tmp_path / "a.zarr", "x")
    assert array.direct is not None
    check(array, values)
    (tmp_path / "a.zarr" / "x" / "0.0").write_bytes(b"short")
    with pytest.raises(ElementError, match="5 bytes where 5120 were expected"):
        chunked(tmp_path / "a.zarr", "x")


@pytest.mark.parametrize(
    ("dtype", "fill"),
    [
        ("f4", "NaN"), ("f4", "Infinity"), ("f8", "-Infinity"), ("f4", "0x7fc00001"),
        ("f4", -0.0), ("f2", 1.5), ("i4", -3), ("bool", True), ("u8", 2**64 - 1),
    ],
)  # fmt: skip
def test_missing_chunks_of_zarr_hold_the_fill_value(tmp_path: Path, dtype: str, fill: Any) -> None:
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=3)
    group.create_array("x", shape=(25,), chunks=(10,), dtype=dtype)[:10] = np.arange(10) % 2
    meta = tmp_path / "a.zarr" / "x" / "zarr.json"
    text = json.loads(meta.read_text())
    text["fill_value"] = fill
    meta.write_text(json.dumps(text))
    expected = zarr.open_array(tmp_path / "a.zarr" / "x", mode="r")[:]
    check(chunked(tmp_path / "a.zarr", "x"), expected)


# ---------------------------------------------------------------------------- virtual chunks
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


@pytest.mark.parametrize("dtype", ["<f4", ">f4"])
def test_large_unfiltered_data_are_read_in_pieces(
    tmp_path: Path, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grids_module, "VIRTUAL_CHUNK_BYTES", 4096)
    for module in (hdf5_chunks, zarr_module):
        monkeypatch.setattr(module, "HUGE_CHUNK_BYTES", 8192)
    monkeypatch.setattr(hdf5_chunks, "VIRTUAL_CHUNK_BYTES", 4096)
    one, two = values_of(dtype, (50_001,)), values_of(dtype, (1001, 30))
    with h5py.File(tmp_path / "a.h5ad", "w") as file:
        file.create_dataset("one", data=one)
        file.create_dataset("two", data=two)
        file.create_dataset("chunked one", data=one, chunks=(20_000,))
        file.create_dataset("chunked two", data=two, chunks=(500, 17))
        file.create_dataset("one chunk", data=two, chunks=(1001, 30))
        file.create_dataset("prime", data=one, chunks=(9973,))
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    for name, chunk in (("two", (1001, 30)), ("padded", (2003, 30))):
        group.create_array(name, shape=two.shape, chunks=chunk, dtype=two.dtype, compressors=None)[
            ...
        ] = two
    for name in ("a.h5ad", "a.zarr"):
        with open_root(tmp_path / name) as root:
            for key in root.keys():  # noqa: SIM118 - not a dict
                array = root[key].chunked()
                check(array, one if key in ("one", "chunked one", "prime") else two)
                if key != "prime":
                    assert math.prod(array.chunk_shape) * 4 <= 4096


# ------------------------------------------------------------------------------- bad bytes
def _spoil(path: Path, offset: int, by: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(by)


def _keep_time(path: Path, act: Any) -> None:
    """Damage that leaves no trace in size or time."""
    status = path.stat()
    act()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize("filters", ["gzip", "lzf", "fletcher32", "all", "gzip+shuffle"])
def test_damaged_chunks_of_hdf5_are_named(tmp_path: Path, filters: str) -> None:
    path = tmp_path / "a.h5ad"
    with h5py.File(path, "w") as file:
        file.create_dataset(
            "obs/x", data=values_of("i4", (1000,)), chunks=(100,), **HDF5_FILTERS[filters]
        )
    array = chunked(path, "obs/x")
    extent = array.source  # type: ignore[attr-defined]
    _keep_time(path, lambda: _spoil(path, int(extent.offsets[3]) + 20, b"\xff\x00\xff\xab" * 8))
    with pytest.raises(ElementError, match="chunk 3") as error:
        array.load(3, FilePool())
    assert str(path) in str(error.value)
    assert "obs/x" in str(error.value)
    assert "again" in str(error.value)
    array.load(2, FilePool())


@pytest.mark.parametrize("kind", ["gzip", "zstd", "blosc", "crc32c", "sharded"])
@pytest.mark.parametrize("damage", ["cut", "overwritten", "empty", "longer"])
def test_damaged_chunks_of_zarr_are_named(tmp_path: Path, kind: str, damage: str) -> None:
    options = dict(ZARR3[kind])
    if options.pop("shards", False):
        options["shards"] = (300,)
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=3)
    group.create_array("x", shape=(1000,), chunks=(100,), dtype="i4", **options)[...] = values_of(
        "i4", (1000,)
    )
    chunk = tmp_path / "a.zarr" / "x" / "c" / "0"
    raw = chunk.read_bytes()
    chunk.write_bytes(
        {
            "cut": raw[: len(raw) // 2],
            "overwritten": b"\xff\x07" * (len(raw) // 2) + raw[len(raw) // 2 * 2 :],
            "empty": b"",
            "longer": raw + b"\0" * 400,
        }[damage]
    )
    array = chunked(tmp_path / "a.zarr", "x")
    if damage == "longer" and kind in ("zstd", "gzip", "blosc"):
        return  # what follows a whole frame is nobody's business
    with pytest.raises(StoreError) as error:
        array.load(0, FilePool())
    assert str(tmp_path) in str(error.value)


def test_an_uncompressed_chunk_of_the_wrong_size_is_named(tmp_path: Path) -> None:
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=3)
    group.create_array("x", shape=(200,), chunks=(100,), dtype="i4", compressors=None)[...] = 1
    (tmp_path / "a.zarr" / "x" / "c" / "1").write_bytes(b"12345678")
    with pytest.raises(ElementError, match="has 8 bytes where 400 were expected"):
        chunked(tmp_path / "a.zarr", "x").load(1, FilePool())


@pytest.mark.parametrize("filters", ["none", "gzip"])
def test_a_truncated_file_is_named(tmp_path: Path, filters: str) -> None:
    path = tmp_path / "a.h5ad"
    with h5py.File(path, "w") as file:
        file.create_dataset(
            "x", data=values_of("i4", (10_000,)), chunks=(1000,), **HDF5_FILTERS[filters]
        )
    array = chunked(path, "x")
    files = FilePool()
    array.load(9, files)
    os.truncate(path, path.stat().st_size - 3000)
    for pool in (files, FilePool()):
        with pytest.raises(StoreError, match="truncated while open") as error:
            array.load(9, pool)
        assert str(path) in str(error.value)
    with pytest.raises(StoreError, match="is truncated: 100 bytes"):
        FileHandle(str(path)).read(path.stat().st_size - 50, 100)


def test_a_replaced_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.h5ad"
    for seed, name in enumerate(("a.h5ad", "b.h5ad")):
        with h5py.File(tmp_path / name, "w") as file:
            file.create_dataset("x", data=values_of("i4", (1000,), seed), chunks=(100,))
    array = chunked(path, "x")
    os.utime(tmp_path / "b.h5ad", (1, 1))
    os.replace(tmp_path / "b.h5ad", path)
    with pytest.raises(StoreError, match="changed or replaced while open"):
        array.load(0, FilePool())
    path.unlink()
    with pytest.raises(StoreError, match="no such file"):
        array.load(0, FilePool())


@pytest.mark.parametrize("kind", ["zstd", "sharded"])
def test_a_replaced_zarr_directory_is_named(tmp_path: Path, kind: str) -> None:
    options = dict(ZARR3[kind])
    if options.pop("shards", False):
        options["shards"] = (300,)
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=3)
    group.create_array("x", shape=(1000,), chunks=(100,), dtype="i4", **options)[...] = 1
    array = chunked(tmp_path / "a.zarr", "x")
    meta = tmp_path / "a.zarr" / "x" / "zarr.json"
    os.utime(meta, (1, 1))
    with pytest.raises(StoreError, match="changed or replaced while open"):
        array.load(0, FilePool())
    shutil.rmtree(tmp_path / "a.zarr")  # must not read as a store of fill values
    with pytest.raises(StoreError, match="no such file"):
        array.load(5, FilePool())


def test_a_shard_table_that_lies_is_named(tmp_path: Path) -> None:
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=3)
    group.create_array("x", shape=(300,), chunks=(100,), shards=(300,), dtype="i4")[...] = (
        np.arange(300)
    )
    shard = tmp_path / "a.zarr" / "x" / "c" / "0"
    raw = bytearray(shard.read_bytes())
    raw[-20:-12] = (10**6).to_bytes(8, "little")
    shard.write_bytes(raw)
    with pytest.raises(ElementError, match="table does not match its crc32c"):
        chunked(tmp_path / "a.zarr", "x").load(0, FilePool())
    raw[-4:] = codecs.crc32c(raw[-52:-4]).to_bytes(4, "little")
    shard.write_bytes(raw)
    with pytest.raises(ElementError, match="outside of its shard"):
        chunked(tmp_path / "a.zarr", "x").load(2, FilePool())


# --------------------------------------------------------------------------------- decoders
@pytest.fixture(params=["libdeflate", "zlib"])
def inflater(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "zlib":
        monkeypatch.setattr(codecs, "_deflate", None)
    elif codecs._deflate is None:
        pytest.skip("deflate is not installed")
    return str(request.param)


def test_inflate_with_and_without_libdeflate(inflater: str) -> None:
    raw = np.arange(5000, dtype="i4").tobytes()
    for encode, decode in (
        (zlib.compress, codecs.inflate_zlib),
        (gzip.compress, codecs.inflate_gzip),
    ):
        packed = encode(raw)
        assert bytes(decode(packed, len(raw))) == raw
        assert bytes(decode(memoryview(packed), None)) == raw
        for bad in (packed[:-10], packed[:10] + b"\xff\xff\xff" + packed[13:], b"", b"nothing"):
            with pytest.raises((DecodeError, zlib.error)):
                decode(bad, len(raw))
    two = gzip.compress(raw[:100]) + gzip.compress(raw[100:])
    assert bytes(codecs.inflate_gzip(two, len(raw))) == raw


def test_a_bomb_does_not_expand(inflater: str) -> None:
    bomb = zlib.compress(bytes(50_000_000), 9)
    pipeline = Pipeline((codecs.Step("gzip", codecs.inflate_zlib),), np.dtype("i4"), (100,))
    assert len(codecs.inflate_zlib(bomb, 400)) == 401
    with pytest.raises(DecodeError, match="401 bytes where 400 were expected"):
        pipeline.decode(bomb)


@pytest.mark.parametrize("itemsize", [1, 2, 3, 4, 8, 16])
@pytest.mark.parametrize("n", [0, 1, 7, 1000])
def test_unshuffle_is_that_of_numcodecs(itemsize: int, n: int) -> None:
    raw = np.random.default_rng(0).integers(0, 256, n * itemsize, "u1").tobytes()
    packed = bytes(numcodecs.Shuffle(itemsize).encode(raw)) if n else b""
    decode = codecs.unshuffle(itemsize)
    assert bytes(decode(packed, None)) == raw
    assert bytes(decode(packed + b"ab", None)) == raw + b"ab" or itemsize < 3


@given(st.binary(max_size=300))
def test_fletcher32_is_that_of_hdf5(data: bytes) -> None:
    if data:
        stored = bytes(numcodecs.Fletcher32().encode(data))
        assert bytes(codecs.check_fletcher32(stored, None)) == data
        spoiled = bytes([stored[0] ^ 0x5A]) + stored[1:]
        with pytest.raises(DecodeError, match="fletcher32"):
            codecs.check_fletcher32(spoiled, None)


def test_fletcher32_of_old_hdf5_has_its_bytes_exchanged() -> None:
    data = b"some data of an old file"
    value = codecs.fletcher32(data).to_bytes(4, "little")
    old = bytes([value[1], value[0], value[3], value[2]])
    assert bytes(codecs.check_fletcher32(data + old, None)) == data


@pytest.mark.parametrize("library", ["google_crc32c", "numcodecs.checksum32"])
def test_crc32c_with_either_library(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = codecs.importlib.import_module

    def only(name: str) -> Any:
        if name != library and name in ("google_crc32c", "numcodecs.checksum32"):
            raise ImportError(name)
        return real(name)

    monkeypatch.setattr(codecs.importlib, "import_module", only)
    codecs._crc32c.cache_clear()
    try:
        assert codecs.crc32c(b"123456789") == 0xE3069283
    except ModuleNotFoundError:
        pytest.skip("not installed")
    finally:
        codecs._crc32c.cache_clear()


def test_damaged_lz4_of_hdf5_is_an_error() -> None:
    raw = bytes(range(200)) * 3
    packed = bytes(numcodecs.LZ4().encode(raw))[4:]
    head = len(raw).to_bytes(8, "big") + len(raw).to_bytes(4, "big")
    whole = head + len(packed).to_bytes(4, "big") + packed
    assert codecs.decode_hdf5_lz4(whole, 600) == raw
    for bad in (whole[:-5], whole[:12], head[:8] + bytes(4) + whole[12:]):
        pipeline = Pipeline((codecs.Step("lz4", codecs.decode_hdf5_lz4),), np.dtype("u1"), (600,))
        with pytest.raises(DecodeError, match=r"cut off|does not decode as lz4"):
            pipeline.decode(bad)
    with pytest.raises(DecodeError, match="announces 600 bytes where 400"):
        codecs.decode_hdf5_lz4(whole, 400)
    with pytest.raises(DecodeError, match="without a known size"):
        codecs.decode_lzf(whole, None)


@given(st.binary(max_size=300), st.sampled_from([codecs.decode_blosc, codecs.decode_lz4,
       codecs.decode_zstd, codecs.decode_hdf5_lz4, codecs.inflate_zlib, codecs.decode_lzf]))  # fmt: skip
@settings(max_examples=300)
def test_decoders_of_anything_fail_as_one(data: bytes, decode: Any) -> None:
    pipeline = Pipeline((codecs.Step("x", decode),), np.dtype("u1"), (64,))
    with suppress(DecodeError):
        assert pipeline.decode(data).size == 64


# ------------------------------------------------------------------------------------ files
def test_the_pool_keeps_no_more_than_it_may(tmp_path: Path) -> None:
    paths = []
    for i in range(10):
        paths.append(str(tmp_path / str(i)))
        Path(paths[-1]).write_bytes(bytes([i]) * 10)
    pool = FilePool(3)
    held = pool.get(paths[0])
    for _ in range(2):
        for i, path in enumerate(paths):
            assert pool.get(path).read(3, 2) == bytes([i, i])
            assert len(pool) <= 3
    assert os.fstat(held.fd)  # evicted, but in use
    fd = held.fd
    del held
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)
    assert pool.get(paths[9]) is pool.get(paths[9])
    pool.close(paths[9])
    pool.close()
    assert len(pool) == 0
    assert pickle.loads(pickle.dumps(pool)).max_files == 3


def test_the_pool_of_many_threads(tmp_path: Path) -> None:
    paths = [str(tmp_path / str(i)) for i in range(20)]
    for i, path in enumerate(paths):
        Path(path).write_bytes(bytes([i]) * 100)
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else None
    pool, wrong = FilePool(4), []

    def work(seed: int) -> None:
        rng = np.random.default_rng(seed)
        ids = rng.integers(0, 20, 500).tolist()
        wrong.extend(i for i in ids if pool.get(paths[i]).read(50, 1) != bytes([i]))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(pool) == 4
    if before is not None:
        assert len(os.listdir("/proc/self/fd")) <= before + 4


def test_files_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StoreError, match="no such file"):
        FilePool().get(str(tmp_path / "none"))
    handle = FileHandle(str(tmp_path))  # a directory opens, and does not read
    with pytest.raises(StoreError, match="cannot be read"):
        handle.read(0, 1)
    assert files_module.read_file(str(tmp_path)) is None
    assert files_module.read_file(str(tmp_path / "none")) is None

    def refuse(*args: Any) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(StoreError, match="permission denied"):
        FilePool().get(str(tmp_path / "none"))
    with pytest.raises(StoreError, match="permission denied"):
        files_module.read_file(str(tmp_path / "none"))


def test_reads_go_on_where_the_system_stops_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_bytes(bytes(range(100)))
    handle = FileHandle(str(tmp_path / "a"))
    monkeypatch.setattr(files_module, "_pread", lambda fd, n, at: os.pread(fd, min(n, 7), at))
    assert pread(handle.fd, 50, 10) == bytes(range(10, 60))
    assert pread(handle.fd, 50, 90) == bytes(range(90, 100))
    assert pread(handle.fd, -1, 90) == b""
    assert files_module._pread_by_seek(handle.fd, 5, 20) == bytes(range(20, 25))


def test_the_default_number_of_files_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    for soft, expected in ((1024, 128), (100, 25), (4, 4), (resource.RLIM_INFINITY, 128)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, soft=soft: (soft, soft))
        assert files_module.default_max_files() == expected


# ------------------------------------------------------------------------------------ cache
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


def held_bytes(cache: ChunkCache) -> int:
    return sum(value.nbytes for value in cache._held.values())


@given(
    st.lists(st.tuples(st.integers(0, 2), st.lists(st.integers(0, 49), max_size=12)), max_size=25),
    st.integers(0, 1500),
    st.integers(1, 3),
)
def test_the_cache_gives_what_was_asked_and_keeps_no_more_than_it_may(
    asked: list[tuple[int, list[int]]], max_bytes: int, threads: int
) -> None:
    arrays = [Made("x"), Made("y"), Made("z")]
    cache = ChunkCache(max_bytes, FilePool(), threads)
    n = 0
    for which, ids in asked:
        got = cache.get_many(arrays[which], np.array(ids, dtype=np.int64))
        n += len(ids)
        assert [int(a[0]) for a in got] == ids
        assert cache.nbytes == held_bytes(cache) <= max_bytes
        assert cache.hits + cache.misses == n
    assert cache.misses == sum(len(a.loads) for a in arrays)
    both = cache.get_many_of([(arrays[0], [3, 1, 3]), (arrays[1], []), (arrays[2], [4])])
    assert [[int(a[0]) for a in row] for row in both] == [[3, 1, 3], [], [4]]
    cache.clear()
    assert cache.nbytes == held_bytes(cache) == 0
    assert not cache._pending


def test_what_was_used_last_stays() -> None:
    array = Made()
    cache = ChunkCache(300, FilePool(), 1)  # three chunks
    for chunk in (0, 3, 6, 0, 9):
        cache.get_many(array, [chunk])
    array.loads.clear()
    cache.get_many(array, [0, 6, 9])
    assert array.loads == []
    cache.get_many(array, [3])
    assert array.loads == [3]


def test_a_chunk_above_the_bound_is_handed_out_and_not_kept() -> None:
    cache = ChunkCache(50, FilePool(), 2)
    assert int(cache.get_many(Made(), [7])[0][0]) == 7
    assert cache.nbytes == len(cache) == 0


def test_evicted_chunks_stay_valid() -> None:
    cache = ChunkCache(200, FilePool(), 2)
    array = Made()
    held = cache.get_many(array, range(50))
    assert [int(a[0]) for a in held] == list(range(50))
    assert cache.nbytes <= 200


def test_a_store_that_was_replaced_shares_nothing() -> None:
    cache = ChunkCache(10**6, FilePool(), 1)
    old, new = Made(), Made()
    new.stamp = 1
    cache.get_many(old, [1])
    cache.get_many(new, [1])
    assert new.loads == [1]


def test_no_chunk_is_decoded_twice_at_once() -> None:
    array = Made(slow=0.002)
    cache = ChunkCache(10**6, FilePool(), 3)
    wrong: list[Any] = []

    def work(seed: int) -> None:
        ids = np.random.default_rng(seed).permutation(50)
        got = cache.get_many(array, ids)
        wrong.extend(i for i, a in zip(ids, got, strict=True) if a[0] != i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not wrong
    assert not array.twice
    assert sorted(array.loads) == list(range(50))
    assert cache.nbytes == held_bytes(cache)


@pytest.mark.parametrize("seed", range(3))
def test_many_threads_and_a_small_bound(seed: int) -> None:
    arrays = [Made("x"), Made("y")]
    cache = ChunkCache(1000, FilePool(), 2)
    wrong: list[Any] = []

    def work(number: int) -> None:
        rng = np.random.default_rng([seed, number])
        for _ in range(100):
            ids = rng.integers(0, 50, rng.integers(0, 20))
            got = cache.get_many(arrays[number % 2], ids)
            if [int(a[0]) for a in got] != ids.tolist() or cache.nbytes > 1000:
                wrong.append(ids)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not wrong
    assert cache.nbytes == held_bytes(cache) == sum(cache._sizes.values())
    assert not cache._pending


@pytest.mark.parametrize("threads", [1, 3])
def test_an_error_reaches_the_caller_and_poisons_nothing(threads: int) -> None:
    array = Made()
    array.bad = {5}
    cache = ChunkCache(10**6, FilePool(), threads)
    for _ in range(2):
        with pytest.raises(ElementError, match="is bad"):
            cache.get_many(array, range(10))
    deadline = time.monotonic() + 10
    while cache._pending and time.monotonic() < deadline:
        time.sleep(0.001)  # other threads may still be at other chunks
    assert not cache._pending
    array.bad = set()
    assert [int(a[0]) for a in cache.get_many(array, range(10))] == list(range(10))
    with pytest.raises(IndexError, match="no chunk 50"):
        cache.get_many(array, [0, 11, 50])
    with pytest.raises(IndexError):
        cache.get_many(array, [-1])
    assert int(cache.get_many(array, [11])[0][0]) == 11


def test_an_interrupt_leaves_nothing_that_others_wait_for() -> None:
    class Interrupted(Made):
        def load(self, chunk: int, files: FilePool) -> np.ndarray:
            if chunk == 2 and threading.current_thread() is first:
                waiting.wait(10)
                time.sleep(0.05)
                raise KeyboardInterrupt
            return super().load(chunk, files)

    array, waiting = Interrupted(), threading.Event()
    cache = ChunkCache(10**6, FilePool(), 1)
    outcome: list[Any] = []

    def interrupted() -> None:
        try:
            cache.get_many(array, range(6))
        except KeyboardInterrupt:
            outcome.append("interrupted")

    first = threading.Thread(target=interrupted)
    first.start()
    while not cache._pending:
        time.sleep(0.001)

    def second() -> None:
        waiting.set()
        outcome.append([int(a[0]) for a in cache.get_many(array, [2, 4, 5])])

    other = threading.Thread(target=second)
    other.start()
    first.join(10)
    other.join(10)
    assert sorted(outcome, key=str) == [[2, 4, 5], "interrupted"]
    assert not cache._pending


def test_values_of_other_kinds_are_made_once() -> None:
    cache = ChunkCache(1000, FilePool(), 2)
    made: list[int] = []

    def make() -> list[int]:
        time.sleep(0.02)
        made.append(1)
        return [1, 2, 3]

    got: list[Any] = []
    threads = [
        threading.Thread(target=lambda: got.append(cache.get_or_make("k", make, lambda v: 400)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert got == [[1, 2, 3]] * 4
    assert len(made) == 1
    assert cache.nbytes == 400
    cache.get_or_make("big", lambda: "big", lambda v: 5000)
    assert cache.nbytes == 400
    cache.get_or_make("other", lambda: "other", lambda v: 800)
    assert cache.nbytes == 800
    with pytest.raises(ZeroDivisionError):
        cache.get_or_make("bad", lambda: 1 // 0, lambda v: 1)
    assert cache.get_or_make("bad", lambda: 3, lambda v: 1) == 3
    # A value may need chunks, and other values, but not itself.
    nested = cache.get_or_make("n", lambda: cache.get_many(Made(), [1])[0], lambda v: v.nbytes)
    assert int(nested[0]) == 1
    with pytest.raises(RuntimeError, match="make itself"):
        cache.get_or_make("s", lambda: cache.get_or_make("s", list, len), len)
    assert not cache._pending


def test_who_waits_for_an_interrupted_value_makes_it() -> None:
    cache, waiting = ChunkCache(1000, FilePool(), 1), threading.Event()
    got: list[Any] = []

    def interrupted() -> str:
        waiting.wait(10)
        time.sleep(0.05)
        raise KeyboardInterrupt

    def first() -> None:
        with pytest.raises(KeyboardInterrupt):
            cache.get_or_make("k", interrupted, len)

    def second() -> None:
        waiting.set()
        got.append(cache.get_or_make("k", lambda: "made", len))

    threads = [threading.Thread(target=first)]
    threads[0].start()
    while not cache._pending:
        time.sleep(0.001)
    threads.append(threading.Thread(target=second))
    threads[1].start()
    for thread in threads:
        thread.join(10)
    assert got == ["made"]
    assert cache.get_or_make("k", list, len) == "made"
    assert cache.hits == 2


def test_a_fork_in_the_middle_of_an_insertion_is_mended() -> None:
    cache = ChunkCache(1000, FilePool(), 1)
    cache.get_many(Made(), range(3))
    del cache._sizes[next(iter(cache._sizes))]
    cache.nbytes += 5
    cache.after_fork()
    assert len(cache) == 2
    assert cache.nbytes == held_bytes(cache)


def test_a_cache_pickles_as_its_bounds() -> None:
    cache = ChunkCache(1000, FilePool(7), 2)
    cache.get_many(Made(), [1, 2])
    copy = pickle.loads(pickle.dumps(cache))
    assert (copy.max_bytes, copy.threads, copy.files.max_files, copy.nbytes) == (1000, 2, 7, 0)


# In a process of its own: a tracer (coverage) may hold its lock while another thread forks.
FORKING = """
import os, sys, threading, warnings
import numpy as np
from mappedviz.formats.cache import ChunkCache
from mappedviz.formats.files import FilePool
from mappedviz.formats.detect import open_root

warnings.simplefilter("ignore", DeprecationWarning)
path = sys.argv[1]
with open_root(path) as root:
    array, values = root["x"].chunked(), root["x"].read()
cache, stop = ChunkCache(8000, FilePool(), 3), threading.Event()

def busy():  # some thread of the parent always holds a lock or decodes
    rng = np.random.default_rng(0)
    while not stop.is_set():
        cache.get_many(array, rng.integers(0, 50, 10))

threads = [threading.Thread(target=busy) for _ in range(2)]
for thread in threads:
    thread.start()
codes = []
for _ in range(20):
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            got = np.concatenate(cache.get_many(array, np.arange(50)))
            held = sum(value.nbytes for value in cache._held.values())
            status = 0 if (got == values).all() and cache.nbytes == held <= 8000 else 2
        finally:
            os._exit(status)
    codes.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
stop.set()
for thread in threads:
    thread.join()
sys.exit(str(codes) if any(codes) else 0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("kind", ["gzip", "blosc"])
def test_a_forked_child_reads_on(tmp_path: Path, kind: str) -> None:
    values = values_of("i4", (5000,))
    if kind == "gzip":
        with h5py.File(tmp_path / "a", "w") as file:
            file.create_dataset("x", data=values, chunks=(100,), compression="gzip")
    else:
        group = zarr.open_group(tmp_path / "a", mode="w", zarr_format=3)
        blosc = BloscCodec()
        group.create_array("x", data=values, chunks=(100,), compressors=blosc)
    done = subprocess.run(
        [sys.executable, "-c", FORKING, str(tmp_path / "a")],
        env={**os.environ, "PYTHONPATH": str(Path(cache_module.__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_child_of_a_fork_starts_with_an_empty_pool(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    pool = FilePool()
    pool.get(str(tmp_path / "a"))
    pool.after_fork()
    assert len(pool) == 0
    assert pool.get(str(tmp_path / "a")).read(0, 3) == b"abc"


def test_reading_works_while_the_interpreter_shuts_down(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("cannot schedule new futures after interpreter shutdown")

    monkeypatch.setattr(cache_module, "ThreadPoolExecutor", refuse)
    got = ChunkCache(10**6, FilePool(), 4).get_many(Made(), range(20))
    assert [int(a[0]) for a in got] == list(range(20))


def test_the_default_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 1 <= cache_module.default_threads() <= 16
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert 1 <= cache_module.default_threads() <= 16
