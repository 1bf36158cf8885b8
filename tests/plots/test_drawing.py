"""Colours that suit the paper, and text that fonts can draw."""

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

from mappedviz import plots
from tests.hostile import stores_table, weight_table
from tests.plots import STORES, rows_of, texts


@pytest.mark.parametrize("paper", ["white", "black", "#fdf6e3", "#002b36", "#777777", "none"])
def test_colours_suit_the_axes_that_are_given(paper):
    figure = Figure(facecolor=paper)
    ax = figure.add_subplot(facecolor=paper)
    assert plots.plot_weights(weight_table(), ax) is ax
    ground = "white" if paper == "none" else paper
    assert all(plots.contrast(text.get_color(), ground) >= 4.4 for text in texts(ax))


def test_colours_follow_the_settings():
    with mpl.rc_context({"figure.facecolor": "#111111", "axes.facecolor": "#111111"}):
        ax = plots.plot_shapes(stores_table(STORES))
    assert {axes.get_facecolor()[:3] for axes in ax.figure.axes} == {(17 / 255,) * 3}
    assert plots.contrast(ax.get_yticklabels()[0].get_color(), "#111111") > 4.5


def test_unknown_theme():
    with pytest.raises(ValueError, match="theme is 'neon'"):
        plots.plot_shapes(stores_table(STORES), theme="neon")


def test_characters_that_no_font_has_are_spelled_out():
    table = stores_table(["中文", "é", "שלום"])
    assert rows_of(plots.plot_shapes(table)) == ["<U+4E2D><U+6587>", "é", "שלום"]
    with mpl.rc_context({"font.family": "sans-serif"}):
        assert plots.render(plots.plot_shapes(table), "png")
