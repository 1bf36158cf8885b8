"""The compiled functions: kept on disk, found again, and never in the way."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys

import numpy as np
import pytest

from mappedviz.gather import layout, native
from mappedviz.gather.matrix import Matrix
from mappedviz.gather.request import Part
from mappedviz.gather.rows import gather_csr, gather_dense

# Uses the smallest function: replaces an address by what is there.
PROGRAM = """
import json, sys, time
import numpy as np
from mappedviz.gather.native import function
start = time.perf_counter()
follow = function("follow")
seconds = time.perf_counter() - start
there = np.array([42], dtype=np.int64)
address = np.array([there.ctypes.data], dtype=np.int64)
assert follow(address.ctypes.data, 1) == 0
print(json.dumps([int(address[0]), seconds, "numba" in sys.modules]))
"""


def follow_in_a_process(cache_dir) -> tuple[int, float, bool]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    env |= {"NUMBA_CACHE_DIR": str(cache_dir), "XDG_CACHE_HOME": str(cache_dir)}
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=env, check=True, capture_output=True, text=True
    )
    assert run.stderr == ""
    return tuple(json.loads(run.stdout))


def only_in(directory, monkeypatch):
    """Let this process keep compiled code in one directory, and forget what it has."""
    monkeypatch.setattr(native, "_directories", lambda: iter([directory]))
    monkeypatch.setattr(native, "_functions", {})


def kept(directory):
    return sorted(path.name for path in directory.iterdir())


def test_importing_the_engine_leaves_numba_alone():
    program = "import sys, mappedviz.gather; print('numba' in sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == ["False"]


def test_a_second_process_needs_no_numba_and_is_quick(tmp_path):
    # Where the package's own directory has the code, the first process does not compile either.
    assert follow_in_a_process(tmp_path)[0] == 42
    value, seconds, numba = follow_in_a_process(tmp_path)
    assert (value, numba) == (42, False)
    assert seconds < 0.5


def test_code_is_kept_and_found(tmp_path, monkeypatch):
    only_in(tmp_path, monkeypatch)
    native.function("follow")
    assert len(kept(tmp_path)) == 1
    monkeypatch.setattr(native, "_functions", {})
    monkeypatch.setattr(native, "_compile", None)  # not called
    assert native.function("follow") is native.function("follow")


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda old: b"", id="empty"),
        pytest.param(lambda old: old[:-100], id="truncated"),
        pytest.param(lambda old: b"[]\n" + old, id="another header"),
        pytest.param(lambda old: old[:-8] + b"\0garbage", id="changed"),
    ],
)
def test_damaged_code_is_compiled_again(tmp_path, monkeypatch, damage):
    only_in(tmp_path, monkeypatch)
    native.function("follow")
    (name,) = kept(tmp_path)
    good = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(damage(good))
    monkeypatch.setattr(native, "_functions", {})
    assert native.function("follow")(0, 0) == layout.OK
    assert len((tmp_path / name).read_bytes()) == len(good)


def test_nowhere_to_keep_it_is_no_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no directory can be below a file")
    only_in(tmp_path / "file" / "below", monkeypatch)
    assert native.function("follow")(0, 0) == layout.OK


def test_code_of_another_processor_is_not_found(tmp_path, monkeypatch):
    here = native._file_name("follow", "")
    monkeypatch.setenv("NUMBA_CPU_NAME", "generic")
    assert native._file_name("follow", "") != here


def test_code_that_asks_for_more_than_libc_is_not_kept(tmp_path, monkeypatch):
    only_in(tmp_path, monkeypatch)
    monkeypatch.setattr(native, "_PYTHON", frozenset())
    assert native.function("follow")(0, 0) == layout.OK
    assert kept(tmp_path) == []


def test_another_numba_calls_the_loops_itself(tmp_path, monkeypatch, caplog):
    only_in(tmp_path, monkeypatch)

    def gone(*args):
        raise AttributeError("no such thing inside")

    monkeypatch.setattr(native, "_with_head", gone)
    there = np.array([42], dtype=np.int64)
    address = np.array([there.ctypes.data])
    with caplog.at_level(logging.WARNING):
        assert native.function("follow")(address.ctypes.data, 1) == layout.OK
    assert address.tolist() == [42]
    assert "slower" in caplog.text


@pytest.mark.parametrize("kind", ["u1", "u2", "u4", "u8", "f4", "f8"])
def test_there_are_loops_for_every_kind_of_output(kind):
    from mappedviz.gather import kernels

    dtype = np.dtype(kind).type
    built = kernels.build_dense(dtype) | kernels.build_csr(dtype) | kernels.build_plan(dtype)
    built |= kernels.build_guard(dtype)
    assert set(built) == set(native._BUILDERS)


@pytest.mark.parametrize("arguments", [(), (1,), (1, 2, 3), ("a", 2), (2**70, 1), (None, 0)])
def test_wrong_arguments_are_errors_as_of_any_builtin(arguments):
    with pytest.raises((TypeError, OverflowError)):
        native.function("follow")(*arguments)


def test_files_with_the_same_names_inside_do_not_get_mixed_up(monkeypatch):
    """All kinds of a function have one name, and numba counts its own from one in each process."""
    kinds = ("u1", "u8")
    for kind in kinds:
        native.function("csr", kind)  # on disk from now on
    monkeypatch.setattr(native, "_functions", {})
    for kind in (*kinds, *kinds):
        data = np.array([1, 2, 3], kind)
        matrix = Matrix.from_csr(np.array([0, 2, 3]), np.array([0, 2, 1]), data, 3)
        parts = [Part(matrix, np.array([1, 0]), np.array([0, 1]))]
        found = [array.tolist() for array in gather_csr(parts, 2, 3, kind)]
        assert found == [[0, 1, 3], [1, 0, 2], [3, 1, 2]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_float16_is_converted_as_numpy_does(dtype):
    every = np.arange(2**16, dtype=np.uint16).view(np.float16).reshape(256, 256)
    indptr = np.arange(257) * 256
    matrix = Matrix.from_csr(indptr, np.tile(np.arange(256), 256), every.ravel(), 256)
    out = np.empty((256, 256), dtype)
    gather_dense([Part(matrix, np.arange(256), np.arange(256))], out)
    expected = every.astype(dtype)
    np.testing.assert_array_equal(out, expected)  # NaN where NaN
    there = (expected != 0) & ~np.isnan(expected)  # 0 + -0.0 is 0.0, as in scipy
    assert (np.signbit(out) == np.signbit(expected))[there].all()
