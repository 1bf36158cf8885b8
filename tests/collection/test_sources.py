"""Sources of stores: what is known is not read again, errors included."""

import os
import warnings

import h5py
import numpy as np
import pytest

from mappedviz import Recipe
from mappedviz.collection.plan import make_plan
from mappedviz.collection.sources import (
    GivenStore,
    KnownStore,
    StoreFile,
    UnreadableStore,
    paths_of,
    sources_of,
    wanted_of,
)
from mappedviz.errors import MappedvizError, MissingKeyError, StoreError
from mappedviz.recipe.names import Names
from mappedviz.stores.fact_cache import FactCache
from mappedviz.stores.first_contact import Wants
from mappedviz.stores.store import open_store
from mappedviz.testing import coded_anndata
from tests.stores import STORE_KINDS


@pytest.fixture
def path(tmp_path):
    return str(STORE_KINDS["h5ad"](coded_anndata(0, 12, plain=True), tmp_path / "a"))


@pytest.fixture
def opened(monkeypatch):
    """The paths of the files that are opened."""
    from mappedviz.stores import session as store

    real, paths = store.open_root, []

    def open_root(path, *rest):
        paths.append(path)
        return real(path, *rest)

    monkeypatch.setattr(store, "open_root", open_root)
    return paths


def test_a_known_store_reads_once(path, opened):
    known = KnownStore(open_store(path))
    plain = GivenStore(known.store)
    opened.clear()
    for _ in range(2):
        with known.opened() as store:
            assert store.var_names().values.tolist() == known.store.var_names.tolist()
    assert known.obs_columns(["cell_type"])["cell_type"].kind == "categorical"
    opened.clear()
    columns = known.obs_columns(["cell_type"])
    assert known.obs_columns([]) == plain.obs_columns([]) == {}
    assert known.var_names() is known.var_names()
    assert opened == []
    expected = plain.obs_columns(["cell_type"])["cell_type"]
    assert columns["cell_type"].values().tolist() == expected.values().tolist()
    assert known.nbytes > 0


def test_what_was_kept_is_answered(path, opened):
    known = KnownStore(open_store(path))
    names = Names.of(np.array(["x"], dtype=object))
    known.keep_names("symbol", names)
    known.keep_column("bad", StoreError("is malformed"))
    opened.clear()
    assert known.var_names("symbol") is names
    for _ in range(2):
        with pytest.raises(StoreError, match="is malformed"):
            known.obs_columns(["bad"])
    assert opened == []
    with pytest.raises(MissingKeyError):
        known.var_names("nowhere")


def test_a_store_that_changed_is_not_given(path, tmp_path):
    known = KnownStore(open_store(path))
    STORE_KINDS["h5ad"](coded_anndata(1, 15, plain=True), tmp_path / "a")
    for source in (known, GivenStore(known.store)):
        with pytest.raises(StoreError, match="changed"), source.opened():
            pass


def test_every_source_makes_the_same_plan(path):
    recipe = Recipe(paths=[path], obs_keys=["cell_type"])
    store = open_store(path)
    plans = [make_plan(recipe, [one]) for one in (store, KnownStore(store), StoreFile(path))]
    plans.append(make_plan(recipe))
    for plan in plans:
        assert plan.obs["cell_type"].labels.codes.tolist() == (
            plans[0].obs["cell_type"].labels.codes.tolist()
        )
        assert plan.join.joint.tolist() == plans[0].join.joint.tolist()
        assert plan.labels_of("batch").categories == plans[0].labels_of("batch").categories


@pytest.mark.parametrize("cache", [False, True])
@pytest.mark.parametrize("open_timeout", [None, 300])
def test_a_store_that_is_recorded_makes_the_same_plan(tmp_path, cache, open_timeout):
    path = str(STORE_KINDS["h5ad"](coded_anndata(0, 12), tmp_path / "rich"))
    recipe = Recipe(paths=[path], obs_keys=["cell_type", "score"], layers_keys=["X", "raw.X"])
    recipe = recipe.replace(encode_labels=["cell_type"])
    recipe = recipe.replace(layer_alias={"raw.X": ["raw.X", "X"]}, obs_filter={"doublet": [False]})
    wanted = make_plan(recipe, cache=False, open_timeout=None)
    os.utime(path, (0, 0))  # else it is not kept: it might be written again at once
    for _ in range(2):
        plan = make_plan(
            recipe, cache=tmp_path / "c" if cache else False, open_timeout=open_timeout
        )
        assert plan.stores[0].facts == wanted.stores[0].facts
        assert plan.rows.kept[0].tolist() == wanted.rows.kept[0].tolist()
        assert plan.join.joint.tolist() == wanted.join.joint.tolist()
        assert plan.obs["cell_type"].labels.categories == wanted.obs["cell_type"].labels.categories
        assert plan.obs["cell_type"].table.tolist() == wanted.obs["cell_type"].table.tolist()
        np.testing.assert_array_equal(plan.obs["score"].values, wanted.obs["score"].values)
        assert plan.labels_of("batch").categories == wanted.labels_of("batch").categories
        assert len(plan.whole().rows) == len(wanted.rows)
    assert (tmp_path / "c").exists() == cache


@pytest.mark.parametrize("open_timeout", [None, 300])
def test_damage_is_refused_in_the_words_of_the_store(path, open_timeout):
    with h5py.File(path, "r+") as file:
        file["obs/cell_type/codes"][...] = 99
    for keys, names in [("cell_type", None), ("batch", "absent")]:
        recipe = Recipe(paths=[path], obs_keys=[keys], var_key=names)
        says = []
        for arguments in ({"cache": False, "open_timeout": None}, {"open_timeout": open_timeout}):
            with pytest.raises(MappedvizError) as caught:
                make_plan(recipe, **arguments)
            says.append((type(caught.value), str(caught.value)))
        assert says[0] == says[1]


def test_what_is_wanted_of_each_store():
    recipe = Recipe(
        paths=["a.h5ad", "b.h5ad"],
        obs_keys=["cell_type"],
        obs_alias={"cell_type": {"b.h5ad": "louvain"}, "x": ["y", "z"]},
        var_key={"a.h5ad": "ids"},
        layers_keys=["counts"],
        layer_alias={"counts": ["raw.X", "X"]},
    )
    wants = wanted_of(recipe, ["cell_type", "x"])
    assert wants("a.h5ad") == Wants((("cell_type",), ("y", "z")), ("ids",), True, (("raw.X", "X"),))
    assert wants("b.h5ad") == Wants((("louvain",), ("y", "z")), (None,), True, (("raw.X", "X"),))
    plain = wanted_of(Recipe(paths=["a"], join=None), [])
    assert plain("a") == plain("b") == Wants(matrices=(("X",),))


def test_stores_that_are_no_stores_are_skipped_or_refused(path, tmp_path):
    absent = str(tmp_path / "absent*.h5ad")
    skip = Recipe(paths=[path, absent], on_error="skip")
    paths, failed = paths_of(skip)
    assert (paths, list(failed)) == ([path, absent], [absent])
    sources = sources_of(skip, [], FactCache(None), None)
    assert [type(one) for one in sources] == [StoreFile, UnreadableStore]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # who gives sources knows what they are
        assert len(make_plan(skip, sources).stores) == 1
    with pytest.raises(StoreError, match="matches no file"):
        make_plan(skip.replace(on_error="raise"), sources)
    with pytest.raises(StoreError, match="matches no file"):
        paths_of(skip.replace(on_error="raise"))
