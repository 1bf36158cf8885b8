"""One face for HDF5 and zarr: everything in a store is as the library that wrote it reads it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr

from mappedviz.errors import ElementError, MissingKeyError, StoreError
from mappedviz.formats.detect import open_root, store_kind
from mappedviz.formats.files import FilePool
from mappedviz.formats.nodes import GroupNode
from tests.formats.walking import (
    KINDS,
    an_anndata,
    compare,
    to_zip,
)


@pytest.mark.parametrize("kind", KINDS)
def test_everything_is_as_the_library_reads_it(written: dict[str, Path], kind: str) -> None:
    assert store_kind(written[kind]) == kind.split(maxsplit=1)[0]
    assert compare(written[kind]) > 35


DATA = Path(__file__).parents[2] / "notebooks" / "data"


@pytest.mark.parametrize(
    "path",
    sorted(p for p in DATA.glob("*") if p.name.lower().endswith((".h5ad", ".zarr", ".zip"))),
    ids=lambda path: path.name,
)
def test_real_stores_are_as_the_library_reads_them(path: Path) -> None:
    assert compare(path) > 5


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_ever_written(written: dict[str, Path], kind: str) -> None:
    path = written[kind]

    def state() -> dict[str, tuple[int, int]]:
        files = [path, *path.rglob("*")]
        return {str(f): (f.stat().st_mtime_ns, f.stat().st_size) for f in files}

    before = state()
    compare(path)
    assert state() == before


@pytest.mark.parametrize("kind", KINDS)
def test_keys(written: dict[str, Path], kind: str) -> None:
    with open_root(written[kind]) as root:
        assert "obs" in root
        assert "obs/cell_type/codes" in root
        assert "obs" in list(root)
        assert len(root["uns"]) == 4
        assert root["obs/cell_type"].name == "obs/cell_type"
        assert root["obs"]["cell_type"]["codes"].name == "obs/cell_type/codes"
        assert root["/obs/"].name == "obs"
        for name in ("none", "", "/", ".", "..", "../a", "obs/../obs", "obs//a", "obs/none",
                     "obs/n_counts/x", "none/x", "a\0b", "obs\\x", None, 3):  # fmt: skip
            assert name not in root
            with pytest.raises(MissingKeyError) as error:
                root[name]
            assert str(written[kind]) in str(error.value)
        with pytest.raises(KeyError, match="has no 'obs/none'"):
            root["obs"]["none"]
        assert str(written[kind]) in repr(root["obs"])
        with pytest.raises(KeyError):
            root.attrs["none"]
        assert "none" not in root.attrs
        assert root.attrs.get("none") is None


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_a_numeric_array_has_no_chunks(written: dict[str, Path], kind: str) -> None:
    with open_root(written[kind]) as root:
        for name in ("obs/cell_type/categories", "uns/number"):
            with pytest.raises(
                ElementError, match="not a numeric one of 1 or 2 dimensions"
            ) as error:
                root[name].chunked()
            assert name in str(error.value)


@pytest.mark.parametrize("kind", KINDS)
def test_selections(written: dict[str, Path], kind: str) -> None:
    dense = an_anndata().layers["dense"]
    with open_root(written[kind]) as root:
        node = root["layers/dense"]
        for selection in ((), ..., slice(3, 9), slice(None, None, 3), slice(-4, None), 2,
                          (slice(2, 5), slice(1, 3)), (..., 1), (2, 3), slice(9, 3)):  # fmt: skip
            if kind.startswith("h5ad") and selection == slice(9, 3):
                continue  # h5py refuses
            np.testing.assert_array_equal(node.read(selection), dense[selection])
        names = root["obs/_index"]
        if isinstance(names, GroupNode):  # as anndata 0.13 writes what pandas 3 has as text
            names = names["values"]
        assert names.read(slice(2, 4)).tolist() == ["cell2", "cell3"]
        values = node.read()
        values[:] = 0  # the caller's own
        np.testing.assert_array_equal(node.read(), dense)


def test_facts_for_people(tmp_path: Path) -> None:
    values = np.arange(1000, dtype="i4")
    with h5py.File(tmp_path / "a.h5ad", "w") as file:
        file.create_dataset("a", data=values)
        file.create_dataset("b", data=values, chunks=(100,), compression=7, shuffle=True)
        file.create_dataset("c", data=values, chunks=(100,), compression="lzf", fletcher32=True)
    with open_root(tmp_path / "a.h5ad") as root:
        assert [root[k].codec for k in "abc"] == ["none", "gzip(7)+shuffle", "fletcher32+lzf"]
        assert [root[k].chunks for k in "abc"] == [None, (100,), (100,)]
        assert root["a"].stored_nbytes == 4000
        assert root["b"].stored_nbytes < 2000
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=3)
    blosc = zarr.codecs.BloscCodec(cname="zstd")
    group.create_array("a", data=values, compressors=None)
    group.create_array("b", data=values, chunks=(100,), compressors=blosc)
    group.create_array("c", data=values, chunks=(100,), shards=(1000,))
    group.create_array("d", data=values, chunks=(100,), shards=(1000,), compressors=None)
    with open_root(tmp_path / "a.zarr") as root:
        assert [root[k].codec for k in "abcd"] == [
            "none", "blosc(zstd)", "zstd, sharded", "none, sharded"
        ]  # fmt: skip
        assert root["c"].chunks == (100,)
        assert root["a"].stored_nbytes is None
    to_zip(tmp_path / "a.zarr", tmp_path / "a.zip")
    with open_root(tmp_path / "a.zip") as root:
        assert root["a"].stored_nbytes > 4000  # its metadata are counted


def test_failing_disks_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.zarr"
    group = zarr.open_group(path, mode="w", zarr_format=3)
    group.create_array("x", shape=(30,), chunks=(10,), shards=(20,), dtype="i4")[:] = 1

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise OSError(5, "Input/output error")

    with open_root(path) as root:
        node = root["x"]
        array = node.chunked()
        monkeypatch.setattr(os, "scandir", refuse)
        with pytest.raises(StoreError, match="Input/output error"):
            root.keys()
        monkeypatch.setattr(os, "stat", refuse)
        with pytest.raises(StoreError, match="Input/output error"):
            array.load(0, FilePool())
