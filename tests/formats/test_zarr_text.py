"""Strings and other objects of zarr."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import zarr

from mappedviz.errors import ElementError
from mappedviz.formats.detect import open_root


@pytest.mark.parametrize("version", [2, 3])
def test_strings_are_str_however_they_are_stored_in_zarr(tmp_path: Path, version: Any) -> None:
    words = ["", "é", "a longer one", "x", "y"]
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=version)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zarr calls some types unstable
        for name, dtype in (("vlen", str), ("fixed", "U12"), ("swapped", ">U12"), ("bytes", "S14")):
            values = np.array([w.encode() for w in words] if dtype == "S14" else words)
            array = group.create_array(name, shape=(5,), chunks=(2,), dtype=dtype)
            array[:] = values.astype(dtype)
            short = group.create_array(name + "-missing", shape=(5,), chunks=(2,), dtype=dtype)
            short[:2] = values[:2].astype(dtype)
        if version == 3:
            group.create_array("sharded", shape=(5,), chunks=(2,), shards=(4,), dtype=str)[:] = (
                np.array(words)
            )
        group.create_array("two", shape=(2, 5), chunks=(2, 2), dtype=str)[:] = np.array([words] * 2)
        group.create_array("scalar", shape=(), dtype=str)[...] = "é"
    with open_root(tmp_path / "a.zarr") as root:
        for name in ("vlen", "fixed", "swapped", "bytes"):
            assert root[name].read().tolist() == words
            assert root[name].read(slice(1, 4)).tolist() == words[1:4]
            assert root[name + "-missing"].read().tolist() == [*words[:2], "", "", ""]
        if version == 3:
            assert root["sharded"].read().tolist() == words
        assert root["two"].read().tolist() == [words] * 2
        assert root["scalar"].read()[()] == "é"
        assert root["vlen"].dtype == object


@pytest.mark.parametrize("kind", ["vlen-bytes", "json2", "pickle"])
def test_other_objects_of_zarr_2(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.zarr"
    zarr.open_group(path, mode="w", zarr_format=2)
    (path / "x").mkdir()
    codec = numcodecs.get_codec({"id": kind})
    words = np.array(["a", "é"], dtype=object)
    raw = np.array([w.encode() for w in words], dtype=object)
    meta = {
        "zarr_format": 2, "shape": [2], "chunks": [2], "dtype": "|O", "fill_value": None,
        "order": "C", "compressor": None, "filters": [codec.get_config()],
    }  # fmt: skip
    (path / "x" / ".zarray").write_text(json.dumps(meta))
    (path / "x" / "0").write_bytes(bytes(codec.encode(raw if kind == "vlen-bytes" else words)))
    with open_root(path) as root:
        if kind == "pickle":  # would run what the file says
            with pytest.raises(ElementError, match="is pickled"):
                root["x"]
        else:
            assert root["x"].read().tolist() == ["a", "é"]


@pytest.mark.parametrize("version", [2, 3])
def test_text_of_zarr_that_is_damaged(tmp_path: Path, version: Any) -> None:
    path = tmp_path / "a.zarr"
    group = zarr.open_group(path, mode="w", zarr_format=version)
    group.create_array("x", shape=(2,), chunks=(2,), dtype=str, compressors=None)[:] = ["ab", "cd"]
    chunk = path / "x" / ("0" if version == 2 else "c/0")
    raw = chunk.read_bytes()
    for bad, what in (
        (raw.replace(b"cd", b"\xff\xff"), "not UTF-8"),
        (raw[:7], "does not decode"),
        (numcodecs.VLenUTF8().encode(np.array(["a"], object)), "1 strings where 2"),
    ):
        chunk.write_bytes(bytes(bad))
        with open_root(path) as root, pytest.raises(ElementError, match=what) as error:
            root["x"].read()
        assert f"{path}, x" in str(error.value)
