"""A collection as what loaders read: rows in the form that was decided, now or on their way already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from mappedviz._types import Array

if TYPE_CHECKING:
    from mappedviz.collection.mapped_collection import MappedCollection
    from mappedviz.collection.row_batch import RowBatch
    from mappedviz.collection.window import Window


class RowSource:
    """A collection, with the form of its batches decided.

    Attributes
    ----------
    collection
        The collection.
    sparse
        Whether X and layers come as sparse CSR matrices.
    """

    def __init__(self, collection: MappedCollection, sparse: bool) -> None:
        self.collection = collection
        self.sparse = sparse

    def read(self, rows: Array) -> RowBatch:
        """Read the batch of these rows."""
        return self.collection.read_rows(rows, sparse=self.sparse)

    def read_window(
        self, rows: Array, batch_size: int, *, in_steps: bool = False, soon: bool = False
    ) -> Window:
        """Read many rows at once, from which batches are cut; `in_steps`, or when its steps are taken."""
        return self.collection.read_window(
            rows, sparse=self.sparse, batch_size=batch_size, in_steps=in_steps, soon=soon
        )


class Reads(Protocol):
    """Whatever has batches read ahead."""

    def take(self, position: int, rows: Array) -> RowBatch:
        """Return the batch at a position of an epoch."""
        ...


class PlannedRows(list[int]):
    """Row numbers of a batch, which are read ahead once it is seen that they are asked for."""

    def __init__(self, rows: Array, position: int, reader: Reads) -> None:
        super().__init__(rows.tolist())
        self._rows = rows
        self._position = position
        self._reader: Reads | None = reader

    def __reduce__(self) -> tuple[Any, ...]:
        """A worker process gets the numbers alone, and reads the rows itself."""
        return list, (list(self),)

    def take(self) -> RowBatch | None:
        """Return the batch of these rows the first time; None again, or where they have been changed.

        Whoever keeps the numbers shall not keep what reads them. (Accelerate adds rows to the last
        batch of an epoch, in place.)
        """
        reader, self._reader = self._reader, None
        if reader is None or len(self) != len(self._rows):
            return None
        return reader.take(self._position, self._rows)
