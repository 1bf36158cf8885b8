"""Cells that are drawn of each store, and their values of an obs key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from mappedviz._types import Array
from mappedviz.audits.nearest import suggestion
from mappedviz.audits.tables.labels import column_labels
from mappedviz.collection.obs_keys import merged_labels
from mappedviz.errors import MissingKeyError
from mappedviz.recipe.joins import RowMap
from mappedviz.text.display import MISSING, Words

if TYPE_CHECKING:
    import pandas as pd

    from mappedviz.audits.scan import Scan
    from mappedviz.formats.columns import Column
    from mappedviz.recipe.recipe import Recipe
    from mappedviz.stores.store import Store

#: The key that stands for the store itself.
STORE = "store"
#: Called with the number of stores that are read, and of all.
Progress: TypeAlias = Callable[[int, int], None]
_SPOTS = 150  # where cells are drawn together with their neighbours: a chunk holds many
_BLOCK = (8, 32)  # cells, at least and at most
_FEW_NUMBERS = 50  # distinct ones, which are labels rather than a scale


def drawn_rows(n_rows: int, n: int, seed: int = 0, block: int | None = None) -> Array:
    """Numbers of about `n` rows at most, ascending: neighbours by the block, spread evenly.

    A block has 8 to 32 rows, the more the more rows are drawn.

    Which ones they are depends on the number of rows and on the seed only.

    Examples
    --------
    >>> drawn_rows(1_000, 6, block=2).tolist()
    [282, 283, 544, 545, 836, 837]
    >>> drawn_rows(3, 6).tolist()
    [0, 1, 2]
    """
    if n_rows <= n:
        return np.arange(n_rows)
    if n < 1:
        return np.empty(0, dtype=np.int64)
    block = min(n, min(max(n // _SPOTS, _BLOCK[0]), _BLOCK[1]) if block is None else block)
    bounds = np.linspace(0, n_rows, n // block + 1).astype(np.int64)
    free = np.maximum(np.diff(bounds) - block, 0)
    starts = bounds[:-1] + np.random.default_rng(seed).integers(0, free + 1)
    return np.unique((starts[:, None] + np.arange(block)).ravel())


@dataclass(frozen=True, eq=False)
class StoreCells:
    """A store, and which of its cells count.

    Attributes
    ----------
    name
        Display name.
    scan
        What was read of the store.
    kept
        Rows that the recipe keeps; None for all.
    """

    name: str
    scan: Scan
    kept: Array | None

    @property
    def store(self) -> Store:
        """The store, which could be opened."""
        store = self.scan.store
        assert store is not None
        return store

    @property
    def n_cells(self) -> int:
        """Number of cells that count."""
        return self.scan.n_obs if self.kept is None else len(self.kept)

    def draw(self, n: int, seed: int) -> Array:
        """Row numbers of about `n` cells at most: see :func:`drawn_rows`."""
        rows = drawn_rows(self.n_cells, n, seed)
        return rows if self.kept is None else self.kept[rows].astype(np.int64)


def read_each(
    stores: Sequence[StoreCells],
    read: Callable[[StoreCells], Any],
    progress: Progress | None = None,
) -> tuple[list[Any], list[str]]:
    """What `read` returns for each store, None where it raises; and what it says then.

    Parameters
    ----------
    stores, read
        The stores, and what is done with each.
    progress
        Called before each store; what it raises ends the reading.
    """
    found: list[Any] = []
    notes: list[str] = []
    for one in stores:
        if progress is not None:
            progress(len(found), len(stores))
        try:
            found.append(read(one))
            notes.append("")
        except Exception as error:  # whatever it is, it is listed and the other stores go on
            found.append(None)
            notes.append(str(error))
    return found, notes


def groups_of(column: pd.Series[Any]) -> tuple[Array, list[Any]]:
    """The group of each cell by its label, and the names of the groups; cells without one are a group.

    Examples
    --------
    >>> import pandas as pd
    >>> codes, groups = groups_of(pd.Series(["T", None, "B"], dtype="category"))
    >>> codes.tolist(), groups
    ([1, 2, 0], ['B', 'T', '(missing)'])
    """
    codes = column.cat.codes.to_numpy().astype(np.int64)
    groups: list[Any] = list(column.cat.categories)
    if (codes < 0).any():
        codes = np.where(codes < 0, len(groups), codes)
        groups.append(Words(MISSING))
    return codes, groups


def store_column(stores: Sequence[StoreCells], rows: Sequence[Array]) -> pd.Categorical:
    """The store of each drawn cell, as a categorical of all stores in their order."""
    import pandas as pd

    codes = np.repeat(np.arange(len(stores)), [len(some) for some in rows])
    return pd.Categorical.from_codes(codes, pd.Index([one.name for one in stores], dtype=object))


def values_of(
    stores: Sequence[StoreCells], rows: Sequence[Array], recipe: Recipe, key: str
) -> pd.Categorical | Array:
    """The values of an obs key for drawn cells: alias and relabelling of the recipe apply.

    Parameters
    ----------
    stores
        The stores.
    rows
        Per store the rows that were drawn.
    recipe
        Says ``obs_alias`` and ``relabel``.
    key
        The obs key, or ``"store"``.

    Returns
    -------
    Categorical or ndarray
        Labels that occur, sorted; or float64, NaN where missing, for a key of many numbers.

    Raises
    ------
    MissingKeyError
        No store has the key.
    """
    import pandas as pd

    if key == STORE:
        return store_column(stores, rows)
    columns = [_column(one, recipe, key) for one in stores]
    if stores and all(column is None for column in columns):
        known = {name for one in stores for name in one.store.facts.obs_columns}
        raise MissingKeyError(
            f"none of the {len(stores)} stores has this obs column",
            key=key,
            remedy=f"{suggestion(key, sorted(known))}See audit.obs_schema.",
        )
    taken = [
        None if column is None else column.take(some)
        for column, some in zip(columns, rows, strict=True)
    ]
    numbers = None if recipe.relabel.get(key) else _numbers(taken, rows)
    if numbers is not None:
        return numbers
    rows_of_each = RowMap.from_counts([len(some) for some in rows])
    labels = merged_labels(recipe, key, taken, rows_of_each, [one.store.path for one in stores])
    index = pd.Index(list(labels.categories), dtype=object)
    return pd.Categorical.from_codes(labels.codes, index).remove_unused_categories()


def _column(one: StoreCells, recipe: Recipe, key: str) -> Column | None:
    try:
        return column_labels(one.scan, recipe, key)
    except Exception:  # a finding says what is wrong
        return None


def _numbers(columns: Sequence[Column | None], rows: Sequence[Array]) -> Array | None:
    """Values of columns of numbers as float64, unless there are so few that they are labels."""
    if any(one is not None and one.kind not in ("integer", "float") for one in columns):
        return None
    values = [
        np.full(len(some), np.nan) if column is None else column.values().astype(np.float64)
        for column, some in zip(columns, rows, strict=True)
    ]
    every = np.concatenate([*values, np.empty(0)])
    few = len(np.unique(every[~np.isnan(every)])) <= _FEW_NUMBERS
    return None if few else every
