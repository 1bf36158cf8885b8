"""Figures of the audit: a table in, matplotlib Axes out.

Every function takes one of the audit's tables and draws into the axes it is given, or into a
``Figure`` of its own, and a notebook shows what they return. pyplot is never used, so no figure
stays open. What is drawn is asserted on the artists in the tests: the width of a bar is the number
in the table.
"""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap, to_rgb, to_rgba
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MaxNLocator
from mpl_toolkits.axes_grid1 import make_axes_locatable  # type: ignore[import-untyped]

from mappedviz._types import Array
from mappedviz.text import colours
from mappedviz.text.colours import DARK, LIGHT, OKABE_ITO, Theme, ink_on, theme_on
from mappedviz.text.display import Words, names, quantity, share

if TYPE_CHECKING:
    from mappedviz.audits.tables.genes import Coverage
    from mappedviz.audits.tables.labels import LabelTable
    from mappedviz.audits.tables.weights import WeightTable

ThemeName: TypeAlias = Literal["auto", "light", "dark"]
Grid: TypeAlias = Literal["x", "y"]
Format: TypeAlias = Callable[[float], str]

HATCH = "///"
MOST_STORES = 2 * len(OKABE_ITO)  # plain colours, then the same ones hatched, then "other"
NAME_LENGTH = 34
PLAIN = "{:,.6g}".format
_THEMES = {"light": LIGHT, "dark": DARK}


def plot_shapes(
    stores: pd.DataFrame, ax: Axes | None = None, *, top_n: int = 40, theme: ThemeName = "auto"
) -> Axes:
    """Draw cells and genes of each store, as aligned bars.

    Parameters
    ----------
    stores
        ``audit.stores``: one row per store with ``n_obs`` and ``n_vars``.
    ax
        Axes to draw into; a part of it goes to a second axes for the genes. Default: a new figure.
    top_n
        Stores to show: those with most cells, in the order of the table.
    theme
        ``"light"``, ``"dark"``, or ``"auto"``: what suits the axes, or matplotlib's settings.

    Returns
    -------
    Axes
        The axes with the cells; its figure's last axes has the genes.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"n_obs": [700, 2638], "n_vars": [765, 1838]}, index=["a", "b"])
    >>> ax = plot_shapes(table)
    >>> [int(bar.get_width()) for bar in ax.patches]
    [700, 2638]
    """
    n_obs = pd.to_numeric(stores["n_obs"], errors="coerce").to_numpy(np.float64, na_value=0)
    kept = np.sort(np.argsort(-n_obs, kind="stable")[:top_n])
    some = stores.iloc[kept]
    ax, look = _start(ax, rows=len(some), theme=theme)
    genes = make_axes_locatable(ax).append_axes("right", size="80%", pad=0.45, sharey=ax)
    genes.set_facecolor(ax.get_facecolor())
    for one, column, colour, title in (
        (ax, "n_obs", look.accent, "cells"),
        (genes, "n_vars", look.second, "genes"),
    ):
        values = pd.to_numeric(some[column], errors="coerce").to_numpy(np.float64, na_value=np.nan)
        texts = ["cannot be read" if np.isnan(n) else quantity(n) for n in values]
        _bars(one, look, some.index, np.nan_to_num(values), texts, color=colour)
        _finish(one, look, title=title)
    genes.tick_params(labelleft=False)
    if hidden := len(stores) - len(some):
        rest = n_obs.sum() - n_obs[kept].sum()
        _note(ax, f"and {hidden:,} smaller stores with {quantity(rest)} cells together", look)
    return ax


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
    ax, look = _start(ax, rows=9, theme=theme)
    k, n = curve.index.to_numpy(dtype=np.int64), curve.to_numpy(dtype=np.float64)
    ax.fill_between(k, n, step=None, color=look.accent, alpha=0.15, linewidth=0)
    ax.plot(k, n, color=look.accent, marker="o" if len(k) <= 40 else None, markersize=5)
    _finish(ax, look, title="genes in at least k stores", grid="y")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ax.yaxis.set_major_formatter(lambda value, _: quantity(value))
    ax.set_xlabel("k", color=look.muted)
    ax.set_ylim(0, 1.18 * float(n.max(initial=0)) or 1.0)
    ends = (("outer", 0, (0, 9), "bottom"), ("inner", -1, (9, 0), "center"))
    # The inner join is named beside its point: above it the curve comes down.
    for words, i, offset, va in ends[: len(k)]:
        text = f"{words} {quantity(n[i])}"
        _write(ax, text, (k[i], n[i]), offset, va=va, color=look.ink, fontweight="bold")
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
    ax, look = _start(ax, rows=len(some), theme=theme)
    inner = float(coverage.inner)
    values = some.to_numpy()
    texts = [f"{quantity(inner + n)}  (+{quantity(n)})" if n else "no change" for n in values]
    _bars(ax, look, some.index, values, texts, color=look.accent, left=inner)
    _finish(ax, look, title=f"genes of the inner join without … (with all: {quantity(inner)})")
    ax.set_xlim(0, (inner + float(values.max(initial=0.0))) * 1.35 or 1.0)
    ax.axvline(inner, color=look.muted, linewidth=1, linestyle=(0, (4, 3)))
    if hidden := len(gains) - len(some):
        _note(ax, f"and {hidden:,} stores that cost no more than these", look)
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
    ax, look = _start(ax, rows=len(some), theme=theme)
    texts = [f"{quantity(n)} of {quantity(len(measured))}" for n in some]
    _bars(ax, look, some.index, some.to_numpy(np.float64), texts, color=look.accent)
    _finish(ax, look, title="genes of a batch that a store has")
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
    ax, look = _start(ax, rows=len(bars), theme=theme)
    values = np.array([n for _, n in bars], dtype=np.float64)
    paints = [look.accent if i < top_n else look.nothing for i in range(len(bars))]
    rows = [Words(words) for words, _ in bars]
    _bars(ax, look, rows, values, [quantity(value) for value in values], color=paints)
    _finish(ax, look, title="genes that are in …")
    return ax


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
        the next stores, grey for all others together.
    """
    bars = labels.bars(top_n)
    counts = np.array([of_stores for _, of_stores in bars], dtype=np.float64)
    counts = counts.reshape(len(bars), len(labels.stores))
    sums = counts.sum(axis=1)
    order = np.argsort(-counts.sum(axis=0), kind="stable")
    plain = len(labels.stores) <= MOST_STORES
    # In the order of the table, so that a store has the same colour wherever it is drawn.
    own = np.sort(order if plain else order[: MOST_STORES - 1])
    ax, look = _start(ax, rows=len(counts), theme=theme)
    scale = np.where(sums > 0, sums, 1.0) if shares else np.ones(len(sums))
    left = np.zeros(len(counts))
    titles = names([labels.stores[i] for i in own], NAME_LENGTH)
    styles = [_store_style(place, look) for place in range(len(own))]
    segments = list(zip(counts[:, own].T, styles, titles, strict=True))
    if not plain:
        others = counts[:, order[MOST_STORES - 1 :]]
        style: dict[str, Any] = {"facecolor": look.nothing, "edgecolor": look.paper}
        segments.append((others.sum(axis=1), style, f"other ({others.shape[1]:,} stores)"))
    for values, style, _ in segments:
        ax.barh(np.arange(len(bars)), values / scale, left=left, height=0.72, linewidth=0, **style)
        left += values / scale
    _bar_values(ax, left if shares else sums, [quantity(value) for value in sums], look)
    _name_rows(ax, [name for name, _ in bars], look)
    what, unit = ("share of each store", share) if shares else ("cells", PLAIN)
    _finish(ax, look, title=f"{what} by {names([labels.key], 40)[0]}", unit=unit)
    if shares:
        ax.set_xlim(0, 1.15)
    if len(segments) > 1:
        _legend(ax, [Patch(label=title, **style) for _, style, title in segments], look)
    return ax


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
    _finish(ax, look, title=title, unit=share)
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
    _finish(ax, look, title=title, unit=share)
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
    ax, look = _start(ax, rows=1.5 * len(rows), theme=theme)
    y = np.arange(len(rows))
    for place, (dy, colour) in enumerate(((-0.2, look.nothing), (0.2, look.accent))):
        ax.barh(y + dy, values[:, place], height=0.36, color=colour, label=labels[place])
        _bar_values(ax, values[:, place], [share(v) for v in values[:, place]], look, dy)
    _name_rows(ax, rows, look)
    _legend(ax, ax.get_legend_handles_labels()[0], look)
    return ax, look


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
    counts = crosstab.iloc[rows, columns].to_numpy(dtype=np.float64)
    fractions = counts / np.where(by_row[rows] > 0, by_row[rows], 1.0)[:, None]
    ax, look = _start(ax, rows=1.15 * len(rows) + 2, theme=theme)
    ramp = LinearSegmentedColormap.from_list("share", [look.paper, look.accent])
    ax.imshow(fractions, cmap=ramp, vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    for (i, j), n in np.ndenumerate(counts):
        if n and counts.size <= 300:
            ink = ink_on(to_rgb(ramp(float(fractions[i, j]))))
            ax.text(j, i, quantity(n), ha="center", va="center", fontsize=8, color=ink)
    left = {"labels": len(by_row) - len(rows), "batches": len(by_column) - len(columns)}
    hidden = [f"{n:,} {what}" for what, n in left.items() if n]
    title = "cells by label and batch; colour: share of the label"
    title += f" (not shown: {' and '.join(hidden)})" if hidden else ""
    _finish(ax, look, title=title, grid=None)
    _name_rows(ax, crosstab.index[rows], look, image=True)
    ax.set_xticks(np.arange(len(columns)))
    style: dict[str, Any] = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}
    texts = _drawable(names(crosstab.columns[columns], 24))
    ax.set_xticklabels(texts, color=look.ink, parse_math=False, **style)
    return ax


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
    ax, look = _start(ax, rows=len(some), theme=theme)
    y = np.arange(len(some))
    low, q1, median, q3, high = some.to_numpy(np.float64).reshape(-1, 5).T
    ax.hlines(y, low, high, color=look.muted, linewidth=1)
    ax.barh(y, q3 - q1, left=q1, height=0.6, color=look.accent, alpha=0.85)
    ax.plot(median, y, linestyle="none", marker="|", markersize=13, color=look.ink)
    _name_rows(ax, some.index, look)
    what = "sum of a cell" if column == "total" else "genes of a cell that are not 0"
    _finish(ax, look, title=f"{what} (line: range, box: half of the cells, mark: median)")
    if len(some) and bool((low > 0).all()):
        ax.set_xscale("log")
        # Sums of one size need ticks between the powers of ten, in figures that people read.
        ax.xaxis.set_major_formatter(lambda value, _: PLAIN(value))
        ax.xaxis.set_minor_formatter(lambda *_: "")
        ax.margins(x=0.08)
    if hidden := len(table) - len(some):
        _note(ax, f"not shown: {hidden:,} stores", look)
    return ax


def render(ax: Axes, format: Literal["svg", "png"] = "svg", dpi: float = 144) -> bytes:
    """Return the whole figure that an axes belongs to, as the bytes of a picture.

    Parameters
    ----------
    ax
        The return value of a function of this module.
    format
        ``"svg"`` (text as outlines, so that it looks the same everywhere) or ``"png"``.
    dpi
        Resolution of a PNG.

    Returns
    -------
    bytes
        The same for the same figure: no dates, no random identifiers.
    """
    figure = ax.get_figure(root=True)
    assert figure is not None
    sink = io.BytesIO()
    settings: Any = {"svg.fonttype": "path", "svg.hashsalt": "mappedviz", "path.simplify": True}
    with mpl.rc_context(settings), warnings.catch_warnings():
        # Glyphs that no font has were replaced already, as far as one can know beforehand.
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)
        told = {"Date": None} if format == "svg" else {"Software": None}
        figure.savefig(sink, format=format, dpi=dpi, bbox_inches="tight", metadata=told)
    return sink.getvalue()


class AxesInNotebook(Axes):
    """An axes that a notebook shows as its picture; pyplot would keep the figure open."""

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        # Twice as many dots as it takes on the screen: sharp where these are small.
        picture = render(self, "png", dpi=2 * mpl.rcParams["figure.dpi"])
        width, height = struct.unpack(">II", picture[16:24])
        return picture, {"width": width // 2, "height": height // 2}


def _start(ax: Axes | None, *, rows: float, theme: ThemeName) -> tuple[Axes, Theme]:
    """Return the axes to draw into, and the colours that suit it."""
    chosen = _THEMES.get(theme)
    if chosen is None and theme != "auto":
        raise ValueError(f"theme is {theme!r}. Use 'auto', 'light' or 'dark'.")
    if ax is None:
        paper = mpl.rcParams["figure.facecolor"] if chosen is None else chosen.paper
        width = mpl.rcParams["figure.figsize"][0]
        figure = Figure(figsize=(width, max(0.9 + 0.27 * rows, 1.6)), facecolor=paper)
        FigureCanvasAgg(figure)
        ax = figure.add_subplot(axes_class=AxesInNotebook)
        if chosen is not None:
            ax.set_facecolor(paper)
    return ax, chosen or _suits(ax)


def _suits(ax: Axes) -> Theme:
    """Return the theme that suits the paper under an axes."""
    figure = ax.get_figure(root=True)
    ground = to_rgba(mpl.rcParams["figure.facecolor"] if figure is None else figure.get_facecolor())
    ground = ground if ground[3] else to_rgba("white")
    *over, alpha = to_rgba(ax.get_facecolor())
    red, green, blue = (alpha * o + (1 - alpha) * g for o, g in zip(over, ground[:3], strict=True))
    return theme_on((red, green, blue))


def contrast(one: Any, other: Any) -> float:
    """Return the contrast of two colours of matplotlib: see :func:`mappedviz.text.colours.contrast`."""
    return colours.contrast(to_rgb(one), to_rgb(other))


def _bars(
    ax: Axes, look: Theme, rows: Iterable[Any], values: Array, texts: Iterable[str], **style: Any
) -> None:
    """Draw one bar per row, its name before and its number behind it."""
    bars = ax.barh(np.arange(len(values)), values, height=0.72, linewidth=0, **style)
    _bar_values(ax, np.array([bar.get_x() + bar.get_width() for bar in bars]), texts, look)
    _name_rows(ax, rows, look)


def _bar_values(ax: Axes, ends: Array, texts: Iterable[str], look: Theme, dy: float = 0) -> None:
    """Write the number at the end of each bar; the bars leave room for it."""
    for y, (end, text) in enumerate(zip(ends, texts, strict=True)):
        _write(ax, text, (float(end), y + dy), (4, 0), va="center", fontsize=8, color=look.muted)
    longest = max((len(label.get_text()) for label in ax.texts), default=0)
    # With two bars per row, those that were drawn before.
    drawn = [bar.get_width() for bar in ax.patches if isinstance(bar, Rectangle) and dy]
    top = max(float(np.max(ends, initial=0.0)), *drawn, 0.0)
    ax.set_xlim(0, top * (1.12 + 0.012 * longest) or 1.0)


def _name_rows(ax: Axes, rows: Iterable[Any], look: Theme, *, image: bool = False) -> None:
    """Name the rows, first row on top."""
    texts = names(rows, NAME_LENGTH)
    ax.set_yticks(np.arange(len(texts)))
    ax.set_yticklabels(_drawable(texts), color=look.ink, parse_math=False)
    if not image:
        ax.set_ylim(len(texts) - 0.4, -0.6)


def _finish(
    ax: Axes, look: Theme, *, title: str, grid: Grid | None = "x", unit: Format = PLAIN
) -> None:
    """Quieten the lines, put the title to the left, everything in the theme's colours."""
    for side, spine in ax.spines.items():
        spine.set_visible(grid == "y" and side == "bottom")
        spine.set_color(look.grid)
    ax.tick_params(length=0, labelsize=9, labelcolor=look.ink)
    ax.tick_params(axis="x", labelcolor=look.muted, labelsize=8)
    if grid is not None:
        ax.grid(visible=True, axis=grid, color=look.grid, linewidth=0.7)
        ax.set_axisbelow(True)
    if grid == "x":
        ax.xaxis.set_major_locator(MaxNLocator(nbins=4, min_n_ticks=1))
        ax.xaxis.set_major_formatter(lambda value, _: unit(value))
    style: dict[str, Any] = {"color": look.ink, "fontsize": 10, "fontweight": "bold"}
    ax.set_title(_drawable([title])[0], loc="left", parse_math=False, **style)


def _write(ax: Axes, text: str, at: Any, offset: tuple[float, float], **style: Any) -> None:
    """Write text beside a place; a dollar sign in it is a dollar sign."""
    ax.annotate(text, at, xytext=offset, textcoords="offset points", parse_math=False, **style)


def _note(ax: Axes, text: str, look: Theme) -> None:
    style: dict[str, Any] = {"va": "top", "fontsize": 8, "color": look.muted}
    _write(ax, text, (0, 0), (0, -24), xycoords="axes fraction", **style)


def _legend(ax: Axes, handles: Sequence[Any], look: Theme) -> None:
    texts = _drawable([handle.get_label() for handle in handles])
    # matplotlib leaves labels that start with "_" out: they are put in their place afterwards.
    place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.01, 1), "borderaxespad": 0}
    style: dict[str, Any] = {"frameon": False, "fontsize": 8, "labelcolor": look.ink}
    legend = ax.legend(handles, ["-"] * len(texts), **place, **style)
    for entry, text in zip(legend.get_texts(), texts, strict=True):
        entry.set(parse_math=False, text=text)


def _store_style(place: int, look: Theme) -> dict[str, Any]:
    colour = OKABE_ITO[place % len(OKABE_ITO)]
    if place < len(OKABE_ITO):
        return {"facecolor": colour, "edgecolor": look.paper}
    return {"facecolor": colour, "edgecolor": ink_on(to_rgb(colour)), "hatch": HATCH}


def _drawable(texts: Sequence[str]) -> list[str]:
    """Spell out characters that no font of the figure has: boxes all look the same."""
    if all(text.isascii() for text in texts):
        return list(texts)
    known = _glyphs(*mpl.rcParams["font.family"])
    return ["".join(c if ord(c) in known else f"<U+{ord(c):04X}>" for c in text) for text in texts]


@lru_cache(maxsize=8)
def _glyphs(*families: str) -> frozenset[int]:
    """Return the characters that matplotlib can draw with these families, in turn."""
    fonts = {findfont(FontProperties(family=[family])) for family in families}
    drawn = (get_font(font).get_charmap() for font in fonts)
    # ASCII and those that join letters and emoji are never spelled out.
    return frozenset(range(128)).union((0x200C, 0x200D, 0xFE0F), *drawn)
