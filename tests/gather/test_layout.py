"""The structs and codes of the compiled core, as Python has them."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from mappedviz import native
from mappedviz.gather import layout


def test_structs_are_as_large_as_in_the_core():
    sizes = [ctypes.sizeof(one) for one in (layout.MatrixFields, layout.BatchCall, layout.RowCall)]
    assert native.function("gather_abi")(0) == sizes[0] << 32 | sizes[1] << 16 | sizes[2]


def test_return_codes_are_those_of_the_core():
    source = Path(native.__file__).with_name("src") / "layout.hpp"
    if not source.exists():
        pytest.skip("the sources are not installed")
    declared = source.read_text().partition("enum Code")[2].partition("};")[0]
    for line in declared.splitlines()[1:]:
        name, _, value = line.partition(",")[0].strip().partition(" = ")
        if name:
            assert getattr(layout, name) == int(value)
