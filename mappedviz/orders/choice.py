"""The order and the reading ahead that the arguments of a loader ask for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mappedviz.orders.arguments import (
    check_collection,
    check_one_order,
    check_order,
    check_processes,
    check_sizes,
    weights_of_rows,
)
from mappedviz.orders.class_order import class_order
from mappedviz.orders.given_order import GivenOrder
from mappedviz.orders.lookahead import Lookahead, rows_per_chunk
from mappedviz.orders.row_order import RowOrder, Shuffle

if TYPE_CHECKING:
    from mappedviz._types import Array
    from mappedviz.collection.mapped_collection import MappedCollection
    from mappedviz.orders.order import Order
    from mappedviz.recipe.weights import Scheme

__all__ = ["chosen_order"]


def chosen_order(
    collection: MappedCollection,
    batch_size: int,
    *,
    shuffle: Shuffle | None,
    weights: str | Sequence[str] | Array | bool | None,
    scaler: float | None,
    scheme: Scheme | None,
    num_samples: int | None,
    batches: str | Sequence[str] | Mapping[str, int] | None,
    within: str | Sequence[str] | None,
    sampler: Iterable[int] | None,
    batch_sampler: Iterable[Sequence[int]] | None,
    sparse: bool,
    block_size: int | None,
    buffer_size: int | None,
    lookahead: int | None,
    **shared: Any,
) -> tuple[Order, Lookahead]:
    """Return the order of rows, and how far it is read ahead.

    Parameters
    ----------
    collection
        The collection to read.
    batch_size, shuffle, weights, scaler, scheme, num_samples, batches, within, sampler, batch_sampler, \
    sparse, block_size, buffer_size, lookahead
        As of :func:`mappedviz.dataloader`.
    **shared
        ``seed``, ``drop_last``, ``rank`` and ``world_size``.

    Raises
    ------
    RecipeTypeError
        This is not a collection (a ``TypeError``).
    RecipeError
        Arguments contradict each other, or would break the loader.
    """
    check_collection(collection)
    check_sizes(
        batch_size=batch_size,
        block_size=block_size,
        buffer_size=buffer_size,
        num_samples=num_samples,
        lookahead=lookahead,
    )
    check_processes(shared["rank"], shared["world_size"])
    if isinstance(weights, (bool, np.bool_)) and not weights:
        weights = None
    own = {"batches": batches, "sampler": sampler, "batch_sampler": batch_sampler}
    check_one_order(shuffle=None if weights is not None else shuffle, weights=weights, **own)
    batch_size = int(batch_size)
    ahead = Lookahead.choose(
        collection,
        batch_size,
        lookahead,
        scattered=shuffle not in (None, False, "block")
        or any(one is not None for one in (weights, *own.values())),
        sparse=sparse,
    )
    shared |= {"window": max(1, ahead.batches), "begin": ahead.begin}
    order: Order
    if batches is not None or within is not None:
        order = class_order(collection, batch_size, batches, within, num_samples, **shared)
    elif sampler is not None or batch_sampler is not None:
        size = batch_size if batch_sampler is None else None
        order = GivenOrder(len(collection), size, sampler if size else batch_sampler, **shared)  # type: ignore[arg-type]
    else:
        check_order(shuffle, weights, num_samples=num_samples, scaler=scaler, scheme=scheme)
        order = RowOrder(
            len(collection),
            batch_size,
            shuffle=shuffle or False,
            weights=None
            if weights is None
            else weights_of_rows(collection, weights, scaler, scheme),
            num_samples=num_samples,
            block_size=rows_per_chunk(collection) if block_size is None else block_size,
            buffer_size=max(16384, 4 * batch_size) if buffer_size is None else buffer_size,
            **shared,
        )
    return order, ahead
