"""Names of variables that a recipe joins: of var, of raw.var, or of both."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from mappedviz.audits.reading import scan_store
from mappedviz.audits.scan import Wants
from mappedviz.audits.tables.var_names import names_by_column
from mappedviz.recipe.recipe import Recipe
from tests.audits import write


@pytest.fixture
def scan(tmp_path):
    raw = ad.AnnData(
        np.ones((24, 3), np.float32),
        var=pd.DataFrame({"id": ["1", "2", ""]}, index=["b", "a", "c"]),
    )
    var = pd.DataFrame({"id": ["2", "9"]}, index=["a", "x"])
    path = write(tmp_path, genes=["a", "x"], var=var, raw=raw)
    return scan_store(path, Wants(matrices=("raw.X",)))


@pytest.mark.parametrize(
    ("layers", "alias", "join", "index", "ids"),
    [
        ("X", {}, "inner", ["a", "x"], ["2", "9"]),
        ("raw.X", {}, "inner", ["a", "x"], ["2", "9"]),
        ("c", {"c": ["raw.X"]}, "inner", ["b", "a", "c"], ["1", "2"]),
        (["c", "X"], {"c": ["raw.X"]}, "inner", ["a"], ["2"]),
        (["c", "X"], {"c": ["raw.X"]}, "outer", ["a", "x", "b", "c"], ["2", "9", "1"]),
    ],
)
def test_names_are_those_of_what_is_joined(scan, layers, alias, join, index, ids):
    found = names_by_column(scan, Recipe(layers_keys=layers, layer_alias=alias, join=join), None)
    assert found[None].values.tolist() == index
    assert found["id"].values.tolist() == ids
