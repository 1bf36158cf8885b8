"""Distributions of cells: depth, genes and mitochondrial share of each store, and one gene."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mappedviz.audits.cells.drawn import groups_of
from mappedviz.text.colours import OKABE_ITO
from mappedviz.text.display import Words, compact, is_missing, listed, names, share, shown
from mappedviz.views import pictures
from mappedviz.views.series import NO_MARKS

if TYPE_CHECKING:
    from mappedviz._types import Array
    from mappedviz.audits.cells.depths import CellStats
    from mappedviz.audits.cells.expression import Expression
    from mappedviz.views.nodes import Node
    from mappedviz.views.series import Ids

#: What is measured of cells, and its title.
MEASURES = {"total": "Depth", "genes": "Genes per cell", "mito": "Mitochondrial share"}
_UNITS = {"total": "sum of values", "genes": "genes", "mito": "% of counts"}
IDS = {"total": "depth", "genes": "genes", "mito": "mito"}
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_DOTS = 1_000  # of a chart
_MOST_ROWS = 25  # labels
# Ticks of a logarithmic axis, by the decades that it spans.
_DIGITS: dict[float, tuple[float, ...]] = {
    0.7: (1, 1.5, 2, 3, 5, 7),
    1.5: (1, 2, 5),
    math.inf: (1,),
}
_BLUE, _ORANGE, _GREY = OKABE_ITO[0], OKABE_ITO[1], OKABE_ITO[-1]


class Axis:
    """A scale from 0 to 1, linear from 0 on or logarithmic, and its ticks."""

    def __init__(
        self, low: float, high: float, words: Callable[[Any], str], *, log: bool = False
    ) -> None:
        self.log = log and 0 < low < high
        if self.log:
            self.low, self.high = math.log10(low / 1.2), math.log10(high * 1.2)
            decades = range(math.floor(self.low), math.ceil(self.high) + 1)
            span = self.high - self.low
            digits = next(some for width, some in _DIGITS.items() if span < width)
            at = [digit * 10.0**power for power in decades for digit in digits]
        else:
            self.low, self.high = min(low, 0.0), 1.05 * high if high > 0 else 1.0
            step = _step(self.high - self.low)
            first = math.ceil(self.low / step)
            at = [step * i for i in range(first, first + 8)]
        ticks = [(float(self.unit(np.array([one]))[0]), words(one)) for one in at]
        self.ticks = [
            {"at": round(place, 4), "text": text} for place, text in ticks if 0 <= place <= 1
        ]

    def unit(self, values: Array) -> Array:
        """Values as places, which may be outside of 0 … 1."""
        with np.errstate(divide="ignore", invalid="ignore"):
            scaled = np.log10(values) if self.log else values
        places: Array = (scaled - self.low) / (self.high - self.low)
        return places

    def places(self, values: Array) -> list[float]:
        """Values as places within 0 … 1, without those that have none."""
        found = self.unit(values)
        found = np.clip(found[~np.isnan(found)], 0, 1)
        return [round(one, 3) for one in found.tolist()]


def _step(span: float) -> float:
    """A round step that divides a span in 2 to 4."""
    power = 10.0 ** math.floor(math.log10(span / 4)) if span > 0 else 1.0
    return next(digit * power for digit in (1, 2, 5, 10, 20) if span / (digit * power) <= 4.5)


def _some(values: Array, n: int) -> Array:
    """At most so many of the values, evenly."""
    at = np.unique(np.linspace(0, max(len(values) - 1, 0), min(len(values), n)).astype(int))
    some: Array = values[at]
    return some


def of_stores(
    stats: CellStats,
    measure: str,
    texts: dict[str, str],
    ids: Ids,
    selected: Sequence[str],
    title: str = "",
    marks: Mapping[str, Any] = NO_MARKS,
) -> Node:
    """Return one measure of the cells of each store.

    Parameters
    ----------
    stats
        What was read.
    measure
        A key of :data:`MEASURES`.
    texts, ids
        The text and the id of each store.
    selected
        Stores in focus.
    title
        In place of its own.
    """
    quantiles = stats.quantiles[measure].to_numpy(np.float64)
    scales = stats.stores["scale"].tolist()
    notes = [str(note) for note in stats.stores["note"]]
    codes = stats.table["store"].cat.codes.to_numpy()
    every = stats.table[measure].to_numpy(np.float64)
    depth = measure == "total"
    # A sum of z-scores says nothing, and would stretch the axis below 0.
    there = np.isfinite(quantiles).all(axis=1) & (quantiles >= 0).all(axis=1)
    known = quantiles[there]
    words: Callable[[Any], str] = share if measure == "mito" else compact
    axis = Axis(
        float(known[known > 0].min(initial=np.inf)) if depth else 0.0,
        float(known.max(initial=0.0)),
        words,
        log=depth,
    )
    dots = max(8, min(80, _DOTS // max(len(quantiles), 1)))
    rows = []
    for i, store in enumerate(stats.stores.index):
        not_counts = depth and scales[i] != "counts"
        scale = "not read" if is_missing(scales[i]) else str(scales[i])
        text = words(quantiles[i, 2]) if there[i] else "unknown"
        if not_counts:
            text = scale
        said = f"median {words(quantiles[i, 2])}" if there[i] else "unknown"
        values = every[codes == i] if there[i] else every[:0]
        rows.append(
            {
                "id": ids.of(store),
                "label": texts.get(str(store), str(store)),
                "values": axis.places(_some(values, dots)),
                "quantiles": axis.places(quantiles[i]) if there[i] else [],
                "text": text,
                "title": shown(f"{said}; {notes[i]}" if notes[i] else said, 300),
                "colour": _GREY if not_counts else _ORANGE if measure == "mito" else _BLUE,
                "mark": marks.get(str(store)),
            }
        )
    return pictures.strips(
        IDS[measure],
        title or MEASURES[measure],
        rows,
        {"ticks": axis.ticks, "label": _UNITS[measure]},
        selected=ids.known(selected),
        selectable="many",
    )


def of_gene(
    expression: Expression,
    texts: dict[str, str],
    ids: Ids,
    selected: Sequence[str],
    marks: Mapping[str, Any] = NO_MARKS,
) -> tuple[Node, list[str]]:
    """Return the values of a gene by label or by store, and what is to be said of them.

    Parameters
    ----------
    expression
        What was read.
    texts, ids, selected
        As for :func:`of_stores`.
    """
    table = expression.table
    values, scaled, said = expression.on_one_axis()
    grouped = (
        expression.by not in (None, "store")
        and "label" in table
        and table["label"].dtype.kind != "f"
    )
    codes, groups = groups_of(table["label"] if grouped else table["store"])
    if grouped and scaled.any() and not scaled.all():
        # What is not 0 is not known of z-scores, and they are not on an axis with other values.
        out = expression.stores.index[expression.stores["scale"] == "scaled"]
        said.append(
            f"left out, because scaled: {listed([texts.get(str(one), one) for one in out], 3)}"
        )
        codes, values, scaled = codes[~scaled], values[~scaled], scaled[~scaled]
    n = np.bincount(codes, minlength=len(groups))
    unknown = np.bincount(codes, weights=scaled, minlength=len(groups)) > 0
    shares = np.bincount(codes, weights=values != 0, minlength=len(groups)) / np.maximum(n, 1)
    shares[unknown] = np.nan
    # Cells without a label are no class: below the others, and the axis is made without them.
    last = len(groups) - 1
    unnamed = codes == (last if groups and isinstance(groups[last], Words) else -1)
    below = [last] if unnamed.any() else []
    kept = np.setdiff1d(np.flatnonzero(n), below)
    if grouped:
        kept = kept[np.argsort(-n[kept], kind="stable")]
        if len(kept) > _MOST_ROWS:
            said.append(f"{len(kept) - _MOST_ROWS:,} labels with fewer cells are not shown")
        kept = kept[:_MOST_ROWS]
        kept = kept[np.argsort(-np.nan_to_num(shares[kept]), kind="stable")]
    if expression.absent:
        lacking = [texts.get(one, one) for one in expression.absent]
        said.append(f"without this gene: {listed(lacking, most=3)}")
    counted = slice(None) if unnamed.all() else ~unnamed
    axis = _axis_of_gene(values[counted], scaled[counted])
    dots = max(8, min(80, _DOTS // max(len(kept) + len(below), 1)))
    every = [*kept.tolist(), *below]
    labels = (
        names([groups[i] for i in every], 30)
        if grouped
        else [texts.get(str(groups[i]), str(groups[i])) for i in every]
    )
    rows = []
    for i, label in zip(every, labels, strict=True):
        some = values[(codes == i) & ((values != 0) | scaled)]
        text = "scaled" if np.isnan(shares[i]) else share(shares[i])
        rows.append(
            {
                "id": f"g{i}" if grouped else ids.of(groups[i]),
                "label": label,
                "values": axis.places(_some(some, dots)),
                "quantiles": axis.places(np.quantile(some, _QUANTILES)) if len(some) else [],
                "text": text,
                "title": f"{text} of {n[i]:,} cells",
                "colour": _GREY if i in below else _BLUE,
                "mark": None if grouped else marks.get(str(groups[i])),
            }
        )
    gene = shown(expression.gene, 30)
    by = shown(expression.by, 30) if grouped else "store"
    made = pictures.strips(
        "expression",
        f"{gene} by {by}: share of cells in which it is not 0, and its values there",
        rows[: len(kept)],
        {"ticks": axis.ticks, "label": f"{gene} where it is not 0"},
        below=rows[len(kept) :],
        selected=[] if grouped else ids.known(selected),
        selectable="none" if grouped else "many",
    )
    return made, said


def _axis_of_gene(values: Array, scaled: Array) -> Axis:
    """The axis for the values of a gene that are not 0."""
    positive = values[(values != 0) & ~scaled]
    drawn = values[scaled] if not len(positive) else positive
    low = float(np.quantile(values[scaled], 0.01)) if scaled.any() else 0.0
    high = float(np.quantile(drawn, 0.995)) if len(drawn) else 1.0
    return Axis(low, high, lambda one: f"{one:.3g}")
