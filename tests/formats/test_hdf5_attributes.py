"""Attributes of HDF5 are plain values."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from mappedviz.formats.detect import open_root


def test_attributes_are_plain_values(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5ad", "w") as file:
        file["cats"] = ["a"]
        attrs = file.create_group("g").attrs
        attrs["str"] = "é"
        attrs["bytes"] = np.bytes_(b"ab")
        attrs["int"] = np.int8(3)
        attrs["bool"] = True
        attrs["float"] = np.float32(0.5)
        attrs["words"] = ["a", "é"]
        attrs["fixed"] = np.array([b"a", b"b"])
        attrs["none"] = h5py.Empty("f4")
        attrs["numbers"] = np.array([1, 2], ">i8")
        attrs["empty"] = np.array([], dtype=h5py.string_dtype())
        attrs["reference"] = file["cats"].ref
        attrs["bools"] = np.array([True, False])
        attrs["grid"] = np.array([["a", "é"]], dtype=h5py.string_dtype())
        attrs["floats"] = np.array([], dtype="<f8")
        kind = h5py.enum_dtype({"RED": 0, "BLUE": 7}, basetype="i1")
        attrs.create("enum", 7, dtype=kind)
    with open_root(tmp_path / "a.h5ad") as root:
        attrs = root["g"].attrs
        found = {k: v for k, v in attrs.items() if not isinstance(v, np.ndarray)}
        assert found == {
            "str": "é", "bytes": "ab", "int": 3, "bool": True, "float": 0.5, "words": ["a", "é"],
            "fixed": ["a", "b"], "none": None, "empty": [], "reference": "cats",
            "grid": [["a", "é"]], "enum": 7,
        }  # fmt: skip
        assert type(attrs["int"]) is int
        assert type(attrs["bool"]) is bool
        assert attrs["numbers"].tolist() == [1, 2]
        assert attrs["numbers"].dtype.isnative
        assert attrs["bools"].tolist() == [True, False]
        assert attrs["floats"].tolist() == []
