"""The dataset that a loader reads: batches of a collection in the form that was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import numpy as np
from torch.utils.data import Dataset

from mappedviz._types import Array
from mappedviz.collection.row_batch import RowBatch, hear_sparse_warnings

if TYPE_CHECKING:
    from mappedviz.collection.mapped_collection import MappedCollection
    from mappedviz.collection.reader import Window


class PlannedRows(list[int]):
    """Row numbers of a batch whose rows are on their way already."""

    def __init__(self, rows: Array, coming: Future[RowBatch]) -> None:
        super().__init__(rows.tolist())
        self.coming: Future[RowBatch] | None = coming


class Batches(Dataset[Any]):
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
        self.collection = collection
        self.sparse = sparse

    def __len__(self) -> int:
        return len(self.collection)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.collection[index]

    def __getitems__(self, indices: Sequence[int]) -> RowBatch:
        """The batch of these rows, read now or on its way already."""
        if isinstance(indices, PlannedRows) and indices.coming is not None:
            # Taken from it: whoever keeps the numbers shall not keep the rows.
            coming, indices.coming = indices.coming, None
            return coming.result()
        return self.read(np.asarray(indices))

    def read(self, rows: Array) -> RowBatch:
        """Read the batch of these rows."""
        return self.collection.read_rows(rows, sparse=self.sparse)

    def read_window(self, rows: Array, batch_size: int) -> Window:
        """Read many rows at once, from which batches are cut."""
        return self.collection.read_window(rows, sparse=self.sparse, batch_size=batch_size)
