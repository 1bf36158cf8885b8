"""A trial of a loader: its first batch, its speed, and the classes that it draws."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mappedviz.text.display import shown
from mappedviz.views.work import CancelledError

if TYPE_CHECKING:
    import pandas as pd
    from torch.utils.data import DataLoader

    from mappedviz.collection.mapped_collection import MappedCollection

SECONDS = 1.0


@dataclass(frozen=True)
class Trial:
    """The first batches of a loader: their columns, speed and classes.

    Attributes
    ----------
    opened
        Seconds until the collection and its loader were made.
    first
        Seconds from then until the first batch was there.
    columns
        Key -> (shape, dtype) of the first batch.
    rate
        Rows per second, measured over about a second after that.
    n_rows
        Rows that were drawn for that.
    key
        The obs key of the class, or None.
    drawn
        DataFrame, one row per class: n (drawn), drawn and expected (shares).
    """

    opened: float
    first: float
    columns: dict[str, tuple[tuple[int, ...], str]]
    rate: float
    n_rows: int
    key: str | None
    drawn: pd.DataFrame

    def __str__(self) -> str:
        parts = [
            f"{shown(key, 30)} {shape} {dtype}" for key, (shape, dtype) in self.columns.items()
        ]
        return f"first batch in {self.first:.2g} s: {', '.join(parts)}"


def try_loader(
    loader: DataLoader[Any],
    ds: MappedCollection,
    *,
    key: str | None,
    weighted: bool,
    seconds: float = SECONDS,
    opened: float = 0.0,
    cancel: threading.Event | None = None,
) -> Trial:
    """Draw batches for a while, and count what comes.

    Parameters
    ----------
    loader, ds
        A loader and its collection.
    key
        Obs key whose classes are counted.
    weighted
        True if rows are drawn by the weights of the recipe: what is expected depends on it.
    seconds
        Duration of the trial.
    opened
        Seconds that making them took.
    cancel
        Setting this event ends it.

    Raises
    ------
    CancelledError
        `cancel` was set.
    """
    import pandas as pd

    encoder = ds.encoders.get(key) if key is not None else None
    counts = np.zeros(0 if encoder is None else len(encoder) + 1, dtype=np.int64)
    began = time.perf_counter()
    first, n_rows = 0.0, 0
    columns: dict[str, tuple[tuple[int, ...], str]] = {}
    after, rows_after = began, 0
    for batch in loader:
        now = time.perf_counter()
        if cancel is not None and cancel.is_set():
            raise CancelledError
        size = len(next(iter(batch.values())))
        if not columns:
            first, after = now - began, now
            columns = {name: _kind(value) for name, value in batch.items()}
        else:
            rows_after += size
        n_rows += size
        if encoder is not None and key in batch:
            codes = np.asarray(batch[key])
            counts += np.bincount(np.where(codes < 0, len(encoder), codes), minlength=len(counts))
        if now - after > seconds:
            break
    passed = time.perf_counter() - after
    drawn = pd.DataFrame(columns=["n", "drawn", "expected"])
    if encoder is not None and key is not None and n_rows:
        recipe, weights = ds.recipe, None
        every = pd.Series(ds.get_merged_labels(key)).map(encoder).fillna(len(encoder))
        if weighted:
            weights = ds.get_label_weights(
                list(recipe.weights_keys),
                scheme=recipe.weights_scheme,
                scaler=recipe.weights_scaler,
            )
        total = np.bincount(every.astype(np.int64), weights=weights, minlength=len(counts))
        labels = [*sorted(encoder, key=encoder.__getitem__), None]
        drawn = pd.DataFrame(
            {"n": counts, "drawn": counts / n_rows, "expected": total / max(total.sum(), 1e-300)},
            index=pd.Index(labels, name=key, dtype=object),
        )
        drawn = drawn[(drawn["n"] > 0) | (drawn["expected"] > 0)]
    rate = rows_after / passed if rows_after and passed > 0 else n_rows / max(first, 1e-9)
    return Trial(opened, first, columns, rate, n_rows, key, drawn)


def _kind(value: Any) -> tuple[tuple[int, ...], str]:
    if hasattr(value, "dtype"):
        return tuple(value.shape), str(value.dtype).removeprefix("torch.")
    return (len(value),), type(value[0]).__name__ if len(value) else "list"
