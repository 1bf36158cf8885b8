"""Cells as points: the embedding of each store, coloured by a key or by a gene."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mappedviz.text.colours import OKABE_ITO
from mappedviz.text.display import MISSING, names, quantity, shown
from mappedviz.views import pictures
from mappedviz.views.series import NO_MARKS

if TYPE_CHECKING:
    from mappedviz._types import Array
    from mappedviz.audits.cells.embeddings import Embedding
    from mappedviz.audits.cells.expression import Expression
    from mappedviz.views.nodes import Node

#: Points that are sent of all stores together.
MOST_POINTS = 7_000
_MOST_OF_A_STORE = 2_500
_GREY, _PALE = "#999999", "#7d8590"
#: Points have no hatches, so there are seven more colours, seen on light and on dark paper.
COLOURS = (
    *OKABE_ITO[:-1],
    *("#8c6bb1", "#a6611a", "#66a61e", "#e7298a", "#17a2b8", "#b8a900", "#f07f6e"),
)
_SIDE = 1000  # of a picture


@dataclass(frozen=True)
class Paints:
    """The colour of each cell.

    Attributes
    ----------
    numbers
        Per cell its place in the legend, or 62 times its value; -1 for none.
    legend
        Names and colours.
    valued
        Whether numbers are values.
    words
        The key or the gene.
    scale
        The meaning of a value.
    """

    numbers: Array
    legend: Sequence[Node]
    valued: bool
    words: str
    scale: str = ""


def by_key(embedding: Embedding, every_store: Sequence[str]) -> Paints:
    """Colours by the obs key: the most frequent labels have one, all others are grey.

    Parameters
    ----------
    embedding
        The cells.
    every_store
        Names of all stores, which give each its colour.
    """
    table = embedding.table
    words = shown(embedding.by, 40) if embedding.by is not None else ""
    if "label" not in table:
        return Paints(np.zeros(len(table), np.int64), [], False, words)
    if table["label"].dtype.kind == "f":
        values = table["label"].to_numpy(np.float64)
        known = values[np.isfinite(values)]
        low, high = np.quantile(known, [0.02, 0.98]) if len(known) else (0.0, 1.0)
        scale = f"{words}, from {low:.3g} to {high:.3g}"
        return Paints(_letters(values, low, high), [], True, words, scale)
    codes = table["label"].cat.codes.to_numpy().astype(np.int64)
    if embedding.by == "store":
        place = {name: i for i, name in enumerate(every_store)}
        n = len(OKABE_ITO) - 1
        of = np.array([place[str(name)] % n for name in table["label"].cat.categories] or [0])
        legend = [{"name": "", "colour": colour} for colour in OKABE_ITO[:n]]
        return Paints(of[codes], legend, False, words)
    categories = list(table["label"].cat.categories)
    times = np.bincount(codes[codes >= 0], minlength=len(categories))
    order = np.argsort(-times, kind="stable")
    some = order if len(order) <= len(COLOURS) else order[: len(COLOURS) - 1]
    legend = [
        {"name": text, "colour": COLOURS[i]}
        for i, text in enumerate(names([categories[i] for i in some.tolist()], 30))
    ]
    # One more entry than categories: code -1 picks the last one.
    of = np.full(len(categories) + 1, len(some), dtype=np.int64)
    of[some] = np.arange(len(some))
    if more := len(order) - len(some):
        legend.append({"name": f"other ({more:,} more)", "colour": _GREY})
    of[-1] = len(legend)
    if (codes < 0).any():
        legend.append({"name": MISSING, "colour": _PALE})
    return Paints(of[codes], legend, False, words)


def by_gene(embedding: Embedding, expression: Expression) -> Paints:
    """Colours by the values of a gene; -1 for cells of stores that do not have it."""
    values, scaled, _ = expression.on_one_axis()
    there = _cell_keys(expression, expression.table)
    wanted = _cell_keys(embedding, embedding.table)
    at = np.minimum(np.searchsorted(there, wanted), max(len(there) - 1, 0))
    known = there[at] == wanted if len(there) else np.zeros(len(wanted), dtype=bool)
    numbers = np.full(len(wanted), -1, dtype=np.int64)
    gene = shown(expression.gene, 30)
    scale = gene
    for some in (~scaled, scaled):  # z-scores have a scale of their own
        here = known.copy()
        here[known] = some[at[known]]
        if not here.any():
            continue
        found = values[at[here]]
        if some is scaled:
            low, high = np.quantile(found, [0.02, 0.98])
            scale += "; z-scores of scaled stores on a scale of their own"
        else:
            low, high = 0.0, float(np.quantile(found[found != 0], 0.98)) if found.any() else 1.0
            scale += f", from 0 to {high:.3g}"
        numbers[here] = _letters(found, low, high)
    return Paints(numbers, [], True, gene, scale)


def _cell_keys(source: Embedding | Expression, table: Any) -> Array:
    """A number for each cell, ascending: its store, then its row."""
    store: Array = table["store"].cat.codes.to_numpy().astype(np.int64)
    rows: Array = table["row"].to_numpy(np.int64)
    return (store << 40) + rows


def _letters(values: Array, low: float, high: float) -> Array:
    with np.errstate(invalid="ignore"):
        unit = np.clip((values - low) / ((high - low) or 1.0), 0, 1)
        return np.where(np.isfinite(values), np.nan_to_num(np.round(62 * unit)), -1).astype(
            np.int64
        )


def scatter(
    embedding: Embedding,
    paints: Paints,
    texts: dict[str, str],
    most: int = MOST_POINTS,
    marks: Mapping[str, Any] = NO_MARKS,
) -> tuple[Node, int]:
    """Return the pictures of the stores side by side, and how many cells are drawn.

    Parameters
    ----------
    embedding, paints
        The cells and their colours.
    texts
        The text of each store.
    most
        Points of all stores together.
    marks
        The mark before the name of each store.
    """
    drawn = embedding.stores["drawn"].tolist()
    ends = np.cumsum([0, *drawn])
    some = [i for i, n in enumerate(drawn) if n]
    each = min(_MOST_OF_A_STORE, max(most // max(len(some), 1), 1))
    xy = embedding.table[["x", "y"]].to_numpy(np.float64)
    panels, places, colours, total = [], [], [], 0
    for i in some:
        n = drawn[i]
        at = ends[i] + np.unique(np.linspace(0, n - 1, min(n, each)).astype(np.int64))
        name = str(embedding.stores.index[i])
        title = texts.get(name) or shown(name, 40)
        n_cells = int(embedding.stores["cells"].iloc[i])
        panels.append({"id": f"p{i}", "title": title, "n": n_cells, "mark": marks.get(name)})
        places.append(pictures.packed(_on_canvas(xy[ends[i] : ends[i + 1]], xy[at]).ravel(), 2))
        colours.append(pictures.packed(paints.numbers[at]))
        total += len(at)
    key = "no embedding" if embedding.key is None else shown(embedding.key, 40)
    by = f", coloured by {paints.words}" if paints.words else ""
    made = pictures.scatter(
        "embedding",
        f"{key}{by}",
        panels,
        legend=paints.legend,
        places=places,
        paints=colours,
        valued=paints.valued,
        scale=paints.scale,
    )
    return made, total


def _on_canvas(every: Array, some: Array) -> Array:
    """Whole numbers 0 … 1000, with one scale for both axes; what lies far out is put at the edge."""
    low, high = np.quantile(every, [0.002, 0.998], axis=0)
    middle, side = (low + high) / 2, 1.04 * float(np.max(high - low)) or 1.0
    places: Array = np.clip(np.round(_SIDE * ((some - middle) / side + 0.5)), 0, _SIDE)
    return places.astype(np.int64)


def sentence(embedding: Embedding, n: int) -> str:
    """Return how many cells are drawn, of how many."""
    cells = embedding.stores["cells"][embedding.stores["drawn"] > 0].sum()
    read = embedding.stores["drawn"].sum()
    if n == cells:
        return f"All {quantity(n)} cells are drawn."
    if read == cells:
        return f"{quantity(n)} of {quantity(cells)} cells are drawn, evenly of each store."
    return (
        f"{quantity(n)} cells are drawn, of {quantity(read)} that were read, evenly out of the "
        f"{quantity(cells)} of these stores."
    )
