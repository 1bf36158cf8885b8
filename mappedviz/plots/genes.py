"""Figures of genes: what joins keep, which store costs most, which genes are where."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from mappedviz.plots.drawing import ThemeName, draw_bars, finish, note, start, write
from mappedviz.text.display import Words, quantity

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from mappedviz.audits.tables.genes import Coverage


def plot_coverage_curve(
    coverage: Coverage, ax: Axes | None = None, *, theme: ThemeName = "auto"
) -> Axes:
    """Draw the number of genes that are in at least k stores, against k.

    Parameters
    ----------
    coverage
        ``audit.coverage``; its ``at_least`` is drawn.
    ax, theme
        As for :func:`plot_shapes`.

    Returns
    -------
    Axes
        From the outer join (k = 1) to the inner join (k = all).
    """
    curve = coverage.at_least
    ax, look = start(ax, rows=9, theme=theme)
    k, n = curve.index.to_numpy(dtype=np.int64), curve.to_numpy(dtype=np.float64)
    ax.fill_between(k, n, step=None, color=look.accent, alpha=0.15, linewidth=0)
    ax.plot(k, n, color=look.accent, marker="o" if len(k) <= 40 else None, markersize=5)
    finish(ax, look, title="genes in at least k stores", grid="y")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ax.yaxis.set_major_formatter(lambda value, _: quantity(value))
    ax.set_xlabel("k", color=look.muted)
    ax.set_ylim(0, 1.18 * float(n.max(initial=0)) or 1.0)
    ends = (("outer", 0, (0, 9), "bottom"), ("inner", -1, (9, 0), "center"))
    # The inner join is named beside its point: above it the curve comes down.
    for words, i, offset, va in ends[: len(k)]:
        text = f"{words} {quantity(n[i])}"
        write(ax, text, (k[i], n[i]), offset, va=va, color=look.ink, fontweight="bold")
    return ax


def plot_leave_one_out(
    coverage: Coverage, ax: Axes | None = None, *, top_n: int = 25, theme: ThemeName = "auto"
) -> Axes:
    """Draw how the inner join grows without one store: which store costs most genes.

    Parameters
    ----------
    coverage
        ``audit.coverage``; ``inner`` and its table's ``gain_without`` are drawn.
    ax, top_n, theme
        As for :func:`plot_shapes`; the stores that cost most come first.

    Returns
    -------
    Axes
        One bar per store, from the inner join of all stores to that without the store.
    """
    gains = coverage.table["gain_without"].dropna().astype("float64")
    gains = gains.sort_values(ascending=False, kind="stable")
    some = gains.iloc[:top_n]
    ax, look = start(ax, rows=len(some), theme=theme)
    inner = float(coverage.inner)
    values = some.to_numpy()
    texts = [f"{quantity(inner + n)}  (+{quantity(n)})" if n else "no change" for n in values]
    draw_bars(ax, look, some.index, values, texts, color=look.accent, left=inner)
    finish(ax, look, title=f"genes of the inner join without … (with all: {quantity(inner)})")
    ax.set_xlim(0, (inner + float(values.max(initial=0.0))) * 1.35 or 1.0)
    ax.axvline(inner, color=look.muted, linewidth=1, linestyle=(0, (4, 3)))
    if hidden := len(gains) - len(some):
        note(ax, f"and {hidden:,} stores that cost no more than these", look)
    return ax


def plot_measured(
    measured: pd.DataFrame, ax: Axes | None = None, *, top_n: int = 40, theme: ThemeName = "auto"
) -> Axes:
    """Draw how many genes of a batch each store has, those with fewest first; the others are zeros.

    Parameters
    ----------
    measured
        ``audit.var_measured``: gene × store of bool.
    ax, top_n, theme
        As for :func:`plot_shapes`.

    Returns
    -------
    Axes
        One bar per store.
    """
    some = measured.sum().sort_values(kind="stable").iloc[:top_n]
    ax, look = start(ax, rows=len(some), theme=theme)
    texts = [f"{quantity(n)} of {quantity(len(measured))}" for n in some]
    draw_bars(ax, look, some.index, some.to_numpy(np.float64), texts, color=look.accent)
    finish(ax, look, title="genes of a batch that a store has")
    return ax


def plot_patterns(
    coverage: Coverage, ax: Axes | None = None, *, top_n: int = 15, theme: ThemeName = "auto"
) -> Axes:
    """Draw the most frequent patterns: sets of stores that share genes.

    Parameters
    ----------
    coverage
        ``audit.coverage``; its ``patterns`` are drawn.
    ax, top_n, theme
        As for :func:`plot_shapes`; all other patterns are one bar.

    Returns
    -------
    Axes
        One bar per pattern. The stores of a pattern are named in words.
    """
    bars = coverage.bars(top_n)
    ax, look = start(ax, rows=len(bars), theme=theme)
    values = np.array([n for _, n in bars], dtype=np.float64)
    paints = [look.accent if i < top_n else look.nothing for i in range(len(bars))]
    rows = [Words(words) for words, _ in bars]
    draw_bars(ax, look, rows, values, [quantity(value) for value in values], color=paints)
    finish(ax, look, title="genes that are in …")
    return ax
