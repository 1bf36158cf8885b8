"""Figures of depth."""

import pandas as pd
import pytest

from mappedviz import plots
from tests.hostile import depths
from tests.plots import STORES, widths


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
