"""A figure as the bytes of a picture, narrowed where it must be, and axes that a notebook shows as one."""

from __future__ import annotations

import io
import struct
import textwrap
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.text import Annotation, Text
from matplotlib.ticker import MaxNLocator

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.transforms import BboxBase

_LEAST_WIDTH = 1.5  # inches of an axes, whatever stands beside it
_NARROW = 2.4  # inches of an axes that has room for few ticks
_TITLE_LETTERS_PER_INCH = 11.5


def render(
    ax: Axes,
    format: Literal["svg", "png"] = "svg",
    dpi: float = 144,
    box: BboxBase | None = None,
) -> bytes:
    """Return the whole figure that an axes belongs to, as the bytes of a picture.

    Parameters
    ----------
    ax
        The return value of a function of this module.
    format
        ``"svg"`` (text as outlines, so that it looks the same everywhere) or ``"png"``.
    dpi
        Resolution of a PNG.
    box
        The part of the figure that is shown, in inches. Default: all that is drawn.

    Returns
    -------
    bytes
        The same for the same figure: no dates, no random identifiers.
    """
    figure = _figure(ax)
    sink = io.BytesIO()
    settings: Any = {"svg.fonttype": "path", "svg.hashsalt": "mappedviz", "path.simplify": True}
    with mpl.rc_context(settings), warnings.catch_warnings():
        # Glyphs that no font has were replaced already, as far as one can know beforehand.
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)
        told = {"Date": None} if format == "svg" else {"Software": None}
        # With "tight", matplotlib draws everything twice; what lays itself out needs that.
        shown: Any = box or ("tight" if figure.get_layout_engine() else box_of(figure))
        figure.savefig(sink, format=format, dpi=dpi, bbox_inches=shown, metadata=told)
    return sink.getvalue()


def box_of(figure: Figure) -> BboxBase:
    """Return the part of a figure that something is drawn in, and a margin, in inches."""
    return figure.get_tightbbox().padded(mpl.rcParams["savefig.pad_inches"])


def narrowed(drawings: Sequence[Axes], width: float) -> BboxBase:
    """Make figures that differ in their colours alone as narrow as a column of a page.

    The legend goes below, the title takes several lines, and the axes gets narrower, as far as
    its bars can still be seen.

    Parameters
    ----------
    drawings
        Axes of figures that are laid out alike; each has its figure for itself.
    width
        Of the pictures, in inches.

    Returns
    -------
    BboxBase
        The part of each figure that is to be shown.
    """
    first = drawings[0]
    figure = _figure(first)
    inches = figure.get_figwidth()
    for ax in drawings:
        _legend_below(ax)
    box, place = figure.get_tightbbox(), first.get_position()
    # What stands at the end of a bar comes nearer with the end of the axes, though not as much.
    over = (box.width - width + 2 * mpl.rcParams["savefig.pad_inches"]) / 0.85
    least = min(_LEAST_WIDTH / inches, place.width)
    wide = max(place.width - max(over, 0) / inches, least)
    beside = max(place.x0 * inches - box.x0, 0)  # inches of the names of rows
    for ax in drawings:
        ax.set_position((place.x0, place.y0, wide, place.height))
        _from_the_left(ax, beside, wide * inches, width)
        ticks = ax.xaxis.get_major_locator()
        if wide * inches < _NARROW and isinstance(ticks, MaxNLocator):
            ticks.set_params(nbins=2)
    return box_of(figure)


def _legend_below(ax: Axes) -> None:
    legend = ax.get_legend()
    if legend is not None:
        height = _figure(ax).get_figheight() * ax.get_position().height
        legend.set_bbox_to_anchor((0, -0.4 / height), ax.transAxes)


def _from_the_left(ax: Axes, beside: float, wide: float, width: float) -> None:
    """Let title and remarks begin so many inches left of the axes, where the names of rows do."""
    title = ax.get_title(loc="left")
    for text in ax.get_children():
        if isinstance(text, Annotation) and text.xycoords == "axes fraction":
            text.xyann = (-72 * beside, text.xyann[1])
        elif isinstance(text, Text) and title and text.get_text() == title:
            text.set_x(-beside / wide)
            text.set_text("\n".join(textwrap.wrap(title, int(_TITLE_LETTERS_PER_INCH * width))))


def _figure(ax: Axes) -> Figure:
    figure = ax.get_figure(root=True)
    assert figure is not None
    return figure


class AxesInNotebook(Axes):
    """An axes that a notebook shows as its picture; pyplot would keep the figure open."""

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        # Twice as many dots as it takes on the screen: sharp where these are small.
        picture = render(self, "png", dpi=2 * mpl.rcParams["figure.dpi"])
        width, height = struct.unpack(">II", picture[16:24])
        return picture, {"width": width // 2, "height": height // 2}
