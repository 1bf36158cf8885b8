"""Sections on labels and their weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mappedviz._types import Array
from mappedviz.audits.tables.weights import compare_schemes
from mappedviz.report.values import (
    BLUE,
    GREEN,
    GREY,
    PAGE_ROWS,
    REPR_ROWS,
    Cell,
    Figures,
    Section,
    Table,
    highest,
    left_out,
    number_cell,
    text_cell,
)
from mappedviz.text.colours import OKABE_ITO
from mappedviz.text.display import (
    Words,
    differing,
    is_missing,
    listed,
    names,
    quantity,
    share,
    shown,
)

if TYPE_CHECKING:
    import pandas as pd

    from mappedviz._types import Array
    from mappedviz.audits.tables.labels import LabelTable
from mappedviz.audits.tables.weights import WeightTable


def labels_section(labels: LabelTable, most: int, figures: Figures) -> Section:
    """Return the section on the cells of each label, stacked by store."""
    pictures = figures.get("labels", ())  # one of them has the bars, and a legend of its own
    bars = labels.bars(25 if most == REPR_ROWS else 200)
    by_store = sum((counts for _, counts in bars), np.zeros(len(labels.stores), dtype=np.int64))
    order = np.argsort(-by_store, kind="stable")
    # With as many stores as colours the last colour is a store's, else that of all others.
    own = order if len(order) <= len(OKABE_ITO) else order[: len(OKABE_ITO) - 1]
    own = np.sort(own)  # in the order of the table: the same colours as in every other view
    stores = differing([labels.stores[i] for i in own], 40)
    sums = [float(counts.sum()) for name, counts in bars if not isinstance(name, Words)]
    top = max(sums, default=0.0) or 1.0

    def row(name: str, of_stores: Array) -> list[Cell]:
        total = float(of_stores.sum())
        parts = [
            (float(of_stores[store]) / top, OKABE_ITO[place])
            for place, store in enumerate(own)
            if of_stores[store]
        ]
        others = total - float(of_stores[own].sum())
        if others > 0:
            parts.append((others / top, OKABE_ITO[-1]))
        said = [f"{stores[place]}: {quantity(of_stores[one])}" for place, one in enumerate(own)]
        title = "; ".join(said) if most == PAGE_ROWS else ""
        bar = [] if pictures else [Cell(parts=_shortened(parts))]
        return [
            Cell(name),
            Cell(quantity(total), number=True),
            Cell(quantity((of_stores > 0).sum()), number=True, title=title),
            *bar,
        ]

    texts = names([name for name, _ in bars], 60)
    rows = [row(text, counts) for text, (_, counts) in zip(texts, bars, strict=True)]
    head = ("label", "cells", "stores") if pictures else ("label", "cells", "stores", "by store")
    tables = [Table(head, rows)]
    if len(labels.variants):
        tables.append(_variants_table(labels.variants))
    legend = list(zip(OKABE_ITO, stores, strict=False))
    if len(own) < len(order):
        legend.append((OKABE_ITO[-1], f"other ({len(order) - len(own):,} stores)"))
    return Section(
        "labels",
        "Labels",
        lead=_labels_lead(labels),
        tables=tables,
        legend=() if pictures else legend,
        pictures=pictures,
    )


def _shortened(parts: list[tuple[float, str]]) -> tuple[tuple[float, str], ...]:
    """Return the segments of a stacked bar, scaled down if they are longer than the cell."""
    total = sum(length for length, _ in parts)
    scale = 1.0 if total <= 1 else 1.0 / total
    return tuple((length * scale, colour) for length, colour in parts)


def _labels_lead(labels: LabelTable) -> str:
    parts = [
        f"{shown(labels.key)}: {len(labels.classes):,} labels",
        f"{quantity(labels.total.sum())} cells with one",
    ]
    for column, words in (
        (labels.missing, "without a label"),
        (labels.absent, "in stores without the column"),
    ):
        if column.sum():
            parts.append(f"{quantity(column.sum())} {words}")
    return ", ".join(parts) + "."


def _variants_table(variants: pd.DataFrame) -> Table:
    some = variants.iloc[:60]
    rows = [
        [
            text_cell(row["label"], 80),
            number_cell(row["n"]),
            Cell(listed(list(row["stores"]), most=3)),
            Cell(shown(row["group"], 60)),
        ]
        for row in some.to_dict("records")
    ]
    return Table(
        ("label", "cells", "in", "group"),
        rows,
        title="Spellings that may mean the same",
        note=left_out(len(variants), 60, "spellings", "audit.labels().variants"),
        folded=True,
    )


def weights_section(weights: WeightTable, most: int, figures: Figures) -> Section:
    """Return the section on what weighted sampling draws."""
    frame = weights.table
    n_rows = 25 if most == REPR_ROWS else 200
    some = frame.iloc[:n_rows]
    top = max(highest(frame["share_before"]), highest(frame["share_after"]))
    rows = [
        [
            Cell(name),
            number_cell(row["n"]),
            number_cell(row["share_before"], top, GREY, text=share(row["share_before"])),
            number_cell(row["share_after"], top, BLUE, text=share(row["share_after"])),
            Cell(_draws(row["draws_per_cell"]), number=True),
        ]
        for name, row in zip(names(some.index, 60), some.to_dict("records"), strict=True)
    ]
    table = Table(
        ("class", "cells", "share in the data", "share drawn", "draws of a cell per epoch"),
        rows,
        note=left_out(len(frame), n_rows, "classes", "audit.weights().table"),
    )
    numbers = [
        (
            f"{quantity(weights.effective_size)} ({share(weights.effective_fraction)})",
            "effective cells with these weights",
        ),
        (share(weights.distinct_fraction), "of the cells seen in an epoch"),
        (f"{_draws(weights.rarest_repeats)} ×", "a cell of the rarest class is drawn"),
    ]
    return Section(
        "weights",
        "Weighted sampling",
        numbers=numbers,
        tables=[_schemes_table(weights), table],
        pictures=figures.get("weights", ()),
    )


def _schemes_table(weights: WeightTable) -> Table:
    """Return all schemes side by side; the one of the audit is marked."""
    words = {"uniform": "1", "inverse": "1/n", "scaled": "s/(s+n)", "sqrt": "1/√n"}
    rows = [
        [
            Cell(
                f"{scheme}: {words.get(str(scheme), '')}"
                + (" (as asked for)" if scheme == weights.scheme else "")
            ),
            number_cell(
                row["effective_fraction"],
                1,
                GREEN,
                f"{quantity(row['effective_size'])} ({share(row['effective_fraction'])})",
            ),
            number_cell(row["distinct_fraction"], 1, BLUE, share(row["distinct_fraction"])),
            Cell(_draws(row["rarest_repeats"]), number=True),
        ]
        for scheme, row in compare_schemes(weights.table["n"].to_numpy(), weights.scaler).iterrows()
    ]
    return Table(
        ("weight of a cell", "effective cells", "cells seen in an epoch", "draws of the rarest"),
        rows,
        title="Ways to weigh",
    )


def _draws(n: Any) -> str:
    if is_missing(n):
        return "–"
    return f"{float(n):,.0f}" if n >= 10 else f"{float(n):.2g}"
