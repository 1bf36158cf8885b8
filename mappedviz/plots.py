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
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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
from matplotlib.ticker import FuncFormatter, MaxNLocator
from mpl_toolkits.axes_grid1 import make_axes_locatable  # type: ignore[import-untyped]

from mappedviz._types import Array
from mappedviz.text.display import MISSING, names, pattern_words, quantity, share

if TYPE_CHECKING:
    from matplotlib.text import Text

    from mappedviz.audits.tables.stores import Coverage, LabelTable, WeightTable

ThemeName: TypeAlias = Literal["auto", "light", "dark"]

# Okabe and Ito's eight, told apart by (nearly) everyone; black comes last and gives way to the
# theme's grey, because bars lie on black paper too.
OKABE_ITO = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#D55E00",
    "#F0E442",
    "#999999",
)
HATCH = "///"
MOST_STORES = 2 * len(OKABE_ITO)  # plain colours, then the same ones hatched, then "other"
NAME_LENGTH = 34
ABSENT = "(no such column)"


@dataclass(frozen=True)
class Theme:
    """Colours of a figure: paper, ink, and what is between them."""

    paper: str
    ink: str
    muted: str
    grid: str
    accent: str
    second: str
    nothing: str


LIGHT = Theme("#ffffff", "#1b1f24", "#57606a", "#d8dee4", "#0072B2", "#E69F00", "#c4cbd3")
DARK = Theme("#14181d", "#e6edf3", "#9da7b1", "#30363d", "#4aa3df", "#E69F00", "#4b535c")
_THEMES = {"light": LIGHT, "dark": DARK}


# ----------------------------------------------------------------------------- the figures


def plot_shapes(
    stores: pd.DataFrame, ax: Axes | None = None, *, top_n: int = 40, theme: ThemeName = "auto"
) -> Axes:
    """Cells and genes of each store, as aligned bars.

    Parameters
    ----------
    stores
        ``audit.stores``: one row a store with ``n_obs`` and ``n_vars``.
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
        values = np.nan_to_num(values)
        _barh(one, values, look, color=colour)
        _bar_values(one, values, texts, look)
        _finish(one, look, title=title)
    _name_rows(ax, some.index, look)
    genes.tick_params(labelleft=False)
    hidden = len(stores) - len(some)
    if hidden:
        rest = n_obs.sum() - n_obs[kept].sum()
        _note(ax, f"and {hidden:,} smaller stores with {quantity(rest)} cells together", look)
    return ax


def plot_coverage_curve(
    coverage: Coverage, ax: Axes | None = None, *, theme: ThemeName = "auto"
) -> Axes:
    """How many genes are left if a gene has to be in at least k stores.

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
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: quantity(value)))
    ax.set_xlabel("k", color=look.muted)
    top = float(n.max(initial=0)) or 1.0
    ax.set_ylim(0, top * 1.18)
    if len(k):
        ends = [(k[0], n[0], f"outer {quantity(n[0])}", (0, 9), "bottom")]
        if len(k) > 1:
            # Beside the last point: above it the curve comes down.
            ends.append((k[-1], n[-1], f"inner {quantity(n[-1])}", (9, 0), "center"))
        for x, y, text, offset, va in ends:
            ax.annotate(
                text,
                (x, y),
                xytext=offset,
                textcoords="offset points",
                va=va,
                color=look.ink,
                fontweight="bold",
            ).set_parse_math(False)
    return ax


def plot_leave_one_out(
    coverage: Coverage,
    ax: Axes | None = None,
    *,
    top_n: int = 25,
    theme: ThemeName = "auto",
) -> Axes:
    """How the inner join grows without one store: which store costs most genes.

    Parameters
    ----------
    coverage
        ``audit.coverage``; ``inner`` and its table's ``gain_without`` are drawn.
    ax, theme
        As for :func:`plot_shapes`.
    top_n
        Stores to show, those that cost most first.

    Returns
    -------
    Axes
        One bar a store, from the inner join of all stores to that without the store.
    """
    gains = coverage.table["gain_without"].dropna().astype("float64")
    gains = gains.sort_values(ascending=False, kind="stable")
    some = gains.iloc[:top_n]
    ax, look = _start(ax, rows=len(some), theme=theme)
    inner = float(coverage.inner)
    values = some.to_numpy()
    _barh(ax, values, look, color=look.accent, left=inner)
    _bar_values(
        ax,
        inner + values,
        [
            f"{quantity(inner + gain)}  (+{quantity(gain)})" if gain else "no change"
            for gain in values
        ],
        look,
    )
    _name_rows(ax, some.index, look)
    _finish(ax, look, title=f"genes of the inner join without … (with all: {quantity(inner)})")
    ax.set_xlim(0, (inner + float(values.max(initial=0.0))) * 1.35 or 1.0)
    ax.axvline(inner, color=look.muted, linewidth=1, linestyle=(0, (4, 3)))
    if len(gains) > len(some):
        _note(ax, f"and {len(gains) - len(some):,} stores that cost no more than these", look)
    return ax


def plot_patterns(
    coverage: Coverage,
    ax: Axes | None = None,
    *,
    top_n: int = 15,
    theme: ThemeName = "auto",
) -> Axes:
    """In which stores the genes are: the most frequent patterns.

    Parameters
    ----------
    coverage
        ``audit.coverage``; its ``patterns`` are drawn.
    ax, theme
        As for :func:`plot_shapes`.
    top_n
        Patterns to show; the others are one bar.

    Returns
    -------
    Axes
        One bar a pattern. The stores of a pattern are named in words.
    """
    patterns = coverage.patterns
    stores = list(coverage.table.index)
    some = patterns.iloc[:top_n]
    values = some["n_genes"].to_numpy(dtype=np.float64)
    labels = [pattern_words(tuple(pattern), stores) for pattern in some["pattern"]]
    more = coverage.n_patterns - len(some)
    colours = None
    ax, look = _start(ax, rows=len(some) + bool(more), theme=theme)
    if more:
        values = np.append(values, coverage.outer - values.sum())
        labels.append(f"other ({more:,} more patterns)")
        colours = [look.accent] * len(some) + [look.nothing]
    _barh(ax, values, look, color=colours or look.accent)
    _bar_values(ax, values, [quantity(value) for value in values], look)
    _name_rows(ax, labels, look, limit=70)
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
    """Cells of each label, stacked by store.

    Parameters
    ----------
    labels
        ``audit.labels(key)``: its ``counts``, ``missing`` and ``absent`` are drawn.
    ax, theme
        As for :func:`plot_shapes`.
    top_n
        Labels to show, the most frequent first; the others are one bar.
    shares
        Draw of each label the share of every store, instead of numbers of cells.

    Returns
    -------
    Axes
        One bar a label and one segment a store: eight colours, the same eight hatched for
        the next stores, grey for all others together.

    Examples
    --------
    >>> from mappedviz.audits.tables.stores import LabelTable
    >>> table = LabelTable.of("type", ["a", "b"], [(["T"], np.array([3]), 0), (["B"], np.array([2]), 0)])
    >>> [text.get_text() for text in plot_categories(table).get_yticklabels()]
    ['T', 'B']
    """
    counts, rows = _category_rows(labels, top_n)
    sums = counts.to_numpy().sum(axis=1)
    order = np.argsort(-counts.to_numpy().sum(axis=0), kind="stable")
    plain = len(counts.columns) <= MOST_STORES
    # In the order of the table, so that a store has the same colour wherever it is drawn.
    own = np.sort(order if plain else order[: MOST_STORES - 1])
    ax, look = _start(ax, rows=len(counts), theme=theme)
    scale = np.where(sums > 0, sums, 1.0) if shares else np.ones(len(sums))
    left = np.zeros(len(counts))
    legend: list[Patch] = []
    titles = names(counts.columns[own], NAME_LENGTH)
    segments = [
        (counts.iloc[:, store].to_numpy(dtype=np.float64), _store_style(place, look), titles[place])
        for place, store in enumerate(own)
    ]
    if not plain:
        others = counts.iloc[:, order[MOST_STORES - 1 :]].to_numpy(dtype=np.float64)
        style: dict[str, Any] = {"facecolor": look.nothing, "edgecolor": look.paper}
        segments.append((others.sum(axis=1), style, f"other ({others.shape[1]:,} stores)"))
    for values, style, title in segments:
        _barh(ax, values / scale, look, left=left, **style)
        left += values / scale
        legend.append(Patch(label=title, **style))
    if shares:
        _bar_values(ax, left, [quantity(value) for value in sums], look)
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: share(value)))
    else:
        _bar_values(ax, sums, [quantity(value) for value in sums], look)
    _name_rows(ax, rows, look)
    what = "share of each store" if shares else "cells"
    _finish(ax, look, title=f"{what} by {names([labels.key], 40)[0]}")
    if shares:
        ax.set_xlim(0, 1.15)
    if len(legend) > 1:
        _legend(ax, legend, look)
    return ax


def plot_weights(
    weights: WeightTable,
    ax: Axes | None = None,
    *,
    top_n: int = 25,
    theme: ThemeName = "auto",
) -> Axes:
    """Share of each class among the cells, and among what weighted sampling draws.

    Parameters
    ----------
    weights
        ``audit.weights(keys)``: ``share_before`` and ``share_after`` of its table are drawn.
    ax, theme
        As for :func:`plot_shapes`.
    top_n
        Classes to show, the most frequent first; the others are one pair of bars.

    Returns
    -------
    Axes
        Two bars a class. The title says how much of the data the weights leave in effect.
    """
    table = weights.table.sort_values("n", ascending=False, kind="stable")
    names_of = ("in the data", "drawn with these weights")
    ax, look = _two_shares(table[["share_before", "share_after"]], names_of, ax, top_n, theme)
    effective = f"effective size {quantity(weights.effective_size)} cells"
    _finish(
        ax,
        look,
        title=f"{effective} ({share(weights.effective_fraction)}), "
        f"{share(weights.distinct_fraction)} of cells seen in an epoch",
    )
    _share_axis(ax)
    return ax


def plot_drawn(
    drawn: pd.DataFrame,
    ax: Axes | None = None,
    *,
    top_n: int = 15,
    theme: ThemeName = "auto",
) -> Axes:
    """Share of each class among the cells that a loader drew, and the share that was expected.

    Parameters
    ----------
    drawn
        A row a class, with ``n``, ``expected`` and ``drawn``.
    ax, theme
        As for :func:`plot_shapes`.
    top_n
        Classes to show, the most expected first; the others are one pair of bars.

    Returns
    -------
    Axes
        Two bars a class.
    """
    table = drawn.sort_values("expected", ascending=False, kind="stable")
    ax, look = _two_shares(table[["expected", "drawn"]], ("expected", "drawn"), ax, top_n, theme)
    _finish(ax, look, title=f"Classes of {quantity(table['n'].sum())} drawn cells")
    _share_axis(ax)
    return ax


def _two_shares(
    table: pd.DataFrame,
    labels: tuple[str, str],
    ax: Axes | None,
    top_n: int,
    theme: ThemeName,
) -> tuple[Axes, Theme]:
    """Two bars a row, the first rows of a table and the sum of the others."""
    some, rest = table.iloc[:top_n], table.iloc[top_n:]
    rows: list[Any] = list(some.index)
    values = some.to_numpy(dtype=np.float64)
    if len(rest):
        rows.append(_Words(f"other ({len(rest):,} more)"))
        values = np.vstack([values, rest.sum().to_numpy(dtype=np.float64)])
    ax, look = _start(ax, rows=1.5 * len(rows), theme=theme)
    y = np.arange(len(rows))
    for place, colour in enumerate((look.nothing, look.accent)):
        offset = (-0.2, 0.2)[place]
        ax.barh(y + offset, values[:, place], height=0.36, color=colour, label=labels[place])
        _bar_values(ax, values[:, place], [share(v) for v in values[:, place]], look, offset=offset)
    _name_rows(ax, rows, look)
    _legend(ax, ax.get_legend_handles_labels()[0], look)
    return ax, look


def _share_axis(ax: Axes) -> None:
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: share(value)))


def plot_batch_by_label(
    crosstab: pd.DataFrame,
    ax: Axes | None = None,
    *,
    top_n: int = 30,
    theme: ThemeName = "auto",
) -> Axes:
    """Which labels occur in which batch: where the two are confounded, one colour fills a row.

    Parameters
    ----------
    crosstab
        Cells by label (rows) and batch or store (columns).
    ax, theme
        As for :func:`plot_shapes`.
    top_n
        Labels, and batches, to show: the most frequent.

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
    if counts.size <= 300:
        for (i, j), n in np.ndenumerate(counts):
            if n:
                cell = ramp(fractions[i, j])
                ink = max(("#000000", "#ffffff"), key=lambda one: contrast(one, cell))
                ax.text(j, i, quantity(n), ha="center", va="center", fontsize=8, color=ink)
    hidden = [
        f"{more:,} {what}"
        for more, what in (
            (len(by_row) - len(rows), "labels"),
            (len(by_column) - len(columns), "batches"),
        )
        if more
    ]
    title = "cells by label and batch; colour: share of the label"
    if hidden:
        title += f" (not shown: {' and '.join(hidden)})"
    _finish(ax, look, title=title, grid=None)
    _name_rows(ax, crosstab.index[rows], look, keep_limits=True)
    ax.set_xticks(np.arange(len(columns)))
    ax.set_xticklabels(
        _drawable(names(crosstab.columns[columns], 24)), rotation=40, ha="right", color=look.ink
    )
    for tick in ax.get_xticklabels():
        tick.set_parse_math(False)
        tick.set_rotation_mode("anchor")
    return ax


def plot_library_sizes(
    depths: pd.DataFrame,
    ax: Axes | None = None,
    *,
    column: str = "total",
    top_n: int = 40,
    theme: ThemeName = "auto",
) -> Axes:
    """How much was counted in the cells of each store: quartiles of sampled rows.

    Parameters
    ----------
    depths
        A row a sampled cell, with the columns ``store``, ``total`` (sum of the cell) and ``genes``.
    ax, theme
        As for :func:`plot_shapes`.
    column
        ``"total"`` or ``"genes"``.
    top_n
        Stores to show, the first ones.

    Returns
    -------
    Axes
        A box a store, on a logarithmic axis where all values are positive.

    Examples
    --------
    >>> depths = pd.DataFrame({"store": ["a", "a", "b"], "total": [1000, 4000, 9000]})
    >>> plot_library_sizes(depths).get_xscale()
    'log'
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
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
        ax.xaxis.set_minor_formatter(FuncFormatter(lambda *_: ""))
        ax.margins(x=0.08)
    hidden = len(table) - len(some)
    if hidden:
        _note(ax, f"not shown: {hidden:,} stores", look)
    return ax


def render(ax: Axes, format: Literal["svg", "png"] = "svg", dpi: float = 144) -> bytes:
    r"""The whole figure that an axes belongs to, as the bytes of a picture.

    Parameters
    ----------
    ax
        What a function of this module returned.
    format
        ``"svg"`` (text as outlines, so that it looks the same everywhere) or ``"png"``.
    dpi
        Resolution of a PNG.

    Returns
    -------
    bytes
        The same for the same figure: no dates, no random identifiers.

    Examples
    --------
    >>> table = pd.DataFrame({"n_obs": [1], "n_vars": [1]}, index=["a"])
    >>> render(plot_shapes(table), "png")[:4]
    b'\x89PNG'
    """
    figure = ax.get_figure(root=True)
    assert figure is not None
    sink = io.BytesIO()
    settings: Any = {"svg.fonttype": "path", "svg.hashsalt": "mappedviz", "path.simplify": True}
    with mpl.rc_context(settings), warnings.catch_warnings():
        # Glyphs that no font has were replaced already, as far as one can know beforehand.
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)
        figure.savefig(
            sink,
            format=format,
            dpi=dpi,
            bbox_inches="tight",
            metadata={"Date": None} if format == "svg" else {"Software": None},
        )
    return sink.getvalue()


class AxesInNotebook(Axes):
    """An axes that a notebook shows as the picture it is in.

    pyplot does so for its own figures, and keeps them open. One of these is shown where it is the
    value of a cell, and belongs to nobody else.
    """

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        # Twice as many dots as it takes on the screen: sharp where these are small.
        picture = render(self, "png", dpi=2 * mpl.rcParams["figure.dpi"])
        width, height = struct.unpack(">II", picture[16:24])
        return picture, {"width": width // 2, "height": height // 2}


# ------------------------------------------------------------------------------- words


class _Words(str):
    """Text of ours among names from data: shown as it is."""

    __slots__ = ()


def _category_rows(labels: LabelTable, top_n: int) -> tuple[pd.DataFrame, list[Any]]:
    """Counts of the rows of the figure, and what the rows are called."""
    some, rest, more = labels.top(top_n)
    rows: list[Any] = list(some.index)
    parts = [some.reset_index(drop=True)]
    extra: list[tuple[str, Any]] = []
    if more:
        extra.append((f"other ({more:,} more)", rest))
    extra += [(MISSING, labels.missing), (ABSENT, labels.absent)]
    for words, values in extra:
        if values.sum() > 0:
            row = values.reindex(some.columns).fillna(0).to_numpy()[None, :]
            parts.append(pd.DataFrame(row, columns=some.columns))
            rows.append(_Words(words))
    return pd.concat(parts, ignore_index=True), rows


# ------------------------------------------------------------------------- drawing helpers


def _start(ax: Axes | None, *, rows: float, theme: ThemeName) -> tuple[Axes, Theme]:
    """The axes to draw into, and the colours that suit it."""
    if theme not in ("auto", "light", "dark"):
        raise ValueError(f"theme is {theme!r}. Use 'auto', 'light' or 'dark'.")
    if ax is not None:
        return ax, _THEMES.get(theme) or _suits(ax)
    paper = _THEMES[theme].paper if theme in _THEMES else mpl.rcParams["figure.facecolor"]
    width = mpl.rcParams["figure.figsize"][0]
    figure = Figure(figsize=(width, max(0.9 + 0.27 * rows, 1.6)), facecolor=paper)
    FigureCanvasAgg(figure)
    ax = figure.add_subplot(axes_class=AxesInNotebook)
    if theme in _THEMES:
        ax.set_facecolor(paper)
    return ax, _THEMES.get(theme) or _suits(ax)


def _suits(ax: Axes) -> Theme:
    """Light or dark ink, whatever the axes lies on."""
    figure = ax.get_figure(root=True)
    ground = to_rgba(mpl.rcParams["figure.facecolor"] if figure is None else figure.get_facecolor())
    if not ground[3]:
        ground = to_rgba("white")
    over = to_rgba(ax.get_facecolor())
    paper: Any = tuple(over[3] * o + (1 - over[3]) * g for o, g in zip(over, ground, strict=True))[
        :3
    ]
    base = LIGHT if contrast(LIGHT.ink, paper) >= contrast(DARK.ink, paper) else DARK
    text = mpl.colors.to_hex(paper)
    # On paper of a middling grey only black or white can be read.
    ink = base.ink
    if contrast(ink, paper) < 4.5:
        ink = max(("#000000", "#ffffff"), key=lambda one: contrast(one, paper))
    muted = base.muted if contrast(base.muted, paper) >= 4.5 else ink
    return Theme(text, ink, muted, base.grid, base.accent, base.second, base.nothing)


def _luminance(colour: Any) -> float:
    channels = np.array(to_rgb(colour))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one: Any, other: Any) -> float:
    """Contrast of two colours as WCAG defines it: 1 … 21.

    Examples
    --------
    >>> round(contrast("black", "white"))
    21
    """
    a, b = sorted((_luminance(one), _luminance(other)))
    return (b + 0.05) / (a + 0.05)


def _barh(ax: Axes, values: Array, look: Theme, **style: Any) -> None:
    if not {"color", "facecolor"} & set(style):
        style["color"] = look.accent
    ax.barh(np.arange(len(values)), values, height=0.72, linewidth=0, **style)


def _bar_values(
    ax: Axes, ends: Array, texts: Iterable[str], look: Theme, offset: float = 0.0
) -> None:
    """The number at the end of each bar; the bars leave room for it."""
    for y, (end, text) in enumerate(zip(ends, texts, strict=True)):
        label = ax.annotate(
            text,
            (float(end), y + offset),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=look.muted,
        )
        label.set_parse_math(False)
    longest = max((len(label.get_text()) for label in ax.texts), default=0)
    # With two bars a row, those that were drawn before.
    drawn = [bar.get_width() for bar in ax.patches if isinstance(bar, Rectangle) and offset]
    top = max(float(np.max(ends, initial=0.0)), *drawn, 0.0)
    ax.set_xlim(0, top * (1.12 + 0.012 * longest) or 1.0)


def _name_rows(
    ax: Axes,
    rows: Iterable[Any],
    look: Theme,
    *,
    limit: int = NAME_LENGTH,
    keep_limits: bool = False,
) -> None:
    """Names of the rows, first row on top."""
    values = list(rows)
    data = iter(names([value for value in values if not isinstance(value, _Words)], limit))
    texts = [value if isinstance(value, _Words) else next(data) for value in values]
    ax.set_yticks(np.arange(len(texts)))
    ax.set_yticklabels(_drawable(texts), color=look.ink)
    for tick in ax.get_yticklabels():
        tick.set_parse_math(False)
    if not keep_limits:
        ax.set_ylim(len(texts) - 0.4, -0.6)


def _finish(ax: Axes, look: Theme, *, title: str, grid: Literal["x", "y"] | None = "x") -> None:
    """Quiet lines, title to the left, everything in the theme's colours."""
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
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    heading: Text = ax.set_title(
        _drawable([title])[0], loc="left", color=look.ink, fontsize=10, fontweight="bold"
    )
    heading.set_parse_math(False)


def _note(ax: Axes, text: str, look: Theme) -> None:
    note = ax.annotate(
        text,
        (0, 0),
        xycoords="axes fraction",
        xytext=(0, -24),
        textcoords="offset points",
        va="top",
        fontsize=8,
        color=look.muted,
    )
    note.set_parse_math(False)


def _legend(ax: Axes, handles: Sequence[Any], look: Theme) -> None:
    texts = _drawable([handle.get_label() for handle in handles])
    # matplotlib leaves labels that start with "_" out: they are put in their place afterwards.
    legend = ax.legend(
        handles,
        ["-"] * len(texts),
        loc="upper left",
        bbox_to_anchor=(1.01, 1.0),
        frameon=False,
        fontsize=8,
        labelcolor=look.ink,
        borderaxespad=0.0,
    )
    for entry, text in zip(legend.get_texts(), texts, strict=True):
        entry.set_parse_math(False)
        entry.set_text(text)


def _store_style(place: int, look: Theme) -> dict[str, Any]:
    colour = OKABE_ITO[place % len(OKABE_ITO)]
    if place < len(OKABE_ITO):
        return {"facecolor": colour, "edgecolor": look.paper}
    ink = max(("#000000", "#ffffff"), key=lambda one: contrast(one, colour))
    return {"facecolor": colour, "edgecolor": ink, "hatch": HATCH}


def _drawable(texts: Sequence[str]) -> list[str]:
    """Characters that no font of the figure has are spelled out: boxes all look the same."""
    if all(text.isascii() for text in texts):
        return [str(text) for text in texts]
    glyphs = _glyphs(*_families())
    return [
        "".join(
            c
            if c.isascii() or ord(c) in glyphs or c in "\u200c\u200d\ufe0f"
            else f"<U+{ord(c):04X}>"
            for c in text
        )
        for text in texts
    ]


def _families() -> tuple[str, ...]:
    family = mpl.rcParams["font.family"]
    return (family,) if isinstance(family, str) else tuple(family)


@lru_cache(maxsize=8)
def _glyphs(*families: str) -> frozenset[int]:
    """The characters that matplotlib can draw with these families; it looks at each in turn."""
    fonts = {findfont(FontProperties(family=[family])) for family in families}
    return frozenset().union(*(get_font(font).get_charmap() for font in fonts))
