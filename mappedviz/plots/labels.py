"""Figures of labels: by store, and two of them against each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.patches import Patch, Rectangle

from mappedviz.plots.drawing import (
    MOST_STORES,
    NAME_LENGTH,
    PLAIN,
    ThemeName,
    bar_values,
    drawable,
    finish,
    legend,
    name_rows,
    segments_of_bars,
    start,
    store_style,
)
from mappedviz.text.colours import ink_on
from mappedviz.text.display import Words, differing, names, quantity, share

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from matplotlib.axes import Axes

    from mappedviz._types import Array
    from mappedviz.audits.tables.labels import LabelTable
    from mappedviz.recipe.labels import Label
    from mappedviz.text.colours import Theme

_MOST_NUMBERS = 300
_MOST_NUMBERS_PER_ROW = 15
_PALEST = 0.1  # share of a row that is in full colour, at least


def plot_categories(
    labels: LabelTable,
    ax: Axes | None = None,
    *,
    top_n: int = 25,
    shares: bool = False,
    theme: ThemeName = "auto",
) -> Axes:
    """Draw cells of each label, stacked by store.

    Parameters
    ----------
    labels
        ``audit.labels(key)``: its ``counts``, ``missing`` and ``absent`` are drawn.
    ax, top_n, theme
        As for :func:`plot_shapes`; the most frequent labels come first, all others are one bar.
    shares
        Draw the share of every store in each label, instead of numbers of cells.

    Returns
    -------
    Axes
        One bar per label and one segment per store: eight colours, the same eight hatched for
        the next stores, grey for all others together. Bars of other and of missing labels are cut
        where they are longer than all others.
    """
    bars = labels.bars(top_n)
    counts = np.array([of_stores for _, of_stores in bars], dtype=np.float64)
    counts = counts.reshape(len(bars), len(labels.stores))
    sums = counts.sum(axis=1)
    order = np.argsort(-counts.sum(axis=0), kind="stable")
    plain = len(labels.stores) <= MOST_STORES
    # In the order of the table, so that a store has the same colour wherever it is drawn.
    own = np.sort(order if plain else order[: MOST_STORES - 1])
    ax, look = start(ax, rows=len(counts), theme=theme)
    scale = np.where(sums > 0, sums, 1.0) if shares else np.ones(len(sums))
    left = np.zeros(len(counts))
    titles = differing([labels.stores[i] for i in own], NAME_LENGTH)
    styles = [store_style(place, look) for place in range(len(own))]
    segments = list(zip(counts[:, own].T, styles, titles, strict=True))
    if not plain:
        others = counts[:, order[MOST_STORES - 1 :]]
        style: dict[str, Any] = {"facecolor": look.nothing, "edgecolor": look.paper}
        segments.append((others.sum(axis=1), style, f"other ({others.shape[1]:,} stores)"))
    for values, style, _ in segments:
        segments_of_bars(ax, values / scale, left, style)
        left += values / scale
    rows = [name for name, _ in bars]
    ends = left if shares else _cut_others(ax, rows, sums, look)
    bar_values(ax, ends, [quantity(value) for value in sums], look)
    name_rows(ax, rows, look)
    what, unit = ("share of each store", share) if shares else ("cells", PLAIN)
    finish(ax, look, title=f"{what} by {names([labels.key], 40)[0]}", unit=unit)
    if shares:
        ax.set_xlim(0, 1.15)
    if len(segments) > 1:
        legend(ax, [Patch(label=title, **style) for _, style, title in segments], look)
    return ax


def _cut_others(ax: Axes, rows: Sequence[Label | Words], sums: Array, look: Theme) -> Array:
    """The ends of the bars as they are drawn: those of no label never set the axis, and are cut."""
    own = np.array([not isinstance(row, Words) for row in rows], dtype=bool)
    longest = float(sums[own].max(initial=0.0))
    if not own.any() or own.all() or longest <= 0:
        return sums
    ax.axhline(int(own.sum()) - 0.5, color=look.muted, linewidth=0.8)
    limit = 1.1 * longest
    long = ~own & (sums > limit)
    for bar in ax.patches:
        if isinstance(bar, Rectangle) and long[round(bar.get_y() + bar.get_height() / 2)]:
            window = Rectangle((0, bar.get_y()), limit, bar.get_height(), transform=ax.transData)
            bar.set_clip_path(window)
            bar.set(
                facecolor=look.nothing, hatch=None
            )  # its stores would be those of its beginning
    for y in np.flatnonzero(long):
        for at in (0.95, 0.97):
            x = [at * limit - 0.004 * limit, at * limit + 0.004 * limit]
            ax.plot(x, [y + 0.45, y - 0.45], color=look.paper, linewidth=2, solid_capstyle="butt")
    return np.where(long, limit, sums)


def plot_batch_by_label(
    crosstab: pd.DataFrame, ax: Axes | None = None, *, top_n: int = 30, theme: ThemeName = "auto"
) -> Axes:
    """Draw labels by batch: where the two are confounded, one colour fills a row.

    Parameters
    ----------
    crosstab
        Cells by label (rows) and batch or store (columns).
    ax, top_n, theme
        As for :func:`plot_shapes`; of labels and of batches the most frequent are shown.

    Returns
    -------
    Axes
        An image of the share of each batch in each label; numbers of cells where they fit.
    """
    by_row = crosstab.sum(axis=1).to_numpy(dtype=np.float64)
    by_column = crosstab.sum(axis=0).to_numpy(dtype=np.float64)
    rows = np.argsort(-by_row, kind="stable")[:top_n]
    columns = np.argsort(-by_column, kind="stable")[:top_n]
    left = {"labels": len(by_row) - len(rows), "batches": len(by_column) - len(columns)}
    hidden = [f"{n:,} {what}" for what, n in left.items() if n]
    title = "cells by label and batch; colour: share of the label"
    title += f" (not shown: {' and '.join(hidden)})" if hidden else ""
    return _matrix(crosstab.iloc[rows, columns], by_row[rows], title, ax, theme)[0]


def plot_crosstab(
    crosstab: pd.DataFrame, ax: Axes | None = None, *, top_n: int = 30, theme: ThemeName = "auto"
) -> Axes:
    """Draw the numbers of cells of two keys: where they are confounded, one colour fills a row.

    Parameters
    ----------
    crosstab
        ``audit.crosstab(a, b, top_n=…, missing=True)``, or any table of numbers of cells.
    ax, theme
        As for :func:`plot_shapes`.
    top_n
        Most rows and columns to show: the first ones, and those for other and missing labels.

    Returns
    -------
    Axes
        An image of the share of each column in each row; numbers of cells where they fit. Rows and columns for
        other and missing labels are behind a line.
    """
    (rows, n_rows), (columns, n_columns) = (
        _first(axis, top_n) for axis in (crosstab.index, crosstab.columns)
    )
    by_row = crosstab.sum(axis=1).to_numpy(dtype=np.float64)[rows]
    table = crosstab.iloc[rows, columns]
    shares = table.to_numpy(np.float64)[:n_rows, :n_columns] / np.maximum(by_row[:n_rows, None], 1)
    top = max(float(shares.max(initial=0.0)), _PALEST)
    of_axes = ((crosstab.index.name, "rows"), (crosstab.columns.name, "columns"))
    keys = names([words if name is None else name for name, words in of_axes], 24)
    title = f"cells by {keys[0]} and {keys[1]}; colour: share of the row, up to {share(top)}"
    left = (len(crosstab.index) - len(rows), len(crosstab.columns) - len(columns))
    hidden = [f"{n:,} {what}" for n, what in zip(left, ("rows", "columns"), strict=True) if n]
    title += f" (not shown: {' and '.join(hidden)})" if hidden else ""
    ax, look = _matrix(table, by_row, title, ax, theme, top)
    if 0 < n_rows < len(rows):
        ax.axhline(n_rows - 0.5, color=look.ink, linewidth=1)
    if 0 < n_columns < len(columns):
        ax.axvline(n_columns - 0.5, color=look.ink, linewidth=1)
    return ax


def _first(axis: pd.Index[Any], top_n: int) -> tuple[Array, int]:
    """Places of the first labels and of what is no label; how many labels these are."""
    own = np.array([not isinstance(one, Words) for one in axis], dtype=bool)
    labels = np.flatnonzero(own)[:top_n]
    return np.concatenate([labels, np.flatnonzero(~own)]), len(labels)


def _matrix(
    table: pd.DataFrame,
    by_row: Array,
    title: str,
    ax: Axes | None,
    theme: ThemeName,
    top: float = 1.0,
) -> tuple[Axes, Theme]:
    """Draw the share of each column in each row, with the numbers where they fit."""
    counts = table.to_numpy(dtype=np.float64)
    fractions = counts / np.where(by_row > 0, by_row, 1.0)[:, None]
    ax, look = start(ax, rows=1.15 * len(table) + 2, theme=theme)
    ramp = LinearSegmentedColormap.from_list("share", [look.paper, look.accent])
    if counts.size:  # there is no image of nothing
        ax.imshow(fractions, cmap=ramp, vmin=0, vmax=top, aspect="auto", interpolation="nearest")
    if counts.size <= _MOST_NUMBERS and table.shape[1] <= _MOST_NUMBERS_PER_ROW:
        for (i, j), n in np.ndenumerate(counts):
            if n:
                ink = ink_on(to_rgb(ramp(float(fractions[i, j] / top))))
                ax.text(j, i, quantity(n), ha="center", va="center", fontsize=8, color=ink)
    finish(ax, look, title=title, grid=None)
    name_rows(ax, table.index, look, image=True, stores=table.index.name == "store")
    ax.set_xticks(np.arange(table.shape[1]))
    style: dict[str, Any] = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}
    if table.shape[1] > _MOST_NUMBERS_PER_ROW:
        style |= {"rotation": 90, "va": "center"}
    shorten = differing if table.columns.name == "store" else names
    texts = drawable(shorten(list(table.columns), 24))
    ax.set_xticklabels(texts, color=look.ink, parse_math=False, **style)
    return ax, look
