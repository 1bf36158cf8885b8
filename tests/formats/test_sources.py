"""Chunks inside of shards, and directories that change."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr
from zarr.codecs import Crc32cCodec, ZstdCodec

from mappedviz.errors import ElementError, StoreError
from mappedviz.formats import codecs
from mappedviz.formats.files import FilePool
from tests.formats.reading import ZARR3, check, chunked, values_of


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
