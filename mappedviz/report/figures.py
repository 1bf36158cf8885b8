"""The figures of an audit as pictures that a page carries within itself."""

from __future__ import annotations

import base64
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from mappedviz.errors import MappedvizError
from mappedviz.report.sections.audit import label_table, weight_table
from mappedviz.report.values import Picture

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from mappedviz.audits.result import Audit
    from mappedviz.audits.tables.labels import LabelTable


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
    import matplotlib as mpl

    from mappedviz import plots

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
        drawings += [
            ("labels", "Cells of each label by store", plots.plot_categories, labels),
            ("labels", "Labels by batch", plots.plot_batch_by_label, _by_batch(audit, labels)),
        ]
    if weights is not None and len(weights.table):
        drawings.append(("weights", "Share of each class", plots.plot_weights, weights))
    if len(depths):
        drawings.append(("depth", "Sums of sampled cells", plots.plot_library_sizes, depths))
    found: dict[str, list[Picture]] = {}
    settings: Any = {"figure.figsize": (4.6, 3.0)}  # two in a row on most screens
    with mpl.rc_context(settings):
        for section, alt, draw, table in drawings:
            light, dark = (data_uri(draw(table, theme=theme)) for theme in ("light", "dark"))
            found.setdefault(section, []).append(Picture(alt, light, dark))
    return found


def _by_batch(audit: Audit, labels: LabelTable) -> pd.DataFrame:
    """Return cells by label and batch; the store is the batch if the audit has no batch key."""
    if audit.batch is not None and audit.label is not None:
        with suppress(MappedvizError):
            return audit.crosstab(audit.label, audit.batch)
    return labels.top(30)[0]


def data_uri(ax: Axes, most: int = 150_000) -> str:
    """Return a figure as a data URI: SVG, or PNG if the SVG is larger than `most`."""
    from mappedviz import plots

    data = plots.render(ax, "svg")
    kind = "svg+xml"
    if len(data) > most:
        data, kind = plots.render(ax, "png"), "png"
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
