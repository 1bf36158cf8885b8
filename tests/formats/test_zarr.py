"""Zarr stores, version 2 and 3, in a directory or a zip: chunks, roots, stale and damaged metadata."""

from __future__ import annotations

import json
import shutil
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import zarr
from zarr.codecs import TransposeCodec

from mappedviz.errors import ElementError, StoreError
from mappedviz.formats.detect import open_root
from mappedviz.formats.files import FilePool
from tests.formats.reading import DTYPES, ZARR3, check, chunked, values_of

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


@pytest.mark.parametrize("compression", [0, 8, 12])
@pytest.mark.parametrize("kind", ["none", "zstd", "sharded"])
def test_zarr_in_a_zip(tmp_path: Path, kind: str, compression: int) -> None:

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


@pytest.mark.parametrize("version", [2, 3])
def test_a_store_that_is_one_array(tmp_path: Path, version: Any) -> None:
    zarr.create_array(tmp_path / "a.zarr", shape=(3,), dtype="i4", zarr_format=version)
    with pytest.raises(StoreError, match="single zarr array"), open_root(tmp_path / "a.zarr"):
        pass


@pytest.mark.parametrize("version", [2, 3])
def test_stale_consolidated_metadata_do_no_harm(tmp_path: Path, version: Any) -> None:
    path = tmp_path / "a.zarr"
    group = zarr.open_group(path, mode="w", zarr_format=version)
    group.create_array("x", shape=(3,), dtype="i4")[:] = [1, 2, 3]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        zarr.consolidate_metadata(path)
    group = zarr.open_group(path, mode="r+", use_consolidated=False)
    group.create_array("y", shape=(2,), dtype="i4")[:] = [4, 5]
    shutil.rmtree(path / "x")
    (path / "no node").mkdir()
    with open_root(path) as root:
        assert root.keys() == ["y"]
        assert root["y"].read().tolist() == [4, 5]
        assert "x" not in root


def test_both_versions_at_one_root_are_the_newer(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    zarr.open_group(path, mode="w", zarr_format=3).create_array("x", shape=(2,), dtype="i4")
    (path / ".zgroup").write_text('{"zarr_format": 2}')
    with open_root(path) as root:
        assert root.keys() == ["x"]
