"""The compiled core is found, checked and called; what is wrong with it is said by name."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mappedviz import native
from mappedviz.errors import CoreError
from mappedviz.formats.codecs import _Bytes as Bytes


@pytest.fixture
def another(monkeypatch, tmp_path):
    """Have the loader look for a library elsewhere, as if nothing had been loaded."""
    monkeypatch.setattr(native, "_functions", {})
    monkeypatch.setenv("MAPPEDVIZ_NATIVE", str(tmp_path / "other.so"))
    return tmp_path / "other.so"


def test_the_library_is_of_this_version():
    assert native.function("abi")(0) == native.ABI


def test_both_sides_write_the_same_interface():
    header = (Path(native.__file__).parent / "src" / "core.hpp").read_text(encoding="utf-8")
    assert re.findall(r"#define MV_ABI (\d+)", header) == [str(native.ABI)]


def test_a_function_is_bound_once():
    assert native.function("lzf") is native.function("lzf")


def test_a_library_that_is_not_there(another):
    with pytest.raises(CoreError, match=r"other\.so: the compiled core is not there.*hatch_build"):
        native.function("lzf")


def test_a_file_that_is_no_library(another):
    another.write_bytes(b"\x7fELF and then nothing")
    with pytest.raises(CoreError, match=r"other\.so: the compiled core does not load"):
        native.function("lzf")


def test_a_library_of_another_program(another):
    import _ctypes

    if not getattr(_ctypes, "__file__", None):
        pytest.skip("this Python has its extensions built in")
    shutil.copy(_ctypes.__file__, another)
    with pytest.raises(CoreError, match="the compiled core has no function 'abi'"):
        native.function("lzf")


def test_a_library_of_another_version(another, monkeypatch):
    monkeypatch.delenv("MAPPEDVIZ_NATIVE")
    monkeypatch.setattr(native, "ABI", native.ABI + 1)
    with pytest.raises(CoreError, match=f"of interface {native.ABI - 1}, and {native.ABI} is need"):
        native.function("lzf")


def test_a_function_that_it_does_not_have():
    with pytest.raises(CoreError, match="the compiled core has no function 'sing'"):
        native.function("sing")


def test_nothing_is_loaded_before_the_first_call():
    code = """
import sys
import mappedviz.native
assert "numpy" not in sys.modules
assert not mappedviz.native._functions
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_interpreter_lock_is_free_during_a_call():
    """While one thread is inside the library for long, this one goes on."""
    size = 1 << 28
    source = (ctypes.c_char * size)()
    descriptor = Bytes(ctypes.addressof(source), size, None, 0, 1)
    checksum = native.function("fletcher32")
    spans = []

    def call():
        began = time.perf_counter()
        checksum(ctypes.addressof(descriptor))
        spans.append((began, time.perf_counter()))

    thread = threading.Thread(target=call)
    thread.start()
    ticks = []
    while thread.is_alive():
        ticks.append(time.perf_counter())
    ((began, ended),) = spans
    assert sum(began < tick < ended for tick in ticks) > 100
