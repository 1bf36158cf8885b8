"""Obs keys of a collection: the columns of all stores as codes of labels, or as numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from mappedviz._types import Array
from mappedviz.errors import MissingKeyError
from mappedviz.recipe.labels import Encoder, Labels, as_label

if TYPE_CHECKING:
    from mappedviz.formats.columns import Column
    from mappedviz.recipe.joins import RowMap
    from mappedviz.recipe.recipe import Recipe
    from mappedviz.stores.store import Store


@dataclass(frozen=True, eq=False)
class CodedKey:
    """An obs key whose labels are kept as codes.

    Attributes
    ----------
    labels
        Of all rows of the collection.
    present
        Boolean (n_stores,): which stores have the column.
    encoder
        Label -> code, or None where labels are handed out as they are.
    table
        What a code of ``labels`` stands for in a batch (n_categories + 1,); the last entry is for
        a row without a label.
    """

    labels: Labels
    present: Array
    encoder: Encoder | None
    table: Array

    def batch(self, indices: Array) -> Array:
        """Codes, or labels with NaN where missing, of some rows."""
        return self.table[self.labels.codes[indices]]

    def take(self, rows: Array) -> CodedKey:
        """Return this key restricted to `rows`; encoder and code table are unchanged."""
        return replace(self, labels=replace(self.labels, codes=self.labels.codes[rows]))

    def sample(self, index: int) -> Any:
        """The code or label of one row as a native scalar, NaN where missing."""
        code = self.labels.codes.item(index)  # Python's own numbers: asked for row by row
        if code < 0:
            return float("nan")
        value = self.table.item(code)
        return value.item() if isinstance(value, np.generic) else value


@dataclass(frozen=True, eq=False)
class NumericKey:
    """An obs key of numbers or booleans, handed out as they are.

    Attributes
    ----------
    values
        Of all rows; the value of a row without one is not defined.
    missing
        Boolean (n_rows,), or None where no row misses it.
    present
        Boolean (n_stores,): which stores have the column.
    """

    values: Array
    missing: Array | None
    present: Array
    encoder: None = None

    def batch(self, indices: Array) -> Array:
        """Numbers of some rows; floats with NaN if any row of the collection misses it."""
        values = self.values[indices]
        if self.missing is None:
            return values
        if values.dtype.kind != "f":
            values = values.astype(np.float64)
        values[self.missing[indices]] = np.nan
        return values

    def take(self, rows: Array) -> NumericKey:
        """Return this key restricted to `rows`; the type of a batch is unchanged."""
        missing = None if self.missing is None else self.missing[rows]
        return replace(self, values=self.values[rows], missing=missing)

    def sample(self, index: int) -> Any:
        """The number of one row as a native scalar, NaN where missing."""
        if self.missing is not None and self.missing[index]:
            return float("nan")
        return self.values.item(index)


ObsKey: TypeAlias = CodedKey | NumericKey


def merged_labels(
    recipe: Recipe,
    key: str,
    columns: Sequence[Column | None],
    rows: RowMap,
    paths: Sequence[str],
) -> Labels:
    """The labels of one key over all stores, relabelling applied.

    Parameters
    ----------
    recipe
        Says ``relabel``.
    key
        The obs key.
    columns
        Per store its column, or None if it has none.
    rows
        The rows that are kept of each store.
    paths
        Of the stores.
    """
    of_stores = isinstance(recipe.relabel.get(key), Mapping)
    parts: list[tuple[Array, Sequence[Any]] | int] = []
    for column, kept, n, path in zip(columns, rows.kept, rows.counts, paths, strict=True):
        if column is None:
            parts.append(n)
        else:
            # Categories before the filter, unused ones included, so that codes do not depend on it.
            codes, categories = column.factorized()
            names = categories.tolist()
            if of_stores:
                own = recipe.renames_of(key, path)
                old = list(map(as_label, names))
                names = [None if label is None else own.get(label, label) for label in old]
            parts.append((codes if kept is None else codes[kept], names))
    labels = Labels.merge(parts)
    renames = {} if of_stores else recipe.renames_of(key)
    return labels.relabel(renames) if renames else labels


def obs_key_of(
    recipe: Recipe,
    key: str,
    columns: Sequence[Column | None],
    rows: RowMap,
    stores: Sequence[Store],
) -> ObsKey:
    """The obs key of all rows, as the recipe wants it: codes, labels or numbers.

    Raises
    ------
    MissingKeyError
        A label has no code in the encoder that was given.
    """
    present = np.array([column is not None for column in columns], dtype=bool)
    encoded = key in recipe.encoded_keys
    numeric = all(
        column is None or column.kind in ("integer", "float", "boolean") for column in columns
    )
    if numeric and not encoded and not recipe.relabel.get(key):
        return _numeric_key(columns, rows, present)
    labels = merged_labels(recipe, key, columns, rows, [store.path for store in stores])
    if not encoded:
        table = np.empty(len(labels.categories) + 1, dtype=object)
        table[:-1] = labels.categories
        table[-1] = float("nan")
        return CodedKey(labels, present, None, table)
    encoder = recipe.encoders.get(key)
    if encoder is None:  # an empty one is an encoder
        encoder = Encoder.from_categories(labels.categories, recipe.unknown_label_of(key))
    try:
        table = encoder.table(labels.categories, unseen=recipe.unseen, key=key)
    except MissingKeyError as error:
        error.store = _store_with(recipe, key, columns, encoder, stores)
        raise
    return CodedKey(labels, present, encoder, table)


def _store_with(
    recipe: Recipe,
    key: str,
    columns: Sequence[Column | None],
    encoder: Encoder,
    stores: Sequence[Store],
) -> str | None:
    """Path of the first store with a label that the encoder does not know."""
    for column, store in zip(columns, stores, strict=True):
        renames = recipe.renames_of(key, store.path)
        for value in column.factorized()[1] if column is not None else ():
            label = as_label(value)
            label = label if label is None else renames.get(label, label)
            if label is not None and label not in encoder:
                return store.path
    return None


def _numeric_key(columns: Sequence[Column | None], rows: RowMap, present: Array) -> NumericKey:
    dtype = _common_type([one.data for one in columns if one is not None and one.data is not None])
    values = np.zeros(len(rows), dtype=dtype)
    missing = np.zeros(len(rows), dtype=bool)
    for column, kept, begin, end in zip(
        columns, rows.kept, rows.offsets[:-1], rows.offsets[1:], strict=True
    ):
        if column is None:
            missing[begin:end] = True
            continue
        part = column if kept is None else column.take(kept)
        values[begin:end] = part.data
        if part.missing is not None:
            missing[begin:end] = part.missing
    return NumericKey(values, missing if missing.any() else None, present)


def _common_type(columns: Sequence[Array]) -> np.dtype[Any]:
    """The type of numbers of several stores; of int64 and uint64 the one that holds all values."""
    dtype = np.result_type(*(data.dtype for data in columns))
    if dtype.kind != "f" or any(data.dtype.kind == "f" for data in columns):
        return dtype
    low = min((int(data.min()) for data in columns if len(data)), default=0)
    high = max((int(data.max()) for data in columns if len(data)), default=0)
    if high <= np.iinfo(np.int64).max:
        return np.dtype(np.int64)
    return np.dtype(np.uint64) if low >= 0 else dtype
