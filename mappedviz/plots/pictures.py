"""A figure as the bytes of a picture, and axes that a notebook shows as one."""

from __future__ import annotations

import io
import struct
import warnings
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes


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
