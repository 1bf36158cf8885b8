"""What the first rows cost a process: ``python -m tests.benchmarks.first_use [STORE...]``.

Processor time of importing, opening, the first cell, the first batch and the first sparse batch,
each in new processes: one that finds no cache at all, not even the ``.pyc`` files that pip makes of
every package when it installs it, and one that finds what the other left.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent.parent
DATA = ROOT / "notebooks" / "data"
STEPS = ("import", "open", "ds[0]", "batch", "sparse batch")
#: The steps that are asked to be cheap, together.
BEYOND = STEPS[2:]


def steps(paths: list[str]) -> dict[str, dict[str, object]]:
    """Take the steps in this process; for each, seconds of processor time and modules loaded."""
    found: dict[str, dict[str, object]] = {}

    def took(step: str) -> None:
        nonlocal at, loaded
        now, modules = time.process_time(), set(sys.modules)
        tops = sorted({name.split(".")[0] for name in modules - loaded})
        found[step] = {"seconds": now - at, "modules": len(modules - loaded), "of": tops}
        at, loaded = time.process_time(), set(sys.modules)

    at, loaded = time.process_time(), set(sys.modules)
    import mappedviz

    took("import")
    ds = mappedviz.MappedCollection(paths)
    took("open")
    ds[0]
    took("ds[0]")
    rows = list(range(0, len(ds), max(1, len(ds) // 64)))
    ds[rows]
    took("batch")
    ds.read_rows(rows, sparse=True)
    took("sparse batch")
    return found


def in_new_process(paths: list[str], caches: Path) -> dict[str, dict[str, object]]:
    """Take the steps in a process whose caches are all below a folder."""
    call = [sys.executable, "-m", "tests.benchmarks.first_use", "--here", *paths]
    env = {
        **os.environ,
        "HOME": str(caches),
        "PYTHONPYCACHEPREFIX": str(caches / "python"),
        "XDG_CACHE_HOME": str(caches / "xdg"),
    }
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(call, cwd=ROOT, env=env, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, dict[str, object]] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(paths: list[str], times: int) -> dict[str, list[dict[str, dict[str, object]]]]:
    """Runs without any cache, and with the caches of the run before."""
    out: dict[str, list[dict[str, dict[str, object]]]] = {"no .pyc": [], "as installed": []}
    for _ in range(times):
        with tempfile.TemporaryDirectory() as folder:
            out["no .pyc"].append(in_new_process(paths, Path(folder)))
            out["as installed"].append(in_new_process(paths, Path(folder)))
    return out


def demo() -> list[str]:
    """The stores of the demo collection."""
    suffixes = (".h5ad", ".zarr", ".zarr.zip")
    return sorted(str(path) for path in DATA.iterdir() if path.name.endswith(suffixes))


def main() -> None:
    """Print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stores", nargs="*", help="the demo stores, unless named")
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--modules", action="store_true", help="also what is imported when")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    paths = [os.path.abspath(path) for path in asked.stores] or demo()
    if asked.here:
        print(json.dumps(steps(paths)))
        return
    print(f"seconds of processor time, median of {asked.times}, {len(paths)} stores")
    print(f"{'process':<14}" + "".join(f"{step:>14}" for step in STEPS) + f"{'beyond open':>14}")
    for kind, runs in measure(paths, asked.times).items():
        by_step = {step: median(run[step]["seconds"] for run in runs) for step in STEPS}
        beyond = median(sum(run[step]["seconds"] for step in BEYOND) for run in runs)
        values = [*by_step.values(), beyond]
        print(f"{kind:<14}" + "".join(f"{value:>14.3f}" for value in values))
    if asked.modules:
        for step in STEPS[1:]:
            found = runs[-1][step]
            print(f"{step}: {found['modules']} modules of {', '.join(found['of'])}")


if __name__ == "__main__":
    main()
