"""Figures of the audit: a table in, matplotlib Axes out.

Every function takes one of the audit's tables and draws into the axes it is given, or into a
``Figure`` of its own, and a notebook shows what they return. pyplot is never used, so no figure
stays open. What is drawn is asserted on the artists in the tests: the width of a bar is the number
in the table.

It may import audits and what is below them; matplotlib is at home here. A new figure is a function
in the module of its subject, a line below, and a block in the gallery; what figures share is in
`drawing`.
"""

from __future__ import annotations

from mappedviz.text.colours import DARK, LIGHT, Theme
from mappedviz.text.extras import optional_packages

with optional_packages():
    from mappedviz.plots.cells import plot_embedding, plot_expression
    from mappedviz.plots.depth import plot_cell_stats, plot_library_sizes
    from mappedviz.plots.drawing import MOST_STORES, contrast
    from mappedviz.plots.genes import (
        plot_coverage_curve,
        plot_intersections,
        plot_leave_one_out,
        plot_measured,
        plot_patterns,
    )
    from mappedviz.plots.labels import plot_batch_by_label, plot_categories, plot_crosstab
    from mappedviz.plots.pictures import AxesInNotebook, render
    from mappedviz.plots.stores import plot_shapes
    from mappedviz.plots.weights import plot_drawn, plot_weights

__all__ = [
    "DARK",
    "LIGHT",
    "MOST_STORES",
    "AxesInNotebook",
    "Theme",
    "contrast",
    "plot_batch_by_label",
    "plot_categories",
    "plot_cell_stats",
    "plot_coverage_curve",
    "plot_crosstab",
    "plot_drawn",
    "plot_embedding",
    "plot_expression",
    "plot_intersections",
    "plot_leave_one_out",
    "plot_library_sizes",
    "plot_measured",
    "plot_patterns",
    "plot_shapes",
    "plot_weights",
    "render",
]
