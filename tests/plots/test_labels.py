"""Figures of labels."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from mappedviz import plots
from mappedviz.audits import LabelTable
from mappedviz.audits.tables.crosstabs import crosstab
from mappedviz.recipe.labels import Labels
from tests.hostile import crossed, label_counts
from tests.plots import CLASSES, STORES, rows_of, widths


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


def test_other_labels_do_not_set_the_axis():
    table = LabelTable.of("k", ["a"], [([f"c{i}" for i in range(200)], np.full(200, 10), 5)])
    ax = plots.plot_categories(table, top_n=5)
    assert widths(ax) == [10] * 5 + [1950, 5]
    assert ax.get_xlim()[1] < 20
    long = ax.patches[5]
    end = ax.transData.inverted().transform(long.get_clip_box().get_points())[1, 0]
    assert end == pytest.approx(11)
    assert [text.get_text() for text in ax.texts][5:] == ["1,950", "5"]
    assert len(plots.plot_categories(table, top_n=5, shares=True).lines) == 0


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


def test_names_with_an_underscore_are_in_the_legend():
    ax = plots.plot_categories(label_counts(["_a", "__b", "c"], CLASSES))
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert sorted(legend) == ["__b", "_a", "c"]


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


def test_crosstab_has_a_line_before_what_is_no_label():
    a = Labels(np.array([0, 0, 1, 2, -1, 3]), ("T", "B", "NK", "DC"))
    b = Labels(np.array([0, 1, 1, 1, 0, 0]), ("x", "y"))
    table = crosstab(a, b, ("cell_type", "donor"), top_n=2, missing=True)
    ax = plots.plot_crosstab(table)
    assert rows_of(ax) == ["T", "B", "other (2 more)", "(missing)"]
    assert [line.get_ydata()[0] for line in ax.lines] == [1.5]
    np.testing.assert_allclose(ax.images[0].get_array()[:, 0], [0.5, 0, 0.5, 1])
    assert "cell_type and donor" in ax.get_title(loc="left")


def test_crosstab_shows_the_first_rows_and_counts_the_others():
    ax = plots.plot_crosstab(crossed(STORES, CLASSES), top_n=4)
    assert ax.images[0].get_array().shape == (4, 4)
    assert "not shown: 36 rows and 2 columns" in ax.get_title(loc="left")
    assert plots.render(plots.plot_crosstab(crossed(STORES, CLASSES).iloc[:0]), "png")


def test_crosstab_with_the_store_names_what_differs():
    stores = [f"a_long_name_that_all_of_them_share_{i}.h5ad" for i in range(3)]
    table = pd.DataFrame(
        np.ones((2, 3), int), index=["T", "B"], columns=pd.Index(stores, name="store")
    )
    ax = plots.plot_crosstab(table)
    assert [label.get_text() for label in ax.get_xticklabels()] == [f"…share_{i}" for i in range(3)]
