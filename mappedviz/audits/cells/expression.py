"""Values of one gene for drawn cells of each store."""

from __future__ import annotations

from collections.abc import Sequence
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
from mappedviz.audits.cells.matrices import joined_names, name_lists, open_rows, scale_of
from mappedviz.audits.nearest import suggestion
from mappedviz.collection.variables import harmonised
from mappedviz.errors import MissingKeyError
from mappedviz.formats.cache import ChunkCache
from mappedviz.formats.files import FilePool
from mappedviz.gather.request import Part
from mappedviz.gather.rows import gather_dense
from mappedviz.recipe.column_map import ColumnMap
from mappedviz.recipe.joins import strip_versions
from mappedviz.recipe.names import Names
from mappedviz.text.display import listed

if TYPE_CHECKING:
    import pandas as pd

    from mappedviz.recipe.recipe import Recipe

_RAW = {"counts", "normalised"}
LACKS = "does not have this gene"


@dataclass(frozen=True, eq=False)
class Expression:
    """Values of one gene for drawn cells of each store.

    Attributes
    ----------
    gene
        Its name, as the stores are joined.
    key
        The matrix.
    by
        The obs key of the labels, ``"store"``, or None.
    table
        DataFrame, one row per cell: ``store`` (categorical), ``row`` of the store, ``value`` as it is stored, and
        ``label`` (categorical, or float64 for a key of many numbers) if there is a key.
    stores
        DataFrame, one row per store: ``cells``, ``drawn`` (rows of the table), ``scale`` of the values, ``share`` of
        the drawn cells whose value is not 0, ``mean``, ``note`` (empty, or why there is nothing to show).
    """

    gene: str
    key: str
    by: str | None
    table: pd.DataFrame
    stores: pd.DataFrame

    @property
    def absent(self) -> list[str]:
        """Names of the stores that do not have the gene."""
        return [str(name) for name in self.stores.index[self.stores["note"] == LACKS]]

    def on_one_axis(self) -> tuple[Array, Array, list[str]]:
        """Values that may be drawn on one axis; whether they are z-scores; and what is to be said of them.

        Where stores have values on different scales, counts become log(1 + x).
        """
        scale_of_store = dict(zip(self.stores.index, self.stores["scale"], strict=True))
        store = self.table["store"].cat
        scales = np.array([scale_of_store[name] for name in store.categories], dtype=object)
        of_cell = scales[store.codes.to_numpy()]
        values = self.table["value"].to_numpy(np.float64)
        several = [str(one) for one in dict.fromkeys(scales.tolist()) if isinstance(one, str)]
        if len(several) < 2:
            return values, of_cell == "scaled", []
        said = [f"values are on different scales: {listed(several, most=6)}"]
        if _RAW & set(several):
            values = np.where(
                np.isin(of_cell.astype(str), list(_RAW)), np.log1p(np.maximum(values, 0)), values
            )
            said.append("counts are drawn as log(1 + x)")
        return values, of_cell == "scaled", said


def columns_of(gene: str, names: Array, recipe: Recipe) -> Array:
    """Positions of the columns that the recipe makes one gene of; empty where there is none.

    Examples
    --------
    >>> from mappedviz.recipe.recipe import Recipe
    >>> names = np.array(["ENSG00000141510.18", "TP53", "CD4", "TP53"], dtype=object)
    >>> columns_of("TP53", names, Recipe(duplicates="sum")).tolist()
    [1, 3]
    >>> columns_of("ENSG00000141510", names, Recipe(strip_version=True)).tolist()
    [0]
    >>> columns_of("ENSG00000141510", names, Recipe(var_map="symbol->ensembl")).tolist()
    [0]
    """
    if recipe.var_map is not None or recipe.var_alias:
        found = np.flatnonzero(harmonised(recipe, Names.of(names)).values == gene)
    elif recipe.strip_version:
        near = [i for i, name in enumerate(names.tolist()) if name.startswith(gene)]
        same = strip_versions(names[near]) == gene
        found = np.array(near, dtype=np.int64)[same] if near else np.empty(0, np.int64)
    else:
        found = np.flatnonzero(names == gene)
    return found if recipe.duplicates == "sum" else found[:1]


def expression_of(
    stores: Sequence[StoreCells],
    recipe: Recipe,
    gene: str,
    by: str | None = None,
    n: int = 5_000,
    seed: int = 0,
    progress: Progress | None = None,
) -> Expression:
    """Values of one gene for drawn cells: see :meth:`mappedviz.Audit.expression`."""
    import pandas as pd

    key = recipe.layers_keys[0]
    cache = ChunkCache(64 << 20, FilePool())

    def read(one: StoreCells) -> tuple[Array, Array, str] | None:
        at = columns_of(gene, joined_names(one, recipe, key), recipe)
        if not len(at):
            return None
        matrix = open_rows(one, recipe, key, cache)
        rows = one.draw(n, seed)
        column = np.full(matrix.facts.shape[1], -1)
        column[at] = 0
        out = np.empty((len(rows), 1), dtype=np.float64)
        gather_dense([Part(matrix, rows, np.arange(len(rows)), ColumnMap(column))], out)
        one.store.check_unchanged()
        return rows, out[:, 0], scale_of(one, recipe, key, matrix)

    found, notes = read_each(stores, read, progress)
    notes = [note or (LACKS if one is None else "") for one, note in zip(found, notes, strict=True)]
    if stores and all(note == LACKS for note in notes):
        raise _no_gene(gene, stores, recipe, key)
    nothing = (np.empty(0, np.int64), np.empty(0), None)
    parts = [nothing if one is None else one for one in found]
    rows = [part[0] for part in parts]
    table = pd.DataFrame(
        {
            "store": store_column(stores, rows),
            "row": np.concatenate([*rows, np.empty(0, np.int64)]),
            "value": np.concatenate([*(part[1] for part in parts), np.empty(0)]),
        }
    )
    if by is not None:
        table["label"] = values_of(stores, rows, recipe, by)
    summary = pd.DataFrame(
        {
            "cells": [one.n_cells for one in stores],
            "drawn": [len(some) for some in rows],
            "scale": pd.Series([part[2] for part in parts], dtype=object),
            "share": [_mean(part[1] != 0) for part in parts],
            "mean": [_mean(part[1]) for part in parts],
            "note": notes,
        }
    )
    summary.index = pd.Index([one.name for one in stores], name="store", dtype=object)
    return Expression(gene, key, by, table, summary)


def _mean(values: Array) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _no_gene(gene: str, stores: Sequence[StoreCells], recipe: Recipe, key: str) -> MissingKeyError:
    """The error for a gene that no store has, with the name that may be meant."""
    known: dict[str, None] = {}
    for one in stores:
        joined, *others = name_lists(one, recipe, key)
        known.update(dict.fromkeys(joined.tolist()))
        for names in others:
            for i in np.flatnonzero(names == gene).tolist():
                return MissingKeyError(
                    "is not a name by which the stores are joined",
                    key=gene,
                    remedy=f"Ask for {joined[i]!r}, which is this gene in {one.name}.",
                )
    return MissingKeyError(
        f"none of the {len(stores)} stores has this gene",
        key=gene,
        remedy=f"{suggestion(gene, list(known))}See audit.coverage.find().",
    )
