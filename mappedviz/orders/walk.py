"""Walking an order: which epoch is next, where one stands within it, and going on after a stop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mappedviz.orders.order import processes
from mappedviz.orders.progress import Progress

if TYPE_CHECKING:
    from mappedviz._types import Array
    from mappedviz.orders.order import Order

__all__ = ["Position", "Walk"]


@dataclass
class Position:
    """Where an iteration over an epoch is.

    Attributes
    ----------
    epoch
        The epoch.
    start
        The batch that it began with.
    batch
        The batch that comes next.
    """

    epoch: int
    start: int
    batch: int


class Walk:
    """An order with a place in it.

    Parameters
    ----------
    order
        The order.
    counts
        Rows of each store, by which another collection is recognised.
    draw_seed
        Draws a seed where none was given.
    """

    def __init__(self, order: Order, counts: list[int], draw_seed: Callable[[], int]) -> None:
        self.order = order
        self._counts = counts
        self._draw_seed = draw_seed
        self._seed = order.seed
        self._epoch, self._batch = 0, 0  # where the next iteration begins
        self._running: Position | None = None

    def set_epoch(self, epoch: int) -> None:
        """Choose the random order of the next epoch; without it epochs are counted."""
        if epoch != self._epoch:  # else a state may have been loaded that begins within it
            self._epoch, self._batch = epoch, 0

    def seed(self) -> int:
        """Return the seed of all epochs; drawn the first time, if none was given.

        Where several processes share an epoch it is 0 then: they have to agree on it.
        """
        if self._seed is None:
            alone = processes()[1] == 1 and self.order.shard[1] == 1
            self._seed = self._draw_seed() if alone else 0
        return self._seed

    def announce(self) -> None:
        """Say that another iteration is about to begin: the position is its."""
        self._running = None

    def begin(self, order: Order) -> tuple[Position, Iterator[list[Array]]]:
        """Begin an iteration; return its position, for the caller to move, and the batches in windows.

        Parameters
        ----------
        order
            The order as it is walked: for this process, or for all of them.
        """
        position = self._running = Position(self._epoch, self._batch, self._batch)
        self._epoch, self._batch = position.epoch + 1, 0
        return position, order.seeded(self.seed()).batches(position.epoch, position.start)

    def progress(self, received: int | None = None) -> Progress:
        """Return the position of the iteration that began last, or of the next one.

        Parameters
        ----------
        received
            Batches of it that the consumer has; default: those that were handed out.
        """
        if self._running is None:
            epoch, batch = self._epoch, self._batch
        else:
            epoch = self._running.epoch
            batch = self._running.batch if received is None else self._running.start + received
        return Progress.of(self.order, self._counts, epoch, batch, self.seed())

    def resume(self, progress: Progress) -> None:
        """Begin the next iteration there.

        Raises
        ------
        RecipeError
            It is a position in another order, or of another collection.
        """
        seed = progress.seed if self.order.seed is None else self.order.seed
        progress.check(Progress.of(self.order, self._counts, 0, 0, seed))
        self._seed = seed
        self._epoch, self._batch = progress.epoch, progress.batch
        self._running = None
