"""The cells: embeddings of drawn cells, their depth, and the values of a gene."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mappedviz.text.colours import OKABE_ITO
from mappedviz.text.display import MISSING, names, quantity, share, shown
from mappedviz.views import nodes, pictures
from mappedviz.views.models.memory import of_audit
from mappedviz.views.models.stores import listed_stores, texts_of
from mappedviz.views.models.tables import things
from mappedviz.views.series import Ids

if TYPE_CHECKING:
    import pandas as pd

    from mappedviz._types import Array
    from mappedviz.audits import CellStats, Embedding, Expression
    from mappedviz.audits.result import Audit
    from mappedviz.views.nodes import Node

SHOWS = {"embedding": "embedding", "depth": "depth and genes", "gene": "one gene"}
POINTS = 5_000  # of all panels: what travels stays small
PANELS = 12
_MOST_KEYS = 190
_MOST_VALUES = 3_000  # of all strips
_MOST_GROUPS = 60
_OTHER, _NOTHING = OKABE_ITO[-1], "#c4cbd3"
_MEASURES = {
    "total": ("Depth: sum of the values of a cell", "sum"),
    "genes": ("Genes: values of a cell that are not zero", "genes"),
    "mito": ("Mitochondrial share of the sum", "share"),
}


@dataclass(frozen=True)
class State:
    """The state of the view.

    Attributes
    ----------
    show
        One of :data:`SHOWS`.
    element
        The obsm element; "" for the one that most stores have.
    by
        The obs key of the colours; "store", or "" for the label.
    gene
        The gene.
    stores
        Stores in focus: their panels come first.
    found
        What was read, or the error in its place; None while it is being read.
    """

    show: str = "embedding"
    element: str = ""
    by: str = ""
    gene: str = ""
    stores: tuple[str, ...] = ()
    found: Any = None


@of_audit
def elements(audit: Audit) -> list[str]:
    """Return the names of all obsm elements, the most frequent first."""
    counts: dict[str, int] = {}
    for of_store in audit.stores["obsm"]:
        for name in of_store:
            counts[str(name)] = counts.get(str(name), 0) + 1
    return sorted(counts, key=lambda name: -counts[name])[:_MOST_KEYS]


@of_audit
def element_ids(audit: Audit) -> Ids:
    """Return the ids of the obsm elements."""
    return Ids(elements(audit), "e")


@of_audit
def key_ids(audit: Audit) -> Ids:
    """Return the ids of the obs keys."""
    return Ids([str(key) for key in audit.obs_schema.index[:_MOST_KEYS]], "k")


def points_of(audit: Audit) -> int:
    """Return how many cells are drawn of each store."""
    n = max(len(audit.stores), 1)
    return max(POINTS // min(n, PANELS), 200)


def body(audit: Audit, state: State) -> list[Node]:
    """Return the tab."""
    asked = nodes.row("asked", _asked(audit, state))
    if state.show == "gene" and not state.gene:
        return [asked, nodes.note("message", "Type the name of a gene, such as CD3E.", "hint")]
    if state.found is None:
        return [asked, nodes.note("reading", "Reading some cells of each store …", "hint")]
    if isinstance(state.found, Exception):
        return [asked, nodes.note("message", shown(str(state.found), 600), "warning")]
    if state.show == "depth":
        return [asked, *_depths(audit, state.found)]
    if state.show == "gene":
        return [asked, *_gene(audit, state, *state.found)]
    return [asked, *_embedding(audit, state, state.found)]


def _asked(audit: Audit, state: State) -> list[Node]:
    made = [nodes.segments("show", "show", state.show, list(SHOWS.items()))]
    if state.show != "depth":
        named = element_ids(audit)
        chosen = named.known([state.element])
        options: list[Node] = [{"id": "", "text": "that most stores have"}]
        options += [{"id": named.of(name), "text": shown(name, 40)} for name in elements(audit)]
        made.append(nodes.select("element", "embedding", chosen[0] if chosen else "", options))
    if state.show == "gene":
        made.append(nodes.text_field("gene", "gene", state.gene, placeholder="CD3E"))
    if state.show != "depth":
        named = key_ids(audit)
        label = "the store" if audit.label is None else shown(audit.label, 40)
        options = [{"id": "", "text": label}, {"id": "k-store", "text": "store"}]
        options += [
            {"id": named.of(key), "text": shown(key, 40)}
            for key in map(str, audit.obs_schema.index[:_MOST_KEYS])
        ]
        known = named.known([state.by])
        value = "k-store" if state.by == "store" else known[0] if known else ""
        words = "colour by" if state.show == "embedding" else "rows"
        made.append(nodes.select("by", words, value, options))
    return made


# ------------------------------------------------------------------------ embeddings


def _embedding(audit: Audit, state: State, found: Embedding) -> list[Node]:
    if found.key is None or not len(found.table):
        return [nodes.note("message", "No store has an embedding in obsm.", "hint")]
    shade, legend = _shade(found.table.get("label"))
    panels = _panels(audit, state, found, shade)
    title = (
        f"{shown(found.key, 40)}, by {shown(found.by, 40)}" if found.by else shown(found.key, 40)
    )
    scale = shown(found.by, 40) if "value" in shade else ""
    made = pictures.scatter("scatter", title, panels, legend=legend, scale=scale)
    return [made, *_left_out(audit, state, found, len(panels))]


def _shade(column: pd.Series[Any] | None) -> tuple[dict[str, Array], list[Node]]:
    """The colour or the value of each cell, and the legend; -1 is nothing."""
    if column is None:
        return {}, []
    if column.dtype.kind == "f":
        values = column.to_numpy()
        good = values[np.isfinite(values)]
        low, high = np.quantile(good, [0.01, 0.99]) if len(good) else (0.0, 1.0)
        return {"value": np.clip((values - low) / max(high - low, 1e-300), 0, 1)}, []
    codes = column.cat.codes.to_numpy().astype(np.int64)
    n_of = np.bincount(codes[codes >= 0], minlength=len(column.cat.categories))
    order = np.argsort(-n_of, kind="stable")
    colours = OKABE_ITO[:-1]
    top = order[: len(colours)]
    texts = names([column.cat.categories[i] for i in top.tolist()], 30)
    legend: list[Node] = [
        {"name": text, "colour": colours[i]} for i, text in enumerate(texts) if n_of[top[i]]
    ]
    rest = order[len(colours) :]
    place = np.full(len(n_of) + 1, -1, dtype=np.int64)
    place[top] = np.arange(len(top))
    if len(rest) and n_of[rest].sum():
        place[rest] = len(legend)
        legend.append({"name": f"{things(int((n_of[rest] > 0).sum()), 'other')}", "colour": _OTHER})
    if (codes < 0).any():
        place[-1] = len(legend)
        legend.append({"name": MISSING, "colour": _NOTHING})
    return {"colour": place[codes]}, legend


def _panels(audit: Audit, state: State, found: Embedding, shade: Mapping[str, Array]) -> list[Node]:
    """A picture for each of the first stores that have something to show, those in focus before others."""
    table, texts = found.table, texts_of(audit)
    codes = table["store"].cat.codes.to_numpy()
    xy = table[["x", "y"]].to_numpy(dtype=np.float64)
    every = [str(store) for store in table["store"].cat.categories]
    there = np.bincount(codes, minlength=len(every)) > 0
    order = sorted(range(len(every)), key=lambda i: (every[i] not in state.stores, i))
    n_cells = found.stores["cells"].reindex(every).to_numpy()
    panels = []
    for i in [i for i in order if there[i]][:PANELS]:
        rows = np.flatnonzero(codes == i)
        rows = rows[:: max(-(-len(rows) // points_of(audit)), 1)]
        some = xy[rows]
        low, span = some.min(axis=0), max(float(np.ptp(some, axis=0).max()), 1e-300)
        places = np.rint(1000 * (some - low) / span).astype(int)
        panel: Node = {
            "id": f"e{i}",
            "title": texts.get(every[i], every[i]),
            "x": places[:, 0].tolist(),
            "y": places[:, 1].tolist(),
            "n": int(n_cells[i]),
        }
        if "colour" in shade:
            panel["colour"] = shade["colour"][rows].tolist()
        elif "value" in shade:
            values = shade["value"][rows]
            panel["value"] = [None if np.isnan(one) else round(float(one), 2) for one in values]
        panels.append(panel)
    return panels


def _left_out(audit: Audit, state: State, found: Embedding, n: int) -> list[Node]:
    made = []
    shown_ = len(audit.stores) - len(found.absent)
    if n < shown_:
        said = f"{n:,} of {things(shown_, 'store')}: select others in Stores, and they come first."
        made.append(nodes.note("more", said, "hint"))
    if found.absent:
        has = "has" if len(found.absent) == 1 else "have"
        said = f"{things(len(found.absent), 'store')} {has} nothing to show: "
        made.append(nodes.note("absent", said + listed_stores(audit, found.absent), "hint"))
    odd = int(found.stores["not_finite"].sum())
    if odd:
        made.append(
            nodes.note("odd", f"{things(odd, 'cell')} have no finite coordinates.", "warning")
        )
    return made


# ------------------------------------------------------------------------ strips


def _depths(audit: Audit, found: CellStats) -> list[Node]:
    made = []
    quantiles, stores = found.quantiles, [str(store) for store in found.stores.index]
    texts = texts_of(audit)
    odd = set(found.not_counts)
    for name, (title, words) in _MEASURES.items():
        values = found.table[name].to_numpy(dtype=np.float64)
        codes = found.table["store"].cat.codes.to_numpy()
        log = name != "mito"
        # Sums of what are no counts are no depths, and would set the axis.
        rows = [
            i
            for i, store in enumerate(stores)
            if (name != "total" or store not in odd) and np.isfinite(values[codes == i]).any()
        ]
        if not rows:
            continue
        n = len(rows)
        if n > _MOST_GROUPS:  # those that differ most from the others
            medians = quantiles[name][0.5].to_numpy(dtype=np.float64)[rows]
            order = np.argsort(medians, kind="stable").tolist()
            half = _MOST_GROUPS // 2
            rows = [rows[i] for i in (*order[:half], *order[-half:])]
            title += f"; the {half} lowest and the {half} highest of {n:,} stores"
        place = np.full(len(stores) + 1, -1, dtype=np.int64)
        place[rows] = np.arange(len(rows))
        groups = place[codes]
        values = np.where(groups >= 0, values, np.nan)
        made.append(
            _strips(
                name,
                title,
                [texts.get(stores[i], stores[i]) for i in rows],
                values,
                groups,
                quantiles[name].to_numpy(dtype=np.float64)[rows],
                words,
                log=log,
            )
        )
    if found.not_counts:
        said = "Sums are no depths where values are not counts: "
        made.append(
            nodes.note("not_counts", said + listed_stores(audit, found.not_counts) + ".", "hint")
        )
    return made or [nodes.note("message", "No cell could be read.", "hint")]


def _strips(
    name: str,
    title: str,
    texts: Sequence[str],
    values: Array,
    groups: Array,
    quantiles: Array,
    words: str,
    *,
    log: bool = False,
    text_of: Sequence[str] | None = None,
) -> Node:
    """One row a group: some of its values, five quantiles, and the median as text."""
    axis = _Axis(values, log=log, percent=words == "share")
    per_row = max(_MOST_VALUES // max(len(texts), 1), 20)
    rows = []
    for i, text in enumerate(texts):
        of_row = values[groups == i]
        of_row = of_row[np.isfinite(of_row)]
        some = of_row[:: max(-(-len(of_row) // per_row), 1)]
        known = np.isfinite(quantiles[i])
        row: Node = {
            "id": f"{name}{i}",
            "label": text,
            "values": np.round(axis.at(some), 3).tolist(),
            "text": "–" if text_of is None else text_of[i],
        }
        if known.all():
            row["quantiles"] = np.round(axis.at(quantiles[i]), 3).tolist()
            if text_of is None:
                row["text"] = axis.text(float(quantiles[i][2]))
        rows.append(row)
    return pictures.strips(name, title, rows, {"ticks": axis.ticks(), "label": words})


class _Axis:
    """An axis from 0 to 1 for all rows: of logarithms, of shares, or of numbers."""

    def __init__(self, values: Array, *, log: bool = False, percent: bool = False) -> None:
        good = values[np.isfinite(values)]
        self.log = log and bool((good > 0).any()) and not bool((good < 0).any())
        self.percent = percent
        if self.log:
            good = np.log10(good[good > 0])
            self.low, self.high = float(np.floor(good.min())), float(np.ceil(good.max()))
        else:
            self.low = min(float(good.min(initial=0.0)), 0.0)
            self.high = float(np.quantile(good, 0.999)) if len(good) else 1.0
        self.high = max(self.high, self.low + 1e-9)

    def at(self, values: Array) -> Array:
        """The places of values, 0 … 1."""
        if self.log:
            values = np.log10(np.maximum(values, 10.0**self.low))
        return np.clip((values - self.low) / (self.high - self.low), 0, 1)

    def ticks(self) -> list[Node]:
        """Round numbers and their places."""
        if self.log:
            powers = [10.0**i for i in range(int(self.low), int(self.high) + 1)]
        else:
            step = _round_step((self.high - self.low) / 4)
            first, last = np.ceil(self.low / step), np.floor(self.high / step)
            powers = (step * np.arange(first, last + 1)).tolist()
        return [
            {"at": round(float(self.at(np.array([one]))[0]), 4), "text": self.text(one)}
            for one in powers
        ]

    def text(self, value: float) -> str:
        """A value as text."""
        if self.percent:
            return share(value)
        return quantity(round(value)) if value >= 100 else f"{value:.3g}"


def _round_step(step: float) -> float:
    """The next step of 1, 2, 2.5 or 5 times a power of ten.

    Examples
    --------
    >>> _round_step(0.07), _round_step(3), _round_step(1100)
    (0.1, 5.0, 2000.0)
    """
    power = 10.0 ** np.floor(np.log10(max(step, 1e-300)))
    return float(next(one * power for one in (1, 2, 2.5, 5, 10) if one * power >= step * 0.999))


# ------------------------------------------------------------------------ one gene


def _gene(audit: Audit, state: State, found: Expression, embedding: Embedding | None) -> list[Node]:
    values = found.table["value"].to_numpy(dtype=np.float64)
    column, by = found.table["store"], "store"
    if found.by not in (None, "store") and found.table["label"].dtype.kind != "f":
        column, by = found.table["label"], str(found.by)  # numbers are no groups
    codes = column.cat.codes.to_numpy()
    n_of = np.bincount(codes[codes >= 0], minlength=len(column.cat.categories))
    order = np.argsort(-n_of, kind="stable")[:_MOST_GROUPS]
    order = order[n_of[order] > 0]
    place = np.full(len(n_of) + 1, -1, dtype=np.int64)
    place[order] = np.arange(len(order))
    groups = place[codes]
    labels = [column.cat.categories[i] for i in order.tolist()]
    texts = (
        [texts_of(audit).get(str(one), str(one)) for one in labels]
        if by == "store"
        else names(labels, 30)
    )
    quantiles = np.full((len(labels), 5), np.nan)
    words = []
    # Where values were scaled, nothing is zero any more.
    odd = [store for store, scale in found.stores["scale"].items() if scale == "scaled"]
    scaled = found.table["store"].isin(odd).to_numpy()
    for i in range(len(labels)):
        some = values[(groups == i) & np.isfinite(values)]
        quantiles[i] = np.quantile(some, [0.05, 0.25, 0.5, 0.75, 0.95]) if len(some) else np.nan
        words.append(
            _share_words(values[(groups == i) & ~scaled]) or f"{np.median(some):.3g}"
            if len(some)
            else "–"
        )
    title = f"{shown(found.gene, 40)} by {shown(by, 40)}, values as they are stored"
    made = [_strips("values", title, texts, values, groups, quantiles, "value", text_of=words)]
    scales = {str(one) for one in found.stores["scale"].dropna()}
    if len(scales) > 1:
        said = (
            f"Values are on different scales ({', '.join(sorted(scales))}): compare within a store."
        )
        made.append(nodes.note("scales", said, "warning"))
    if found.absent:
        has = "does" if len(found.absent) == 1 else "do"
        said = f"{things(len(found.absent), 'store')} {has} not have the gene: "
        made.append(nodes.note("lacking", said + listed_stores(audit, found.absent), "hint"))
    if embedding is not None and embedding.key is not None and len(embedding.table):
        coloured = _coloured(audit, state, found, embedding)
        made.append(coloured)
    return made


def _share_words(values: Array) -> str:
    """The share of cells that have the gene; nothing if none is known."""
    some = values[np.isfinite(values)]
    return f"{share(float((some != 0).mean()))} of cells" if len(some) else ""


def _coloured(audit: Audit, state: State, found: Expression, embedding: Embedding) -> Node:
    """The embedding, coloured by the gene: they are of the same cells."""
    table = embedding.table[["store", "row"]].merge(
        found.table[["store", "row", "value"]], how="left", on=["store", "row"]
    )
    shade, _ = _shade(table["value"].astype(np.float64))
    panels = _panels(audit, state, embedding, shade)
    title = f"{shown(embedding.key, 40)}, by {shown(found.gene, 40)}"
    return pictures.scatter("scatter", title, panels, scale=shown(found.gene, 40))
