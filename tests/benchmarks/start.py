"""How soon an epoch starts: ``python -m tests.benchmarks.start --data DIR``.

Seconds from asking for the iterator to the first, tenth and hundredth batch, and processor seconds to
the tenth, for every kind of store, cache, order and number of workers that is named: each in a
process of its own, in which everything is imported. ``--cells`` makes smaller or larger stores.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import os
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from . import generate
from .cases import OURS, Case, Contender
from .peers import PEERS, ask
from .run import Plan, make_job, say

CACHES = {"16MB": 2**24, "64MB": 2**26, "256MB": 2**28, "2GB": 2**31, "default": None}
ORDERS = ("random", "block", "weighted")


def job_of(
    plan: Plan, format: str, cache: str, order: str, workers: int, batch: int
) -> dict[str, Any]:
    """Return the job of one line."""
    options: dict[str, Any] = {"loader": "own", "workers": workers}
    size = CACHES[cache]
    if size is not None:
        options["cache_bytes"] = size
    job = {"order": order, "batch": batch, "patience": 30.0}
    contender = Contender(OURS, options=options)
    return make_job(
        plan, Case(f"{format}-{cache}-{order}", "", "start", format, (contender,), job=job), contender
    )  # fmt: skip


def main(argv: Sequence[str] | None = None) -> None:
    """Print one line per combination."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, required=True, help="folder of the collections, kept between runs")
    add("--cells", type=int, default=50_000, help="cells of each of four stores")
    known = {"formats": tuple(generate.FORMATS), "caches": tuple(CACHES), "orders": ORDERS}
    for name, all_of in known.items():
        add(f"--{name}", default=",".join(all_of), help=f"of {', '.join(all_of)}")
    add("--workers", default="0,2")
    add("--batch", type=int, default=128)
    add("--repeats", type=int, default=3)
    chosen = parser.parse_args(argv)
    for name, all_of in known.items():
        for one in getattr(chosen, name).split(","):
            if one not in all_of:
                parser.error(f"--{name}: {one!r} is none of {', '.join(all_of)}")
    shape = dataclasses.replace(generate.PRESETS["full"], cells=chosen.cells)
    plan = Plan(
        data=chosen.data,
        envs=None,
        shape=shape,
        repeats=chosen.repeats,
        seconds=1.0,
        only=(),
        peers=(OURS,),
        small_stores=0,
        label_rows=0,
        block=64,
        buffer=16_384,
    )
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {shape.key}")
    print(
        "| files | cache | order | workers | first | tenth | hundredth | processor s to the tenth |"
    )
    print("|---|---|---|--:|--:|--:|--:|--:|")
    lists = [
        getattr(chosen, name).split(",") for name in ("formats", "caches", "orders", "workers")
    ]
    for format, cache, order, workers in itertools.product(*lists):
        job = job_of(plan, format, cache, order, int(workers), chosen.batch)
        found = [ask(PEERS[OURS], [job], None)["results"][0] for _ in range(plan.repeats)]
        failed = next((one["error"] for one in found if "error" in one), None)
        if failed:
            say(f"{format} {cache} {order} {workers}: {failed}")
            continue
        cells = [
            f"{median(one.get(name, float('nan')) for one in found):.2f}"
            for name in ("first", "spent", "hundredth", "cpu")
        ]
        print(f"| {format} | {cache} | {order} | {workers} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
