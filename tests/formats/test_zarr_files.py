"""Zip archives: hostile names, damage, compression, encryption."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from mappedviz.errors import StoreError
from mappedviz.formats.detect import open_root
from tests.formats.walking import (
    compare,
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
def test_zips_of_other_compression(
    tmp_path: Path, written: dict[str, Path], compression: int
) -> None:
    path = to_zip(written["zarr 3"], tmp_path / "a.zip", compression)
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
