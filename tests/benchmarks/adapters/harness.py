"""What every adapter shares: jobs come in as JSON on stdin, results go out as JSON on stdout.

An adapter runs as a script in an environment of its own, which may know nothing of this package:
only the standard library and numpy are used here. An adapter is a class with some of the methods
of `Adapter`; ``serve(Adapter())`` answers the jobs. Everything before the clock starts is free:
imports, a warm-up on a tiny collection (compiled code, first imports), opening the real one.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

Job = dict[str, Any]


@dataclass
class Loader:
    """A way to run through a collection in batches.

    Attributes
    ----------
    epoch
        Gives a fresh iterable over one epoch.
    describe
        Shape, number of non-zeros and labels of a batch: ``(rows, columns, nnz, labels)``.
    rows
        Rows of a batch, at no cost.
    window
        Rows that the loader fetches at once; measurements end at a multiple of it, so that a
        loader that works in large steps is neither favoured nor punished. 0: no matter.
    """

    epoch: Callable[[], Iterable[Any]]
    describe: Callable[[Any], tuple[int, int, int, np.ndarray]]
    rows: Callable[[Any], int]
    window: int = 0


class Adapter:
    """The face of one library. A method that is missing means that the library cannot do that."""

    packages: Sequence[str] = ()

    def open(self, job: Job) -> Any:
        """Open the collection, ready to read: labels encoded, genes joined."""
        raise NotImplementedError("cannot open this collection")

    def row(self, opened: Any, i: int) -> Any:
        """One row and its label, as a dict whose ``"X"`` is dense."""
        return opened[i]

    def loader(self, job: Job) -> Loader:
        """The loader that the job describes."""
        raise NotImplementedError("has no such loader")

    def weights(self, opened: Any, job: Job) -> np.ndarray:
        """One weight per row, balancing the label."""
        raise NotImplementedError("has no label weights")


def dense_tensor(batch: Any, x: str, label: str) -> tuple[int, int, int, np.ndarray]:
    """`Loader.describe` for a dict of torch tensors or numpy arrays, X dense."""
    values = np.asarray(batch[x])
    return values.shape[0], values.shape[1], int(np.count_nonzero(values)), np.asarray(batch[label])


def any_csr(x: Any, labels: Any) -> tuple[int, int, int, np.ndarray]:
    """`Loader.describe` for a scipy or torch CSR matrix."""
    data = x.values().numpy() if hasattr(x, "crow_indices") else x.data
    return int(x.shape[0]), int(x.shape[1]), int(np.count_nonzero(data)), np.asarray(labels)


def _check(loader: Loader, job: Job) -> None:
    """The warm-up, which also proves that the batches are what they are said to be."""
    wanted = min(job["batch"], job["warm_rows"])
    for k, batch in enumerate(loader.epoch()):
        if k == 0:
            rows, columns, nnz, labels = loader.describe(batch)
            if rows != wanted or columns != job["warm_columns"]:
                raise AssertionError(
                    f"a batch of {rows} x {columns}, {wanted} x {job['warm_columns']} wanted"
                )
            if not 0.4 < nnz / rows / job["warm_nnz"] < 1.8:
                raise AssertionError(f"{nnz / rows:.0f} non-zeros a row, {job['warm_nnz']} wanted")
            if len(labels) != rows or len(np.unique(labels)) < 2:
                raise AssertionError(f"labels of the batch: {labels[:10]} …")
        if k >= 20:
            break


def _batches(adapter: Adapter, job: Job) -> Job:
    _check(adapter.loader({**job, "paths": job["warm_paths"]}), job)
    base = _anonymous()
    start = time.perf_counter()
    loader = adapter.loader(job)
    opened = time.perf_counter() - start
    rows_of = loader.rows
    for _ in range(job.get("fill", 0)):
        for _batch in loader.epoch():
            pass
    rows = epochs = 0
    first = spent = 0.0
    _touch(job.get("touch", 0))
    start = time.perf_counter()
    done = False
    while not done and epochs < job.get("epochs", 1_000_000):
        inside = 0
        for batch in loader.epoch():
            inside += rows_of(batch)
            spent = time.perf_counter() - start
            first = first or spent
            if spent > job["limit"] or (
                spent > job["seconds"] and (not loader.window or inside % loader.window == 0)
            ):
                done = True
                break
        batch = None
        rows += inside
        epochs += 1
        done = done or spent > job["seconds"]
    spent = time.perf_counter() - start
    return {
        "rows": rows,
        "spent": spent,
        "rate": rows / spent,
        "opened": opened,
        "first": first,
        "base": base,
    }


def _start(adapter: Adapter, job: Job) -> Job:
    """The start of an epoch: seconds from asking for its iterator to each of the first 100 batches."""
    _check(adapter.loader({**job, "paths": job["warm_paths"]}), job)
    _touch(job.get("touch", 0))
    start = time.perf_counter()
    loader = adapter.loader(job)
    opened = time.perf_counter() - start
    at: list[float] = []
    cpu = time.process_time()
    start = time.perf_counter()
    for _batch in loader.epoch():
        at.append(time.perf_counter() - start)
        if len(at) == 10:
            cpu = time.process_time() - cpu
        if len(at) == 100 or at[-1] > job["patience" if len(at) >= 10 else "limit"]:
            break
    if len(at) < 10 and at[-1] > job["limit"]:
        raise AssertionError(f"{len(at)} batches in {at[-1]:.1f} s")
    tenth = at[min(9, len(at) - 1)]  # a tiny collection has fewer
    found = {"opened": opened, "first": at[0], "spent": tenth, "cpu": cpu, "at": at}
    return found | ({"hundredth": at[99]} if len(at) == 100 else {})


def _touch(nbytes: int) -> None:
    """Let the host back this much of the memory that is free, by using it in another process.

    A virtual machine may hand free memory back to its host, and getting it again can cost ten times
    what a page fault does: the measurement would be one of that.
    """
    if nbytes:
        command = [sys.executable, "-S", "-c", f"b'\\1' * {nbytes}"]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def _anonymous() -> int:
    """Private memory of this process."""
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith("RssAnon"):
                return int(line.split()[1]) * 1024
    return 0


def _getitem(adapter: Adapter, job: Job) -> Job:
    warm = adapter.open({**job, "paths": job["warm_paths"]})
    if np.asarray(adapter.row(warm, 0)["X"]).size != job["warm_columns"]:
        raise AssertionError("a row is not as wide as wanted")
    for i in range(50):
        adapter.row(warm, i)
    opened = adapter.open(job)
    order = np.random.default_rng(job["seed"]).integers(0, job["rows"], 1_000_000)
    limit, done = job["seconds"], 0
    start = time.perf_counter()
    for i in order.tolist():
        adapter.row(opened, i)
        done += 1
        if done % 16 == 0 and time.perf_counter() - start > limit:
            break
    spent = time.perf_counter() - start
    return {"rows": done, "spent": spent, "rate": done / spent}


def _open(adapter: Adapter, job: Job) -> Job:
    """Opening, in a process that has already imported the library and opened something tiny."""
    adapter.open({**job, "paths": job["warm_paths"]})
    start = time.perf_counter()
    opened = adapter.open(job)
    spent = time.perf_counter() - start
    if len(opened) != job["rows"]:
        raise AssertionError(f"{len(opened)} rows, {job['rows']} wanted")
    return {"spent": spent}


def _weights(adapter: Adapter, job: Job) -> Job:
    """`get_label_weights` on a collection that is open: the first call, and the median of more."""
    opened = adapter.open(job)
    each = []
    for _ in range(job.get("calls", 3)):
        start = time.perf_counter()
        weights = adapter.weights(opened, job)
        each.append(time.perf_counter() - start)
        if len(weights) != job["rows"] or not np.all(np.asarray(weights) > 0):
            raise AssertionError("not one positive weight per row")
    return {"spent": each[0], "again": float(np.median(each))}


KINDS = {
    "batches": _batches,
    "start": _start,
    "getitem": _getitem,
    "open": _open,
    "weights": _weights,
}


def _versions(names: Iterable[str]) -> dict[str, str]:
    found = {"python": sys.version.split()[0]}
    for name in names:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def serve(adapter: Adapter) -> None:
    """Answer the jobs on stdin; the last line of stdout is the answer."""
    warnings.simplefilter("ignore")
    jobs = json.load(sys.stdin)
    # A library may print what it likes: the real stdout is kept for the answer.
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    results = []
    for job in jobs:
        try:
            if job["kind"] in KINDS:
                result = KINDS[job["kind"]](adapter, job)
            else:  # something only this adapter does
                result = getattr(adapter, job["kind"])(job)
        except Exception as error:
            result = {"error": f"{type(error).__name__}: {error}", "trace": traceback.format_exc()}
        result["ru_maxrss"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        result["id"] = job["id"]
        results.append(result)
    print(json.dumps({"results": results, "versions": _versions(adapter.packages)}), file=answer)
    answer.flush()
    # Threads of a loader that is not at its end must not keep the process.
    os._exit(0)
