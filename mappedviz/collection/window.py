"""Rows that are read together, and the batches that are cut out of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from mappedviz._types import Array

if TYPE_CHECKING:
    from mappedviz.collection.row_batch import RowBatch

__all__ = ["Piece", "ReadsWindows", "Window", "n_steps", "steps_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Rows of a batch that were read in one step.

    Attributes
    ----------
    columns
        By name, what the step read.
    at
        Where the rows are in it.
    out_rows
        The rows of the batch that they become.
    """

    columns: dict[str, Any]
    at: Array
    out_rows: Array


class ReadsWindows(Protocol):
    """Whatever reads the rows of windows."""

    def window_columns(self, unique: Array, *, soon: bool = False) -> dict[str, Any]:
        """Read the columns of ascending rows, in the form that batches are cut from."""
        ...

    def decoded_chunks(self, unique: Array, batch_size: int) -> list[Any] | None:
        """Decode the chunks of ascending rows, if batches are better read from there."""
        ...

    def chunk_of_rows(self, unique: Array) -> Array | None:
        """Return a number for each row, the same for rows that begin in one compressed chunk; None: there is none."""
        ...

    def batch(self, rows: Array, *, sparse: bool) -> RowBatch:
        """Read the batch of some rows of the collection."""
        ...

    def cut(self, pieces: list[Piece], rows: Array, *, sparse: bool) -> RowBatch:
        """Make the batch of some rows of a window."""
        ...


class Window:
    """Rows that are read together; batches are cut out of them, on any thread.

    They are read in one step or in several: a chunk is decoded for all rows of the window that are
    in it, and the chunks of the first batches come first.

    Parameters
    ----------
    reader
        What reads them.
    rows
        The rows, in the order of the batches.
    sparse
        Whether X and layers come as CSR matrices.
    batch_size
        Rows of a batch; 0 where that is not known.
    in_steps
        Read in several steps, where the first batches then come sooner.
    soon
        Decode no more of a chunk than the rows need, where that is possible.

    Attributes
    ----------
    chunks
        Decoded chunks that batches are read from; None where rows are kept instead.
    """

    def __init__(
        self,
        reader: ReadsWindows,
        rows: Array,
        sparse: bool,
        batch_size: int,
        *,
        in_steps: bool,
        soon: bool = False,
    ) -> None:
        self._reader = reader
        self._rows = rows
        self._sparse = sparse
        self._batch_size = batch_size
        self._in_steps = in_steps and batch_size > 0
        self._soon = soon
        self.chunks: list[Any] | None = None
        self._unique, self._first, self._inverse = np.unique(
            rows, return_index=True, return_inverse=True
        )
        self._columns: list[dict[str, Any]] = []  # of each step
        self._step_of: Array | None = None  # of each unique row; None: there is one
        self._place: Array = self._inverse  # in what its step read

    def steps(self) -> Iterator[int]:
        """Read the rows; after each step, yield how many of them, from the first on, batches can be cut of."""
        steps = self._planned()
        if len(steps) > 1:
            self._step_of = np.empty(len(self._unique), np.int8)
            self._place = np.empty(len(self._unique), np.int64)
            for number, (_, here) in enumerate(steps):
                self._step_of[here] = number
                self._place[here] = np.arange(len(here))
            for ready, here in steps:
                self._columns.append(
                    self._reader.window_columns(self._unique[here], soon=self._soon)
                )
                yield ready
            return
        if self._batch_size and not self._soon:
            self.chunks = self._reader.decoded_chunks(self._unique, self._batch_size)
        if self.chunks is None:
            self._columns = [self._reader.window_columns(self._unique, soon=self._soon)]
        yield len(self._rows)

    def _planned(self) -> list[tuple[int, Array]]:
        """Rows that are ready after each step, and the unique rows that it reads; one step: empty."""
        if not self._in_steps or len(self._rows) <= self._batch_size:
            return []
        chunks = self._reader.chunk_of_rows(self._unique)
        if chunks is None:
            return []
        return steps_of(chunks, self._first // self._batch_size, len(self._rows), self._batch_size)

    def cut(self, start: int, stop: int) -> RowBatch:
        """The batch of the rows from ``start`` to ``stop`` of the window."""
        rows = self._rows[start:stop]
        if self.chunks is not None:
            return self._reader.batch(rows, sparse=self._sparse)
        at = self._inverse[start:stop]
        if self._step_of is None:
            pieces = [Piece(self._columns[0], at, np.arange(len(at)))]
        else:
            steps, places = self._step_of[at], self._place[at]
            pieces = [
                Piece(self._columns[step], places[here], here)
                for step in np.unique(steps)
                for here in (np.flatnonzero(steps == step),)
            ]
        return self._reader.cut(pieces, rows, sparse=self._sparse)


def steps_of(chunk: Array, batch: Array, n_rows: int, batch_size: int) -> list[tuple[int, Array]]:
    """The steps in which rows are best read: first what the first batch needs, then more and more batches each.

    Parameters
    ----------
    chunk
        The chunk that each row is in.
    batch
        The first batch that each row is in.
    n_rows, batch_size
        Rows of all batches and of one.

    Returns
    -------
    list of (int, ndarray)
        How many of the `n_rows` are there after the step, and which rows it reads; none, where the
        first batch needs so many of the chunks that steps would not help.

    Examples
    --------
    >>> import numpy as np
    >>> steps_of(np.array([0, 0, 1, 2, 3]), np.array([0, 2, 1, 2, 1]), 10, 2)
    [(2, array([0, 1])), (4, array([2, 4])), (10, array([3]))]
    """
    _, of = np.unique(chunk, return_inverse=True)
    first = np.full(int(of.max(initial=-1)) + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, of, batch)
    if 2 * np.count_nonzero(first == 0) > len(first):
        return []
    ends = _ends(-(-n_rows // batch_size))
    step_of_chunk = np.searchsorted(ends, first, side="right")
    step = step_of_chunk[of]
    numbers = np.unique(step_of_chunk).tolist()
    found = []
    for number, following in zip(numbers, [*numbers[1:], len(ends)], strict=True):
        # What the next step that reads anything begins with is not there yet.
        ready = min(int(ends[following - 1]) * batch_size, n_rows)
        found.append((ready, np.flatnonzero(step == number)))
    return found


def n_steps(n_batches: int) -> int:
    """Return the most steps in which so many batches are read.

    Examples
    --------
    >>> [n_steps(n) for n in (1, 2, 3, 10, 169)]
    [1, 2, 3, 5, 13]
    """
    return len(_ends(n_batches))


def _ends(n_batches: int) -> list[int]:
    """How many batches are there after each step: 1, 2, 4, 6, 10, 14, 22 …, the last one all of them."""
    ends, size = [], 1.0
    end = 0
    while end < n_batches:
        end += int(size)
        size *= 2**0.5
        ends.append(end)
    return ends
