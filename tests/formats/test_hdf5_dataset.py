"""Strings of HDF5 are str, and claims of damaged shapes are bounded."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import zarr

from mappedviz.errors import ElementError
from mappedviz.formats.detect import open_root


def test_strings_are_str_however_they_are_stored_in_hdf5(tmp_path: Path) -> None:
    words = ["", "é", "a longer one"]
    with h5py.File(tmp_path / "a.h5ad", "w") as file:
        file["vlen"] = np.array(words, dtype=object)
        file["ascii"] = np.array([b"a", b"b"], dtype=h5py.string_dtype("ascii"))
        file["fixed"] = np.array([w.encode() for w in words])
        file["utf8"] = np.array([w.encode() for w in words], dtype=h5py.string_dtype("utf-8", 14))
        file["scalar"] = "é"
        file["bytes"] = np.bytes_("é".encode())
        file["two"] = np.array([words, words], dtype=object)
        file.create_dataset("never", (2,), h5py.string_dtype())
        file.create_dataset("empty", (0,), h5py.string_dtype())
        file["none"] = h5py.Empty("f4")
        kind = [("index", "S5"), ("n", ">i4"), ("word", h5py.string_dtype()), ("xy", "<f4", (2,))]
        file["compound"] = np.array([(b"\xc3\xa9", 3, "w", (1, 2))], dtype=kind)
        file["bad"] = np.array([b"fine", b"\xff\xfe"], dtype=object)
        file["bad fixed"] = np.array([b"fine", b"\xff\xfe"])
    with open_root(tmp_path / "a.h5ad") as root:
        for name in ("vlen", "fixed", "utf8"):
            assert root[name].read().tolist() == words
            assert root[name].read(slice(1, 2)).tolist() == ["é"]
            assert root[name].read(1)[()] == "é"
        assert root["ascii"].read().tolist() == ["a", "b"]
        assert root["vlen"].dtype == object
        for name in ("scalar", "bytes"):
            assert root[name].shape == root[name].read().shape == ()
            assert root[name].read()[()] == "é"
        assert root["two"].read().tolist() == [words, words]
        assert root["never"].read().tolist() == ["", ""]
        assert root["empty"].read().tolist() == []
        assert root["none"].read()[()] is None
        assert root["none"].shape == ()
        assert root["none"].chunks is None
        compound = root["compound"].read()
        assert compound["index"].tolist() == ["é"]
        assert compound["word"].tolist() == ["w"]
        assert compound["n"].dtype.isnative
        assert compound["n"].tolist() == [3]
        assert compound["xy"].tolist() == [[1.0, 2.0]]
        for name in ("bad", "bad fixed"):
            with pytest.raises(ElementError, match="not UTF-8") as error:
                root[name].read()
            assert name in str(error.value)


def test_claims_of_damaged_shapes_are_bounded(tmp_path: Path) -> None:
    path = tmp_path / "a.h5ad"
    with h5py.File(path, "w") as file:
        file.create_dataset("many", (2**40,), "i1", chunks=(1,))
        file.create_dataset("large", (2**55,), "f8", chunks=(2**20,))
    with open_root(path) as root:
        with pytest.raises(ElementError, match="claims 1099511627776 chunks"):
            root["many"].chunked()
        with pytest.raises(ElementError, match="claims 268435456 GiB"):
            root["large"].read()
    zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2).create_array(
        "x", shape=(10,), dtype="f8"
    )
    meta = tmp_path / "a.zarr" / "x" / ".zarray"
    meta.write_text(meta.read_text().replace("10", str(2**55)))
    with (
        open_root(tmp_path / "a.zarr") as root,
        pytest.raises(ElementError, match="claims 268435456 GiB"),
    ):
        root["x"].read()


def _virtual(file: h5py.File, where: Path) -> None:
    source = h5py.VirtualSource("part" if where == Path() else str(where), "x", (6,), "i4")
    layout = h5py.VirtualLayout((6,), "i4")
    layout[:] = source
    file.create_virtual_dataset("obs/n", layout)


@pytest.mark.parametrize("there", [True, False])
def test_a_virtual_data_set_is_refused_by_name(tmp_path: Path, there: bool) -> None:
    other = tmp_path / "other.h5"
    if there:
        with h5py.File(other, "w") as file:
            file["x"] = np.arange(6, dtype="i4")
    with h5py.File(tmp_path / "a.h5ad", "w") as file:
        _virtual(file, other)
    with (
        open_root(tmp_path / "a.h5ad") as root,
        pytest.raises(ElementError, match="obs/n: is a virtual data set") as error,
    ):
        root["obs"]["n"]
    assert "other.h5" in str(error.value)


@pytest.mark.parametrize("name", ["raw", "/dev/zero", "/etc/passwd"])
def test_values_outside_of_the_file_are_refused_by_name(tmp_path: Path, name: str) -> None:
    with h5py.File(tmp_path / "a.h5ad", "w") as file:
        made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        made.set_external(name.encode(), 0, 24)
        space = h5py.h5s.create_simple((6,))
        h5py.h5d.create(file.id, b"x", h5py.h5t.STD_I32LE, space, made)
    with (
        open_root(tmp_path / "a.h5ad") as root,
        pytest.raises(ElementError, match="outside of the HDF5 file") as error,
    ):
        root["x"]
    assert name in str(error.value)


def test_a_long_list_of_text_that_is_read_again_is_another_array(tmp_path: Path) -> None:
    names, others = [f"gene{i}" for i in range(2000)], [f"gène{i}" for i in range(2000)]
    with h5py.File(tmp_path / "a.h5ad", "w") as file:
        file["names"], file["again"], file["others"] = names, names, others
        file["two"] = np.array(names, dtype=object).reshape(2, 1000)
    with open_root(tmp_path / "a.h5ad") as root:
        first = root["names"].read()
        assert first.tolist() == names
        first[0] = "changed"
        assert root["again"].read().tolist() == names
        assert root["two"].read().tolist() == [names[:1000], names[1000:]]
        assert root["others"].read().tolist() == others
