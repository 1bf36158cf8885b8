"""The section on genes: what each store keeps, patterns, other identifiers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mappedviz.report.values import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    REPR_ROWS,
    Cell,
    Figures,
    Section,
    Table,
    highest,
    number_cell,
    text_cell,
)
from mappedviz.text.display import differing, is_missing, quantity

if TYPE_CHECKING:
    from mappedviz.audits.tables.genes import Coverage


def genes_section(coverage: Coverage, most: int, figures: Figures) -> Section:
    """Return the section on the genes that joins keep."""
    frame = coverage.table
    tops = {
        name: highest(frame[name])
        for name in ("kept", "lost", "zero_filled", "private", "gain_without")
    }
    # In a notebook half as many as there: those without which the inner join grows most.
    most = most // 2 if most == REPR_ROWS else most
    some = frame
    if len(frame) > most:
        gains = pd.to_numeric(frame["gain_without"], errors="coerce").fillna(-1).to_numpy()
        some = frame.iloc[np.sort(np.argsort(-gains, kind="stable")[:most])]
    rows = []
    for name, store in zip(differing(list(some.index), 48), some.to_dict("records"), strict=True):
        gain = store["gain_without"]
        without = quantity(store["inner_without"])
        if not is_missing(gain) and gain > 0:
            without += f" (+{quantity(gain)})"
        rows.append(
            [
                Cell(name),
                number_cell(store["n_vars"]),
                number_cell(store["kept"], tops["kept"], GREEN),
                number_cell(store["lost"], tops["lost"], ORANGE),
                number_cell(store["zero_filled"], tops["zero_filled"], GREY),
                number_cell(store["private"], tops["private"], BLUE),
                number_cell(gain, tops["gain_without"], BLUE, text=without),
                text_cell(store["id_kind"], 40),
            ]
        )
    per_store = Table(
        (
            "store",
            "genes",
            "kept (inner)",
            "lost (inner)",
            "zero-filled (outer)",
            "only here",
            "inner without it",
            "identifiers",
        ),
        rows,
        note=f"The {most:,} of {len(frame):,} stores that cost the inner join most; "
        "audit.coverage.table has all."
        if len(frame) > most
        else "",
    )
    pictures = figures.get("coverage", ())
    tables = [per_store] if pictures else [per_store, _patterns_table(coverage)]
    if len(coverage.what_if):
        tables.append(_what_if_table(coverage.what_if))
    curve = coverage.at_least
    numbers = [(quantity(coverage.inner), "genes in all stores (inner)")]
    if len(curve) > 2:
        half = int(curve.index[(len(curve) - 1) // 2])
        numbers.append((quantity(curve.loc[half]), f"in at least {half:,} stores"))
    numbers.append((quantity(coverage.outer), "in any store (outer)"))
    return Section(
        "coverage",
        "Genes",
        numbers=numbers,
        tables=tables,
        pictures=pictures,
    )


def _patterns_table(coverage: Coverage) -> Table:
    top = highest(coverage.patterns["n_genes"])
    rows = [
        [Cell(words), number_cell(n, top, BLUE if place < 15 else GREY)]
        for place, (words, n) in enumerate(coverage.bars(15))
    ]
    return Table(("genes that are in", "genes"), rows, title="Which genes are where", folded=True)


def _what_if_table(what_if: pd.DataFrame) -> Table:
    top = highest(what_if["inner"])
    some = what_if.iloc[:30]
    rows = [
        [
            text_cell(row["identifier"]),
            Cell("yes" if row["strip_version"] else "no"),
            Cell("yes" if row["upper_case"] else "no"),
            number_cell(row["inner"], top, GREEN),
            number_cell(row["outer"]),
            number_cell(row["n_stores"]),
        ]
        for row in some.to_dict("records")
    ]
    return Table(
        ("join by", "versions stripped", "upper case", "inner", "outer", "stores that have it"),
        rows,
        title="What if the stores were joined by …",
        folded=True,
    )
