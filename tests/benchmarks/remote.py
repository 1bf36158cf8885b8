"""Random rows from a server, with latency: cells a second and requests per batch, by ours and by fsspec with anndata.

    python -m tests.benchmarks.remote [--seconds 6] [--rows 20000]

The server is a process of its own on this machine and waits before each answer, as a network does. The
stores are h5ad (gzip) and zarr (v3, as anndata writes it) of the same sparse matrix. The peer reads in anndata's way:
``h5py.File(fsspec.open(url))``, or zarr's ``FsspecStore``, and ``anndata.io.sparse_dataset(group)[rows]``.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import scipy.sparse as sp

import mappedviz as mv
from tests.servers import RangeServer

BATCH = 128
LATENCIES = (0.0, 0.005, 0.020)
NAMES = ("a.h5ad", "a.zarr")


def write(folder: Path, n_rows: int) -> None:
    """Write the stores."""
    x = sp.random(n_rows, 2000, 0.1, "csr", dtype=np.float32, random_state=0)
    x.data = np.ceil(x.data * 10)
    obs = pd.DataFrame(
        {"t": pd.Categorical(["x"] * n_rows)}, index=[f"c{i}" for i in range(n_rows)]
    )
    adata = ad.AnnData(x, obs=obs)
    adata.write_h5ad(folder / NAMES[0], compression="gzip")
    with ad.settings.override(zarr_write_format=3):
        adata.write_zarr(folder / NAMES[1])


def _serve(folder: str, pipe: Any) -> None:
    server = RangeServer(Path(folder))
    pipe.send(server.url)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    while True:
        latency = pipe.recv()
        if latency is None:
            return
        server.latency = latency
        pipe.send(len(server.log))
        server.log.clear()


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, Callable[[float], int]]]:
    """Serve a folder from another process: its URL, and what sets the latency and counts requests."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(str(folder), there), daemon=True)
    process.start()
    url = here.recv()

    def reset(latency: float) -> int:
        here.send(latency)
        return int(here.recv())

    try:
        yield url, reset
    finally:
        here.send(None)
        process.join()


def by_fsspec(url: str) -> Callable[[np.ndarray], Any]:
    """Return a reader of rows in anndata's own way."""
    if url.endswith(".h5ad"):
        import fsspec

        matrix = ad.io.sparse_dataset(h5py.File(fsspec.open(url, "rb").open(), "r")["X"])
    else:
        import zarr
        from zarr.storage import FsspecStore

        matrix = ad.io.sparse_dataset(zarr.open_group(FsspecStore.from_url(url), mode="r")["X"])
    return lambda rows: matrix[np.sort(rows)].toarray()


def by_row(url: str) -> Callable[[np.ndarray], Any]:
    """Return our reader of one batch after the other, with a cache of a few chunks."""
    ds = mv.MappedCollection(url, cache_bytes=1 << 20, cache=False)
    return lambda rows: ds[rows.tolist()]


def measure(read: Callable[[np.ndarray], Any], n_rows: int, seconds: float) -> tuple[float, int]:
    """Return cells a second of random batches, and the number of batches."""
    random = np.random.default_rng(0)
    started, batches = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        read(random.choice(n_rows, BATCH, replace=False))
        batches += 1
    return batches * BATCH / (time.perf_counter() - started), batches


def by_loader(url: str, seconds: float) -> tuple[float, int]:
    """Return the same for the first epoch of a loader, which reads ahead; nothing is cached before."""
    ds = mv.MappedCollection(url, cache=False)
    ds[0]  # what is read once
    started, batches = time.perf_counter(), 0
    for _ in mv.batches(ds, batch_size=BATCH, shuffle=True, seed=0):
        batches += 1
        if time.perf_counter() - started > seconds:
            break
    return batches * BATCH / (time.perf_counter() - started), batches


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--rows", type=int, default=20_000)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    print(f"{'store':8}{'latency':>9}  {'reader':34}{'cells/s':>10}{'requests/batch':>16}")
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), given.rows)
        with served(Path(folder)) as (root, reset):
            for name in NAMES:
                for latency in LATENCIES:
                    for way, (speed, requests) in _each(f"{root}/{name}", latency, reset, given):
                        print(
                            f"{name[2:]:8}{latency * 1000:6.0f} ms  {way:34}{speed:10,.0f}"
                            f"{requests:16.1f}",
                            flush=True,
                        )


def _each(
    url: str, latency: float, reset: Callable[[float], int], given: argparse.Namespace
) -> Iterator[tuple[str, tuple[float, float]]]:
    """Each way to read, cells a second and requests per batch."""
    for way, reader in (
        ("fsspec + anndata", by_fsspec),
        ("mappedviz, a batch at a time", by_row),
    ):
        read = reader(url)
        read(np.arange(BATCH))  # what is read once
        reset(latency)
        speed, batches = measure(read, given.rows, given.seconds)
        yield way, (speed, reset(0.0) / max(1, batches))
    reset(latency)
    speed, batches = by_loader(url, given.seconds)
    yield "mappedviz, batches()", (speed, reset(0.0) / max(1, batches))


if __name__ == "__main__":
    main()
