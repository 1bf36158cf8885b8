"""Depth, genes and the mitochondrial share of drawn cells of each store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from mappedviz._types import Array
from mappedviz.audits.cells.drawn import Progress, StoreCells, read_each, store_column
from mappedviz.audits.cells.matrices import name_lists, open_rows, scale_of
from mappedviz.audits.gene_marks import mitochondrial
from mappedviz.audits.scales import undo_of
from mappedviz.audits.tables.identifiers import id_kind
from mappedviz.formats.cache import ChunkCache
from mappedviz.formats.files import FilePool
from mappedviz.gather.request import Part, sum_dtype
from mappedviz.gather.rows import gather_csr

if TYPE_CHECKING:
    import pandas as pd

    from mappedviz.gather.matrix import Matrix
    from mappedviz.recipe.recipe import Recipe

MEASURES = ("total", "genes", "mito")
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_FEW = 10  # fewer than there are: some were left out
_VALUES_PER_READ = 2_000_000


@dataclass(frozen=True, eq=False)
class CellStats:
    """Depth, genes and mitochondrial share of drawn cells of each store.

    Attributes
    ----------
    key
        The matrix.
    table
        DataFrame, one row per cell: ``store`` (categorical), ``row`` of the store, ``total`` (sum of its values as
        they are stored), ``genes`` (values that are not zero), ``mito`` (share of mitochondrial genes in
        the sum, 0 … 1; NaN where it is not known).
    stores
        DataFrame, one row per store: ``cells``, ``drawn`` (rows of the table), ``scale`` of the values (sums are
        depths where it is ``"counts"``), ``mito_genes`` (their number; NA where no names of genes are symbols),
        ``note`` (empty, or why something is not known).
    """

    key: str
    table: pd.DataFrame
    stores: pd.DataFrame

    @property
    def quantiles(self) -> pd.DataFrame:
        """DataFrame store × (measure, quantile): 0.05, 0.25, 0.5, 0.75 and 0.95; NaN where not known."""
        import pandas as pd

        # By number: pandas cannot hash every name that a file may have.
        grouped = self.table[list(MEASURES)].groupby(self.table["store"].cat.codes.to_numpy())
        found = cast("pd.DataFrame", grouped.quantile(np.array(QUANTILES)).unstack())
        columns = pd.MultiIndex.from_product([MEASURES, QUANTILES], names=["measure", "quantile"])
        found = found.reindex(range(len(self.stores))).reindex(columns=columns)
        found.index = self.stores.index
        return found

    @property
    def not_counts(self) -> list[str]:
        """Names of the stores whose values are not counts: their sums are not depths."""
        drawn = self.stores["drawn"] > 0
        return [str(name) for name in self.stores.index[drawn & (self.stores["scale"] != "counts")]]


def mito_genes(lists: Sequence[Array]) -> tuple[Array | None, str]:
    """Which genes are mitochondrial, by the first list of names that says it; and what is amiss.

    Examples
    --------
    >>> mask, note = mito_genes([np.array(["7157", "4535"]), np.array(["TP53", "MT-ND1"])])
    >>> mask.tolist(), note
    ([False, True], '')
    >>> mito_genes([np.array(["7157", "4535"])])
    (None, 'names of genes are no symbols: mitochondrial share unknown')
    """
    masks = [mitochondrial(names) for names in lists]
    mask = next((mask for mask in masks if mask.any()), None)
    if mask is None:
        kinds = (id_kind(names[names != ""]) for names in lists)
        mask = next(
            (mask for mask, kind in zip(masks, kinds, strict=True) if kind == "symbol"), None
        )
        if mask is None:
            return None, "names of genes are no symbols: mitochondrial share unknown"
        return mask, f"none of its {len(mask):,} genes is mitochondrial"
    n = int(mask.sum())
    some = n < _FEW and len(mask) > _FEW
    if not some:
        return mask, ""
    which = "is mitochondrial: share of it" if n == 1 else "are mitochondrial: share of these"
    return mask, f"{n} of its {len(mask):,} genes {which}"


def cell_stats_of(
    stores: Sequence[StoreCells],
    recipe: Recipe,
    n: int = 500,
    seed: int = 0,
    progress: Progress | None = None,
) -> CellStats:
    """Depth, genes and mitochondrial share of drawn cells: see :meth:`mappedviz.Audit.cell_stats`."""
    import pandas as pd

    key = recipe.layers_keys[0]
    cache = ChunkCache(64 << 20, FilePool())

    def read(one: StoreCells) -> tuple[Array, Array, str, int | None, str]:
        matrix = open_rows(one, recipe, key, cache)
        rows = one.draw(n, seed)
        scale = scale_of(one, recipe, key, matrix)
        mask, note = mito_genes(list(name_lists(one, recipe, key)))
        undo = undo_of(scale)
        if mask is not None and mask.any() and undo is None:
            note = f"values are {scale}: mitochondrial share unknown"
        known = mask is not None and mask.any() and undo is not None
        values = _stats(matrix, rows, mask if known else None, undo)
        one.store.check_unchanged()
        return rows, values, scale, None if mask is None else int(mask.sum()), note

    found, notes = read_each(stores, read, progress)
    nothing: Any = (np.empty(0, np.int64), np.empty((0, 3)), None, None, "")
    parts = [nothing if one is None else one for one in found]
    rows = [part[0] for part in parts]
    every = np.concatenate([*(part[1] for part in parts), np.empty((0, 3))])
    table = pd.DataFrame(
        {
            "store": store_column(stores, rows),
            "row": np.concatenate([*rows, np.empty(0, np.int64)]),
            "total": every[:, 0],
            "genes": every[:, 1].astype(np.int64),
            "mito": every[:, 2],
        }
    )
    summary = pd.DataFrame(
        {
            "cells": [one.n_cells for one in stores],
            "drawn": [len(some) for some in rows],
            "scale": pd.Series([part[2] for part in parts], dtype=object),
            "mito_genes": pd.array([part[3] for part in parts], dtype="Int64"),
            "note": [note or part[4] for note, part in zip(notes, parts, strict=True)],
        }
    )
    summary.index = pd.Index([one.name for one in stores], name="store", dtype=object)
    return CellStats(key, table, summary)


def _stats(
    matrix: Matrix, rows: Array, mask: Array | None, undo: Callable[[Array], Array] | None
) -> Array:
    """float64 (k, 3): sum, number of values that are not zero, and mitochondrial share of rows."""
    facts = matrix.facts
    dtype = sum_dtype(facts.dtype)  # entries may be repeated
    step = max(1, int(_VALUES_PER_READ / max(facts.shape[1] * facts.density, 1)))
    found = np.full((len(rows), 3), np.nan)
    for begin in range(0, len(rows), step):
        some = rows[begin : begin + step]
        part = Part(matrix, some, np.arange(len(some)), None)
        indptr, indices, data = gather_csr([part], len(some), facts.shape[1], dtype)
        row = np.repeat(np.arange(len(some)), np.diff(indptr))
        values = data.astype(np.float64, copy=False)
        here = found[begin : begin + len(some)]
        here[:, 0] = np.bincount(row, weights=values, minlength=len(some))
        here[:, 1] = np.bincount(row, weights=values != 0, minlength=len(some))
        if mask is not None and undo is not None:
            values = undo(values)
            all_genes = np.bincount(row, weights=values, minlength=len(some))
            mito = np.bincount(row, weights=values * mask[indices], minlength=len(some))
            with np.errstate(invalid="ignore", divide="ignore"):
                here[:, 2] = mito / all_genes
    return found
