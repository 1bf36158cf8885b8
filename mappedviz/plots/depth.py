"""Figures of the depth of cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import LogLocator, MaxNLocator
from mpl_toolkits.axes_grid1 import make_axes_locatable  # type: ignore[import-untyped]

from mappedviz.plots.drawing import PLAIN, ThemeName, boxes, finish, name_rows, note, start, write
from mappedviz.text.display import compact, share

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from mappedviz._types import Array
    from mappedviz.audits.cells.depths import CellStats

_TITLES = {"total": "depth (sum of counts)", "genes": "genes per cell", "mito": "mitochondrial"}


def plot_library_sizes(
    depths: pd.DataFrame,
    ax: Axes | None = None,
    *,
    column: str = "total",
    top_n: int = 40,
    theme: ThemeName = "auto",
) -> Axes:
    """Draw the depth of the cells of each store: quartiles of sampled cells.

    Parameters
    ----------
    depths
        One row per sampled cell, with the columns ``store``, ``total`` (sum of the cell) and ``genes``.
    ax, top_n, theme
        As for :func:`plot_shapes`; the first stores are shown.
    column
        ``"total"`` or ``"genes"``.

    Returns
    -------
    Axes
        One box per store, on a logarithmic axis where all values are positive.
    """
    known = depths[np.isfinite(depths[column].to_numpy(np.float64))]
    groups = known.groupby("store", sort=False, observed=True)[column]
    table = groups.quantile([0, 0.25, 0.5, 0.75, 1]).unstack()
    some = table.iloc[:top_n]
    ax, look = start(ax, rows=len(some), theme=theme)
    y = np.arange(len(some))
    low, q1, median, q3, high = some.to_numpy(np.float64).reshape(-1, 5).T
    ax.hlines(y, low, high, color=look.muted, linewidth=1)
    ax.barh(y, q3 - q1, left=q1, height=0.6, color=look.accent, alpha=0.85)
    ax.plot(median, y, linestyle="none", marker="|", markersize=13, color=look.ink)
    name_rows(ax, some.index, look, stores=True)
    what = "sum of a cell" if column == "total" else "genes of a cell that are not 0"
    finish(ax, look, title=f"{what} (line: range, box: half of the cells, mark: median)")
    if len(some) and bool((low > 0).all()):
        ax.set_xscale("log")
        # Sums of one size need ticks between the powers of ten, in figures that people read.
        ax.xaxis.set_major_formatter(lambda value, _: PLAIN(value))
        ax.xaxis.set_minor_formatter(lambda *_: "")
        ax.margins(x=0.08)
    if hidden := len(table) - len(some):
        note(ax, f"not shown: {hidden:,} stores", look)
    return ax


def plot_cell_stats(
    stats: CellStats, ax: Axes | None = None, *, top_n: int = 40, theme: ThemeName = "auto"
) -> Axes:
    """Draw depth, genes and mitochondrial share of the cells of each store.

    Parameters
    ----------
    stats
        ``audit.cell_stats()``; its ``quantiles`` are drawn.
    ax, theme
        As for :func:`plot_shapes`; parts of the axes go to two more.
    top_n
        Stores to show: the first ones of the table.

    Returns
    -------
    Axes
        The axes with the depth; its figure's last two axes have the genes and the share. In each, one box
        per store: the line goes from the 5th to the 95th percentile, the box has half of the cells, the
        mark is at the median. Sums of values that are not counts are grey, and named.
    """
    some = stats.stores.iloc[:top_n]
    ax, look = start(ax, rows=len(some), theme=theme)
    divider = make_axes_locatable(ax)
    others = [divider.append_axes("right", size="80%", pad=0.35, sharey=ax) for _ in range(2)]
    quantiles = stats.quantiles.reindex(some.index)
    scales = some["scale"].tolist()
    counts = np.array([scale == "counts" for scale in scales])
    for one, (measure, title) in zip((ax, *others), _TITLES.items(), strict=True):
        one.set_facecolor(ax.get_facecolor())
        values = quantiles[measure].to_numpy(np.float64, copy=True)  # pandas 3 hands out its own
        colours = [look.second if measure == "mito" else look.accent] * len(some)
        texts = ["" if np.isfinite(row).all() else "unknown" for row in values]
        if measure == "total":
            # A sum of z-scores says nothing, and would stretch the axis below 0.
            values[~(values >= 0).all(axis=1)] = np.nan
            colours = [look.accent if own else look.nothing for own in counts]
            texts = [
                "" if own else _of_scale(scale) for scale, own in zip(scales, counts, strict=True)
            ]
        boxes(one, look, values, colours)
        finish(one, look, title=title, unit=share if measure == "mito" else compact)
        _limits(one, values, logarithmic=measure == "total")
        for y, (row, text) in enumerate(zip(values, texts, strict=True)):
            if text:
                # Behind the box, or before it where it ends far to the right.
                _low, high = one.transAxes.inverted().transform(
                    one.transData.transform([(value, y) for value in row[[0, -1]]])
                )[:, 0]
                before = high > 0.5
                end = one.get_xlim()[0] if np.isnan(high) else row[0 if before else -1]
                side = "right" if before else "left"
                style = {"va": "center", "ha": side, "fontsize": 7.5, "color": look.muted}
                write(one, text, (end, y), (-4 if before else 4, 0), **style)
    name_rows(ax, some.index, look, stores=True)
    for one in others:
        one.tick_params(labelleft=False)
    said = [] if counts.all() else ["grey: values are not counts, but what is written there"]
    if hidden := len(stats.stores) - len(some):
        said.append(f"not shown: {hidden:,} stores")
    if said:
        note(ax, "; ".join(said), look)
    return ax


def _of_scale(scale: object) -> str:
    return "not read" if scale is None or scale != scale else str(scale)


def _limits(ax: Axes, quantiles: Array, *, logarithmic: bool) -> None:
    """An axis that has room for all boxes, and for a word behind them."""
    known = quantiles[np.isfinite(quantiles)]
    low, high = float(known.min(initial=np.inf)), float(known.max(initial=0.0))
    if logarithmic and 0 < low < high:
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(
            LogLocator(subs=(1, 2, 5) if high < 15 * low else (1,), numticks=6)
        )
        ax.xaxis.set_major_formatter(lambda value, _: compact(value))
        ax.xaxis.set_minor_formatter(lambda *_: "")
        ax.set_xlim(low / 1.5, high * 1.5)
    else:
        ax.set_xlim(0, 1.1 * high or 1.0)
        ax.xaxis.set_major_locator(MaxNLocator(nbins=3, min_n_ticks=1))
