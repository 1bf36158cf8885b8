"""Zip archives: hostile names, damage, compression, encryption."""

from __future__ import annotations

import warnings
import zipfile
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pytest
import zarr

from mappedviz.errors import StoreError
from mappedviz.formats.detect import open_root
from mappedviz.formats.files import FilePool
from tests.formats.walking import (
    an_anndata,
    compare,
    one_file_a_chunk,
    to_zip,
)


@pytest.mark.parametrize("name", ["../evil/zarr.json", "/abs/zarr.json", "a/../../b", "..\\c"])
def test_zips_of_hostile_names(tmp_path: Path, name: str) -> None:
    path = tmp_path / "deep" / "a.zarr.zip"
    path.parent.mkdir()
    group = '{"zarr_format": 3, "node_type": "group"}'
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("zarr.json", group)
        archive.writestr(name, group)
    before = sorted(str(p) for p in tmp_path.rglob("*"))
    with pytest.raises(StoreError, match="points outside of the archive"), open_root(path):
        pass
    assert sorted(str(p) for p in tmp_path.rglob("*")) == before


def test_zips_that_are_damaged(tmp_path: Path, written: dict[str, Path]) -> None:
    whole = written["zarr.zip 3"].read_bytes()
    path = tmp_path / "a.zarr.zip"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(StoreError, match="damaged or truncated zip"), open_root(path):
        pass
    packed = to_zip(written["zarr 3"], tmp_path / "b.zip", zipfile.ZIP_DEFLATED)
    with zipfile.ZipFile(packed) as archive:
        info = archive.getinfo("obs/zarr.json")
    raw = bytearray(packed.read_bytes())
    start = info.header_offset + 30 + len(info.filename)
    raw[start + 5 : start + 25] = b"\xff" * 20
    packed.write_bytes(raw)
    with open_root(packed) as root, pytest.raises(StoreError, match="damaged member") as error:
        root["obs"]
    assert "obs/zarr.json" in str(error.value)
    raw[info.header_offset : info.header_offset + 4] = b"nope"
    packed.write_bytes(raw)
    with open_root(packed) as root, pytest.raises(StoreError, match="no header"):
        root["obs"]


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_zips_of_other_compression(tmp_path: Path, compression: int) -> None:
    with one_file_a_chunk(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=3)
        anndata.io.write_elem(group, "/", an_anndata())
    path = to_zip(tmp_path / "a.zarr", tmp_path / "a.zip", compression)
    assert compare(path) > 35
    raw = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("obs/zarr.json")
    start = info.header_offset + 30 + len(info.filename)
    path.write_bytes(raw[: start + 8] + b"\xff" * 30 + raw[start + 38 :])
    with open_root(path) as root, pytest.raises(StoreError, match="damaged member"):
        root["obs"]


def test_zips_that_are_encrypted(tmp_path: Path, written: dict[str, Path]) -> None:
    path = tmp_path / "a.zip"
    raw = bytearray(written["zarr.zip 3"].read_bytes())
    at = 0
    while (at := raw.find(b"PK\x01\x02", at)) >= 0:  # every entry of the directory
        raw[at + 8] |= 1
        at += 4
    path.write_bytes(raw)
    with pytest.raises(StoreError, match="encrypted"), open_root(path):
        pass


@pytest.fixture(params=[2, 3])
def plain(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Path]:
    """A store of zarr, uncompressed and compressed arrays in it, and where its zip will be."""
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=request.param)
    options: dict[str, Any] = {"shape": (64,), "dtype": "i4"}
    for name, more in {
        "plain": {"chunks": (16,), "compressors": None},
        "one": {"chunks": (64,), "compressors": None},
        "packed": {"chunks": (16,)},
        **({"shards": {"chunks": (16,), "shards": (64,)}} if request.param == 3 else {}),
    }.items():
        group.create_array(name, **options, **more)[:] = np.arange(64) + 7
    return tmp_path / "a.zarr", tmp_path / "a.zarr.zip"


def test_a_flipped_byte_of_a_stored_member_is_noticed(plain: tuple[Path, Path]) -> None:
    folder, path = plain
    whole = to_zip(folder, path).read_bytes()
    with zipfile.ZipFile(path) as archive:
        infos = [info for info in archive.infolist() if info.file_size]
    assert len(infos) > 8
    for info in infos:
        start = info.header_offset + 30 + len(info.filename)
        raw = bytearray(whole)
        raw[start + info.file_size // 2] ^= 0x10
        path.write_bytes(raw)
        found = 0
        for read in (lambda node: node.read(), lambda node: all_chunks(node.chunked())):
            try:
                with open_root(path) as root:
                    for name in ("plain", "one", "packed", "shards"):
                        if name in root:
                            read(root[name])
                    _ = root.attrs
            except StoreError as error:
                found += 1
                assert "checksum" in str(error)
                assert str(path) in str(error)
        assert found == 2, info.filename


def all_chunks(array: Any) -> None:
    files = FilePool()
    for chunk in range(array.n_chunks):
        array.load(chunk, files)


def test_the_checksum_of_a_member_is_compared_once(
    plain: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, path = plain
    to_zip(folder, path)
    with open_root(path) as root:
        array = root["packed"].chunked()
        all_chunks(array)
        monkeypatch.setattr("mappedviz.formats.zarr_files.zlib", None)
        all_chunks(array)


def test_two_chunks_of_one_name_are_refused(plain: tuple[Path, Path]) -> None:
    folder, path = plain
    to_zip(folder, path)
    with zipfile.ZipFile(path) as archive:
        name = next(n for n in archive.namelist() if "packed/" in n and n[-1].isdigit())
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, b"other")
    with pytest.raises(StoreError, match="several members") as error, open_root(path):
        pass
    assert name in str(error.value)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_metadata_are_written_again_by_zarr_and_the_last_ones_count(
    plain: tuple[Path, Path],
) -> None:
    folder, path = plain
    to_zip(folder, path)
    store = zarr.storage.ZipStore(path, mode="a")
    zarr.open_group(store, mode="a").attrs["n"] = 1
    zarr.open_array(store, path="one", mode="a").attrs["n"] = 2
    store.close()
    with open_root(path) as root:
        assert root.attrs["n"] == 1
        assert root["one"].attrs["n"] == 2
    name = "one/zarr.json" if (folder / "zarr.json").exists() else "one/.zarray"
    with zipfile.ZipFile(path, "a") as archive:
        meta = archive.read(name).replace(b"64", b"32")
        archive.writestr(name, meta)
    with open_root(path) as root, pytest.raises(StoreError, match="several members"):
        root["one"]
