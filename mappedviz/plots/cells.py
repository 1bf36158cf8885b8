"""Figures of cells: embeddings of all stores side by side, and the values of one gene."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize, to_hex, to_rgba_array
from matplotlib.patches import Patch
from mpl_toolkits.axes_grid1 import make_axes_locatable  # type: ignore[import-untyped]

from mappedviz._types import Array
from mappedviz.audits.cells.drawn import groups_of
from mappedviz.plots.drawing import (
    PLAIN,
    ThemeName,
    bar_values,
    boxes,
    drawable,
    finish,
    label_colours,
    legend,
    name_rows,
    note,
    start,
)
from mappedviz.text.display import MISSING, Words, differing, listed, names, quantity, share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from mappedviz.audits.cells.embeddings import Embedding
    from mappedviz.audits.cells.expression import Expression
    from mappedviz.text.colours import Theme

_MOST_COLUMNS = 6
_TITLE_INCHES = 0.22  # above each store
_INCHES_PER_LETTER = 0.075  # of such a title
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def plot_embedding(
    embedding: Embedding, ax: Axes | None = None, *, top_n: int = 24, theme: ThemeName = "auto"
) -> Axes:
    """Draw the cells of each store by their coordinates, one small picture per store.

    Parameters
    ----------
    embedding
        ``audit.embedding(by=…)``; its table is drawn.
    ax
        Axes whose place the pictures share. Default: a new figure.
    top_n
        Stores to show: those with most cells, in the order of the table.
    theme
        As for :func:`plot_shapes`.

    Returns
    -------
    Axes
        The axes that was shared out; its ``child_axes`` are the stores. The most frequent labels have
        colours, and all others are grey.
    """
    drawn = embedding.stores[embedding.stores["drawn"] > 0]
    kept = np.sort(np.argsort(-drawn["cells"].to_numpy(), kind="stable")[:top_n])
    some = drawn.iloc[kept]
    n_columns = _columns(len(some))
    n_rows = max(1, math.ceil(len(some) / n_columns))
    own = ax is None
    ax, look = start(ax, rows=7.5 * n_rows, theme=theme)
    figure = ax.get_figure(root=True)
    assert figure is not None
    if own:
        side = 1.05 + 1.5 / n_columns
        figure.set_size_inches(n_columns * side, n_rows * (side + _TITLE_INCHES))
        ax.set_position((0, 0, 1, 1))  # what is beside it is added when it is drawn
    _empty(ax)
    paints, handles, ramp = _paints(embedding, look)
    codes = embedding.table["store"].cat.codes.to_numpy()
    places = {name: i for i, name in enumerate(embedding.table["store"].cat.categories)}
    xy = embedding.table[["x", "y"]].to_numpy()
    width = 0.94 * ax.get_position().width * figure.get_size_inches()[0] / n_columns
    every = list(embedding.stores.index)
    name_of = dict(
        zip(every, differing(every, max(10, int(width / _INCHES_PER_LETTER))), strict=True)
    )
    titles = drawable([name_of[name] for name in some.index])
    panels = _panels(ax, figure, len(some), n_columns)
    for place, (panel, title) in enumerate(zip(panels, titles, strict=True)):
        at = np.flatnonzero(codes == places[some.index[place]])
        # In random order, so that no label covers the others; but what is grey lies below.
        order = np.random.default_rng(0).permutation(len(at))
        at = at[order][np.argsort(paints[at[order], 4], kind="stable")]
        _scatter(panel, xy[at], paints[at, :4], look)
        panel.set_title(title, fontsize=8, color=look.ink, parse_math=False, pad=3, loc="left")
    by = "" if embedding.by is None else f", coloured by {names([embedding.by], 40)[0]}"
    key = "no embedding" if embedding.key is None else names([embedding.key], 40)[0]
    n, cells = quantity(embedding.stores["drawn"].sum()), quantity(drawn["cells"].sum())
    style: dict[str, Any] = {"color": look.ink, "fontsize": 10, "fontweight": "bold"}
    title = drawable([f"{key}: {n} of {cells} cells{by}"])[0]
    ax.set_title(title, loc="left", parse_math=False, pad=8, **style)
    if ramp is not None:
        _colour_bar(ax, ramp, look)
    elif handles:
        legend(ax, handles, look)
    said = [f"not shown: {len(drawn) - len(some):,} more stores"] if len(drawn) > len(some) else []
    if ramp is not None and bool(embedding.table["label"].isna().any()):
        said.append("grey: no number")
    if embedding.absent:
        said.append(f"nothing to show of {_listed(embedding.absent, every)}")
    if said:
        note(ax, "; ".join(said), look, below=8)
    return ax


def _empty(ax: Axes) -> None:
    """Leave nothing of an axes but its place."""
    ax.set_xticks([])
    ax.set_yticks([])
    ax.set_axis_off()


def _columns(n: int) -> int:
    """Columns of pictures: one row of a few, else about as wide as a page."""
    return max(1, n if n <= 5 else min(_MOST_COLUMNS, math.ceil(math.sqrt(1.5 * n))))


def _panels(ax: Axes, figure: Figure, n: int, n_columns: int) -> list[Axes]:
    """Axes inside of an axes, row by row, with room for a title above each."""
    n_rows = max(1, math.ceil(n / n_columns))
    height = ax.get_position().height * figure.get_size_inches()[1] / n_rows
    room = min(0.4, _TITLE_INCHES / max(height, 0.1))
    width = 1 / n_columns
    found = []
    for i in range(n):
        row, column = divmod(i, n_columns)
        bottom = 1 - (row + 1) / n_rows
        inside = (column * width, bottom, 0.94 * width, (1 - room) / n_rows)
        found.append(ax.inset_axes(inside))
    return found


def _scatter(panel: Axes, xy: Array, colours: Array, look: Theme) -> None:
    size = float(np.clip(3_000 / max(len(xy), 1), 0.6, 7))
    # As pixels also in SVG: ten thousands of circles are no picture but a data set.
    panel.scatter(xy[:, 0], xy[:, 1], s=size, c=colours, linewidths=0, rasterized=True)
    panel.set_facecolor("none")
    panel.set_xticks([])
    panel.set_yticks([])
    panel.margins(0.06)
    for spine in panel.spines.values():
        spine.set_color(look.grid)


def _paints(embedding: Embedding, look: Theme) -> tuple[Array, list[Patch], ScalarMappable | None]:
    """Per cell red, green, blue, alpha and rank of drawing; patches for a legend, or a ramp."""
    table = embedding.table
    if embedding.by is None or "label" not in table:
        one = np.append(to_rgba_array(look.accent)[0], 1)
        return np.tile(one, (len(table), 1)), [], None
    if table["label"].dtype.kind == "f":
        return _by_number(table["label"].to_numpy(), look)
    codes = table["label"].cat.codes.to_numpy().astype(np.int64)
    categories = list(table["label"].cat.categories)
    if embedding.by == "store":
        colours = label_colours(len(categories), look)
        paints = np.array([to_rgba_array(colours[i % len(colours)])[0] for i in codes])
        return np.column_stack([paints.reshape(len(table), 4), np.ones(len(table))]), [], None
    times = np.bincount(codes[codes >= 0], minlength=len(categories))
    order = np.argsort(-times, kind="stable")
    named = order[: len(label_colours(len(order), look))]
    if len(order) == len(named) + 1:  # "other" would be a single one
        named = named[:-1]
    # The last two rows: other labels, and none; code -1 picks the last one.
    palette = np.empty((len(categories) + 2, 5))
    # Other labels are told apart from their neighbours, though not by the legend.
    pale = _mixed(to_rgba_array(label_colours(7)), look)
    palette[:, :4] = pale[np.arange(len(palette)) % len(pale)]
    palette[:, 4] = 0
    palette[-1] = np.append(to_rgba_array(look.grid)[0], -1)
    palette[named, :4] = to_rgba_array(label_colours(len(named), look) or [look.accent])[
        : len(named)
    ]
    palette[named, 4] = 1
    handles = [
        Patch(label=title, facecolor=to_hex(tuple(palette[i, :3].tolist())))
        for i, title in zip(named, names([categories[i] for i in named], 30), strict=True)
    ]
    if more := len(order) - len(named):
        handles.append(Patch(label=f"other ({more:,} more), pale", facecolor=look.nothing))
    if (codes < 0).any():
        handles.append(Patch(label=MISSING, facecolor=look.grid))
    return palette[codes], handles, None


def _mixed(colours: Array, look: Theme, amount: float = 0.28) -> Array:
    """Colours of which only a little is on the paper."""
    paper = to_rgba_array(look.paper)[0]
    return np.asarray(amount * colours + (1 - amount) * paper)


def _by_number(values: Array, look: Theme) -> tuple[Array, list[Patch], ScalarMappable]:
    known = values[np.isfinite(values)]
    low, high = np.quantile(known, [0.02, 0.98]) if len(known) else (0.0, 1.0)
    scale = ScalarMappable(Normalize(low, high, clip=True), _ramp(look))
    paints = np.asarray(scale.to_rgba(np.nan_to_num(values, nan=low)))
    paints[~np.isfinite(values)] = to_rgba_array(look.grid)[0]
    rank = np.where(np.isfinite(values), 1, 0)
    return np.column_stack([paints, rank]), [], scale


def _ramp(look: Theme) -> Colormap:
    return LinearSegmentedColormap.from_list("values", [look.grid, look.accent, look.second])


def _colour_bar(ax: Axes, scale: ScalarMappable, look: Theme) -> None:
    figure = ax.get_figure(root=True)
    assert figure is not None
    bar = figure.colorbar(scale, cax=ax.inset_axes((1.02, 0.25, 0.025, 0.5)))
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, labelsize=8, labelcolor=look.muted)
    bar.ax.yaxis.set_major_formatter(lambda value, _: PLAIN(value))


def _listed(stores: Sequence[str], every: Sequence[str]) -> str:
    """Names of some stores among all of them, without what all names share."""
    name_of = dict(zip(every, differing(every, 28), strict=True))
    return listed([name_of[name] for name in stores], most=3)


def plot_expression(
    expression: Expression,
    ax: Axes | None = None,
    *,
    by: str | None = None,
    top_n: int = 25,
    theme: ThemeName = "auto",
) -> Axes:
    """Draw the share of cells in which a gene is not 0, and its values in these cells.

    Parameters
    ----------
    expression
        ``audit.expression(gene, by=…)``; its table is drawn.
    ax, theme
        As for :func:`plot_shapes`; a part of the axes goes to a second one for the values.
    by
        ``"store"``, or ``"label"`` (default, if there is one of few values).
    top_n
        Rows to show: those with most drawn cells; labels come in the order of their share.

    Returns
    -------
    Axes
        The axes with the shares; its figure's last axes has a box per row: the line goes from the
        5th to the 95th percentile, the box has half of the cells, the mark is at the median.
    """
    table, every = expression.table, list(expression.stores.index)
    grouped = "label" in table and table["label"].dtype.kind != "f" and by != "store"
    values, scaled, said = expression.on_one_axis()
    codes, rows = groups_of(table["label"] if grouped else table["store"])
    if grouped and scaled.any() and not scaled.all():
        # What is not 0 is not known of z-scores, and they are not on an axis with other values.
        is_scaled = (expression.stores["scale"] == "scaled").tolist()
        left_out = [name for name, one in zip(every, is_scaled, strict=True) if one]
        said.append(f"left out, because scaled: {_listed(left_out, every)}")
        codes, values, scaled = codes[~scaled], values[~scaled], scaled[~scaled]
    n = np.bincount(codes, minlength=len(rows))
    kept = np.argsort(-n, kind="stable")[:top_n]
    kept = kept[n[kept] > 0]
    unknown = np.bincount(codes, weights=scaled, minlength=len(rows)) > 0
    with np.errstate(invalid="ignore"):
        shares = np.bincount(codes, weights=values != 0, minlength=len(rows)) / n
    shares[unknown] = np.nan
    kept = (
        kept[np.argsort(-np.nan_to_num(shares[kept]), kind="stable")] if grouped else np.sort(kept)
    )
    # Cells without a label are no class, wherever their share would put them.
    unnamed = np.array([isinstance(rows[i], Words) for i in kept], dtype=bool)
    kept = np.concatenate([kept[~unnamed], kept[unnamed]])
    if hidden := int((n > 0).sum()) - len(kept):
        said.append(f"not shown: {hidden:,} more")
    if expression.absent:
        said.append(f"without this gene: {_listed(expression.absent, every)}")
    ax, look = start(ax, rows=len(kept), theme=theme)
    right = make_axes_locatable(ax).append_axes("right", size="130%", pad=0.3, sharey=ax)
    right.set_facecolor(ax.get_facecolor())
    known = np.nan_to_num(shares[kept])
    ax.barh(np.arange(len(kept)), known, height=0.72, linewidth=0, color=look.accent)
    texts = ["unknown: scaled" if np.isnan(one) else share(one) for one in shares[kept]]
    bar_values(ax, known, texts, look)
    name_rows(ax, [rows[i] for i in kept], look, stores=not grouped)
    quantiles = np.full((len(kept), 5), np.nan)
    for place, i in enumerate(kept):
        some = values[(codes == i) & ((values != 0) | scaled)]
        if len(some):
            quantiles[place] = np.quantile(some, _QUANTILES)
    boxes(right, look, quantiles, [look.second] * len(kept))
    if unnamed.any() and np.isfinite(quantiles[:-1]).any():
        right.set_xlim(right=min(right.get_xlim()[1], 1.05 * float(np.nanmax(quantiles[:-1]))))
    gene = names([expression.gene], 30)[0]
    finish(ax, look, title=f"cells with {gene}", unit=share)
    ax.set_xlim(0, 1.25)
    ax.set_xticks([0, 0.5, 1])
    finish(right, look, title=f"{gene} in these cells")
    right.tick_params(labelleft=False)
    note(ax, said, look)
    return ax
