"""Names that files can hold and that nobody would choose, and tables of stores with such names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from mappedviz.audits import (
    CellStats,
    Coverage,
    Embedding,
    Expression,
    LabelTable,
    WeightTable,
)
from mappedviz.audits.tables.crosstabs import crosstab
from mappedviz.audits.tables.stores import STORE_COLUMNS
from mappedviz.recipe.labels import Labels
from mappedviz.recipe.recipe import Recipe

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</pre></details>{{ 7*7 }}{% raw %}",
    r"$\frac{$",
    "_hidden",
    "n" * 300,
    "n" * 149 + "X" + "n" * 150,
    "שלום עולם",
    "\u202egnp.exe",
    "😀🧬",
    "中文",
    "",
    "   ",
    "(missing)",
    "\x1b[31mred\x1b[0m\x00",
    "=cmd|' /C calc'!A0",
    "a\nb\r\tc",
    "\udcff",
]


def stores_table(names: list[str], broken: int = 0) -> pd.DataFrame:
    """A table like that of an audit; the first `broken` stores could not be opened."""
    n = len(names)
    rng = np.random.default_rng(n)
    rows = {
        "path": [f"/data/{name}" for name in names],
        "kind": ["h5ad"] * n,
        "n_obs": rng.integers(500, 90_000, n),
        "n_vars": rng.integers(2_000, 40_000, n),
        "X": ["csr float32 gzip(4)+shuffle"] * n,
        "x_kind": ["csr"] * n,
        "x_dtype": ["float32"] * n,
        "x_codec": ["gzip(4)+shuffle"] * n,
        "x_chunks": [(1000,)] * n,
        "x_scale": ["counts"] * n,
        "nnz": rng.integers(10**6, 10**8, n),
        "density": rng.random(n) / 5,
        "nbytes": rng.integers(10**6, 10**9, n),
        "layers": [["counts", *names[:1]]] * n,
        "raw": [True] * n,
        "raw_n_vars": [20_000] * n,
        "obsm": [["X_pca", "X_umap"]] * n,
        "encoding": ["dataframe 0.2.0"] * n,
        "status": ["ok"] * n,
    }
    table = pd.DataFrame(rows, columns=list(STORE_COLUMNS))
    table.index = pd.Index(names, name="store", dtype=object)
    whole = ["n_obs", "n_vars", "nnz", "nbytes", "raw_n_vars"]
    table[whole] = table[whole].astype("Int64")
    for i in range(broken):
        table.iloc[i, [table.columns.get_loc(name) for name in whole]] = pd.NA
        for name in ("kind", "X", "x_kind", "x_dtype", "x_codec", "x_chunks", "x_scale"):
            table.iloc[i, table.columns.get_loc(name)] = None
        table.iloc[i, table.columns.get_loc("density")] = np.nan
        table.iloc[i, table.columns.get_loc("status")] = (
            f"/data/{names[i]}: is an HTML page, not an HDF5 file. Download it again."
        )
    return table


def coverage_table(names: list[str], n_genes: int = 400) -> Coverage:
    """Stores that have most genes, each but the first lacking some of its own."""
    rng = np.random.default_rng(len(names))
    genes = np.array([f"G{i}" for i in range(n_genes)], dtype=object)
    has = {
        name: genes[rng.random(n_genes) < (1.0 if i == 0 else 0.97)].tolist()
        for i, name in enumerate(names)
    }
    coverage = Coverage.of(has)
    coverage.what_if = pd.DataFrame(
        {
            "identifier": ["index", f"var[{names[0]!r}]"],
            "strip_version": [False, True],
            "upper_case": [False, False],
            "n_stores": [len(names), 1],
            "inner": [coverage.inner, 3],
            "outer": [coverage.outer, 500],
            "var_key": [None, names[0]],
        }
    )
    return coverage


def label_counts(names: list[str], classes: list[str], key: str = "cell_type") -> LabelTable:
    """Every store but the last has the column; some of its cells have no label."""
    rng = np.random.default_rng(len(classes))
    counts = (rng.pareto(1, (len(names), len(classes))) * 20 + 1).astype(np.int64)
    counts[rng.random(counts.shape) < 0.4] = 0
    counts[0] += 1
    parts = [(classes, row, i) for i, row in enumerate(counts)]
    return LabelTable.of(key, names, [*parts[:-1], 2_000])


def weight_table(classes: list[str] | None = None) -> WeightTable:
    sizes = np.array([100_000, 20_000, 3_000, 200, 12])
    if classes is not None:
        sizes = np.resize(sizes, len(classes))
    return WeightTable.of("cell_type", classes or ["T", "B", "NK", "pDC", "_mega"], sizes)


def crossed(batches: list[str], classes: list[str]) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    n = 500
    return crosstab(
        Labels.merge([(rng.integers(0, len(classes), n), classes)]),
        Labels.merge([(rng.integers(0, len(batches), n), batches)]),
        ("label", "batch"),
    )


def depths(names: list[str]) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "store": np.repeat(np.array(names, dtype=object), 50),
            "total": rng.lognormal(8, 0.5, 50 * len(names)).round() + 1,
            "genes": rng.integers(0, 2_000, 50 * len(names)),
        }
    )


def _store_column(names: list[str], n: int) -> pd.Categorical:
    return pd.Categorical.from_codes(
        np.repeat(np.arange(len(names)), n), pd.Index(names, dtype=object)
    )


def embedding_table(names: list[str], classes: list[str], n: int = 60) -> Embedding:
    """Cells of every store but the last, which has none; some have no label."""
    rng = np.random.default_rng(0)
    drawn = names[:-1] or names
    codes = rng.integers(-1, len(classes), n * len(drawn))
    table = pd.DataFrame(
        {
            "store": _store_column(drawn, n).set_categories(names),
            "row": np.tile(np.arange(n), len(drawn)),
            "x": rng.normal(size=n * len(drawn)),
            "y": rng.normal(size=n * len(drawn)),
            "label": pd.Categorical.from_codes(codes, pd.Index(classes, dtype=object)),
        }
    )
    has = [name in drawn for name in names]
    stores = pd.DataFrame(
        {
            "element": ["X_umap" if one else None for one in has],
            "cells": [10 * n + i for i in range(len(names))],
            "drawn": [n if one else 0 for one in has],
            "not_finite": [0] * len(names),
            "note": ["" if one else "no X_umap: has nothing in obsm" for one in has],
        },
        index=pd.Index(names, name="store", dtype=object),
    )
    return Embedding("X_umap", "_key", table, stores)


def cell_stats_table(names: list[str], n: int = 50) -> CellStats:
    """Counts and other values in turn; the last store could not be read."""
    rng = np.random.default_rng(0)
    drawn = names[:-1] or names
    scales = [("counts", "log1p", "scaled")[i % 3] for i in range(len(drawn))]
    table = pd.DataFrame(
        {
            "store": _store_column(drawn, n).set_categories(names),
            "row": np.tile(np.arange(n), len(drawn)),
            "total": rng.lognormal(8, 0.5, n * len(drawn)),
            "genes": rng.integers(200, 2_000, n * len(drawn)),
            "mito": rng.random(n * len(drawn)) / 5,
        }
    )
    scaled = np.repeat(np.array(scales) == "scaled", n)
    table.loc[scaled, "total"] -= table["total"].mean()
    table.loc[scaled, "mito"] = np.nan
    stores = pd.DataFrame(
        {
            "cells": 10 * n,
            "drawn": [n if name in drawn else 0 for name in names],
            "scale": pd.Series([*scales, *[None] * (len(names) - len(drawn))], dtype=object),
            "mito_genes": pd.array([13] * len(names), dtype="Int64"),
            "note": ["" if name in drawn else "cannot be read" for name in names],
        }
    )
    stores.index = pd.Index(names, name="store", dtype=object)
    return CellStats("X", table, stores)


def expression_table(names: list[str], classes: list[str], n: int = 60) -> Expression:
    """Counts and logarithms in turn; the last store lacks the gene."""
    umap = embedding_table(names, classes, n)
    rng = np.random.default_rng(0)
    table = umap.table.drop(columns=["x", "y"])
    table["value"] = rng.poisson(0.7, len(table)).astype(np.float64)
    there = umap.stores["drawn"] > 0
    stores = pd.DataFrame(
        {
            "cells": umap.stores["cells"],
            "drawn": umap.stores["drawn"],
            "scale": [
                ("counts", "log1p")[i % 2] if one else None for i, one in enumerate(there.tolist())
            ],
            "share": 0.5,
            "mean": 0.7,
            "note": ["" if one else "does not have this gene" for one in there],
        }
    )
    return Expression("_GENE$1$", "X", "_key", table, stores)


def schema_table(names: list[str]) -> pd.DataFrame:
    columns = pd.MultiIndex.from_product([names, ["dtype", "missing"]], names=["store", "what"])
    rows = ["cell_type", "donor", *HOSTILE[:4]]
    table = pd.DataFrame(index=pd.Index(rows, name="column"), columns=columns, dtype=object)
    for i, name in enumerate(names):
        table[name, "dtype"] = ["category(12)", None if i % 2 else "object", *["float64"] * 4]
        table[name, "missing"] = [0.5, np.nan if i % 2 else 0.0, *[10.0] * 4]
        table[name, "missing"] = table[name, "missing"].astype(float)
    return table


def some_recipe() -> Recipe:
    return Recipe(paths=["a.h5ad", str(Path("b") / "<b>.zarr")], obs_keys="cell_type")
