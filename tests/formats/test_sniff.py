"""What a path leads to is recognised by its contents, and called by its name."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest

from mappedviz.errors import StoreError
from mappedviz.formats.detect import open_root, store_kind


def _zip_of(names: dict[str, bytes]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in names.items():
                archive.writestr(name, data)

    return write


def _tree(*names: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.mkdir()
        for name in names:
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_text("{}")

    return write


FOREIGN: dict[str, tuple[bytes | Callable[[Path], None], str]] = {
    "empty": (b"", "an empty file"),
    "zeros": (bytes(5000), "zero bytes, as unfinished downloads"),
    "html": (b"\n<!DOCTYPE html>\n<html>", "an HTML page"),
    "html 2": (b"<HTML><head>", "an HTML page"),
    "xml": (b"<?xml version='1.0'?><Error><Code>AccessDenied", "an XML document"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\n", "git lfs pull"),
    "gzip h5ad": (gzip.compress(b"\x89HDF\r\n\x1a\n" + bytes(100)), "gzip file around an HDF5 file"),
    "gzip": (gzip.compress(b"text"), "is a gzip file, "),
    "cut gzip": (b"\x1f\x8bxx", "is a gzip file, "),
    "bzip2": (b"BZh91AY&SY", "a bzip2 file"),
    "zstd": (b"\x28\xb5\x2f\xfdxxxx", "a zstd file"),
    "parquet": (b"PAR1" + bytes(range(100)), "a Parquet file"),
    "tar": (b"a" * 257 + b"ustar\0" + bytes(300), "a tar archive"),
    "csv": (b"cell,gene1,gene2\nc1,0,3\n", "a CSV text"),
    "tsv": (b"cell\tgene1\nc1\t0\n", "a tab-separated text"),
    "long tsv": (b"cell\tgene1\n" + "é\t0\n".encode() * 5000, "a tab-separated text"),
    "text": (b"hello there\n", "a text ('hello there')"),
    "json": (b'{"a": 1}', "a JSON text"),
    "binary": (bytes(range(1, 256)) * 40, "neither HDF5 nor zarr"),
    "latin": ("caf\xe9".encode("latin-1"), "neither HDF5 nor zarr"),
    "zip": (_zip_of({"a.txt": b"x"}), "zip archive without zarr metadata"),
    "empty zip": (_zip_of({}), "zip archive without zarr metadata"),
    "zip of h5ad": (_zip_of({"d/a.h5ad": b"x"}), "zip archive around 'd/a.h5ad'"),
    "nested zip": (_zip_of({"a.zarr/.zgroup": b"{}"}), "inside the folder 'a.zarr', not at its root"),
    "broken zip": (b"PK\x03\x04" + bytes(100), "damaged or truncated zip"),
    "empty directory": (_tree(), "an empty directory"),
    "directory": (_tree("a.txt", "b/c.txt"), "a directory without zarr metadata"),
    "nested directory": (_tree("a.zarr/zarr.json"), "but 'a.zarr' in it has them"),
}  # fmt: skip


@pytest.mark.parametrize("what", FOREIGN)
def test_what_is_no_store_is_called_by_its_name(tmp_path: Path, what: str) -> None:
    content, message = FOREIGN[what]
    path = tmp_path / "a.h5ad"
    if callable(content):
        content(path)
    else:
        path.write_bytes(content)
    for look in (store_kind, open_root):
        with pytest.raises(StoreError) as error:
            look(path)
        text = str(error.value)
        assert text.startswith(f"{path}: is ")
        assert message in text
        assert error.value.remedy


@pytest.mark.parametrize("block", [512, 1024, 2048, 65536])
def test_hdf5_after_a_user_block_is_found(tmp_path: Path, block: int) -> None:
    with h5py.File(tmp_path / "a", "w", userblock_size=block) as file:
        file["x"] = [1, 2]
    assert store_kind(tmp_path / "a") == "h5ad"
    with open_root(tmp_path / "a") as root:
        assert root["x"].read().tolist() == [1, 2]
