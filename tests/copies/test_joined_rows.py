"""Rows of a collection as a source of a shard."""

import numpy as np
import pytest

import mappedviz as mv
from mappedviz.collection import make_plan
from mappedviz.copies.joined_rows import JoinedRows, check_joined, columns_named
from mappedviz.errors import JoinError, RecipeError
from tests.copies import counts


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stores")
    return [counts(folder, "a.h5ad", 9), counts(folder, "b.h5ad", 6, 1, genes=["g1", "g2", "x"])]


def test_columns_that_a_recipe_names():
    recipe = mv.Recipe(obs_keys="a", weights_keys=["a", "b"], split_by="c", stratify="d")
    assert columns_named(recipe) == ["a", "b", "c", "d"]


def test_rows_in_any_order(paths):
    plan = make_plan(mv.Recipe(paths=paths, obs_keys="cell_type"))
    source = JoinedRows.of(plan, np.array([12, 3, 10]), "store")
    assert source.n_obs == 3
    assert source.addresses == paths
    assert source.order.tolist() == [2, 0, 1]
    assert JoinedRows.of(plan, np.array([3, 5]), "store").order is None
    assert JoinedRows.of(plan, np.array([3, 5]), "store").addresses == paths[:1]
    others = [
        JoinedRows.of(plan, np.array(rows), "store").what() for rows in ([12, 3, 10], [3, 10, 12])
    ]
    assert others[0] == source.what() != others[1]


def test_what_is_not_one_table_is_refused(paths):
    with pytest.raises(JoinError):
        check_joined(make_plan(mv.Recipe(paths=paths, join=None)), None)
    with pytest.raises(RecipeError, match="raw.X"):
        check_joined(make_plan(mv.Recipe(paths=paths, layers_keys=["X", "raw.X"])), None)


def test_stores_that_lack_a_matrix(paths, tmp_path):
    recipe = mv.Recipe(paths=paths, layers_keys="counts", layer_alias={"counts": {"a.h5ad": "X"}})
    copy = mv.optimize(None, tmp_path / "out", recipe, shuffle=True, progress=False)
    found = copy.collection().read_rows(range(15))["counts"]
    assert np.isnan(found).all(axis=1).sum() == 6
    assert not np.isnan(found).any(axis=1).sum() - 6
