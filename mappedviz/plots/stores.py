"""Figures of stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from mpl_toolkits.axes_grid1 import make_axes_locatable  # type: ignore[import-untyped]

from mappedviz.plots.drawing import ThemeName, draw_bars, finish, note, start
from mappedviz.text.display import quantity

if TYPE_CHECKING:
    from matplotlib.axes import Axes


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
    ax, look = start(ax, rows=len(some), theme=theme)
    genes = make_axes_locatable(ax).append_axes("right", size="80%", pad=0.45, sharey=ax)
    genes.set_facecolor(ax.get_facecolor())
    for one, column, colour, title in (
        (ax, "n_obs", look.accent, "cells"),
        (genes, "n_vars", look.second, "genes"),
    ):
        values = pd.to_numeric(some[column], errors="coerce").to_numpy(np.float64, na_value=np.nan)
        texts = ["cannot be read" if np.isnan(n) else quantity(n) for n in values]
        draw_bars(one, look, some.index, np.nan_to_num(values), texts, color=colour, stores=True)
        finish(one, look, title=title)
    genes.tick_params(labelleft=False)
    if hidden := len(stores) - len(some):
        rest = n_obs.sum() - n_obs[kept].sum()
        note(ax, f"and {hidden:,} smaller stores with {quantity(rest)} cells together", look)
    return ax
