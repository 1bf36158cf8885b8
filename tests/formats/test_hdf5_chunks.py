"""Chunks of HDF5 files, read without HDF5: every filter, layout and index, and what is damaged."""

from __future__ import annotations

import os
import zlib
from array import array
from pathlib import Path
from typing import Any

import h5py
import numcodecs
import numpy as np
import pytest
import zarr

from mappedviz.errors import ElementError, StoreError
from mappedviz.formats import hdf5_chunks
from mappedviz.formats.detect import open_root
from mappedviz.formats.files import FileHandle, FilePool
from tests.formats.reading import DTYPES, check, chunked, values_of

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
@pytest.mark.parametrize("layout", ["contiguous", "compact"])
def test_hdf5_layouts_without_chunks(tmp_path: Path, layout: str, dtype: str) -> None:
    values = values_of(dtype, (53, 7))
    with h5py.File(tmp_path / "a.h5ad", "w") as file:
        if layout == "compact":
            plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            plist.set_layout(h5py.h5d.COMPACT)
            space = h5py.h5s.create_simple(values.shape)
            kind = h5py.h5t.py_create(values.dtype, logical=True)
            h5py.Dataset(h5py.h5d.create(file.id, b"x", kind, space, plist))[:] = values
        else:
            file["x"] = values
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
    ours = hdf5_chunks._Written
    wrong = 512

    def written(ident: Any) -> Any:
        found = ours(ident)
        found.offsets = array("q", [offset - wrong for offset in found.offsets])
        return found

    monkeypatch.setattr(hdf5_chunks, "_Written", written)
    check(chunked(tmp_path / "a.h5ad", "x"), values)
    wrong = 3
    with pytest.raises(ElementError, match="not where HDF5 says"):
        chunked(tmp_path / "a.h5ad", "x")


def test_a_touch_asks_hdf5_for_the_chunks_and_reads_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = values_of("<i4", (1000,))
    with h5py.File(tmp_path / "a.h5ad", "w") as file:
        file.create_dataset("chunked", data=values, chunks=(64,))
        file.create_dataset("contiguous", data=values)
        file.create_dataset("unwritten", (10,), "<i4")
        file["text"] = ["a"]
    asked: list[Any] = []
    ours = hdf5_chunks._Written
    monkeypatch.setattr(hdf5_chunks, "_Written", lambda ident: asked.append(ident) or ours(ident))
    with open_root(tmp_path / "a.h5ad") as root:
        for key in ("chunked", "contiguous", "unwritten"):
            root[key].touch()
        assert len(asked) == 1
        with pytest.raises(ElementError, match="not a numeric one"):
            root["text"].touch()
        root["contiguous"].chunked()  # asks for no more
        assert "made" not in vars(root["contiguous"])


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

    original = hdf5_chunks._Written
    monkeypatch.setattr(hdf5_chunks, "_Written", lambda ident: original(Old(ident)))
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
