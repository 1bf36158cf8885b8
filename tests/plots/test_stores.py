"""Figures of stores."""

from mappedviz import plots
from tests.hostile import stores_table
from tests.plots import STORES, rows_of, widths


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
