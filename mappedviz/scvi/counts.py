"""Counts: whether a matrix holds them, and how many each cell has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mappedviz._types import Array
from mappedviz.errors import ElementError

if TYPE_CHECKING:
    from mappedviz.collection.mapped_collection import MappedCollection

_ROWS = 4096
"""Rows that are looked at, of all stores together."""
_PER_STORE = 64


def check_counts(collection: MappedCollection, layer: str) -> None:
    """Look at rows of each store, spread over it, and refuse what are no counts.

    Raises
    ------
    ElementError
        Values are missing, negative or no integers; it names the store and one of them.
    """
    counts = collection.n_obs_list
    stores = [i for i, n in enumerate(counts) if n]
    per_store = max(2, min(_PER_STORE, _ROWS // max(1, len(stores))))
    offsets = np.concatenate([[0], np.cumsum(counts)])
    for i in stores:
        n = counts[i]
        places = np.unique(np.linspace(0, n - 1, min(n, per_store)).astype(np.int64))
        matrix = collection.read_rows(offsets[i] + places, sparse=True)[layer]
        values = np.asarray(matrix.data)
        if values.dtype.kind not in "biu":
            values = values.astype(np.float64)
        found = _found(values)
        if found is not None:
            raise ElementError(
                f"holds no counts: {found} among the values of {len(places)} cells",
                store=collection.path_list[i],
                key=layer,
                remedy="Models of scvi-tools need raw counts: name the layer that holds them, "
                'gather them with layer_alias={"counts": ["counts", "raw.X", "X"]}, or give counts=False '
                "to a model that takes other numbers.",
            )


def _found(values: Array) -> str | None:
    if not len(values) or values.dtype.kind in "bu":
        return None
    odd = (
        (~np.isfinite(values), "a missing value"),
        (values < 0, "a negative one"),
        (values != np.floor(values), "a fraction"),
    )
    for where, what in odd:
        if where.any():
            return f"{what} ({values[where][0]:.6g})"
    return None


def log_libraries(loader: Any, n_batch: int) -> tuple[Array, Array]:
    """Return mean and variance of the logarithm of counts per cell, float32 (1, n_batch), by one reading.

    A batch without cells has mean 0 and variance 1; a cell without counts counts as log 1, as in
    scvi-tools.
    """
    logs: list[Array] = []
    codes: list[Array] = []
    for batch in loader:
        sums = batch["X"].double().sum(dim=1).numpy()
        logs.append(np.log(np.where(sums > 0, sums, 1)))
        codes.append(batch["batch"].numpy().ravel())
    values, where = np.concatenate(logs), np.concatenate(codes)
    means, variances = np.zeros((1, n_batch), np.float32), np.ones((1, n_batch), np.float32)
    for code in np.unique(where).tolist():
        some = values[where == code]
        means[0, code], variances[0, code] = some.mean(), some.var()
    return means, variances
