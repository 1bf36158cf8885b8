"""Figures as bytes, and in a notebook."""

import io

import pytest
from matplotlib.figure import Figure
from PIL import Image

from mappedviz import plots
from tests.hostile import stores_table
from tests.plots import STORES


def test_a_notebook_shows_what_is_returned():
    """As the value of a cell: a picture, with twice the dots. Axes of the user have a figure of theirs."""
    from IPython.core.formatters import DisplayFormatter

    ax = plots.plot_shapes(stores_table(STORES))
    data, metadata = DisplayFormatter().format(ax)
    shown = metadata["image/png"]
    assert 400 < shown["width"] < 1000
    with Image.open(io.BytesIO(data["image/png"])) as picture:
        assert picture.size == pytest.approx((2 * shown["width"], 2 * shown["height"]), abs=1)
    given = plots.plot_shapes(stores_table(STORES), Figure().add_subplot())
    assert "image/png" not in DisplayFormatter().format(given)[0]


def test_the_same_figure_is_the_same_picture():
    one, two = (plots.render(plots.plot_shapes(stores_table(STORES))) for _ in range(2))
    assert one == two
    assert b"<dc:date>" not in one
