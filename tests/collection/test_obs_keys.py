"""Labels that single stores call by names of their own."""

import numpy as np
import pytest

import mappedviz as mv
from mappedviz import MappedCollection, Recipe
from mappedviz.errors import MissingKeyError, RecipeError
from mappedviz.testing import coded_anndata
from tests.stores import STORE_KINDS


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """Clusters by number, which mean something else in each store."""
    folder = tmp_path_factory.mktemp("stores")
    paths = []
    for i, kind in enumerate(("h5ad", "zarr-v3")):
        adata = coded_anndata(i, 12, genes=["a", "b"], plain=True)
        adata.obs["cluster"] = [str((k + i) % 3) for k in range(12)]
        adata.obs["number"] = np.arange(12) % 3
        paths.append(STORE_KINDS[kind](adata, folder / f"s{i}"))
    return paths


NAMES = {"s0.h5ad": {"0": "T", "1": "B"}, "s1": {"0": "B", "1": "T"}, "*": {"2": "NK"}}


def test_numbers_of_clusters_get_the_names_of_their_store(stores):
    ds = MappedCollection(stores, obs_keys="cluster", relabel={"cluster": NAMES})
    expected = [NAMES["s0.h5ad"].get(str(k % 3), "NK") for k in range(12)]
    expected += [NAMES["s1"].get(str((k + 1) % 3), "NK") for k in range(12)]
    assert ds.get_merged_labels("cluster").tolist() == expected
    assert ds.encoders["cluster"] == {"B": 0, "NK": 1, "T": 2}
    audit = mv.audit(stores, label="cluster", relabel={"cluster": NAMES}, progress=False, workers=0)
    assert audit.labels().counts.to_numpy().tolist() == [[4, 4], [4, 4], [4, 4]]
    assert not audit.fatal
    assert "recipe-matches-nothing" not in [one.id for one in audit.findings]


def test_filters_and_conditions_see_them(stores):
    options = {"obs_keys": "cluster", "encode_labels": False, "relabel": {"cluster": NAMES}}
    chosen = MappedCollection(stores, obs_filter={"cluster": "T"}, **options)
    asked = MappedCollection(stores, obs_query="cluster == 'T'", **options)
    assert chosen.n_obs_list == asked.n_obs_list == [4, 4]
    assert set(chosen[:]["cluster"]) == {"T"}


def test_numbers_become_labels_where_one_store_names_them(stores):
    names = {"s0": {0: "T", 1: "B", 2: "NK"}, "s1": {0: "B", 1: "T", 2: "NK"}}
    ds = MappedCollection(stores, obs_keys="number", encode_labels=False, relabel={"number": names})
    assert set(ds[:]["number"]) == {"T", "B", "NK"}


def test_the_order_of_stores_makes_no_difference(stores):
    recipe = Recipe(paths=stores, obs_keys="cluster", relabel={"cluster": NAMES})
    a = MappedCollection.from_recipe(recipe)
    b = MappedCollection.from_recipe(recipe.replace(paths=recipe.paths[::-1]))
    assert a.encoders == b.encoders
    assert a[:12]["cluster"].tolist() == b[12:]["cluster"].tolist()


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (
            {"s7.h5ad": {"0": "T"}},
            r"relabel\['cluster'\]: names \['s7.h5ad'\].*did you mean 's0.h5ad'",
        ),
        ({"s0": {"0": "T"}, "s0.h5ad": {"0": "B"}}, r"names .*s0\.h5ad twice: 's0.h5ad' and 's0'"),
    ],
)
def test_stores_that_are_not_there_or_named_twice_are_refused_alike(stores, names, says):
    relabel = {"cluster": names}
    with pytest.raises(RecipeError, match=says) as refused:
        MappedCollection(stores, relabel=relabel)
    audit = mv.audit(stores, relabel=relabel, progress=False, workers=0)
    (finding,) = [one for one in audit.findings if one.severity == "fatal"]
    assert refused.value.message in finding.message


def test_the_store_of_a_label_without_a_code_is_named(stores):
    with pytest.raises(MissingKeyError, match=r"s1.*'new'"):
        MappedCollection(
            stores,
            obs_keys="cluster",
            relabel={"cluster": {"s1": {"0": "new"}}},
            encoders={"cluster": {"0": 0, "1": 1, "2": 2}},
        )


def test_names_that_no_cell_of_the_store_has_are_found(stores):
    relabel = {"cluster": {"s0": {"0": "T", "9": "B"}, "*": {"2": "NK"}}}
    audit = mv.audit(stores, label="cluster", relabel=relabel, progress=False, workers=0)
    (finding,) = [one for one in audit.findings if one.id == "recipe-matches-nothing"]
    assert "relabel['cluster']['s0'] names '9'" in finding.message


def test_a_store_that_is_left_out_takes_its_names_along(stores, tmp_path):
    bad = tmp_path / "bad.h5ad"
    bad.write_bytes(b"nothing")
    recipe = Recipe(
        paths=[*stores, bad], obs_keys="cluster", relabel={"cluster": {"bad": {"0": "T"}}},
        obs_alias={"cluster": {"bad": "x"}}, var_key={"bad": "y"},
    )  # fmt: skip
    audit = mv.audit(recipe=recipe, progress=False, workers=0)
    fixed = audit.recipe_with("unreadable-store")
    assert fixed.relabel == {"cluster": ()}
    assert (fixed.obs_alias, fixed.var_key) == ({}, None)
    assert len(audit.collection(fixed)) == 24
    assert len(audit.collection(audit.recipe_without(["bad.h5ad"]))) == 24
