"""Opening very many small stores: ``python -m tests.benchmarks.opening [--stores 10000]``.

Each opening is in a new process that may have 256 files open: as new stores (with a cache that is
empty), again (from the cache), with one store of all that changed, and as it is without cache and
children. Then 200 new stores in pairs, with and without children, both without a cache: the cost of
isolation.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from tests.benchmarks.many_stores import write_many

ROOT = Path(__file__).resolve().parent.parent.parent
KEYS = ["cell_type", "donor"]


def opened(paths: Sequence[str], options: dict[str, Any]) -> dict[str, Any]:
    """Open stores in this process, and measure."""
    import pandas  # noqa: F401 - not what is measured
    import psutil

    from mappedviz import MappedCollection
    from mappedviz.stores import children

    memory = psutil.Process().memory_info().rss
    wall, own = time.perf_counter(), time.process_time()
    ds = MappedCollection(paths, obs_keys=KEYS, **options)
    wall, own = time.perf_counter() - wall, time.process_time() - own
    memory = psutil.Process().memory_info().rss - memory
    children.idle.end()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    weights = time.process_time()
    ds.get_label_weights("cell_type")
    weights = time.process_time() - weights
    return {
        "cells": len(ds),
        "wall": wall,
        "processor": own + used.ru_utime + used.ru_stime,
        "memory": memory / 1e6,
        "weights": weights,
    }


def in_new_process(paths: Sequence[str], **options: Any) -> dict[str, Any]:
    """Open stores in a new process that may have 256 files open."""
    call = [sys.executable, "-m", "tests.benchmarks.opening", "--here", json.dumps(options)]
    limit = ["bash", "-c", 'ulimit -n 256; exec "$@"', "-"]
    done = subprocess.run(
        [*limit, *call],
        input="\n".join(paths),
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stores", type=int, default=10_000)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="default: a new one, which is removed")
    parser.add_argument("--here", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.here:
        print(json.dumps(opened(sys.stdin.read().split("\n"), json.loads(given.here))))
        return
    folder = given.folder or Path(tempfile.mkdtemp())
    try:
        _table(write_many(folder / "stores", given.stores), folder / "cache", given.pairs)
    finally:
        if given.folder is None:
            shutil.rmtree(folder)


def _table(paths: list[str], cache: Path, pairs: int) -> None:
    shutil.rmtree(cache, ignore_errors=True)
    kept = {"cache": str(cache)}
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors")
    print(f"{len(paths):,} stores       wall s  processor s  memory MB  weights s")

    def row(name: str, found: dict[str, Any]) -> None:
        print(
            f"{name:16} {found['wall']:9.2f} {found['processor']:12.2f} {found['memory']:10.0f} "
            f"{found['weights']:10.3f}",
            flush=True,
        )

    row("new", in_new_process(paths, **kept))
    row("again", in_new_process(paths, **kept))
    os.utime(paths[len(paths) // 2], (2e9, 2e9))
    row("one changed", in_new_process(paths, **kept))
    row("without both", in_new_process(paths, cache=False, open_timeout=None))
    few = paths[:200]
    ratios: dict[str, list[float]] = {"wall": [], "processor": []}
    for _ in range(pairs):
        with_child = in_new_process(few, cache=False)
        without = in_new_process(few, cache=False, open_timeout=None)
        for key, values in ratios.items():
            values.append(with_child[key] / without[key])
    said = ", ".join(f"{key} × {median(values):.2f}" for key, values in ratios.items())
    print(f"{len(few)} new stores, with a child over without one: {said} (median of {pairs} pairs)")


if __name__ == "__main__":
    main()
