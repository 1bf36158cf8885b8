"""The dataset that a loader reads: batches of a collection in the form that was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakSet

import numpy as np
from torch.utils.data import Dataset

from mappedviz.collection.row_batch import RowBatch, hear_sparse_warnings
from mappedviz.orders.source import PlannedRows, RowSource

if TYPE_CHECKING:
    from mappedviz.collection.mapped_collection import MappedCollection


class HasEpochs(Protocol):
    """Whatever walks an epoch after another."""

    def set_epoch(self, epoch: int) -> None:
        """Choose the random order of the next epoch."""
        ...


class Batches(RowSource, Dataset[Any]):
    """A collection as the dataset of a DataLoader, with the form of its batches decided.

    Attributes
    ----------
    collection
        The collection.
    sparse
        Whether X and layers come as sparse CSR tensors.
    """

    def __init__(self, collection: MappedCollection, sparse: bool) -> None:
        if sparse:
            hear_sparse_warnings()  # here too, where tensors of worker processes arrive
        super().__init__(collection, sparse)
        self._walkers: WeakSet[HasEpochs] = WeakSet()

    def __reduce__(self) -> tuple[Any, ...]:
        """A worker process reads what it is asked for, and walks no epoch."""
        return type(self), (self.collection, self.sparse)

    def walked_by(self, walker: HasEpochs) -> None:
        """Let a sampler hear of epochs that are set here."""
        self._walkers.add(walker)

    def set_epoch(self, epoch: int) -> None:
        """Choose the random order of the next epoch.

        Accelerate asks it of the dataset where samplers that skip and share batches hide ours: where
        Trainer goes on within an epoch on several processes.
        """
        for walker in list(self._walkers):
            walker.set_epoch(epoch)

    def __len__(self) -> int:
        return len(self.collection)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.collection[index]

    def __getitems__(self, indices: Sequence[int]) -> RowBatch:
        """The batch of these rows, read now or on its way already."""
        if isinstance(indices, PlannedRows) and (batch := indices.take()) is not None:
            return batch
        return self.read(np.asarray(indices))
