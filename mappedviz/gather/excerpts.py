"""Rows of compressed matrices copied into memory, without decoding more of their chunks than they need.

That is for the first batches of an epoch, which somebody waits for: the rows of ten random batches are
in nearly all of the chunks of a collection, and most of each is not theirs. Who reads on needs the
rest, and decodes it then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mappedviz._types import Array
from mappedviz.formats.chunks import StoredArray
from mappedviz.gather.matrix import Matrix
from mappedviz.gather.request import Part
from mappedviz.gather.rows import run_shared

if TYPE_CHECKING:
    from mappedviz.formats.cache import ChunkCache

__all__ = ["excerpts"]

_Task = Callable[[], None]


def excerpts(parts: Sequence[Part], threads: int) -> list[Part]:
    """Return the same rows as rows of matrices in memory, where their chunks can be decoded in part.

    Parameters
    ----------
    parts
        Rows of matrices that are opened with one cache.
    threads
        Threads that decode.

    Returns
    -------
    list of Part
        As many; those that have to be read otherwise are left as they are.
    """
    tasks: list[_Task] = []
    found = [_excerpt(part, tasks) for part in parts]

    def run(begin: int, end: int) -> None:
        for task in tasks[begin:end]:
            task()

    if tasks:
        run_shared(run, len(tasks), threads, pieces=len(tasks))
    return [make() for make in found]


def _excerpt(part: Part, tasks: list[_Task]) -> Callable[[], Part]:
    """Add what decodes the rows of a part to the tasks; return what makes a part of them afterwards."""
    matrix = part.matrix
    cache, values, columns = matrix.cache, matrix.values, matrix.columns
    pointers = matrix.opened().pointers
    if (
        cache is None
        or pointers is None
        or not isinstance(values, StoredArray)
        or not isinstance(columns, StoredArray)
        or not (values.has_excerpts and columns.has_excerpts)
        or values.dtype != matrix.facts.dtype
        or (cache.whole(values) and cache.whole(columns))
    ):
        return lambda: part
    rows, at = np.unique(part.rows, return_inverse=True)
    starts, stops = pointers[rows].astype(np.int64), pointers[rows + 1].astype(np.int64)
    indptr = np.concatenate([[0], np.cumsum(stops - starts)])
    indices, data = (np.empty(int(indptr[-1]), array.dtype) for array in (columns, values))
    tasks += _tasks(columns, cache, starts, stops, indices)
    tasks += _tasks(values, cache, starts, stops, data)

    def make() -> Part:
        n_vars = matrix.facts.shape[1]
        copied = Matrix.from_csr(indptr, indices, data, n_vars, store=matrix.store, key=matrix.key)
        return Part(copied, at, part.out_rows, part.columns)

    return make


def _tasks(
    array: StoredArray, cache: ChunkCache, starts: Array, stops: Array, out: Array
) -> list[_Task]:
    """Per chunk, what copies the elements of ascending ranges into an array."""
    size = max(array.chunk_shape[0], 1)
    ranges: dict[int, list[tuple[int, int]]] = {}
    begins: dict[int, int] = {}  # in the output; ranges of a chunk follow each other
    end = 0
    for start, stop in zip(starts.tolist(), stops.tolist(), strict=True):
        while start < stop:
            chunk, first = divmod(start, size)
            n = min(stop - start, size - first)
            ranges.setdefault(chunk, []).append((first, first + n))
            begins.setdefault(chunk, end)
            start, end = start + n, end + n

    def task(chunk: int, wanted: list[tuple[int, int]], at: int) -> _Task:
        return lambda: _copy(array, cache, chunk, wanted, out[at:])

    return [task(chunk, wanted, begins[chunk]) for chunk, wanted in ranges.items()]


def _copy(
    array: StoredArray, cache: ChunkCache, chunk: int, ranges: list[tuple[int, int]], out: Array
) -> None:
    """Copy the elements in ranges of a chunk, one after the other."""
    found = None
    if not cache.has(array, chunk):
        found = array.excerpts(chunk, ranges, cache.files)
    if found is None:
        values = cache.get_many(array, [chunk])[0]
        found = [values[a:b] for a, b in ranges]
    end = 0
    for part in found:
        begin, end = end, end + len(part)
        out[begin:end] = part
