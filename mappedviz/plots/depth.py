"""Figures of the depth of cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mappedviz.plots.drawing import PLAIN, ThemeName, finish, name_rows, note, start

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


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
    name_rows(ax, some.index, look)
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
