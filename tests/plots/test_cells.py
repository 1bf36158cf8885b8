"""Figures of cells."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from mappedviz import plots
from mappedviz.plots.drawing import label_colours
from tests.hostile import embedding_table, expression_table
from tests.plots import CLASSES, STORES, rows_of, widths


def panels(ax):
    return [child for child in ax.child_axes if child.collections]


def colours(panel):
    return {to_hex(one) for one in panel.collections[0].get_facecolors()}


def test_embedding_draws_each_store_with_its_cells():
    found = embedding_table(STORES, CLASSES[:3])
    ax = plots.plot_embedding(found)
    drawn = panels(ax)
    assert [panel.get_title(loc="left") for panel in drawn] == STORES[:-1]
    for panel, store in zip(drawn, STORES, strict=False):
        here = found.table[found.table["store"] == store]
        points = np.asarray(panel.collections[0].get_offsets())
        assert sorted(points[:, 0]) == sorted(here["x"])
        assert set(colours(panel)) >= set(label_colours(3)) - {None}
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert sorted(legend) == ["(missing)", *CLASSES[:3]]
    assert "nothing to show of store_5.h5ad" in ax.texts[-1].get_text()


def test_embedding_of_many_labels_names_the_most_frequent():
    ax = plots.plot_embedding(embedding_table(STORES, CLASSES))
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert len(legend) == 16
    assert legend[-2:] == ["other (26 more), pale", "(missing)"]


def test_embedding_by_store_number_and_nothing():
    found = embedding_table(STORES, CLASSES)
    table = found.table.assign(label=found.table["store"])
    by_store = plots.plot_embedding(type(found)("X_umap", "store", table, found.stores))
    assert [colours(panel) for panel in panels(by_store)] == [{c} for c in label_colours(5)]
    assert by_store.get_legend() is None
    numbers = np.linspace(0, 1, len(table))
    numbers[:7] = np.nan
    table = found.table.assign(label=numbers)
    ax = plots.plot_embedding(type(found)("X_umap", "depth", table, found.stores))
    assert "grey: no number" in ax.texts[-1].get_text()
    table = found.table.drop(columns="label")
    ax = plots.plot_embedding(type(found)("X_umap", None, table, found.stores), theme="dark")
    assert all(len(colours(panel)) == 1 for panel in panels(ax))


def test_embedding_of_many_stores_shows_the_largest():
    ax = plots.plot_embedding(embedding_table([f"s{i}" for i in range(41)], ["a"]), top_n=6)
    assert [panel.get_title(loc="left") for panel in panels(ax)] == [f"s{i}" for i in range(34, 40)]
    assert ax.texts[-1].get_text().startswith("not shown: 34 more stores")


def test_no_embedding_is_a_picture_too():
    found = embedding_table(["a", "b"], ["T"])
    stores = found.stores.assign(drawn=0, note="no embedding: has nothing in obsm")
    ax = plots.plot_embedding(type(found)(None, None, found.table.iloc[:0], stores))
    assert plots.render(ax, "png")
    assert ax.get_title(loc="left").startswith("no embedding")


def test_svg_of_many_cells_is_small():
    ax = plots.plot_embedding(embedding_table(STORES, CLASSES, n=5_000))
    assert len(plots.render(ax)) < 700_000


def test_expression_draws_shares_and_values_by_label():
    found = expression_table(STORES, CLASSES[:4])
    table = found.table
    ax = plots.plot_expression(found)
    expected = (table["value"] != 0).groupby(table["label"].astype(object), dropna=False).mean()
    expected.index = ["(missing)" if pd.isna(one) else one for one in expected.index]
    # Cells without a label come last, whatever their share.
    missing = expected.pop("(missing)")
    expected = expected.sort_values(ascending=False, kind="stable")
    assert rows_of(ax) == [*expected.index, "(missing)"]
    assert widths(ax) == pytest.approx([*expected, missing])
    notes = [text.get_text() for text in ax.texts]
    assert "values are on different scales: counts, log1p" in notes
    assert "without this gene: store_5.h5ad" in notes


def test_expression_by_store_keeps_their_order():
    found = expression_table(STORES, CLASSES)
    ax = plots.plot_expression(found, by="store", top_n=3)
    assert rows_of(ax) == STORES[:3]
    assert "not shown: 2 more" in [text.get_text() for text in ax.texts]


def test_scaled_values_have_no_share_and_are_not_mixed_with_others():
    found = expression_table(STORES, CLASSES[:4])
    found.stores.loc["store_1.h5ad", "scale"] = "scaled"
    by_store = plots.plot_expression(found, by="store")
    assert "unknown: scaled" in [text.get_text() for text in by_store.texts]
    by_label = plots.plot_expression(found)
    assert "left out, because scaled: store_1.h5ad" in [t.get_text() for t in by_label.texts]
