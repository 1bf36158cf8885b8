"""A small store cannot take much memory, whatever it claims: it is refused by name before that."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numcodecs
import numpy as np
import pytest
import zarr

from mappedviz.errors import ElementError, StoreError
from mappedviz.formats.detect import open_root
from mappedviz.formats.files import FilePool
from mappedviz.formats.frames import read_column
from mappedviz.formats.limits import FREE_BYTES, Budget, TooLargeError, inflated_limit
from mappedviz.stores.store import open_store
from mappedviz.testing import coded_anndata
from tests.stores import STORE_KINDS

LARGE = 200_000_000
KINDS = ["h5ad", "zarr-v2", "zarr-v3"]


@contextmanager
def little_memory() -> Iterator[None]:
    """What is done within takes less than 32 MiB at any time."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < 32 << 20
    finally:
        tracemalloc.stop()


def rewritten(tmp_path: Path, kind: str, key: str, shape: Any, dtype: str = "i4") -> Path:
    """A small store of which one array is replaced by a large one that was never written."""
    path = STORE_KINDS[kind](coded_anndata(0, 9, genes=["a", "b", "c"], plain=True), tmp_path / "a")
    group: Any = h5py.File(path, "r+") if kind == "h5ad" else zarr.open_group(path, mode="r+")
    attrs = dict(group[key].attrs)
    del group[key]
    made = group.create_dataset if kind == "h5ad" else group.create_array
    array = made(key, shape=shape, dtype=dtype, chunks=(1 << 20,) + (1,) * (len(shape) - 1))
    array.attrs.update(attrs)
    if kind == "h5ad":
        group.close()
    return path


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("key", ["obs/n_counts", "obs/cell_type/codes"])
def test_a_column_of_another_length_is_not_read(tmp_path: Path, kind: str, key: str) -> None:
    path = STORE_KINDS[kind](coded_anndata(0, 9, genes=["a"]), tmp_path / "b")
    columns = open_store(path).facts.obs_columns
    name = key.split("/")[1]
    if name not in columns:
        name = columns[0]
        key = f"obs/{name}"
    path = rewritten(tmp_path, kind, key, (LARGE,), "i4" if "codes" not in key else "i1")
    with (
        little_memory(),
        open_root(path) as root,
        pytest.raises(ElementError, match=f"has {LARGE} values where the store has 9"),
    ):
        read_column(root["obs"], name, length=9)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("key", ["obs/_index", "var/_index", "obs/cell_type/categories"])
def test_names_and_categories_are_bounded_by_the_size_of_the_store(
    tmp_path: Path, kind: str, key: str
) -> None:
    good = open_store(STORE_KINDS[kind](coded_anndata(0, 9, genes=["a"]), tmp_path / "b"))
    frame, name = key.split("/")[:2]
    with good.session() as root:
        if name == "_index":
            key = f"{frame}/{root[frame].attrs['_index']}"
        elif key not in root:
            pytest.skip("no categories")
    path = rewritten(tmp_path, kind, key, (LARGE,))
    with little_memory(), pytest.raises(StoreError, match=r"claims .*on disk|store has 9") as error:
        open_store(path).obs_column("cell_type")
    assert str(path) in str(error.value)


CODECS: dict[str, Any] = {
    "zstd": numcodecs.Zstd(level=1),
    "blosc-lz4": numcodecs.Blosc(),
    "blosc-zstd": numcodecs.Blosc("zstd"),
    "lz4": numcodecs.LZ4(),
    "gzip": numcodecs.GZip(),
    "zlib": numcodecs.Zlib(),
    "bz2": numcodecs.BZ2(),
    "lzma": numcodecs.LZMA(),
}


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("text", [False, True])
def test_chunks_do_not_inflate_beyond_what_was_claimed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codec: str, text: bool
) -> None:
    """The bytes are those of a much larger chunk than the metadata say."""
    monkeypatch.setattr("mappedviz.formats.codecs.FREE_BYTES", 1 << 20)
    monkeypatch.setattr("mappedviz.formats.limits.FREE_BYTES", 1 << 20)
    monkeypatch.setattr("mappedviz.formats.limits._RATIO", 1)
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    options: dict[str, Any] = {"chunks": (8,), "compressors": [CODECS[codec]]}
    if text:
        array = group.create_array("x", shape=(8,), dtype=str, **options)
        array[:] = np.array([f"{i}" for i in range(8)], dtype=object)
    else:
        array = group.create_array("x", shape=(8,), dtype="i4", **options)
        array[:] = 1
    bomb = CODECS[codec].encode(np.zeros(40 << 20, "u1"))
    (tmp_path / "a.zarr/x/0").write_bytes(bomb)
    with little_memory(), open_root(tmp_path / "a.zarr") as root, pytest.raises(ElementError):
        root["x"].read()


def test_a_chunk_may_not_claim_what_its_bytes_do_not_explain(tmp_path: Path) -> None:
    n = 1 << 30
    with h5py.File(tmp_path / "a.h5ad", "w") as file:
        x = file.create_dataset("x", (n,), "i1", chunks=(n,), compression="gzip")
        x.id.write_direct_chunk((0,), b"x\x9c" + bytes(50))
        file.create_dataset("never", (n,), "i1", chunks=(n,), compression="gzip", fillvalue=1)
    with little_memory(), open_root(tmp_path / "a.h5ad") as root:
        for name, what in (("x", f"claims {n} bytes"), ("never", "is absent")):
            array = root[name].chunked()
            with pytest.raises(ElementError, match=what):
                array.load(0, FilePool())
            with pytest.raises(ElementError, match="claims"):
                root[name].read()


def test_contiguous_values_are_inside_of_the_file(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5ad", "w") as file:
        file["x"] = np.arange(1 << 16)
        at = file["x"].id.get_offset()
        size = file["x"].id.get_storage_size()
    raw = bytearray((tmp_path / "a.h5ad").read_bytes())
    found = raw.find((1 << 16).to_bytes(8, "little"))
    while 0 <= found < at:  # its shape, wherever it is noted
        raw[found : found + 8] = (1 << 26).to_bytes(8, "little")
        found = raw.find((1 << 16).to_bytes(8, "little"), found + 8)
    assert size == 8 << 16
    (tmp_path / "a.h5ad").write_bytes(raw)
    with little_memory(), pytest.raises(StoreError), open_root(tmp_path / "a.h5ad") as root:
        root["x"].chunked()


def test_what_is_read_of_one_store_adds_up() -> None:
    budget = Budget(lambda: 1 << 10)
    budget.take(FREE_BYTES // 2)
    budget.take(FREE_BYTES // 2)
    with pytest.raises(TooLargeError, match="claims 10 bytes, where the store has 1024 bytes"):
        budget.take(10)
    Budget(lambda: 1 << 30).take(FREE_BYTES * 100)
    assert inflated_limit(1 << 20) == 1000 << 20
