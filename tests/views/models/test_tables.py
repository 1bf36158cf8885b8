"""Order, filter and pages of tables."""

import numpy as np
import pytest

from mappedviz.views.models.tables import Arrangement, count, cut


def test_missing_values_are_last_in_both_orders():
    keys = {"n": [3, None, 1, np.nan], "s": ["b", "A", None, "c"]}
    assert cut(range(4), keys, Arrangement(("n", "ascending"))).rows == [2, 0, 1, 3]
    assert cut(range(4), keys, Arrangement(("n", "descending"))).rows == [0, 2, 1, 3]
    assert cut(range(4), keys, Arrangement(("s", "ascending"))).rows == [1, 0, 3, 2]


def test_pages():
    every = cut(range(120), {}, Arrangement())
    assert (len(every.rows), every.page, every.pages, every.total) == (50, 0, 3, 120)
    last = cut(range(120), {}, Arrangement(page=99))
    assert (last.rows, last.page) == (list(range(100, 120)), 2)
    assert cut([], {}, Arrangement(page=3)).node == {"sort": (), "page": 0, "pages": 1, "total": 0}


def test_another_order_begins_at_the_first_page():
    there = Arrangement(page=2).but(sort=["n", "descending"])
    assert there == Arrangement(("n", "descending"))
    assert there.but(page=1).but(sort=[]) == Arrangement()
    with pytest.raises(ValueError, match="no order"):
        there.but(sort=["n"])


def test_a_column_that_went_away_sorts_nothing():
    assert cut(range(2), {}, Arrangement(("gone", "ascending"))).rows == [0, 1]


def test_cells_of_what_is_unknown():
    assert count(None, 5) == count(np.nan) == {"text": "–"}
    assert count(1000, 2000) == {"text": "1,000", "bar": 0.5}
