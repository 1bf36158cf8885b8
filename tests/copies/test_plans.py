"""Which shards a copy is made of."""

import pytest

import mappedviz as mv
from mappedviz.collection import make_plan
from mappedviz.copies import plans
from mappedviz.copies.plans import joined_shards, recipe_of_copy, whole_shards
from mappedviz.errors import RecipeError, StoreError
from tests.copies import counts


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    path = counts(tmp_path_factory.mktemp("stores"), "a.h5ad", 1000)
    return make_plan(mv.Recipe(paths=[path]))


def sizes(plan, shard_size):
    how = {"narrow": True, "order": None, "store_key": None}
    return [
        s.source.n_obs for s in joined_shards(plan, "out", "zarr", shard_size=shard_size, **how)
    ]


def test_shards_are_of_about_the_same_size(plan):
    assert sizes(plan, 300) == [250] * 4
    assert sizes(plan, 999) == [500, 500]
    assert sizes(plan, None) == [1000]
    assert len(sizes(plan, "20 kB")) > len(sizes(plan, "0.04MB")) > 1
    assert sizes(plan, "1 GiB") == [1000]


@pytest.mark.parametrize("size", [0, -5, True, "", "many", "5", "1.2.3GB", "-1GB", "0MB"])
def test_sizes_that_are_none(plan, size):
    with pytest.raises(RecipeError, match="shard_size"):
        sizes(plan, size)


def test_a_store_that_is_gone(tmp_path):
    store = mv.open_store(counts(tmp_path, "a.h5ad"))
    (tmp_path / "a.h5ad").unlink()
    with pytest.raises(StoreError):
        whole_shards([store], "out", "zarr", None, narrow=True)
    failed = {}
    assert whole_shards([store], "out", "zarr", failed, narrow=True) == []
    assert list(failed) == [store.path]


def test_the_recipe_of_a_copy():
    recipe = mv.Recipe(
        paths=["a.h5ad"], obs_keys=["t"], layers_keys=["counts"], layer_alias={"counts": ["X"]}, dtype="float64",
        obs_alias={"t": ["x"]}, relabel={"t": {"a": "b"}}, min_stores=1, weights_keys="t", split_by="d",
    )  # fmt: skip
    found = recipe_of_copy(recipe, ["c.zarr"], {"t": {"b": 0}})
    assert found == mv.Recipe(
        paths=["c.zarr"], obs_keys=["t"], layers_keys=["counts"], encoders={"t": {"b": 0}}, dtype="float64",
        weights_keys="t", split_by="d",
    )  # fmt: skip
    assert recipe_of_copy(None, ["c.zarr"], {}) == mv.Recipe(paths=["c.zarr"])
    assert set(plans._DECIDED) < set(mv.Recipe.__dataclass_fields__)
