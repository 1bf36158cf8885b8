"""Sections on the stores: shapes, depth of cells, columns of obs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from mappedviz.report.values import (
    GREY,
    ORANGE,
    REPR_ROWS,
    Cell,
    Figures,
    Section,
    Table,
    highest,
    left_out,
    number_cell,
)
from mappedviz.text.display import (
    cut,
    differing,
    is_missing,
    listed,
    names,
    quantity,
    share,
    shown,
    size,
    visible,
)

if TYPE_CHECKING:
    import pandas as pd


def shapes_section(stores: pd.DataFrame, most: int, figures: Figures) -> Section:
    """Return the section on the stores themselves, one row per store."""
    some = stores.iloc[:most]
    tops = {name: highest(stores[name]) for name in ("n_obs", "n_vars", "nbytes")}
    rows = []
    for name, path, store in zip(
        differing(list(some.index), 48), some["path"], some.to_dict("records"), strict=True
    ):
        rows.append(
            [
                Cell(name, title=cut(visible(str(path)), 200) if most > REPR_ROWS else ""),
                _status(store["status"]),
                number_cell(store["n_obs"], tops["n_obs"]),
                number_cell(store["n_vars"], tops["n_vars"], ORANGE),
                _known(store["X"]),
                _known(store["x_scale"]),
                Cell(share(store["density"]), number=True),
                number_cell(store["nbytes"], tops["nbytes"], GREY, text=size(store["nbytes"])),
                Cell(_also(store), wrap=True),
            ]
        )
    table = Table(
        ("store", "status", "cells", "genes", "X", "values", "density", "size", "also"),
        rows,
        note=left_out(len(stores), most, "stores", "audit.stores"),
    )
    return Section("shapes", "Shapes", tables=[table], pictures=figures.get("shapes", ()))


def _known(value: Any) -> Cell:
    return Cell("–") if is_missing(value) else Cell(shown(value, 40))


def _status(status: str) -> Cell:
    # The whole sentence of an error is among the findings.
    return Cell(shown(status, 90), title=shown(status, 300) if len(status) > 90 else "", wrap=True)


def _also(store: Mapping[Any, Any]) -> str:
    parts = []
    if store["raw"]:
        parts.append(f"raw ({quantity(store['raw_n_vars'])})")
    parts += [
        f"{what}: {listed(store[what], most=3, limit=24)}"
        for what in ("layers", "obsm")
        if store[what]
    ]
    return "; ".join(parts)


def depth_section(depths: pd.DataFrame, most: int, figures: Figures) -> Section | None:
    """Return the section on the sums of sampled cells; None if no cell was sampled."""
    if not len(depths):
        return None
    groups = depths.groupby("store", sort=False)
    measured = [
        "total",
        "genes",
        *(["mito"] if "mito" in depths and depths["mito"].notna().any() else []),
    ]
    table = groups[measured].median().assign(rows=groups.size())
    most = most // 4 if most == REPR_ROWS else most
    some = table.iloc[:most]
    top = highest(table["genes"])
    rows = []
    for name, row in zip(differing(list(some.index), 48), some.to_dict("records"), strict=True):
        total = row["total"]
        text = f"{total:,.4g}" if abs(total) < 1e4 else quantity(total)
        rows.append([Cell(name), Cell(text, number=True), number_cell(row["genes"], top)])
        if "mito" in row:
            known = not is_missing(row["mito"])
            rows[-1].append(Cell(share(row["mito"]) if known else "–", number=True))
        rows[-1].append(number_cell(row["rows"]))
    head = ["store", "median sum", "median of genes not 0", "mitochondrial", "cells sampled"]
    if "mito" not in measured:
        head.remove("mitochondrial")
    return Section(
        "depth",
        "Depth of cells",
        lead="Sums mean the same only where the values do: see the column of values above.",
        tables=[
            Table(
                tuple(head),
                rows,
                note=left_out(len(table), most, "stores", "audit.library_sizes()"),
            )
        ],
        pictures=figures.get("depth", ()),
    )


def obs_section(schema: pd.DataFrame, most: int) -> Section | None:
    """Return the section on the columns of obs: in how many stores, of which types."""
    if not len(schema):
        return None
    stores = list(dict.fromkeys(schema.columns.get_level_values(0)))
    dtypes = schema.xs("dtype", axis=1, level=1)
    missing = schema.xs("missing", axis=1, level=1)  # per cent
    n_rows = 40 if most == REPR_ROWS else 500
    present = dtypes.notna()
    order = np.argsort(-present.to_numpy().sum(axis=1), kind="stable")[:n_rows]
    rows = []
    for name, i in zip(names(schema.index[order], 48), order, strict=True):
        here = present.iloc[i].to_numpy(dtype=bool)
        kinds = dtypes.iloc[i][here].astype(str).value_counts()
        words = ", ".join(
            f"{shown(kind, 30)} ({n})" if len(kinds) > 1 else shown(kind, 30)
            for kind, n in kinds.items()
        )
        worst = missing.iloc[i][here].max()
        rows.append(
            [
                Cell(name),
                number_cell(here.sum(), len(stores), text=f"{here.sum():,} of {len(stores):,}"),
                Cell(cut(words, 120)),
                Cell(share(worst / 100), number=True),
            ]
        )
    table = Table(
        ("column of obs", "in stores", "types", "most that is missing"),
        rows,
        note=left_out(len(schema), n_rows, "columns", "audit.obs_schema"),
    )
    return Section("obs", "Columns of obs", tables=[table])
