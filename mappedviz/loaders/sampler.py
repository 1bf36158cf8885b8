"""Batches of row numbers, which a DataLoader asks for one by one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from torch.utils.data import DistributedSampler

from mappedviz.loaders.read_ahead import ReadAhead, batches_of

if TYPE_CHECKING:
    from mappedviz.loaders.batches import Batches
    from mappedviz.loaders.row_order import RowOrder


class BatchSampler(DistributedSampler[list[int]]):
    """Batches of row numbers; reads ahead where the rows are read in this process.

    It is a ``DistributedSampler``, which is how trainers such as Lightning know that processes share its
    epochs already. They may also make another one of it, as ``type(sampler)(sampler, batch_size=…, drop_last=…)``.

    Parameters
    ----------
    order
        The order of rows, or another sampler to make again.
    source
        The collection that the rows are read from.
    ahead
        True if rows are read ahead at all.
    windowed
        True if whole windows are read first, because chunks have to be decoded.
    large
        True if batches are so large that all threads fill one instead of one each.
    """

    order: RowOrder
    source: Batches
    ahead: bool
    windowed: bool
    large: bool

    def __init__(
        self,
        order: RowOrder | BatchSampler,
        source: Batches | None = None,
        *,
        ahead: bool = False,
        windowed: bool = False,
        large: bool = False,
        batch_size: int | None = None,
        drop_last: bool | None = None,
    ) -> None:
        if isinstance(order, BatchSampler):
            again = order.order if drop_last is None else order.order.again(drop_last)
            source, ahead, windowed, large = order.source, order.ahead, order.windowed, order.large
            order = again
        assert source is not None
        self.order = order
        self.source = source
        self.ahead = ahead
        self.windowed = windowed
        self.large = large
        self.batch_size = order.batch_size
        self.drop_last = order.drop_last

    @property
    def sampler(self) -> BatchSampler:
        """Itself: where trainers look for :meth:`set_epoch`."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Choose the random order of the next epoch; without it epochs are counted."""
        self.order.epoch = epoch

    def __len__(self) -> int:
        return len(self.order)

    def __iter__(self) -> Iterator[list[int]]:
        epoch = self.order.epoch
        self.order.epoch += 1
        windows = self.order.windows(epoch)
        if not self.ahead:
            for window in windows:
                for batch in batches_of(window, self.batch_size):
                    yield batch.tolist()
            return
        ahead = ReadAhead(self.source, self.batch_size, windowed=self.windowed, large=self.large)
        try:
            yield from ahead.batches(windows)
        finally:  # also when the consumer stops half-way
            ahead.close()
