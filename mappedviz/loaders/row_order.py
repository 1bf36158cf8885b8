"""The order in which rows are visited, epoch after epoch."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Literal, TypeAlias

import numpy as np
import torch

from mappedviz._types import Array

Shuffle: TypeAlias = bool | Literal["block"]

LOOKAHEAD = 64
"""Batches of a window, unless something speaks for fewer or more."""


class RowOrder:
    """The order in which rows are visited, epoch after epoch, cut into windows.

    Parameters
    ----------
    n_rows
        Rows of the collection.
    batch_size
        Rows per batch.
    shuffle
        True: every order is equally likely. False: as they are. ``"block"``: blocks of
        consecutive rows in random order, rows shuffled inside a buffer of several blocks.
    weights
        Draw rows with replacement in proportion to these instead (n_rows,).
    num_samples
        Rows drawn per epoch with ``weights``; default: ``n_rows``.
    block_size, buffer_size
        Rows per block and per buffer.
    window
        Batches per window.
    begin
        Batches of the second window, from which their number doubles; the first one has one, so
        that it is soon there.
    seed
        Of the random order; None takes one from torch's generator at every epoch, or 0 where several
        processes have to agree on it.
    drop_last
        Leave out the last batch if it is not full.
    rank, world_size
        This process and the number of processes that share an epoch; None asks ``torch.distributed`` at
        every epoch. Each gets as many rows as the others: some come twice (or with ``drop_last`` not
        at all) where they do not divide.
    """

    def __init__(
        self,
        n_rows: int,
        batch_size: int,
        *,
        shuffle: Shuffle = False,
        weights: Array | None = None,
        num_samples: int | None = None,
        block_size: int = 64,
        buffer_size: int = 16384,
        window: int = LOOKAHEAD,
        begin: int = 2,
        seed: int | None = None,
        drop_last: bool = False,
        rank: int | None = 0,
        world_size: int | None = 1,
    ) -> None:
        self.n_rows = n_rows
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.block_size = block_size
        self.seed = seed
        self.drop_last = drop_last
        self.rank, self.world_size = rank, world_size
        self.epoch = 0
        self._cumulated = None if weights is None else np.cumsum(weights)
        self._total = (n_rows if num_samples is None else num_samples) if n_rows else 0
        per_window = buffer_size if shuffle == "block" else window * batch_size
        self._window = max(1, per_window // batch_size) * batch_size
        self._begin = min(begin * batch_size, self._window)

    @property
    def shard(self) -> tuple[int, int]:
        """Rank and number of the processes that share an epoch: as given, or as ``torch.distributed`` says now.

        A loader is often made before the processes know of each other.
        """
        if self.rank is not None and self.world_size is not None:
            return self.rank, self.world_size
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            return torch.distributed.get_rank(), torch.distributed.get_world_size()
        return 0, 1

    @property
    def n_samples(self) -> int:
        """Rows that this process visits in an epoch."""
        _, world_size = self.shard
        return self._total // world_size if self.drop_last else -(-self._total // world_size)

    def __len__(self) -> int:
        """Batches per epoch."""
        full, rest = divmod(self.n_samples, self.batch_size)
        return full if self.drop_last or not rest else full + 1

    def again(self, drop_last: bool) -> RowOrder:
        """The same order, with or without a last batch that is not full."""
        other = copy.copy(self)
        other.drop_last = drop_last
        return other

    def windows(self, epoch: int) -> Iterator[Array]:
        """Row numbers of an epoch, window after window; each but the last holds whole batches."""
        seed, (rank, world_size) = self.seed, self.shard
        if seed is None and world_size > 1 and self._cumulated is None:
            seed = 0  # every process has to draw the same order, to take another part of it
        if seed is None:
            seed = int(torch.empty((), dtype=torch.int64).random_().item())
        rng = np.random.default_rng([seed, epoch])
        limit = len(self) * self.batch_size if self.drop_last else self.n_samples
        begin = rank * self.n_samples
        if self._cumulated is not None:
            # Every process draws for itself: a shared stream would only be drawn to be dropped.
            rng = np.random.default_rng([seed, epoch, rank])
            for start, stop in self._cuts(limit):
                yield self._draw(rng, stop - start)
            return
        order = self._order(rng)
        for start, stop in self._cuts(limit):
            # Past the end it begins again, so that every process gets its full share.
            part = order(np.arange(begin + start, begin + stop) % self.n_rows)
            yield rng.permutation(part) if self.shuffle == "block" else part

    def _cuts(self, limit: int) -> Iterator[tuple[int, int]]:
        """Where the windows begin and end.

        The first ones are small, so that the first batch is soon there; where rows are shuffled
        inside their window, all are of one size.
        """
        size = self._window if self.shuffle == "block" else min(self.batch_size, self._window)
        start = 0
        while start < limit:
            yield start, min(start + size, limit)
            start += size
            size = min(max(2 * size, self._begin), self._window)

    def _draw(self, rng: np.random.Generator, n: int) -> Array:
        assert self._cumulated is not None
        points = rng.random(n) * self._cumulated[-1]
        # A point may be rounded up to the total: it belongs to the last row that can be drawn.
        last = np.searchsorted(self._cumulated, self._cumulated[-1])
        rows: Array = np.minimum(np.searchsorted(self._cumulated, points, side="right"), last)
        return rows

    def _order(self, rng: np.random.Generator) -> Callable[[Array], Array]:
        """A function from positions in the epoch to rows."""
        if not self.shuffle:
            return lambda positions: positions
        if self.shuffle == "block":
            size = self.block_size
            blocks = rng.permutation(-(-self.n_rows // size))
            lengths = np.minimum(size, self.n_rows - blocks * size)
            ends = np.cumsum(lengths)

            def rows(positions: Array) -> Array:
                block = np.searchsorted(ends, positions, side="right")
                found: Array = blocks[block] * size + positions - (ends[block] - lengths[block])
                return found

            return rows
        permutation = rng.permutation(self.n_rows)
        return lambda positions: permutation[positions]
