"""What the figures draw is what the tables say; nothing in a name breaks them."""

from __future__ import annotations

import gc
import importlib.util
import io
import sys
import warnings

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from mappedviz import plots
from mappedviz.audits import Coverage, LabelTable
from tests.hostile import (
    HOSTILE,
    coverage_table,
    crossed,
    depths,
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
    "library_sizes": lambda names, **o: plots.plot_library_sizes(depths(names), **o),
}


def widths(ax):
    return [bar.get_width() for bar in ax.patches]


def rows_of(ax):
    return [label.get_text() for label in ax.get_yticklabels()]


def texts(ax):
    figure = ax.get_figure(root=True)
    return [text for text in figure.findobj(Text) if text.get_visible() and text.get_text()]


# --- artists


def test_shapes_draws_the_table_in_its_order():
    table = stores_table(STORES)
    ax = plots.plot_shapes(table)
    genes = ax.figure.axes[-1]
    assert widths(ax) == table["n_obs"].tolist()
    assert widths(genes) == table["n_vars"].tolist()
    assert rows_of(ax) == STORES
    low, high = ax.get_ylim()
    assert low > high  # the first row is on top


def test_shapes_says_which_store_cannot_be_read():
    ax = plots.plot_shapes(stores_table(STORES, broken=2))
    assert widths(ax)[:2] == [0, 0]
    assert [text.get_text() for text in ax.texts[:2]] == ["cannot be read"] * 2


def test_shapes_of_many_stores_shows_the_largest_and_counts_the_others():
    table = stores_table([f"s{i}" for i in range(100)])
    ax = plots.plot_shapes(table, top_n=10)
    assert sorted(widths(ax)) == sorted(table["n_obs"].tolist())[-10:]
    rest = sum(sorted(table["n_obs"].tolist())[:-10])
    assert ax.texts[-1].get_text() == f"and 90 smaller stores with {rest:,} cells together"


def test_coverage_curve_goes_from_outer_to_inner():
    coverage = coverage_table(STORES)
    ax = plots.plot_coverage_curve(coverage)
    (line,) = ax.lines
    assert line.get_xdata().tolist() == [1, 2, 3, 4, 5, 6]
    assert line.get_ydata().tolist() == coverage.at_least.tolist()
    assert [text.get_text() for text in ax.texts] == [
        f"outer {coverage.outer}",
        f"inner {coverage.inner}",
    ]


@pytest.mark.parametrize("stores", [[], ["only one"]], ids=["no store", "one store"])
def test_coverage_of_few_stores(stores):
    coverage = Coverage.of({name: ["A", "B"] for name in stores})
    for plot in (plots.plot_coverage_curve, plots.plot_leave_one_out, plots.plot_patterns):
        assert plots.render(plot(coverage), "png")


def test_leave_one_out_starts_at_the_inner_join_and_puts_the_worst_first():
    coverage = coverage_table(STORES)
    ax = plots.plot_leave_one_out(coverage, top_n=4)
    gains = coverage.table["gain_without"].sort_values(ascending=False, kind="stable")
    assert widths(ax) == gains.tolist()[:4]
    assert {bar.get_x() for bar in ax.patches} == {coverage.inner}
    assert rows_of(ax) == gains.index.tolist()[:4]
    assert ax.texts[-1].get_text() == "and 2 stores that cost no more than these"


def test_leave_one_out_says_where_nothing_changes():
    ax = plots.plot_measured(measured_table(["a", "b", "c"]).iloc[:, ::-1])
    assert [bar.get_width() for bar in ax.patches] == [1, 2, 3]
    ax = plots.plot_leave_one_out(Coverage.of({"a": ["A"], "b": ["A"]}))
    assert {text.get_text() for text in ax.texts} == {"no change"}


def test_patterns_and_the_rest_are_all_genes():
    coverage = coverage_table(STORES)
    ax = plots.plot_patterns(coverage, top_n=3)
    assert widths(ax)[:3] == coverage.patterns["n_genes"].tolist()[:3]
    assert sum(widths(ax)) == coverage.outer
    assert rows_of(ax)[0] == "all 6 stores"
    assert rows_of(ax)[-1] == f"other ({coverage.n_patterns - 3} more patterns)"
    everything = plots.plot_patterns(coverage, top_n=1000)
    assert len(widths(everything)) == coverage.n_patterns


@pytest.mark.parametrize("n_stores", [3, 8, 16, 17, 40])
def test_categories_stacks_the_stores(n_stores):
    table = label_counts([f"s{i}" for i in range(n_stores)], CLASSES)
    ax = plots.plot_categories(table, top_n=10)
    n_rows = 10 + 3  # other, (missing), (no such column)
    segments = min(n_stores, plots.MOST_STORES)
    assert len(ax.patches) == n_rows * segments
    sums = np.array(widths(ax)).reshape(segments, n_rows).sum(axis=0)
    top, others, more = table.top(10)
    expected = [*top.sum(axis=1), others.sum(), table.missing.sum(), table.absent.sum()]
    assert sums.tolist() == expected
    assert rows_of(ax)[-3:] == [f"other ({more} more)", "(missing)", "(no such column)"]
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert len(legend) == segments
    assert (legend[-1] == f"other ({n_stores - 15} stores)") == (n_stores > 16)


def test_categories_tells_stores_apart_by_more_than_eight_colours():
    ax = plots.plot_categories(label_counts([f"s{i}" for i in range(16)], CLASSES))
    looks = {(to_hex(bar.get_facecolor()), bar.get_hatch()) for bar in ax.patches}
    assert len(looks) == 16


def test_a_store_has_one_colour_however_many_cells_it_has():
    table = LabelTable.of(
        "type", ["a", "b"], [(["T"], np.array([1]), 0), (["T"], np.array([9]), 0)]
    )
    ax = plots.plot_categories(table)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b"]
    assert widths(ax) == [1, 9]


def test_categories_as_shares_end_at_one():
    table = label_counts(STORES, CLASSES[:5])
    ax = plots.plot_categories(table, shares=True)
    ends = [max(b.get_x() + b.get_width() for b in ax.patches if b.get_y() == y) for y in
            {b.get_y() for b in ax.patches}]  # fmt: skip
    assert ends == pytest.approx([1.0] * len(ends))


def test_categories_of_one_store_without_missing_ones_need_no_legend():
    table = LabelTable.of("type", ["a"], [(["T", "B"], np.array([3, 5]), 0)])
    ax = plots.plot_categories(table)
    assert rows_of(ax) == ["B", "T"]
    assert widths(ax) == [5, 3]
    assert ax.get_legend() is None


def test_weights_draws_before_and_after():
    table = weight_table()
    ax = plots.plot_weights(table)
    n = len(table.table)
    assert widths(ax)[:n] == table.table["share_before"].tolist()
    assert widths(ax)[n:] == table.table["share_after"].tolist()
    assert ax.get_title(loc="left").startswith("effective size 281 cells (0.23 %), 32 % of cells")


def test_weights_leave_room_for_the_numbers():
    """The axis is as long as the longest bar asks for, whichever of the two it is."""
    limits = []
    for before, after in ((0.4, 0.1), (0.1, 0.4)):
        table = pd.DataFrame({"n": [1], "expected": [before], "drawn": [after]}, index=["a"])
        limits.append(plots.plot_drawn(table).get_xlim()[1])
    assert limits[0] == pytest.approx(limits[1])
    assert limits[0] > 0.45


def test_weights_adds_the_others_up():
    ax = plots.plot_weights(weight_table(CLASSES), top_n=5)
    assert rows_of(ax)[-1] == "other (35 more)"
    assert sum(widths(ax)[:6]) == pytest.approx(1)
    assert sum(widths(ax)[6:]) == pytest.approx(1)


def test_batch_by_label_shows_shares_and_numbers():
    table = pd.DataFrame([[8, 2], [0, 5]], index=["T", "B"], columns=["b1", "b2"])
    ax = plots.plot_batch_by_label(table)
    np.testing.assert_allclose(ax.images[0].get_array(), [[0.8, 0.2], [0, 1]])
    assert [text.get_text() for text in ax.texts] == ["8", "2", "5"]
    assert rows_of(ax) == ["T", "B"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["b1", "b2"]


def test_batch_by_label_says_what_it_leaves_out():
    ax = plots.plot_batch_by_label(crossed(STORES, CLASSES), top_n=4)
    assert ax.images[0].get_array().shape == (4, 4)
    assert "not shown: 36 labels and 2 batches" in ax.get_title(loc="left")
    many = plots.plot_batch_by_label(crossed([f"b{i}" for i in range(20)], CLASSES))
    assert not many.texts  # 600 numbers are no picture


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


# --- looks


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


# --- names that files can hold


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
    if drawing == "curve":
        pytest.skip("names no store")
    rows = rows_of(ax)
    assert len(set(rows)) == len(rows)
    assert all(0 < len(row) < 90 and "\n" not in row for row in rows)
    assert not any(label.get_parse_math() for label in ax.get_yticklabels())


def test_names_with_an_underscore_are_in_the_legend():
    ax = plots.plot_categories(label_counts(["_a", "__b", "c"], CLASSES))
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert sorted(legend) == ["__b", "_a", "c"]


def test_characters_that_no_font_has_are_spelled_out():
    table = stores_table(["中文", "é", "שלום"])
    assert rows_of(plots.plot_shapes(table)) == ["<U+4E2D><U+6587>", "é", "שלום"]
    with mpl.rc_context({"font.family": "sans-serif"}):
        assert plots.render(plots.plot_shapes(table), "png")


# --- figures


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


# --- the gallery


def test_every_figure_is_in_the_gallery_and_every_block_runs(repository, tmp_path):
    """What the documentation runs when it is built."""
    spec = importlib.util.spec_from_file_location("gallery", repository / "docs" / "gallery.py")
    gallery = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(gallery)
    names = gallery.draw(target=tmp_path)
    assert names == [name.removeprefix("plot_") for name in vars(plots) if name.startswith("plot_")]
    page = (repository / "docs" / "gallery.md").read_text(encoding="utf-8")
    for path in tmp_path.iterdir():
        assert f"_static/gallery/{path.name}" in page
    assert len(list(tmp_path.iterdir())) == 2 * len(names)
