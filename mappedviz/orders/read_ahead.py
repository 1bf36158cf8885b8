"""Threads that read batches before they are asked for.

An order comes in *windows* of batches. While a batch is consumed, threads of this process prepare
the next ones: straight from the files where chunks are unfiltered; else a whole window is read
first, so that a chunk is decoded once per window and not once per batch. The first window is read in
steps, so that the first batches are soon there; where chunks are large, only the parts of them that the
very first batches need are decoded at first. The order of rows is never changed for it.

Whoever walks the order may keep only every n-th batch (a trainer that shares them among processes)
or step over the first ones: a batch is read only once it, or one at the same stride before it, is
asked for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from mappedviz._types import Array
from mappedviz.collection.reader import one_of_several
from mappedviz.collection.window import n_steps
from mappedviz.orders.source import PlannedRows

if TYPE_CHECKING:
    from mappedviz.collection.row_batch import RowBatch
    from mappedviz.collection.window import Window
    from mappedviz.orders.source import RowSource

_Batch: TypeAlias = "tuple[int, Array]"  # position in the epoch, rows
# Batches of a window, and the steps in which it is read: it, and its rows that are there after each.
_Reading: TypeAlias = "tuple[list[_Batch], deque[Future[tuple[Window, int] | None]]]"


class ReadAhead:
    """The batches of one epoch, read ahead.

    It owns its threads and lives as long as the iteration over the epoch does: an iteration that
    begins in a forked process has threads of its own.

    Parameters
    ----------
    source
        What the rows are read from.
    windows
        The batches of the epoch from `start` on, in windows.
    start
        Position of the first batch.
    stride
        Every how many batches one is kept; None until it is seen.
    threads
        Batches that are read at the same time.
    windowed
        Read whole windows first: chunks have to be decoded.
    soon
        So many first batches are a window of their own, for which chunks are decoded in part.
    """

    def __init__(
        self,
        source: RowSource,
        windows: Iterator[list[Array]],
        start: int = 0,
        *,
        stride: int | None,
        threads: int,
        windowed: bool,
        soon: int = 0,
    ) -> None:
        self._source = source
        self._numbered = _numbered(windows, start)
        self._windowed = windowed
        self._soon = soon
        # All threads decode chunks for the first batch, which others on their way would hold up.
        self._most, self._most_later = 1, threads + 1
        self._batch_threads = ThreadPoolExecutor(threads, "mappedviz-ahead", one_of_several)
        # A thread of its own: its decoding is spread over threads by the chunk cache.
        self._window_thread = ThreadPoolExecutor(1, "mappedviz-window")
        self._closed = False
        self._last: int | None = None  # position of the batch that was kept last
        self._stride = stride
        self._planned: Iterator[tuple[int, Future[RowBatch]] | None] = iter(())
        self._waiting: deque[tuple[int, Future[RowBatch]]] = deque()
        self._window: Future[Any] | None = None  # the step that is waited for
        if stride is not None:
            self._plan(start, stride)

    def close(self) -> None:
        """End the threads, as soon as each has read what it is reading."""
        self._closed = True
        for pool in (self._batch_threads, self._window_thread):
            pool.shutdown(wait=False, cancel_futures=True)

    def take(self, position: int, rows: Array) -> RowBatch:
        """Return a batch that is kept, and have those at the same stride after it read.

        Parameters
        ----------
        position
            Of the batch in the epoch.
        rows
            Its rows, for one that is not on its way.
        """
        if self._closed or (self._last is not None and position <= self._last):
            return self._source.read(rows)  # once more, or after the end
        coming = self._coming(position)
        if coming is None and self._last is not None:
            self._stride = position - self._last
            self._plan(position + self._stride, self._stride)
        self._last = position
        if coming is None:
            self._fill(wait=False)
            return self._source.read(rows)
        return self._received(coming)

    def _received(self, coming: Future[RowBatch]) -> RowBatch:
        """Wait for a batch, with those after it on their way; with none beside the first one."""
        if self._most == 1:
            coming.exception()  # waits
            self._most = self._most_later
        self._fill(wait=False)
        return coming.result()

    def _coming(self, position: int) -> Future[RowBatch] | None:
        """Take the batch at a position out of those on their way."""
        self._fill()
        while self._waiting and self._waiting[0][0] < position:
            self._waiting.popleft()[1].cancel()
            self._fill()
        if self._waiting and self._waiting[0][0] == position:
            return self._waiting.popleft()[1]
        return None

    def _plan(self, start: int, stride: int) -> None:
        """From now on expect every `stride`-th batch, from `start` on."""
        for _, coming in self._waiting:
            coming.cancel()
        self._waiting.clear()
        kept = (
            [one for one in window if one[0] >= start and (one[0] - start) % stride == 0]
            for window in self._numbered
        )
        soon, self._soon = self._soon, 0
        if soon:
            self._planned = self._from_soon(_recut(kept, soon))
        else:
            self._planned = self._from_windows(kept) if self._windowed else self._direct(kept)

    def _fill(self, *, wait: bool = True) -> None:
        """Have as many batches on their way as there are threads, or one if the next window takes a while."""
        while len(self._waiting) < self._most:
            planned = next(self._planned, False)
            if planned is False:
                return
            if planned is not None:
                self._waiting.append(planned)  # type: ignore[arg-type]
            elif self._waiting or not wait:
                return  # the next window takes a while: what is there is handed out first
            elif self._window is not None:
                self._window.exception()  # waits

    def _direct(self, kept: Iterator[list[_Batch]]) -> Iterator[tuple[int, Future[RowBatch]]]:
        """Whole batches on their way, each read by one thread."""
        for window in kept:
            for position, rows in window:
                yield position, self._batch_threads.submit(self._source.read, rows)

    def _from_soon(
        self, kept: Iterator[list[_Batch]]
    ) -> Iterator[tuple[int, Future[RowBatch]] | None]:
        """Batches of a first window for which chunks are decoded in part, and those after them."""
        first = self._read_next(kept, in_steps=True, soon=True)
        planned: tuple[int, Future[RowBatch]] | None = None
        for planned in self._from_windows(iter(()), first):
            yield planned
        # They share the processors with no others.
        while planned is not None and not planned[1].done():
            self._window = planned[1]
            yield None
        yield from self._from_windows(kept) if self._windowed else self._direct(kept)

    def _from_windows(
        self, kept: Iterator[list[_Batch]], first: _Reading | None = None
    ) -> Iterator[tuple[int, Future[RowBatch]] | None]:
        """The next window is read while batches are cut out of this one; None: it takes a while."""
        current = first or self._read_next(kept, in_steps=True)
        while current is not None:
            batches, steps = current
            following: _Reading | None = None
            ready = end = 0
            for position, rows in batches:
                begin, end = end, end + len(rows)
                while ready < end:
                    self._window = steps[0]
                    while not self._window.done():
                        yield None
                    found = steps.popleft().result()
                    assert found is not None  # the last step has all rows
                    window, ready = found
                if following is None and all(step.done() for step in steps):
                    following = self._read_next(kept)
                yield position, self._batch_threads.submit(window.cut, begin, end)
            current = following or self._read_next(kept)

    def _read_next(
        self, kept: Iterator[list[_Batch]], *, in_steps: bool = False, soon: bool = False
    ) -> _Reading | None:
        """Have the next window read; `in_steps`: so that its first batches come soon, or `soon`: all of them."""
        batches = next((window for window in kept if window), None)
        if batches is None:
            return None
        rows = np.concatenate([rows for _, rows in batches])
        size = len(batches[0][1])
        steps = self._steps(rows, size, in_steps, soon)
        # A step that is too many finds nothing.
        most = n_steps(-(-len(rows) // size)) if in_steps else 1
        return batches, deque(self._window_thread.submit(next, steps, None) for _ in range(most))

    def _steps(
        self, rows: Array, batch_size: int, in_steps: bool, soon: bool
    ) -> Iterator[tuple[Window, int]]:
        """A window, and how many rows batches can be cut of, after each step of reading it."""
        window = self._source.read_window(rows, batch_size, in_steps=in_steps, soon=soon)
        if in_steps:
            for ready in window.steps():
                yield window, ready
        else:
            yield window, len(rows)

    def in_order(self) -> Iterator[RowBatch]:
        """Yield all batches, for whoever wants each of them."""
        while True:
            self._fill()
            if not self._waiting:
                return
            yield self._received(self._waiting.popleft()[1])

    def batches(self, windows: Iterator[list[Array]], start: int = 0) -> Iterator[PlannedRows]:
        """Yield the batches of windows as rows that this reads when they are asked for."""
        for window in _numbered(windows, start):
            for position, rows in window:
                yield PlannedRows(rows, position, self)


def _numbered(windows: Iterator[list[Array]], start: int) -> Iterator[list[_Batch]]:
    for window in windows:
        yield list(enumerate(window, start))
        start += len(window)


def _recut(windows: Iterator[list[_Batch]], n: int) -> Iterator[list[_Batch]]:
    """The same batches, the first n of them as a window."""
    first: list[_Batch] = []
    for window in windows:
        first += window
        if len(first) >= n:
            break
    yield first[:n]
    yield first[n:]
    yield from windows
