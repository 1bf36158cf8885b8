"""The figures of an audit as pictures that a page carries within itself."""

from __future__ import annotations

import base64
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from mappedviz.errors import MappedvizError
from mappedviz.report.sections.audit import label_table, weight_table
from mappedviz.report.values import Picture
from mappedviz.text.extras import optional_packages

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.transforms import BboxBase

    from mappedviz.audits.result import Audit

WIDTH = 4.3
"""Inches of a picture: two in a row on most screens, and its text can be read on a phone."""

_PIXELS_PER_INCH = 96


def figures_of(audit: Audit) -> dict[str, list[Picture]]:
    """Return all figures of an audit, each drawn for light and for dark paper.

    Parameters
    ----------
    audit
        The audit to draw.

    Returns
    -------
    dict
        Section -> its pictures.
    """
    with optional_packages():
        import matplotlib as mpl

    from mappedviz import plots
    from mappedviz.plots.pictures import narrowed

    coverage, labels, weights = audit.coverage, label_table(audit), weight_table(audit)
    depths = audit.library_sizes()
    drawings: list[tuple[str, str, Callable[..., Axes], Any]] = []
    if len(coverage.at_least) > 1:
        drawings += [
            ("coverage", "Genes in at least k stores", plots.plot_coverage_curve, coverage),
            ("coverage", "Inner join without one store", plots.plot_leave_one_out, coverage),
            ("coverage", "Which genes are in which stores", plots.plot_patterns, coverage),
        ]
    if audit.recipe.var_names is not None and coverage.outer:
        with suppress(MappedvizError):
            measured = audit.var_measured
            drawings.append(("coverage", "Genes asked for", plots.plot_measured, measured))
    if labels is not None and len(labels.classes):
        drawings.append(("labels", "Cells of each label by store", plots.plot_categories, labels))
        if (by_batch := _by_batch(audit)) is not None:
            drawings.append(("labels", "Labels by batch", plots.plot_batch_by_label, by_batch))
    if weights is not None and len(weights.table):
        drawings.append(("weights", "Share of each class", plots.plot_weights, weights))
    if len(depths):
        drawings.append(("depth", "Sums of sampled cells", plots.plot_library_sizes, depths))
    found: dict[str, list[Picture]] = {}
    settings: Any = {"figure.figsize": (WIDTH, 3.0)}
    with mpl.rc_context(settings):
        for section, alt, draw, table in drawings:
            axes = [draw(table, theme=theme) for theme in ("light", "dark")]
            box = narrowed(axes, WIDTH)
            light, dark = (data_uri(ax, box=box) for ax in axes)
            picture = Picture(alt, light, dark, round(_PIXELS_PER_INCH * box.width))
            found.setdefault(section, []).append(picture)
    return found


def _by_batch(audit: Audit) -> pd.DataFrame | None:
    """Return cells by label and batch; None if there is no batch key, as another figure has stores."""
    if audit.batch is not None and audit.label is not None:
        with suppress(MappedvizError):
            return audit.crosstab(audit.label, audit.batch)
    return None


def data_uri(ax: Axes, most: int = 150_000, box: BboxBase | None = None) -> str:
    """Return a figure as a data URI: SVG, or PNG if the SVG is larger than `most`."""
    from mappedviz import plots

    data = plots.render(ax, "svg", box=box)
    kind = "svg+xml"
    if len(data) > most:
        data, kind = plots.render(ax, "png", box=box), "png"
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
