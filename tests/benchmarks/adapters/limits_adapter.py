"""What the machine can do with the same rows: the limits that stand beside the loaders' figures.

The plain stores' bytes are mapped and walked by a small compiled loop, without labels, checks or
Python objects per row: no loader that reads these files can be faster on one thread. ``threads``
in the options runs that many loops at once, each with a buffer of its own.
"""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from harness import Adapter, Job, serve

from hatch_build import find_compiler, zig
from mappedviz.formats.files import FilePool
from mappedviz.formats.registry import FORMATS


class _Store(ctypes.Structure):
    """What the loops are given of a store; addresses."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("ints", "floats", "cuts", "i_at", "d_at")),
        ("chunk", ctypes.c_int64),
        ("remap", ctypes.c_void_p),
    )


def _loops() -> ctypes.CDLL:
    """The compiled loops of limits.cpp, for the processor that is here."""
    source = Path(__file__).with_name("limits.cpp")
    compiler = find_compiler() or zig()
    with tempfile.TemporaryDirectory() as folder:
        library = f"{folder}/limits.so"
        options = ["-std=c++17", "-O3", "-march=native", "-fPIC", "-shared"]
        subprocess.run([*compiler, *options, str(source), "-o", library], check=True)
        loops = ctypes.CDLL(library)
    p, i = ctypes.c_void_p, ctypes.c_int64
    loops.fused.argtypes, loops.fused.restype = [p, p, i, p, i], None
    loops.csr.argtypes, loops.csr.restype = [p, p, i, p, p, ctypes.c_uint32], i
    loops.touch.argtypes, loops.touch.restype = [p, i], i
    return loops


LOOPS = _loops()


class _Mapped:
    """One store: its file mapped twice (as int32 and float32), offsets in elements per chunk."""

    def __init__(self, path: str, remap: np.ndarray) -> None:
        raw = np.memmap(path, np.uint8, "r")
        raw = raw[: raw.size // 4 * 4]
        self.ints, self.floats, self.remap = (
            raw.view(np.int32),
            raw.view(np.float32),
            remap.astype(np.uint32),
        )
        with h5py.File(path) as file:
            self.cuts = file["X/indptr"][:].astype(np.int64)
            self.chunk = file["X/data"].chunks[0]
            self.i_at, self.d_at = (self._offsets(file[f"X/{k}"]) for k in ("indices", "data"))

    @staticmethod
    def _offsets(dataset: Any) -> np.ndarray:
        at = np.zeros(-(-dataset.shape[0] // dataset.chunks[0]), np.int64)
        found: list[tuple[int, int]] = []
        dataset.id.chunk_iter(lambda info: found.append((info.chunk_offset[0], info.byte_offset)))
        for element, byte in found:
            at[element // dataset.chunks[0]] = byte
        if np.any(at % 4):
            raise AssertionError("chunks of the file are not aligned to their elements")
        return at // 4

    @property
    def store(self) -> _Store:
        """For the loops; valid as long as this object lives."""
        arrays = {
            name: getattr(self, name).ctypes.data
            for name in ("ints", "floats", "cuts", "i_at", "d_at", "remap")
        }
        return _Store(chunk=self.chunk, **arrays)


class Limits(Adapter):
    """Bare loops."""

    packages = ("numpy", "h5py")

    def limit(self, job: Job) -> Job:
        """Measure one limit: ``options.what`` is read, fused, csr or decode."""
        import anndata as ad

        what, threads = job["options"]["what"], job["options"].get("threads", 1)
        if what == "decode":
            return _decode(job, threads)
        names = []
        for path in job["paths"]:
            with h5py.File(path) as file:
                names.append(ad.io.read_elem(file["var"]).index)
        shared = names[0]
        for other in names[1:]:
            inner = job["join"] == "inner"
            shared = shared.intersection(other) if inner else shared.union(other)
        width = len(shared)
        stores = [
            _Mapped(path, np.where((to := shared.get_indexer(genes)) < 0, width, to))
            for path, genes in zip(job["paths"], names, strict=True)
        ]
        if what == "read":
            return self._read(job, stores)
        batch = job["batch"]
        widest = max(int(np.diff(s.cuts).max()) for s in stores)
        done = [0] * threads
        start_line = threading.Barrier(threads + 1)
        stop = threading.Event()

        def work(me: int) -> None:
            rng = np.random.default_rng([job["seed"], me])
            out = np.zeros((batch, width + 1), np.float32)
            size = batch * widest + 1
            indices, data = np.zeros(size, np.int32), np.zeros(size, np.float32)
            whole = [store.store for store in stores]
            # A batch is drawn over all stores; the rows of each store go in one call.
            draw = [rng.integers(0, len(stores), 4 * batch) for _ in range(8)]
            turn = 0

            def once() -> int:
                nonlocal turn
                which = draw[turn % 8][:batch]
                turn += 1
                filled = 0
                for i, store in enumerate(stores):
                    count = int(np.count_nonzero(which == i))
                    total = len(store.cuts) - 1
                    block = job["block"] if job["order"] == "block" else 1
                    starts = rng.integers(0, max(1, total - block), -(-count // block))
                    rows = (starts[:, None] + np.arange(block)).ravel()[:count]
                    rows = np.ascontiguousarray(rows, np.int64)
                    where = (ctypes.addressof(whole[i]), rows.ctypes.data, count)
                    if what == "fused":
                        LOOPS.fused(*where, out[filled:].ctypes.data, width + 1)
                    else:
                        LOOPS.csr(*where, indices.ctypes.data, data.ctypes.data, width)
                    filled += count
                return filled

            once()
            for store in stores:
                store.ints[::1024].sum()  # every page is mapped before the clock starts
            start_line.wait()
            while not stop.is_set():
                done[me] += once()

        crew = [threading.Thread(target=work, args=(i,)) for i in range(threads)]
        for thread in crew:
            thread.start()
        start_line.wait()
        start = time.perf_counter()
        time.sleep(job["seconds"])
        rows = sum(done)
        spent = time.perf_counter() - start
        stop.set()
        for thread in crew:
            thread.join()
        return {"rows": rows, "spent": spent, "rate": rows / spent}

    def _read(self, job: Job, stores: list[_Mapped]) -> Job:
        rows, start = 0, time.perf_counter()
        while time.perf_counter() - start < job["seconds"]:
            for store in stores:
                LOOPS.touch(store.ints.ctypes.data, len(store.ints))
                rows += len(store.cuts) - 1
        spent = time.perf_counter() - start
        return {"rows": rows, "spent": spent, "rate": rows / spent}


def _decode(job: Job, threads: int) -> Job:
    """Every chunk of the matrices read and decoded once, in random order, by the codecs that we use."""
    arrays = []
    files = FilePool()
    for path in job["paths"]:
        kind = "zarr" if path.endswith(".zarr") else "h5ad"
        with FORMATS[kind].open(path) as root:
            arrays += [root["X"][name].chunked() for name in ("data", "indices")]
    every = [(array, chunk) for array in arrays for chunk in range(array.n_chunks)]
    np.random.default_rng(job["seed"]).shuffle(every)
    start = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda one: one[0].load(one[1], files).nbytes, every))
    spent = time.perf_counter() - start
    return {"rows": job["rows"], "spent": spent, "rate": job["rows"] / spent}


if __name__ == "__main__":
    serve(Limits())
