"""Damaged HDF5 files are named."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from mappedviz.errors import ElementError, StoreError
from mappedviz.formats.detect import open_root
from mappedviz.formats.hdf5_errors import cannot_open


def test_damage_inside_hdf5_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.h5ad"
    with h5py.File(path, "w") as file:
        file.create_dataset("obs/x", data=np.arange(1000), chunks=(100,), compression="gzip")
        where = file["obs/x"].id.get_chunk_info(5)
    with path.open("r+b") as raw:
        raw.seek(where.byte_offset)
        raw.write(b"\xff" * where.size)
    with open_root(path) as root, pytest.raises(ElementError, match="HDF5 says") as error:
        root["obs/x"].read()
    assert f"{path}, obs/x" in str(error.value)


def test_a_truncated_hdf5_file_is_named(tmp_path: Path, written: dict[str, Path]) -> None:
    path = tmp_path / "a.h5ad"
    path.write_bytes(written["h5ad"].read_bytes()[:5000])
    with pytest.raises(StoreError, match="truncated"), open_root(path):
        pass
    path.write_bytes(written["h5ad"].read_bytes()[:20])
    with pytest.raises(StoreError, match=r"cannot be opened|truncated"), open_root(path):
        pass


@pytest.mark.parametrize(
    ("said", "found", "remedy"),
    [
        ("unable to lock file, errno = 37, error message = 'No locks available'",
         "its file system has no locks", "HDF5_USE_FILE_LOCKING=FALSE"),
        ("unable to lock file, errno = 38, error message = 'Function not implemented'",
         "its file system has no locks", "HDF5_USE_FILE_LOCKING=FALSE"),
        ("unable to lock file, errno = 11, error message = 'Resource temporarily unavailable'",
         "open for writing elsewhere", "Close it there"),
        ("file is already open for write (may use <h5clear file> to clear file consistency flags)",
         "a writer that crashed", "write the file again"),
        ("bad superblock version number", "damaged superblock", "download the file again"),
        ("truncated file: eof = 96, sblock->base_addr = 0", "is truncated", "download"),
        ("something else", "cannot be opened", "download"),
    ],
)  # fmt: skip
def test_what_hdf5_says_in_our_words(said: str, found: str, remedy: str) -> None:
    path = "/data/no locks available, superblock, truncated.h5ad"
    error = cannot_open(path, OSError(f"Unable to synchronously open file '{path}' ({said})"))
    assert found in str(error)
    assert remedy in str(error)
    assert said in str(error)


def test_a_damaged_superblock_is_named(tmp_path: Path, written: dict[str, Path]) -> None:
    raw = bytearray(written["h5ad"].read_bytes())
    raw[8] = 0x63
    (tmp_path / "a.h5ad").write_bytes(raw)
    with pytest.raises(StoreError, match="damaged superblock"), open_root(tmp_path / "a.h5ad"):
        pass


def test_a_file_of_a_writer_that_crashed_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.h5ad"
    program = (
        "import h5py, os, sys; f = h5py.File(sys.argv[1], 'w', libver='latest'); f['x'] = 1; "
        "f.flush(); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", program, str(path)], check=True)
    with pytest.raises(StoreError, match=r"writer that crashed|truncated"), open_root(path):
        pass
