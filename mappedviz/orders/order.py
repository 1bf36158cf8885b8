"""The contract of an order: which rows come in which batch of which epoch.

An order is a pure function of (seed, epoch): it keeps no position. Whoever walks it does, and can
begin at any batch without reading the rows before it.
"""

from __future__ import annotations

import copy
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any, Self

from mappedviz._types import Array

__all__ = ["LOOKAHEAD", "Order", "processes"]

LOOKAHEAD = 64
"""Batches of a window, unless something speaks for fewer or more."""


class Order(ABC):
    """Batches of row numbers, epoch after epoch.

    Parameters
    ----------
    n_rows
        Rows of the collection.
    batch_size
        Rows per batch.
    window
        Batches per window.
    begin
        Batches of the first window, from which their number doubles.
    seed
        Of the random order; None until somebody chooses one with :meth:`seeded`.
    drop_last
        Leave out the last batch if it is not full.
    rank, world_size
        This process and the number of processes that share an epoch; None asks ``torch.distributed``
        each time.
    """

    def __init__(
        self,
        n_rows: int,
        batch_size: int,
        *,
        window: int = LOOKAHEAD,
        begin: int = 1,
        seed: int | None = None,
        drop_last: bool = False,
        rank: int | None = 0,
        world_size: int | None = 1,
    ) -> None:
        self.n_rows = n_rows
        self.batch_size = batch_size
        self.seed = seed
        self.drop_last = drop_last
        self.rank, self.world_size = rank, world_size
        self._window, self._begin = window, min(begin, window)

    @abstractmethod
    def __len__(self) -> int:
        """Batches per epoch of this process."""

    @abstractmethod
    def batches(self, epoch: int, start: int = 0) -> Iterator[list[Array]]:
        """Yield the batches of an epoch in windows, whose rows are best read together.

        Parameters
        ----------
        epoch
            The epoch.
        start
            The first batch to yield; those before it are stepped over, not read.
        """

    @abstractmethod
    def fields(self) -> dict[str, Any]:
        """Return what determines the order, apart from the seed: JSON-able, by name."""

    def _cuts(self, start: int) -> Iterator[range]:
        """The batches of each window from one batch on; the first windows are small."""
        end, size = len(self), self._begin
        while start < end:
            yield range(start, min(start + size, end))
            start += size
            size = min(2 * size, self._window)

    @property
    def shard(self) -> tuple[int, int]:
        """Rank and number of the processes that share an epoch: as given, or as ``torch.distributed`` says now.

        A loader is often made before the processes know of each other.
        """
        if self.rank is not None and self.world_size is not None:
            return self.rank, self.world_size
        return processes()

    def shared(self, rank: int, world_size: int) -> Self:
        """Return the same order, shared by these processes."""
        return self._changed(rank=rank, world_size=world_size)

    def seeded(self, seed: int) -> Self:
        """Return the same order with a seed."""
        return self._changed(seed=seed)

    def again(self, drop_last: bool) -> Self:
        """Return the same order, with or without a last batch that is not full."""
        return self._changed(drop_last=drop_last)

    def _changed(self, **changes: Any) -> Self:
        other = copy.copy(self)
        other.__dict__.update(changes)
        return other


def processes() -> tuple[int, int]:
    """Return rank and number of the processes of ``torch.distributed``; (0, 1) if it is not initialised.

    Examples
    --------
    >>> processes()
    (0, 1)
    """
    torch = sys.modules.get("torch")  # who has not imported it has not initialised it
    if torch is None or not torch.distributed.is_available():
        return 0, 1
    if not torch.distributed.is_initialized():
        return 0, 1
    return torch.distributed.get_rank(), torch.distributed.get_world_size()


def digest_of(values: Array) -> str:
    """Return a short digest of an array: equal for equal values of one type."""
    return blake2b(values.tobytes(), digest_size=8).hexdigest()
