"""Threads that read batches before they are asked for.

An order of rows comes in *windows*, which are cut into batches. While a batch is consumed, threads
of this process prepare the next ones: straight from the files where chunks are unfiltered; else a
whole window is read first, so that a chunk is decoded once per window and not once per batch. The
order of rows is never changed for it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import torch

from mappedviz._types import Array
from mappedviz.collection.reader import one_of_several
from mappedviz.loaders.batches import Batches, PlannedRows

if TYPE_CHECKING:
    from mappedviz.collection.reader import Window


class ReadAhead:
    """The batches of one epoch, read ahead.

    It owns its threads and lives as long as the iteration over the epoch does: an iteration that
    begins in a forked process has threads of its own.

    Parameters
    ----------
    source
        What the rows are read from.
    batch_size
        Rows per batch.
    windowed
        Read whole windows first: chunks have to be decoded.
    large
        Batches are so large that all threads fill one instead of one each.
    """

    def __init__(self, source: Batches, batch_size: int, *, windowed: bool, large: bool) -> None:
        self._source = source
        self._batch_size = batch_size
        self._windowed = windowed
        self._threads = 1 if large else torch.get_num_threads()
        self._batch_threads = ThreadPoolExecutor(self._threads, "mappedviz-ahead", one_of_several)
        # A thread of its own: its decoding is spread over threads by the chunk cache.
        self._window_thread = ThreadPoolExecutor(1, "mappedviz-window")

    def close(self) -> None:
        """End the threads, as soon as each has read what it is reading."""
        for pool in (self._batch_threads, self._window_thread):
            pool.shutdown(wait=False, cancel_futures=True)

    def batches(self, windows: Iterator[Array]) -> Iterator[PlannedRows]:
        """Yield the batches of the windows, in order; as many are in flight as there are threads."""
        planned = self._from_windows(windows) if self._windowed else self._direct(windows)
        waiting: deque[PlannedRows] = deque()
        for coming in planned:
            if coming is not None:
                waiting.append(coming)
            while len(waiting) > (0 if coming is None else self._threads):
                yield waiting.popleft()
        yield from waiting

    def _direct(self, windows: Iterator[Array]) -> Iterator[PlannedRows | None]:
        """Whole batches in flight, each read by one thread."""
        for window in windows:
            for rows in batches_of(window, self._batch_size):
                yield PlannedRows(rows, self._batch_threads.submit(self._source.read, rows))

    def _from_windows(self, windows: Iterator[Array]) -> Iterator[PlannedRows | None]:
        """The next window is read while batches are cut out of this one.

        None: the next batch takes a while, those before it should be handed out.
        """
        current = self._read_next(windows)
        while current is not None:
            rows, coming = current
            if not coming.done():
                yield None
            window = coming.result()
            current = self._read_next(windows)
            for start in range(0, len(rows), self._batch_size):
                stop = min(start + self._batch_size, len(rows))
                cut = self._batch_threads.submit(window.cut, start, stop)
                yield PlannedRows(rows[start:stop], cut)

    def _read_next(self, windows: Iterator[Array]) -> tuple[Array, Future[Window]] | None:
        rows = next(windows, None)
        if rows is None:
            return None
        return rows, self._window_thread.submit(self._source.read_window, rows, self._batch_size)


def batches_of(window: Array, batch_size: int) -> Iterator[Array]:
    """Cut the row numbers of a window into batches."""
    for start in range(0, len(window), batch_size):
        yield window[start : start + batch_size]
