"""Rows that a recipe keeps: a condition beside the filter, over stores that differ."""

import numpy as np
import pytest

import mappedviz as mv
from mappedviz import MappedCollection, Recipe
from mappedviz.errors import MissingKeyError, RecipeError
from mappedviz.testing import coded_anndata
from tests.stores import STORE_KINDS


@pytest.fixture(scope="module")
def adatas():
    made = [coded_anndata(i, 40, genes=["a", "b"]) for i in range(3)]
    for adata in made:
        adata.obs["n"] = np.arange(40)
    del made[1].obs["donor"]
    made[2].obs = made[2].obs.rename(columns={"cell_type": "ct"})
    return made


@pytest.fixture(scope="module")
def stores(adatas, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stores")
    kinds = ["h5ad", "zarr-v3", "h5ad-gzip"]
    return [
        STORE_KINDS[kind](adata, folder / f"s{i}")
        for i, (kind, adata) in enumerate(zip(kinds, adatas, strict=True))
    ]


ALIAS = {"cell_type": ["cell_type", "ct"]}


def test_a_condition_keeps_rows(stores, adatas):
    ds = MappedCollection(
        stores, obs_keys="origin", encode_labels=False, obs_query="n > 30 or n in [3, 4]"
    )
    expected = [
        origin
        for adata in adatas
        for origin, n in zip(adata.obs["origin"], adata.obs["n"], strict=True)
        if n > 30 or n in (3, 4)
    ]
    assert ds[:]["origin"].tolist() == expected
    assert len(ds) == len(expected) == ds.shape[0]
    again = MappedCollection.from_recipe(Recipe.from_json(ds.recipe.to_json()))
    assert again[:]["origin"].tolist() == expected
    assert "obs_query='n > 30 or n in [3, 4]'" in repr(ds.recipe)


def test_a_condition_and_a_filter_both_have_to_hold(stores):
    both = MappedCollection(
        stores,
        obs_keys="n",
        encode_labels=False,
        obs_filter={"n": list(range(20))},
        obs_query="n >= 15",
    )
    assert both[:]["n"].tolist() == [*range(15, 20)] * 3


def test_aliases_and_new_names_apply(stores):
    options = {"obs_keys": "cell_type", "obs_alias": ALIAS, "encode_labels": False}
    every = MappedCollection(stores, **options)[:]["cell_type"]
    label = next(one for one in every if isinstance(one, str))
    ds = MappedCollection(stores, obs_query=f"cell_type == {label!r}", **options)
    assert set(ds[:]["cell_type"]) == {label}
    assert len(ds) == sum(one == label for one in every)
    renamed = MappedCollection(
        stores, relabel={"cell_type": {label: "new"}}, obs_query="cell_type != 'new'", **options
    )
    assert len(renamed) == len(every) - len(ds)


def test_a_store_without_the_column_has_missing_values(stores):
    ds = MappedCollection(stores, obs_query="donor != None")
    assert ds.n_obs_list[1] == 0
    assert sum(MappedCollection(stores, obs_query="donor == None").n_obs_list) == 120 - len(ds)


def test_what_cannot_be_is_refused_by_audit_and_engine_alike(stores):
    with pytest.raises(MissingKeyError, match="nn"):
        MappedCollection(stores, obs_query="nn > 3")
    with pytest.raises(RecipeError, match=r"s0.*obs_query.*does not fit") as refused:
        MappedCollection(stores, obs_query="n > 'a'")
    audit = mv.audit(stores, progress=False, workers=0, obs_query="n > 'a'")
    assert audit.fatal
    (finding,) = [one for one in audit.findings if one.severity == "fatal"]
    assert refused.value.message in finding.message


def test_the_audit_judges_what_is_left(stores):
    none = mv.audit(stores, progress=False, workers=0, obs_query="n > 1000")
    (finding,) = [one for one in none.findings if one.id == "no-cells"]
    assert "obs_query is 'n > 1000'" in finding.message
    assert finding.fix.obs_query is None
    few = mv.audit(
        stores, "cell_type", progress=False, workers=0, obs_alias=ALIAS, obs_query="n < 5"
    )
    assert len(few.collection()) == 15
    left = mv.audit(stores, progress=False, workers=0, obs_query="donor != None")
    assert "store-left-out" in [one.id for one in left.findings]
