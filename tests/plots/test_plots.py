"""What the figures draw is what the tables say; nothing in a name breaks them."""

import gc
import importlib.util
import io
import sys
import warnings

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mappedviz import plots
from tests.hostile import HOSTILE
from tests.plots import DRAWINGS, STORES, rows_of, texts


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("drawing", DRAWINGS)
def test_text_stands_out_from_the_paper(drawing, theme):
    ax = DRAWINGS[drawing](STORES, theme=theme)
    paper = ax.get_figure(root=True).get_facecolor()
    on_image = set(ax.texts) if ax.images else set()
    found = [text for text in texts(ax) if text not in on_image]
    assert found
    low = [t.get_text() for t in found if plots.contrast(t.get_color(), paper) < 4.5]
    assert low == []


@pytest.mark.parametrize("format", ["svg", "png"])
@pytest.mark.parametrize("drawing", DRAWINGS)
def test_any_name_can_be_drawn(drawing, format):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = plots.render(DRAWINGS[drawing](HOSTILE), format)
    assert len(picture) > 1000
    if format == "svg":
        assert b"<script" not in picture
        assert b"\x1b" not in picture


@pytest.mark.parametrize("drawing", DRAWINGS)
def test_names_are_told_apart_and_short(drawing):
    ax = DRAWINGS[drawing](HOSTILE)
    if drawing in ("curve", "histogram", "embedding"):
        pytest.skip("names no store in rows")
    rows = rows_of(ax)
    assert len(set(rows)) == len(rows)
    assert all(0 < len(row) < 90 and "\n" not in row for row in rows)
    assert not any(label.get_parse_math() for label in ax.get_yticklabels())


def test_no_figure_is_left_open_and_pyplot_is_not_needed():
    before = len(alive())
    for _ in range(5):
        for drawing in DRAWINGS.values():
            drawing(STORES)
    gc.collect()
    assert len(alive()) <= before + 1
    if "matplotlib.pyplot" in sys.modules:
        assert sys.modules["matplotlib.pyplot"].get_fignums() == []


def alive():
    gc.collect()
    return [one for one in gc.get_objects() if type(one) is Figure]


@pytest.mark.parametrize("drawing", DRAWINGS)
def test_draws_into_axes_of_the_user(drawing):
    figure = Figure()
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    ax = DRAWINGS[drawing](STORES, ax=right)
    assert ax is right
    assert not left.patches
    figure.savefig(io.BytesIO(), format="png")


def test_every_figure_is_in_the_gallery_and_every_block_runs(repository, tmp_path):
    """What the documentation runs when it is built."""
    spec = importlib.util.spec_from_file_location("gallery", repository / "docs" / "gallery.py")
    gallery = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(gallery)
    names = gallery.draw(target=tmp_path)
    public = [name for name in plots.__all__ if name.startswith("plot_")]
    assert sorted(names) == sorted(name.removeprefix("plot_") for name in public)
    page = (repository / "docs" / "gallery.md").read_text(encoding="utf-8")
    pictures = {path.name for path in tmp_path.iterdir()}
    assert all(f"_static/gallery/{name}" in page for name in pictures)
    pictures.remove("thumbnails.txt")
    assert len(pictures) == 2 * len(names)
    small = (tmp_path / "thumbnails.txt").read_text(encoding="utf-8")
    assert all(f"_static/gallery/{name}" in small for name in pictures)
