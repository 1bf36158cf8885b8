"""Figures of weights: the classes in the data, and among what is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mappedviz.plots.drawing import ThemeName, bar_values, finish, legend, name_rows, start
from mappedviz.text.display import Words, quantity, share

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from mappedviz.audits.tables.weights import WeightTable
    from mappedviz.text.colours import Theme


def plot_weights(
    weights: WeightTable, ax: Axes | None = None, *, top_n: int = 25, theme: ThemeName = "auto"
) -> Axes:
    """Draw the share of each class among the cells, and among what weighted sampling draws.

    Parameters
    ----------
    weights
        ``audit.weights(keys)``: ``share_before`` and ``share_after`` of its table are drawn.
    ax, top_n, theme
        As for :func:`plot_shapes`; all but the most frequent classes are one pair of bars.

    Returns
    -------
    Axes
        Two bars per class. The title says how much of the data the weights leave in effect.
    """
    table = weights.table.sort_values("n", ascending=False, kind="stable")
    names_of = ("in the data", "drawn with these weights")
    ax, look = _two_shares(table[["share_before", "share_after"]], names_of, ax, top_n, theme)
    title = f"effective size {quantity(weights.effective_size)} cells"
    title += f" ({share(weights.effective_fraction)}), "
    title += f"{share(weights.distinct_fraction)} of cells seen in an epoch"
    finish(ax, look, title=title, unit=share)
    return ax


def plot_drawn(
    drawn: pd.DataFrame, ax: Axes | None = None, *, top_n: int = 15, theme: ThemeName = "auto"
) -> Axes:
    """Draw the share of each class among drawn cells, and the share that was expected.

    Parameters
    ----------
    drawn
        One row per class, with ``n``, ``expected`` and ``drawn``.
    ax, top_n, theme
        As for :func:`plot_shapes`; all but the most expected classes are one pair of bars.

    Returns
    -------
    Axes
        Two bars per class.
    """
    table = drawn.sort_values("expected", ascending=False, kind="stable")
    ax, look = _two_shares(table[["expected", "drawn"]], ("expected", "drawn"), ax, top_n, theme)
    title = f"Classes of {quantity(table['n'].sum())} drawn cells"
    finish(ax, look, title=title, unit=share)
    return ax


def _two_shares(
    table: pd.DataFrame, labels: tuple[str, str], ax: Axes | None, top_n: int, theme: ThemeName
) -> tuple[Axes, Theme]:
    """Draw two bars per row: the first rows of a table, and the sum of the others."""
    some, rest = table.iloc[:top_n], table.iloc[top_n:]
    rows: list[Any] = list(some.index)
    values = some.to_numpy(dtype=np.float64)
    if len(rest):
        rows.append(Words(f"other ({len(rest):,} more)"))
        values = np.vstack([values, rest.sum().to_numpy(dtype=np.float64)])
    ax, look = start(ax, rows=1.5 * len(rows), theme=theme)
    y = np.arange(len(rows))
    for place, (dy, colour) in enumerate(((-0.2, look.nothing), (0.2, look.accent))):
        ax.barh(y + dy, values[:, place], height=0.36, color=colour, label=labels[place])
        bar_values(ax, values[:, place], [share(v) for v in values[:, place]], look, dy)
    name_rows(ax, rows, look)
    legend(ax, ax.get_legend_handles_labels()[0], look)
    return ax, look
