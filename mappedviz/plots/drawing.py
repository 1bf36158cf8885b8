"""Parts that all figures share: axes in the colours of a theme, bars, names of rows, titles, notes."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex, to_rgb, to_rgba
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from mappedviz._types import Array
from mappedviz.plots.pictures import AxesInNotebook
from mappedviz.text import colours
from mappedviz.text.colours import DARK, LIGHT, OKABE_ITO, Theme, ink_on, theme_on
from mappedviz.text.display import differing, names

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ThemeName: TypeAlias = Literal["auto", "light", "dark"]
Grid: TypeAlias = Literal["x", "y"]
Format: TypeAlias = Callable[[float], str]

HATCH = "///"
MOST_STORES = 2 * len(OKABE_ITO)  # plain colours, then the same ones hatched, then "other"
NAME_LENGTH = 34
_LETTERS_PER_INCH = 14  # of a remark
PLAIN = "{:,.6g}".format
_THEMES = {"light": LIGHT, "dark": DARK}


def start(ax: Axes | None, *, rows: float, theme: ThemeName) -> tuple[Axes, Theme]:
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


def draw_bars(
    ax: Axes,
    look: Theme,
    rows: Iterable[Any],
    values: Array,
    texts: Iterable[str],
    *,
    stores: bool = False,
    **style: Any,
) -> None:
    """Draw one bar per row, its name before and its number behind it."""
    bars = ax.barh(np.arange(len(values)), values, height=0.72, linewidth=0, **style)
    bar_values(ax, np.array([bar.get_x() + bar.get_width() for bar in bars]), texts, look)
    name_rows(ax, rows, look, stores=stores)


def segments_of_bars(ax: Axes, lengths: Array, left: Array, style: Mapping[str, Any]) -> None:
    """Draw one segment of each bar; the limits of the axes are for others to set.

    ``Axes.barh`` looks at the limits again for every segment, which takes most of its time.
    """
    for y, (length, begin) in enumerate(zip(lengths.tolist(), left.tolist(), strict=True)):
        segment = Rectangle((begin, y - 0.36), length, 0.72, linewidth=0, **style)
        segment.set_visible(length > 0)
        ax.add_artist(segment)


def bar_values(ax: Axes, ends: Array, texts: Iterable[str], look: Theme, dy: float = 0) -> None:
    """Write the number at the end of each bar; the bars leave room for it."""
    for y, (end, text) in enumerate(zip(ends, texts, strict=True)):
        write(ax, text, (float(end), y + dy), (4, 0), va="center", fontsize=8, color=look.muted)
    longest = max((len(label.get_text()) for label in ax.texts), default=0)
    # With two bars per row, those that were drawn before.
    drawn = [bar.get_width() for bar in ax.patches if isinstance(bar, Rectangle) and dy]
    top = max(float(np.max(ends, initial=0.0)), *drawn, 0.0)
    ax.set_xlim(0, top * (1.12 + 0.012 * longest) or 1.0)


def name_rows(
    ax: Axes, rows: Iterable[Any], look: Theme, *, image: bool = False, stores: bool = False
) -> None:
    """Name the rows, first row on top; names of stores without what all of them share."""
    texts = differing(list(rows), NAME_LENGTH) if stores else names(rows, NAME_LENGTH)
    ax.set_yticks(np.arange(len(texts)))
    ax.set_yticklabels(drawable(texts), color=look.ink, parse_math=False)
    if not image:
        ax.set_ylim(len(texts) - 0.4, -0.6)


def finish(
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
    ax.set_title(drawable([title])[0], loc="left", parse_math=False, **style)


def write(ax: Axes, text: str, at: Any, offset: tuple[float, float], **style: Any) -> None:
    """Write text beside a place; a dollar sign in it is a dollar sign."""
    ax.annotate(text, at, xytext=offset, textcoords="offset points", parse_math=False, **style)


def note(ax: Axes, text: str | Sequence[str], look: Theme, below: float = 24) -> None:
    """Write remarks below an axes, so many points, in lines no longer than the figure is wide."""
    figure = ax.get_figure(root=True)
    width = 6.4 if figure is None else figure.get_figwidth()
    style: dict[str, Any] = {"va": "top", "fontsize": 8, "color": look.muted}
    for one in [text] if isinstance(text, str) else text:
        lines = textwrap.wrap(one, int(_LETTERS_PER_INCH * width), break_long_words=False)
        offset = (0, -below)
        write(ax, "\n".join(lines), (0, 0), offset, xycoords="axes fraction", **style)
        below += 12 * len(lines)


def legend(ax: Axes, handles: Sequence[Any], look: Theme) -> None:
    """Name the colours beside an axes."""
    texts = drawable([handle.get_label() for handle in handles])
    # matplotlib leaves labels that start with "_" out: they are put in their place afterwards.
    place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.01, 1), "borderaxespad": 0}
    style: dict[str, Any] = {"frameon": False, "fontsize": 8, "labelcolor": look.ink}
    legend = ax.legend(handles, ["-"] * len(texts), **place, **style)
    for entry, text in zip(legend.get_texts(), texts, strict=True):
        entry.set(parse_math=False, text=text)


def store_style(place: int, look: Theme) -> dict[str, Any]:
    """Return colour and hatch of the store at a place: eight colours, then the same ones hatched."""
    colour = OKABE_ITO[place % len(OKABE_ITO)]
    if place < len(OKABE_ITO):
        return {"facecolor": colour, "edgecolor": look.paper}
    return {"facecolor": colour, "edgecolor": ink_on(to_rgb(colour)), "hatch": HATCH}


def label_colours(n: int, look: Theme = LIGHT) -> list[str]:
    """Return colours of the first labels: the eight but grey, then the same ones nearer to the ink.

    Examples
    --------
    >>> label_colours(2), len(set(label_colours(30)))
    (['#0072b2', '#e69f00'], 14)
    """
    plain = OKABE_ITO[:-1]
    ink = to_rgb(look.ink)
    mixed = [
        to_hex((0.5 * red + 0.5 * ink[0], 0.5 * green + 0.5 * ink[1], 0.5 * blue + 0.5 * ink[2]))
        for red, green, blue in map(to_rgb, plain)
    ]
    return [*plain, *mixed][:n]


def boxes(ax: Axes, look: Theme, quantiles: Array, colours: Sequence[str]) -> None:
    """Draw one box per row: a line between the ends, a box between the quartiles, a mark at the median.

    Parameters
    ----------
    ax, look
        The axes and its theme.
    quantiles
        float64 (n_rows, 5), ascending; NaN for no box.
    colours
        Of each row.
    """
    y = np.arange(len(quantiles))
    low, q1, median, q3, high = quantiles.reshape(-1, 5).T
    ax.hlines(y, low, high, color=look.muted, linewidth=1)
    ax.barh(y, q3 - q1, left=q1, height=0.6, color=list(colours), alpha=0.85)
    ax.plot(median, y, linestyle="none", marker="|", markersize=11, color=look.ink)


def drawable(texts: Sequence[str]) -> list[str]:
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
