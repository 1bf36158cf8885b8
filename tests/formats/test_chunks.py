"""Stored arrays: pieces of large ones, and reading on after a fork or at the end of a process."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import pytest
import zarr
from zarr.codecs import BloscCodec

from mappedviz.formats import cache as cache_module
from mappedviz.formats import grids as grids_module
from mappedviz.formats import hdf5_chunks
from mappedviz.formats import zarr as zarr_module
from mappedviz.formats.cache import ChunkCache
from mappedviz.formats.detect import open_root
from mappedviz.formats.files import FilePool
from tests.formats.reading import Made, check, values_of


@pytest.mark.parametrize("dtype", ["<f4", ">f4"])
def test_large_unfiltered_data_are_read_in_pieces(
    tmp_path: Path, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grids_module, "VIRTUAL_CHUNK_BYTES", 4096)
    for module in (hdf5_chunks, zarr_module):
        monkeypatch.setattr(module, "HUGE_CHUNK_BYTES", 8192)
    monkeypatch.setattr(hdf5_chunks, "VIRTUAL_CHUNK_BYTES", 4096)
    one, two = values_of(dtype, (50_001,)), values_of(dtype, (1001, 30))
    with h5py.File(tmp_path / "a.h5ad", "w") as file:
        file.create_dataset("one", data=one)
        file.create_dataset("two", data=two)
        file.create_dataset("chunked one", data=one, chunks=(20_000,))
        file.create_dataset("chunked two", data=two, chunks=(500, 17))
        file.create_dataset("one chunk", data=two, chunks=(1001, 30))
        file.create_dataset("prime", data=one, chunks=(9973,))
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    for name, chunk in (("two", (1001, 30)), ("padded", (2003, 30))):
        group.create_array(name, shape=two.shape, chunks=chunk, dtype=two.dtype, compressors=None)[
            ...
        ] = two
    for name in ("a.h5ad", "a.zarr"):
        with open_root(tmp_path / name) as root:
            for key in root.keys():  # noqa: SIM118 - not a dict
                array = root[key].chunked()
                check(array, one if key in ("one", "chunked one", "prime") else two)
                if key != "prime":
                    assert math.prod(array.chunk_shape) * 4 <= 4096


# In a process of its own: a tracer (coverage) may hold its lock while another thread forks.
FORKING = """
import os, sys, threading, warnings
import numpy as np
from mappedviz.formats.cache import ChunkCache
from mappedviz.formats.files import FilePool
from mappedviz.formats.detect import open_root

warnings.simplefilter("ignore", DeprecationWarning)
path = sys.argv[1]
with open_root(path) as root:
    array, values = root["x"].chunked(), root["x"].read()
cache, stop = ChunkCache(8000, FilePool(), 3), threading.Event()

def busy():  # some thread of the parent always holds a lock or decodes
    rng = np.random.default_rng(0)
    while not stop.is_set():
        cache.get_many(array, rng.integers(0, 50, 10))

threads = [threading.Thread(target=busy) for _ in range(2)]
for thread in threads:
    thread.start()
codes = []
for _ in range(20):
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            got = np.concatenate(cache.get_many(array, np.arange(50)))
            held = sum(chunk.values.nbytes for chunk in cache._held.values())
            status = 0 if (got == values).all() and cache.nbytes == held <= 8000 else 2
        finally:
            os._exit(status)
    codes.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
stop.set()
for thread in threads:
    thread.join()
sys.exit(str(codes) if any(codes) else 0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("kind", ["gzip", "blosc"])
def test_a_forked_child_reads_on(tmp_path: Path, kind: str) -> None:
    values = values_of("i4", (5000,))
    if kind == "gzip":
        with h5py.File(tmp_path / "a", "w") as file:
            file.create_dataset("x", data=values, chunks=(100,), compression="gzip")
    else:
        group = zarr.open_group(tmp_path / "a", mode="w", zarr_format=3)
        blosc = BloscCodec()
        group.create_array("x", data=values, chunks=(100,), compressors=blosc)
    done = subprocess.run(
        [sys.executable, "-c", FORKING, str(tmp_path / "a")],
        env={**os.environ, "PYTHONPATH": str(Path(cache_module.__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_reading_works_while_the_interpreter_shuts_down(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("cannot schedule new futures after interpreter shutdown")

    monkeypatch.setattr(cache_module, "ThreadPoolExecutor", refuse)
    got = ChunkCache(10**6, FilePool(), 4).get_many(Made(), range(20))
    assert [int(a[0]) for a in got] == list(range(20))
