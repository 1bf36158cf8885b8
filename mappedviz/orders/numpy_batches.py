"""Batches as numpy arrays, for JAX and loops of one's own: the orders and the reading ahead of a loader, without torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mappedviz.formats.processors import processors
from mappedviz.orders.choice import chosen_order
from mappedviz.orders.progress import Progress
from mappedviz.orders.read_ahead import ReadAhead
from mappedviz.orders.source import RowSource
from mappedviz.orders.walk import Walk

if TYPE_CHECKING:
    from mappedviz._types import Array
    from mappedviz.collection.mapped_collection import MappedCollection
    from mappedviz.collection.row_batch import RowBatch
    from mappedviz.orders.lookahead import Lookahead
    from mappedviz.orders.order import Order
    from mappedviz.orders.row_order import Shuffle
    from mappedviz.recipe.weights import Scheme

__all__ = ["NumpyBatches", "batches"]


class NumpyBatches:
    """The batches of a collection, epoch after epoch, as numpy arrays; see :func:`mappedviz.batches`.

    Parameters
    ----------
    source
        The collection, and the form of its batches.
    order
        The order of rows.
    ahead
        How far it is read ahead.
    """

    def __init__(self, source: RowSource, order: Order, ahead: Lookahead) -> None:
        self.source = source
        self.order = order
        self._ahead = ahead
        self._soon = ahead.soon  # at the start of the first iteration only: it costs more in all
        self._walk = Walk(order, source.collection.n_obs_list, _drawn_seed)

    def set_epoch(self, epoch: int) -> None:
        """Choose the random order of the next epoch; without it epochs are counted."""
        self._walk.set_epoch(epoch)

    def __len__(self) -> int:
        """Batches per epoch, of this process."""
        return len(self.order)

    def __iter__(self) -> Iterator[RowBatch]:
        """Iterate over an epoch, or over the rest of one whose state has been loaded."""
        self._walk.announce()
        return self._epoch()

    def _epoch(self) -> Iterator[RowBatch]:
        position, windows = self._walk.begin(self.order)
        if not self._ahead.batches:
            for window in windows:
                for rows in window:
                    position.batch += 1
                    yield self.source.read(rows)
            return
        reader = ReadAhead(
            self.source,
            windows,
            position.start,
            stride=1,
            threads=1 if self._ahead.large else processors(),
            windowed=self._ahead.windowed,
            soon=self._soon,
        )
        self._soon = 0
        try:
            for batch in reader.in_order():
                position.batch += 1
                yield batch
        finally:  # also when the consumer stops half-way
            reader.close()

    def state_dict(self) -> dict[str, Any]:
        """Return the epoch, the batches of it that were handed out, and the order: plain numbers and text."""
        return self._walk.progress().normalised(len(self)).to_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where a state was taken: the next iteration begins with the batch after it.

        Raises
        ------
        RecipeError
            It is of another order or another collection, and says which.
        """
        self._walk.resume(Progress.from_dict(state_dict))


def batches(
    collection: MappedCollection,
    batch_size: int = 128,
    *,
    shuffle: Shuffle | None = None,
    weights: str | Sequence[str] | Array | bool | None = None,
    scaler: float | None = None,
    scheme: Scheme | None = None,
    num_samples: int | None = None,
    batches: str | Sequence[str] | Mapping[str, int] | None = None,
    within: str | Sequence[str] | None = None,
    sampler: Iterable[int] | None = None,
    batch_sampler: Iterable[Sequence[int]] | None = None,
    sparse: bool = False,
    block_size: int | None = None,
    buffer_size: int | None = None,
    lookahead: int | None = None,
    seed: int | None = None,
    drop_last: bool = False,
    rank: int | None = None,
    world_size: int | None = None,
) -> NumpyBatches:
    """Return the batches of a collection as numpy arrays: what :func:`mappedviz.dataloader` reads, without torch.

    Parameters
    ----------
    collection
        The collection to read.
    batch_size, shuffle, weights, scaler, scheme, num_samples, batches, within, sampler, batch_sampler, \
    block_size, buffer_size, lookahead, drop_last
        As of :func:`mappedviz.dataloader`.
    sparse
        X and layers as ``scipy.sparse.csr_matrix``.
    seed
        Seed of the random order; default: of the system, or 0 if several processes share an epoch.
    rank, world_size
        This process and the number of processes that share each epoch equally, such as
        ``jax.process_index()`` and ``jax.process_count()``.

    Returns
    -------
    NumpyBatches
        Iterate over it once per epoch: it yields :class:`~mappedviz.RowBatch`, a mapping of names to
        arrays. It has ``len``, ``set_epoch``, ``state_dict`` and ``load_state_dict``.

    Raises
    ------
    RecipeTypeError
        This is not a collection (a ``TypeError``).
    RecipeError
        Arguments contradict each other.

    Examples
    --------
    >>> import mappedviz as mv
    >>> ds = mv.MappedCollection(mv.datasets.demo() / "berlin.h5ad", obs_keys="cell_type")
    >>> batches = mv.batches(ds, 100, shuffle=True, seed=0)
    >>> for batch in batches:
    ...     x, y = batch["X"], batch["cell_type"]
    >>> len(batches), x.shape, x.dtype, y.dtype
    (7, (100, 640), dtype('float32'), dtype('int64'))
    """
    order, ahead = chosen_order(
        collection,
        batch_size,
        shuffle=shuffle,
        weights=weights,
        scaler=scaler,
        scheme=scheme,
        num_samples=num_samples,
        batches=batches,
        within=within,
        sampler=sampler,
        batch_sampler=batch_sampler,
        sparse=sparse,
        block_size=block_size,
        buffer_size=buffer_size,
        lookahead=lookahead,
        seed=seed,
        drop_last=drop_last,
        rank=rank,
        world_size=world_size,
    )
    return NumpyBatches(RowSource(collection, sparse), order, ahead)


def _drawn_seed() -> int:
    return int(np.random.default_rng().integers(2**62))
