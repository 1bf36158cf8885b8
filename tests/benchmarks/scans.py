"""What caches, scan files and executors save of an audit of thousands of stores: prints a table.

Run it with ``python -m tests.benchmarks.scans [--stores 10000]``; each line is measured in a process of its
own. The stores are written to a temporary folder first, or to ``--data DIR`` and kept. Processor time is
that of the process and of its children.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.many_stores import write_many


def _audit(paths, **options):
    import mappedviz as mv

    audit = mv.audit(paths, "cell_type", progress=False, **options)
    assert len(audit.stores) == len(paths) or len(paths) == 1
    return audit


def _cases(folder: Path, paths: list[str]):
    """Name -> what is measured, in this order."""
    from mappedviz.audits import write_scans

    cache, scans = folder / "cache", folder / "scans"

    def change_one():
        os.utime(paths[len(paths) // 2])
        return _audit(paths, cache=cache)

    def on_processes():
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context

        with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
            return _audit(paths, cache=False, executor=executor)

    return {
        "audit, no cache": lambda: _audit(paths, cache=False),
        "audit, writes the cache": lambda: _audit(paths, cache=cache),
        "audit again, another process": lambda: _audit(paths, cache=cache),
        "audit again, one store changed": change_one,
        "audit, ProcessPoolExecutor of 2": on_processes,
        "scan to files": lambda: write_scans(paths, scans, progress=False),
        "audit of the files": lambda: _audit([str(scans)]),
    }


def _measure(folder: Path, n: int, name: str) -> None:
    paths = write_many(folder / f"stores-{n}", n)
    import mappedviz as mv

    mv.audit(paths[:1], progress=False, cache=False, workers=0)  # imports
    case = _cases(folder, paths)[name]
    before, begin = _processor(), time.perf_counter()
    case()
    wall = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([wall, _processor() - before, peak]))


def _processor() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _size(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stores", type=int, default=10_000)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--only", default="", help="lines whose name contains this")
    parser.add_argument("--case")
    asked = parser.parse_args()
    if asked.case:
        _measure(asked.data, asked.stores, asked.case)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.data or Path(temporary)
        paths = write_many(folder / f"stores-{asked.stores}", asked.stores)
        print(f"{asked.stores:,} stores, {_size(folder / f'stores-{asked.stores}'):,.0f} MB")
        print(f"{'':34}{'wall s':>9}{'CPU s':>9}{'peak MB':>9}")
        for name in _cases(folder, paths):
            if asked.only not in name:
                continue
            command = [sys.executable, "-m", "tests.benchmarks.scans", "--case", name]
            command += ["--data", str(folder), "--stores", str(asked.stores)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            wall, processor, peak = json.loads(done.stdout.splitlines()[-1])
            print(f"{name:34}{wall:9.1f}{processor:9.1f}{peak:9.0f}", flush=True)
        for kept in ("cache", "scans"):
            if (folder / kept).exists():
                print(f"{kept}: {_size(folder / kept):,.0f} MB")


if __name__ == "__main__":
    main()
