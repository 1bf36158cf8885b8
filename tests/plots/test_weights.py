"""Figures of weights."""

import pandas as pd
import pytest

from mappedviz import plots
from tests.hostile import weight_table
from tests.plots import CLASSES, rows_of, widths


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
