"""Figures of genes: what joins keep, which store costs most, which genes are where."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator
from mpl_toolkits.axes_grid1 import make_axes_locatable  # type: ignore[import-untyped]

from mappedviz.errors import RecipeError
from mappedviz.plots.drawing import (
    NAME_LENGTH,
    ThemeName,
    draw_bars,
    finish,
    name_rows,
    note,
    start,
    write,
)
from mappedviz.text.display import Words, compact, differing, listed, quantity

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from mappedviz.audits.tables.genes import Coverage

_FEW_STORES = 10
_MOST_TRIED = 1_000  # stores among which those that win together are looked for
_NO_CHANGE = "without which nothing changes"
_NO_MORE = "that cost no more than these"


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
    changed = int((some > 0).sum())
    if len(gains) > _FEW_STORES:  # rows that all say "no change" say nothing
        some = some.iloc[: max(changed, 1)]
    ax, look = start(ax, rows=len(some), theme=theme)
    inner = float(coverage.inner)
    values = some.to_numpy()
    texts = [f"{quantity(inner + n)}  (+{quantity(n)})" if n else "no change" for n in values]
    draw_bars(ax, look, some.index, values, texts, stores=True, color=look.accent, left=inner)
    finish(ax, look, title=f"genes of the inner join without … (with all: {quantity(inner)})")
    ax.set_xlim(0, (inner + float(values.max(initial=0.0))) * 1.35 or 1.0)
    ax.axvline(inner, color=look.muted, linewidth=1, linestyle=(0, (4, 3)))
    said = _together(coverage)
    if hidden := len(gains) - len(some):
        none = changed < len(some) or float(gains.iloc[len(some)]) == 0
        said.insert(0, f"and {hidden:,} stores {_NO_CHANGE if none else _NO_MORE}")
    note(ax, said, look)
    return ax


def _together(coverage: Coverage) -> list[str]:
    """Stores that win much more together than each by itself, in words."""
    if len(coverage.stores) > _MOST_TRIED:
        return []
    try:
        table = coverage.leave_out()
    except RecipeError:  # there are no names of genes to look for them
        return []
    by_itself = dict(zip(coverage.stores, coverage.table["gain_without"].tolist(), strict=True))
    better = [
        (float(gain) / len(stores), stores, int(inner), int(gain))
        for stores, inner, gain in zip(table["stores"], table["inner"], table["gain"], strict=True)
        if gain > 2 * sum(by_itself[name] for name in stores)
    ]
    if not better:
        return []
    _, best, inner, gain = max(better, key=lambda one: one[0])
    name_of = dict(zip(coverage.stores, differing(coverage.stores, 28), strict=True))
    words = listed([name_of[name] for name in best])
    return [f"together without {words}: {quantity(inner)} (+{quantity(gain)})"]


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
    values = some.to_numpy(np.float64)
    draw_bars(ax, look, some.index, values, texts, stores=True, color=look.accent)
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


def plot_intersections(
    coverage: Coverage,
    ax: Axes | None = None,
    *,
    top_n: int = 20,
    most_stores: int = 20,
    theme: ThemeName = "auto",
) -> Axes:
    """Draw which stores share how many genes: an UpSet matrix, or a histogram where there are many stores.

    Parameters
    ----------
    coverage
        ``audit.coverage``; its ``patterns`` or its ``histogram()`` are drawn.
    ax, theme
        As for :func:`plot_shapes`; of the matrix, a part goes to the bars above it.
    top_n
        Patterns, or bins, to show.
    most_stores
        Of more stores, genes are shown by the number of stores that have them.

    Returns
    -------
    Axes
        The matrix, one row per store and one column per pattern, its figure's last axes with one bar
        per pattern; or the histogram.
    """
    if len(coverage.stores) > most_stores:
        return _gene_histogram(coverage, ax, top_n, theme)
    some = coverage.patterns.iloc[:top_n]
    ax, look = start(ax, rows=len(coverage.stores) + 6, theme=theme)
    bars = make_axes_locatable(ax).append_axes("top", size=1.1, pad=0.05, sharex=ax)
    bars.set_facecolor(ax.get_facecolor())
    at = {store: i for i, store in enumerate(coverage.stores)}
    x = np.arange(len(some))
    all_x, all_y = np.meshgrid(x, np.arange(len(at)))
    ax.scatter(all_x.ravel(), all_y.ravel(), s=26, color=look.grid, linewidths=0)
    for place, pattern in enumerate(some["pattern"]):
        rows = sorted(at[store] for store in pattern)
        colour = look.accent if len(rows) == len(at) else look.ink
        ax.plot([place, place], [rows[0], rows[-1]], color=colour, linewidth=1.5)
        ax.scatter([place] * len(rows), rows, s=26, color=colour, linewidths=0, zorder=3)
    n = some["n_genes"].to_numpy(np.float64)
    everywhere = (some["n_stores"] == len(at)).tolist()
    colours = [look.accent if one else look.muted for one in everywhere]
    bars.bar(x, n, width=0.7, color=colours, linewidth=0)
    for place, value in enumerate(n):
        style = {"ha": "center", "fontsize": 7.5, "color": look.muted}
        write(bars, compact(value), (place, value), (0, 2), **style)
    title = f"genes by the stores that have them (in all: {quantity(coverage.inner)})"
    finish(bars, look, title=title, grid=None)
    if rest := coverage.n_patterns - len(some):
        others = quantity(coverage.outer - n.sum())
        note(ax, f"not shown: {others} genes of {rest:,} other patterns", look, below=8)
    finish(ax, look, title="", grid=None)
    ax.set_xticks([])
    bars.set_yticks([])
    bars.set_ylim(0, 1.2 * float(n.max(initial=0)) or 1.0)
    sizes = coverage.table["n_vars"].tolist()
    stores = differing(coverage.stores, NAME_LENGTH)
    rows_of = [Words(f"{s} ({quantity(k)})") for s, k in zip(stores, sizes, strict=True)]
    name_rows(ax, rows_of, look)
    ax.set_xlim(-0.6, max(len(some), 1) - 0.4)
    return ax


def _gene_histogram(coverage: Coverage, ax: Axes | None, most: int, theme: ThemeName) -> Axes:
    table = coverage.histogram(most)
    ax, look = start(ax, rows=9, theme=theme)
    low, high = table["low"].tolist(), table["high"].tolist()
    n = table["n_genes"].to_numpy(np.float64)
    colours = [look.accent if k == len(coverage.stores) else look.muted for k in high]
    ax.bar(np.arange(len(n)), n, width=0.8, color=colours, linewidth=0)
    for place, value in enumerate(n):
        style = {"ha": "center", "fontsize": 7.5, "color": look.muted}
        write(ax, compact(value), (place, value), (0, 2), **style)
    finish(
        ax,
        look,
        title=f"genes by how many of the {len(coverage.stores):,} stores have them",
        grid=None,
    )
    ax.set_xticks(np.arange(len(n)))
    words = [f"{a:,}" if a == b else f"{a:,}–{b:,}" for a, b in zip(low, high, strict=True)]
    ax.set_xticklabels(words, color=look.muted, rotation=40, ha="right", rotation_mode="anchor")
    ax.set_yticks([])
    ax.set_ylim(0, 1.15 * float(n.max(initial=0)) or 1.0)
    ax.set_xlabel("stores", color=look.muted, fontsize=9)
    return ax
