"""Pairs of labels against pandas."""

import numpy as np
import pandas as pd
import pytest

from mappedviz.audits.tables.crosstabs import cramers_v, crosstab
from mappedviz.recipe.labels import Labels


def test_crosstab_is_pandas_crosstab():
    rng = np.random.default_rng(1)
    a = rng.integers(-1, 3, 200)
    b = rng.integers(-1, 4, 200)
    ours = crosstab(Labels(a, ("x", "y", "z")), Labels(b, tuple("pqrst")), ("a", "b"))
    keep = (a >= 0) & (b >= 0)
    theirs = pd.crosstab(np.array(list("xyz"))[a[keep]], np.array(list("pqrst"))[b[keep]])
    assert ours.to_numpy().tolist() == theirs.to_numpy().tolist()
    assert (ours.index.name, ours.columns.name) == ("a", "b")
    assert len(crosstab(Labels(a, ("x", "y", "z")), Labels(np.full(200, -1), ()), ("a", "b"))) == 0


def test_cramers_v_has_its_ends():
    assert np.isnan(cramers_v(np.array([[1, 2]])))
    assert cramers_v(np.eye(4) * 5) == pytest.approx(1)
