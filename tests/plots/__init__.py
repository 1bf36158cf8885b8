"""Figures of made-up tables with names of any kind, and what was drawn in them."""

import numpy as np
import pandas as pd
from matplotlib.text import Text

from mappedviz import plots
from tests.hostile import (
    HOSTILE,
    cell_stats_table,
    coverage_table,
    crossed,
    depths,
    embedding_table,
    expression_table,
    label_counts,
    stores_table,
    weight_table,
)

STORES = [f"store_{i}.h5ad" for i in range(6)]
CLASSES = [f"class {i}" for i in range(40)]


def measured_table(names):
    has = np.arange(10)[:, None] <= np.arange(len(names))[None, :]
    return pd.DataFrame(has, columns=list(names))


DRAWINGS = {
    "shapes": lambda names, **o: plots.plot_shapes(stores_table(names, broken=1), **o),
    "curve": lambda names, **o: plots.plot_coverage_curve(coverage_table(names), **o),
    "leave_one_out": lambda names, **o: plots.plot_leave_one_out(coverage_table(names), **o),
    "measured": lambda names, **o: plots.plot_measured(measured_table(names), **o),
    "patterns": lambda names, **o: plots.plot_patterns(coverage_table(names), **o),
    "categories": lambda names, **o: plots.plot_categories(
        label_counts(names, [*HOSTILE, *CLASSES], key=HOSTILE[0]), **o
    ),
    "shares": lambda names, **o: plots.plot_categories(
        label_counts(names, HOSTILE), shares=True, **o
    ),
    "weights": lambda names, **o: plots.plot_weights(weight_table([*HOSTILE, *CLASSES]), **o),
    "batches": lambda names, **o: plots.plot_batch_by_label(crossed(names, HOSTILE), **o),
    "crosstab": lambda names, **o: plots.plot_crosstab(crossed(names, HOSTILE), **o),
    "intersections": lambda names, **o: plots.plot_intersections(coverage_table(names), **o),
    "histogram": lambda names, **o: plots.plot_intersections(
        coverage_table([*names, *(f"s{i}" for i in range(20))]), **o
    ),
    "embedding": lambda names, **o: plots.plot_embedding(embedding_table(names, HOSTILE), **o),
    "cell_stats": lambda names, **o: plots.plot_cell_stats(cell_stats_table(names), **o),
    "expression": lambda names, **o: plots.plot_expression(expression_table(names, HOSTILE), **o),
    "expression_by_store": lambda names, **o: plots.plot_expression(
        expression_table(names, HOSTILE), by="store", **o
    ),
    "library_sizes": lambda names, **o: plots.plot_library_sizes(depths(names), **o),
}


def widths(ax):
    return [bar.get_width() for bar in ax.patches]


def rows_of(ax):
    return [label.get_text() for label in ax.get_yticklabels()]


def texts(ax):
    figure = ax.get_figure(root=True)
    return [text for text in figure.findobj(Text) if text.get_visible() and text.get_text()]
