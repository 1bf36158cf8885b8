"""Figures of depth."""

import numpy as np
import pandas as pd
import pytest

from mappedviz import plots
from tests.hostile import cell_stats_table, depths
from tests.plots import STORES, rows_of, widths


def test_library_sizes_draws_quartiles():
    table = depths(STORES)
    ax = plots.plot_library_sizes(table)
    quartiles = table.groupby("store", sort=False)["total"].quantile([0.25, 0.75]).unstack()
    assert [bar.get_x() for bar in ax.patches] == quartiles[0.25].tolist()
    assert widths(ax) == pytest.approx((quartiles[0.75] - quartiles[0.25]).tolist())
    assert ax.get_xscale() == "log"


def test_library_sizes_with_zeros_is_linear_and_counts_what_is_hidden():
    ax = plots.plot_library_sizes(depths(STORES), column="genes", top_n=2)
    table = pd.DataFrame({"store": ["a", "a"], "total": [0.0, 5.0]})
    assert plots.plot_library_sizes(table).get_xscale() == "linear"
    assert ax.texts[-1].get_text() == "not shown: 4 stores"
    assert plots.render(plots.plot_library_sizes(table.iloc[:0]), "png")


def test_cell_stats_draws_quartiles_of_three_measures():
    stats = cell_stats_table(STORES)
    ax = plots.plot_cell_stats(stats)
    figure = ax.get_figure(root=True)
    assert len(figure.axes) == 3
    assert rows_of(ax) == STORES
    for one, measure in zip(figure.axes[1:], ("genes", "mito"), strict=True):
        quartiles = stats.quantiles[measure]
        drawn = [bar.get_x() for bar in one.patches]
        np.testing.assert_allclose(drawn, quartiles[0.25])
        np.testing.assert_allclose(widths(one), quartiles[0.75] - quartiles[0.25])
    assert ax.get_xscale() == "log"


def test_cell_stats_say_what_is_no_depth_and_what_is_unknown():
    ax = plots.plot_cell_stats(cell_stats_table(STORES))
    texts = [text.get_text() for text in ax.texts]
    assert texts[:-1] == ["log1p", "scaled", "log1p", "not read"]
    assert texts[-1].startswith("grey: values are not counts")
    bars = [bar.get_width() for bar in ax.patches]
    assert np.isnan(bars).tolist() == [False, False, True, False, False, True]
    mito = ax.get_figure(root=True).axes[2]
    assert [text.get_text() for text in mito.texts] == ["unknown", "unknown"]


def test_cell_stats_of_many_stores_and_of_none():
    ax = plots.plot_cell_stats(cell_stats_table([f"s{i}" for i in range(50)]), top_n=10)
    assert ax.texts[-1].get_text().endswith("not shown: 40 stores")
    stats = cell_stats_table(["a"])
    none = type(stats)("X", stats.table.iloc[:0], stats.stores.assign(drawn=0, scale=None))
    assert plots.render(plots.plot_cell_stats(none), "png")
