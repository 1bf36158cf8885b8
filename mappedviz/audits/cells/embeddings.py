"""Embeddings: coordinates of drawn cells out of obsm, whatever each store calls it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mappedviz._types import Array
from mappedviz.audits.cells.drawn import (
    Progress,
    StoreCells,
    read_each,
    store_column,
    values_of,
)
from mappedviz.audits.nearest import suggestion
from mappedviz.errors import ElementError, MissingKeyError
from mappedviz.formats.cache import ChunkCache
from mappedviz.formats.files import FilePool
from mappedviz.gather.request import Part
from mappedviz.gather.rows import gather_dense
from mappedviz.recipe.column_map import ColumnMap
from mappedviz.text.display import listed

if TYPE_CHECKING:
    import pandas as pd

    from mappedviz.formats.obsm import ObsmFacts
    from mappedviz.recipe.recipe import Recipe

#: Kinds of embeddings, the one that shows most first.
FAMILIES = ("umap", "tsne", "drawgraph", "phate", "mde", "pca", "scvi", "harmony", "spatial")
_LARGEST_WHOLE = 1 << 28  # bytes of an element that has to be read as a whole


@dataclass(frozen=True, eq=False)
class Embedding:
    """Coordinates of drawn cells of each store.

    Attributes
    ----------
    key
        The obsm element, as it was asked for or as most stores spell it; None if no store has one.
    by
        The obs key of the labels, ``"store"``, or None.
    table
        DataFrame, one row per cell: ``store`` (categorical), ``row`` of the store, ``x``, ``y``, and
        ``label`` (categorical, or float64 for a key of many numbers) if there is a key.
    stores
        DataFrame, one row per store: ``element`` (None where the store has none), ``cells``,
        ``drawn`` (rows of the table), ``not_finite`` (cells drawn whose coordinates are NaN or infinite, which
        are left out), ``note`` (empty, or why there is nothing to show).
    """

    key: str | None
    by: str | None
    table: pd.DataFrame
    stores: pd.DataFrame

    @property
    def absent(self) -> list[str]:
        """Names of the stores of which there is nothing to show."""
        return [str(name) for name in self.stores.index[self.stores["note"] != ""]]


def plain_key(name: str) -> str:
    """The name of an obsm element without the ways to spell it.

    Examples
    --------
    >>> [plain_key(name) for name in ("X_umap", "UMAP", "umap", "X_tSNE", "X_draw_graph_fa")]
    ['umap', 'umap', 'umap', 'tsne', 'drawgraphfa']
    """
    return re.sub(r"[^a-z0-9]", "", re.sub(r"^x[_.\- ]+", "", name.lower()))


def choose_element(names: Iterable[str], wanted: str) -> str | None:
    """The element that stands for a wanted one: of this name, of this plain name, or of this family.

    Examples
    --------
    >>> choose_element(["X_pca", "UMAP"], "X_umap"), choose_element(["X_rna_pca", "X_pca"], "pca")
    ('UMAP', 'X_pca')
    >>> choose_element(["X_rna_pca"], "pca"), choose_element(["X_rna_pca"], "umap")
    ('X_rna_pca', None)
    """
    known = list(names)
    if wanted in known:
        return wanted
    plain = plain_key(wanted)
    same = [name for name in known if plain_key(name) == plain]
    if not same and plain in FAMILIES:
        same = [name for name in known if plain in plain_key(name)]
    return min(same, key=lambda name: (len(name), name), default=None)


def usable(facts: dict[str, ObsmFacts]) -> list[str]:
    """Names of the elements that have two columns or more."""
    return [name for name, one in facts.items() if len(one.shape) == 2 and one.shape[1] >= 2]


def most_common(names: Sequence[Sequence[str]]) -> str | None:
    """The family of embeddings to show: the first that most stores have, else the most frequent.

    Examples
    --------
    >>> most_common([["X_umap", "X_pca"], ["UMAP"], ["X_pca"]]), most_common([["a"]])
    ('umap', None)
    """
    times = {
        family: sum(choose_element(some, family) is not None for some in names)
        for family in FAMILIES
    }
    for family, n in times.items():
        if 2 * n > len(names):
            return family
    family = max(times, key=lambda one: times[one])
    return family if times[family] else None


def embedding_of(
    stores: Sequence[StoreCells],
    recipe: Recipe,
    key: str | None = None,
    n: int = 5_000,
    by: str | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Embedding:
    """Coordinates of drawn cells: see :meth:`mappedviz.Audit.embedding`."""
    import pandas as pd

    elements = [usable(one.store.facts.obsm) for one in stores]
    if key is not None:
        _check_key(key, elements)
    wanted = most_common(elements) if key is None else key
    chosen = [None if wanted is None else choose_element(some, wanted) for some in elements]
    if key is None and wanted is not None:
        spelled = [name for name in chosen if name is not None]
        wanted = max(dict.fromkeys(spelled), key=spelled.count)
    element_of = dict(zip([one.name for one in stores], chosen, strict=True))
    cache = ChunkCache(64 << 20, FilePool())

    def read(one: StoreCells) -> tuple[Array, Array]:
        element = element_of[one.name]
        rows = one.draw(n, seed)
        if element is None:
            return rows[:0], np.empty((0, 2))
        return rows, _coordinates(one, element, rows, cache)

    found, notes = read_each(stores, read, progress)
    rows, points, lost = [], [], []
    for one in found:
        numbers, xy = (np.empty(0, np.int64), np.empty((0, 2))) if one is None else one
        finite = np.isfinite(xy).all(axis=1)
        rows.append(numbers[finite])
        points.append(xy[finite])
        lost.append(int((~finite).sum()))
    every = np.concatenate([*points, np.empty((0, 2))])
    table = pd.DataFrame(
        {
            "store": store_column(stores, rows),
            "row": np.concatenate([*rows, np.empty(0, np.int64)]),
            "x": every[:, 0],
            "y": every[:, 1],
        }
    )
    if by is not None:
        table["label"] = values_of(stores, rows, recipe, by)
    summary = {
        "element": pd.Series(chosen, dtype=object),
        "cells": [one.n_cells for one in stores],
        "drawn": [len(some) for some in rows],
        "not_finite": lost,
        "note": [
            note or _note(one, element, wanted)
            for one, element, note in zip(stores, chosen, notes, strict=True)
        ],
    }
    index = pd.Index([one.name for one in stores], name="store", dtype=object)
    return Embedding(wanted, by, table, pd.DataFrame(summary).set_index(index))


def _check_key(key: str, elements: Sequence[Sequence[str]]) -> None:
    if any(choose_element(some, key) is not None for some in elements):
        return
    known = sorted({name for some in elements for name in some})
    raise MissingKeyError(
        f"none of the {len(elements)} stores has this obsm element with two columns or more",
        key=key,
        remedy=f"{suggestion(key, known)}The stores have {listed(known) or 'none'}.",
    )


def _note(one: StoreCells, element: str | None, wanted: str | None) -> str:
    if element is not None:
        return "" if one.n_cells else "no cell is left of it"
    there = list(one.store.facts.obsm)
    has = f"has {listed(there, 3)} in obsm" if there else "has nothing in obsm"
    return f"no embedding: {has}" if wanted is None else f"no {wanted}: {has}"


def _coordinates(one: StoreCells, element: str, rows: Array, cache: ChunkCache) -> Array:
    """float64 (k, 2): the first two columns of an element."""
    store = one.store
    facts = store.facts.obsm[element]
    in_rows = facts.kind in ("dense", "csr")
    if not in_rows and 8 * facts.shape[0] * facts.shape[1] > _LARGEST_WHOLE:
        raise ElementError(
            f"is stored by columns, and too large to be read as a whole {facts.shape}",
            store=store.path,
            key=f"obsm/{element}",
            remedy="Store it as an array.",
        )
    found = store.open_obsm(element, cache)
    if isinstance(found, np.ndarray):
        return found[rows, :2].astype(np.float64)
    columns = None
    if facts.shape[1] > 2:
        columns = ColumnMap(np.where(np.arange(facts.shape[1]) < 2, np.arange(facts.shape[1]), -1))
    out = np.empty((len(rows), 2), dtype=np.float64)
    gather_dense([Part(found, rows, np.arange(len(rows)), columns)], out)
    store.check_unchanged()
    return out
