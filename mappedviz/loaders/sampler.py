"""Batches of row numbers, which a DataLoader asks for one by one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import tee
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import DistributedSampler

from mappedviz.orders.progress import Progress
from mappedviz.orders.read_ahead import ReadAhead
from mappedviz.orders.walk import Walk

if TYPE_CHECKING:
    from mappedviz._types import Array
    from mappedviz.loaders.dataset import Batches
    from mappedviz.orders.order import Order


@dataclass(frozen=True)
class Ahead:
    """How batches are read before they are asked for.

    Attributes
    ----------
    windowed
        Whole windows are read first, because chunks have to be decoded.
    large
        Batches are so large that all threads fill one instead of one each.
    soon
        First batches for which chunks are decoded in part.
    """

    windowed: bool = False
    large: bool = False
    soon: int = 0


class BatchSampler(DistributedSampler[list[int]]):
    """Batches of row numbers; reads ahead where the rows are read in this process.

    It is a ``DistributedSampler``, which is how trainers such as Lightning know that processes share its
    epochs already. They may also make another one of it, as ``type(sampler)(sampler, batch_size=…, drop_last=…)``.

    Processes share an epoch where the loader of :func:`~mappedviz.dataloader` walks it, or one that
    Lightning makes of it. Anybody else who walks it (Accelerate, which shares batches among
    processes itself) gets the batches of all processes, unless ``rank`` and ``world_size`` were given.

    Parameters
    ----------
    order
        The order of rows, or another sampler to make again.
    source
        The collection that the rows are read from.
    ahead
        How rows are read ahead; None: they are not.
    """

    order: Order
    source: Batches
    ahead: Ahead | None

    def __init__(
        self,
        order: Order | BatchSampler,
        source: Batches | None = None,
        *,
        ahead: Ahead | None = None,
        batch_size: int | None = None,
        drop_last: bool | None = None,
    ) -> None:
        self._shares = isinstance(order, BatchSampler)
        self._only_consumer = False
        if isinstance(order, BatchSampler):
            again = order.order if drop_last is None else order.order.again(drop_last)
            source, ahead = order.source, order.ahead
            order = again
        assert source is not None
        self.order = order
        self.source = source
        source.walked_by(self)
        self.ahead = ahead
        # At the start of the first iteration only: it costs more in all.
        self._soon = 0 if ahead is None else ahead.soon
        self.batch_size = order.batch_size
        self.drop_last = order.drop_last
        self.walk = Walk(order, source.collection.n_obs_list, _seed_of_torch)

    @property
    def sampler(self) -> BatchSampler:
        """Itself: where trainers look for :meth:`set_epoch`."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Choose the random order of the next epoch; without it epochs are counted."""
        self.walk.set_epoch(epoch)

    def __len__(self) -> int:
        return len(self._walked(self._shares))

    def _walked(self, shares: bool) -> Order:
        """The order of whoever walks it: that of this process, or of all of them."""
        given = self.order.rank is not None
        return self.order if shares or given else self.order.shared(0, 1)

    @contextmanager
    def only_consumer(self) -> Iterator[None]:
        """While it is entered, an iteration begins whose every batch is asked for, for this process alone."""
        self.walk.announce()
        self._only_consumer = True
        try:
            yield
        finally:
            self._only_consumer = False

    def length(self) -> int:
        """Return the batches that this process gets of an epoch that processes share."""
        return len(self._walked(True))

    def __iter__(self) -> Iterator[list[int]]:
        own = self._only_consumer
        return self._iterate(self._walked(own or self._shares), stride=1 if own else None)

    def _iterate(self, order: Order, stride: int | None) -> Iterator[list[int]]:
        # Begins with the first batch that is asked for: trainers set the epoch after iter().
        position, windows = self.walk.begin(order)
        for batch in self._planned(windows, position.start, stride):
            position.batch += 1
            yield batch

    def _planned(
        self, windows: Iterator[list[Array]], start: int, stride: int | None
    ) -> Iterator[list[int]]:
        if self.ahead is None:
            for window in windows:
                for rows in window:
                    yield rows.tolist()
            return
        walked, read = tee(windows)
        ahead = ReadAhead(
            self.source,
            read,
            start,
            stride=stride,
            threads=1 if self.ahead.large else torch.get_num_threads(),
            windowed=self.ahead.windowed,
            soon=self._soon,
        )
        self._soon = 0
        try:
            yield from ahead.batches(walked, start)
        finally:  # also when the consumer stops half-way
            ahead.close()

    def state_dict(self) -> dict[str, Any]:
        """Return the position of the iteration, by the batches that were handed out: plain numbers and text."""
        return self.walk.progress().normalised(len(self)).to_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where a state was taken: the next iteration begins with the batch after it.

        Raises
        ------
        RecipeError
            The state is of another order, or of another collection.
        """
        self.walk.resume(Progress.from_dict(state))


def _seed_of_torch() -> int:
    return int(torch.empty((), dtype=torch.int64).random_().item())
