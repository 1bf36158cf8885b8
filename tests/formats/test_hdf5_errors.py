"""Damaged HDF5 files are named."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from mappedviz.errors import ElementError, StoreError
from mappedviz.formats.detect import open_root


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
