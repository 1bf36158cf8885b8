"""Figures as bytes, and in a notebook."""

import io

import pytest
from matplotlib.figure import Figure
from PIL import Image

from mappedviz import plots
from mappedviz.plots.pictures import box_of, narrowed
from tests.hostile import depths, label_counts, stores_table, weight_table
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


def _drawings(theme):
    stores, classes = [f"a_long_name_of_store_{i}.h5ad" for i in range(8)], ["B", "NK", "T"]
    return [
        plots.plot_categories(label_counts(stores, classes), theme=theme),
        plots.plot_library_sizes(depths(stores), theme=theme),
        plots.plot_weights(weight_table(classes), theme=theme),
    ]


def test_figures_get_as_narrow_as_asked_for_and_twins_alike():
    for light, dark in zip(_drawings("light"), _drawings("dark"), strict=True):
        box = narrowed([light, dark], 4.3)
        assert box.width <= 4.35
        assert light.get_position().bounds == dark.get_position().bounds
        assert box_of(dark.figure).width == pytest.approx(box.width)
        # Title and names of rows begin at the same place, and nothing was lost.
        assert light.get_title(loc="left")
        assert len(light.get_yticklabels()) >= 3


def test_a_figure_that_is_narrow_stays_as_it_is():
    ax = plots.plot_weights(weight_table(["B", "T"]))
    before = ax.get_position().bounds
    narrowed([ax], 20)
    assert ax.get_position().bounds == before
