"""The order in which rows are visited, epoch after epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal, TypeAlias

import numpy as np

from mappedviz._types import Array, lazy
from mappedviz.orders.order import Order, digest_of

Shuffle: TypeAlias = bool | Literal["block"]


class RowOrder(Order):
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
    **options
        See :class:`~mappedviz.orders.order.Order`. Processes get as many rows as the others: some
        come twice (or with ``drop_last`` not at all) where they do not divide.
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
        **options: Any,
    ) -> None:
        super().__init__(n_rows, batch_size, **options)
        self.shuffle = shuffle
        self.block_size = block_size
        self._cumulated = None if weights is None else np.cumsum(weights)
        self._total = (n_rows if num_samples is None else num_samples) if n_rows else 0
        self._buffer = max(1, buffer_size // batch_size) * batch_size

    @property
    def n_samples(self) -> int:
        """Rows that this process visits in an epoch."""
        _, world_size = self.shard
        return self._total // world_size if self.drop_last else -(-self._total // world_size)

    def __len__(self) -> int:
        """Batches per epoch."""
        full, rest = divmod(self.n_samples, self.batch_size)
        return full if self.drop_last or not rest else full + 1

    @lazy
    def _weights_digest(self) -> str | None:
        return None if self._cumulated is None else digest_of(self._cumulated)

    def fields(self) -> dict[str, Any]:
        """See :meth:`Order.fields`."""
        block = {"block_size": self.block_size, "buffer_size": self._buffer}
        return {
            "shuffle": self.shuffle,
            **(block if self.shuffle == "block" else {}),
            "weights": self._weights_digest,
            "num_samples": self._total,
            "drop_last": self.drop_last,
            "world_size": self.shard[1],
        }

    def batches(self, epoch: int, start: int = 0) -> Iterator[list[Array]]:
        """See :meth:`Order.batches`."""
        size = self.batch_size
        for window in self.windows(epoch, start):
            yield [window[at : at + size] for at in range(0, len(window), size)]

    def windows(self, epoch: int, start: int = 0) -> Iterator[Array]:
        """Row numbers of an epoch, window after window; each but the last holds whole batches.

        Parameters
        ----------
        epoch
            The epoch.
        start
            The batch to begin with.
        """
        rank, _ = self.shard
        rng = np.random.default_rng([self.seed or 0, epoch])
        limit = len(self) * self.batch_size if self.drop_last else self.n_samples
        first = start * self.batch_size
        if self._cumulated is not None:
            # Every process draws for itself: a shared stream would only be drawn to be dropped.
            rng = np.random.default_rng([self.seed or 0, epoch, rank])
            rng.bit_generator.advance(first)  # type: ignore[attr-defined]  # one draw per row
            for begin, end in self._rows_of_windows(start, limit):
                yield self._draw(rng, end - begin)
            return
        order = self._order(rng)
        offset = rank * self.n_samples
        if self.shuffle == "block":
            yield from self._shuffled_windows(order, rng, offset, first, limit)
            return
        for begin, end in self._rows_of_windows(start, limit):
            # Past the end it begins again, so that every process gets its full share.
            yield order(np.arange(offset + begin, offset + end) % self.n_rows)

    def _shuffled_windows(
        self,
        order: Callable[[Array], Array],
        rng: np.random.Generator,
        offset: int,
        first: int,
        limit: int,
    ) -> Iterator[Array]:
        """Windows of one size, rows shuffled inside each; those before `first` only move the stream."""
        for begin in range(0, limit, self._buffer):
            end = min(begin + self._buffer, limit)
            places = rng.permutation(end - begin)
            if end > first:
                rows = order(np.arange(offset + begin, offset + end) % self.n_rows)
                yield rows[places][max(0, first - begin) :]

    def _rows_of_windows(self, start: int, limit: int) -> Iterator[tuple[int, int]]:
        """Where the rows of each window begin and end."""
        size = self.batch_size
        for window in self._cuts(start):
            yield window.start * size, min(window.stop * size, limit)

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
