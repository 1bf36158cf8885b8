"""Arrays that our own reader leaves to zarr-python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import zarr
from zarr.codecs import TransposeCodec

from mappedviz.errors import ElementError
from mappedviz.formats.detect import open_root
from mappedviz.formats.files import FilePool
from tests.formats.reading import check, chunked, values_of


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
