"""Law: a saved recipe makes the same rows, splits, order and numbers again.

On another machine, with the stores in another order, in another folder.
"""

from __future__ import annotations

import os
import shutil

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import mappedviz as mv
from mappedviz import MappedCollection, Recipe
from mappedviz.errors import RecipeError
from mappedviz.testing import coded_anndata
from tests.stores import STORE_KINDS

N = 60
DONORS = {
    "integers": [np.arange(N) // 6, np.arange(N) // 5],
    "integers and floats": [
        np.arange(N) // 6,
        np.where(np.arange(N) < 5, np.nan, np.arange(N) // 5),
    ],
    "booleans and integers": [np.arange(N) % 2 == 0, np.arange(N) // 9],
    "nullable": [pd.array([None, *(np.arange(N - 1) // 6)], dtype="Int64"), np.arange(N) / 8 // 1],
    "huge": [np.uint64(2**63) + np.arange(N, dtype="u8") // 6, -(np.arange(N) // 7)],
    "strings": [[f"d{i // 6}" for i in range(N)], [f"d{i // 5}" for i in range(N)]],
    "categories": [
        pd.Categorical([f"d{i // 6}" for i in range(N)], categories=[f"d{i}" for i in range(12)]),
        pd.Categorical([None if i < 9 else f"d{i // 5}" for i in range(N)]),
    ],
    "infinite": [np.where(np.arange(N) < 9, np.inf, np.arange(N) // 6), np.arange(N) // 7 / 2],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two stores per kind of donors, of two formats, and two of the same name."""
    folder = tmp_path_factory.mktemp("whole") / "project"
    for kind, of_stores in DONORS.items():
        for i, (donors, store) in enumerate(zip(of_stores, ("h5ad", "zarr-v3"), strict=True)):
            adata = coded_anndata(i, N, genes=["a", "b", "c"], plain=True)
            adata.obs["donor"] = donors
            adata.obs["site"] = [f"s__{k % 3}" for k in range(N)]
            where = folder / "data" / kind.replace(" ", "-") / f"site{i}"
            where.mkdir(parents=True)
            STORE_KINDS[store](adata, where / "cells")
    return folder


def content(ds):
    """Everything that training sees of a collection, whatever the order of its stores."""
    batch = ds[:]
    names = [ds.path_list[i].rsplit("/data/", 1)[1] for i in ds.storage_idx]
    keys = ["cell_type", "donor"]
    weights = ds.get_label_weights(["cell_type", "site"])
    return {
        (name, int(row)): (
            batch["X"][k].tolist(),
            *(int(batch[key][k]) for key in keys),
            weights[k],
        )
        for k, (name, row) in enumerate(zip(names, ds.indices, strict=True))
    }


splits = st.fixed_dictionaries(
    {},
    optional={
        "by": st.sampled_from(
            [False, "donor", "site", ["donor", "cell_type"], ["site", "cell_type"]]
        ),
        "seed": st.integers(0, 99),
        "stratify": st.sampled_from(["cell_type", ["cell_type", "site"], "donor", False]),
        "holdout": st.sampled_from([{"site": "s__1"}, {"test": {"cell_type": ["T cell"]}}, {}]),
    },
)
shares = st.sampled_from(
    [{}, {"fraction": 0.3}, {"train": 0.5, "validation": 0.25, "test": 0.25}, {"a": 0.9, "b": 0.1}]
)


@given(
    kind=st.sampled_from(sorted(DONORS)),
    options=splits,
    named=shares,
    inner=splits | st.none(),
    some=st.booleans(),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
def test_a_saved_recipe_makes_it_all_again(folder, kind, options, named, inner, some):
    base = folder / "data" / kind.replace(" ", "-")
    paths = [str(base / "site0" / "cells.h5ad"), str(base / "site1" / "cells.zarr")]
    recipe = Recipe(
        paths=paths,
        obs_keys=["cell_type", "donor"],
        obs_filter={"cell_type": ["T cell", "B cell", "NK cell"]} if some else {},
    )
    ds = MappedCollection.from_recipe(recipe)
    try:
        parts = ds.split(**options, **named)
        if inner is not None:
            parts = parts[0].split(**inner)
    except RecipeError:  # too few groups, held out across groups: whatever is said of it
        assume(False)
    every = content(ds)
    seen = [content(part) for part in parts]
    again = None
    for name, part in parts.items():
        assert part.recipe.part == name
        text = part.recipe.to_json()
        assert eval(repr(part.recipe)) == part.recipe == Recipe.from_json(text)
        turned = Recipe.from_json(text).replace(paths=paths[::-1])
        again = MappedCollection.from_recipe(turned)
        mine = content(part)
        assert content(again) == mine
        assert set(mine) <= set(every)
        assert again.encoders == ds.encoders
        assert repr(again.encoders) == repr(ds.encoders)
        assert again.part_of == len(ds)
        assert again.get_merged_labels("donor").dtype == part.get_merged_labels("donor").dtype
    assert [content(part) for part in again.split()] == seen
    assert sum(map(len, seen)) == len(set().union(*seen))  # no row is in two parts


def test_a_saved_recipe_finds_its_stores(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(folder)
    recipe = Recipe(paths="data/strings/site*/*", obs_keys=["cell_type", "donor"])
    train, _ = MappedCollection.from_recipe(recipe).split("donor", 0.3)
    (folder / "runs" / "first").mkdir(parents=True)
    saved = train.recipe.save("runs/first/recipe.json")
    assert "../../data/strings/site*/*" in saved.read_text()
    assert Recipe.load("runs/first/recipe.json") == Recipe.load(saved) == train.recipe
    moved = tmp_path / "elsewhere"
    shutil.copytree(folder, moved)
    expected = content(train)
    for where in (folder, tmp_path, "/"):
        monkeypatch.chdir(where)
        for base in (folder, moved):
            again = Recipe.load(base / "runs" / "first" / "recipe.json")
            ds = MappedCollection.from_recipe(again)
            assert content(ds) == expected
            assert all(path.startswith(str(base)) for path in ds.path_list)
    again = Recipe.load(folder / saved, root=moved / "runs" / "first")
    assert again.paths == (str(moved / "data/strings/site*/*"),)


def test_absolute_paths_stay_and_others_are_moved(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    recipe = Recipe(paths=["a.h5ad", "sub/b.zarr", "/far/c.h5ad", "../d/*.h5ad"])
    saved = recipe.save("sub/r.json")
    again = Recipe.load(saved)
    beside = os.path.join(os.path.dirname(tmp_path), "d", "*.h5ad")
    assert again.paths == ("a.h5ad", "sub/b.zarr", "/far/c.h5ad", beside)
    assert Recipe.load(saved, root="/new/sub").paths == (
        "/new/a.h5ad", "/new/sub/b.zarr", "/far/c.h5ad", "/d/*.h5ad",
    )  # fmt: skip
    assert Recipe.from_json(saved.read_text()).paths[0] == "../a.h5ad"


def test_files_that_do_not_say_where_paths_start(tmp_path, monkeypatch):
    """Of earlier versions, or of to_json(): as before, else beside the file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    file = tmp_path / "runs" / "r.json"
    file.write_text(Recipe(paths=["a.h5ad", "b.h5ad"]).to_json())
    (tmp_path / "a.h5ad").touch()
    assert Recipe.load(file).paths == ("a.h5ad", os.path.join("runs", "b.h5ad"))
    assert Recipe.load(file, root="/x").paths == ("/x/a.h5ad", "/x/b.h5ad")


def test_parts_of_a_subset_have_the_recipe_of_the_whole(folder):
    """A recipe cannot describe them, and does not say that it would."""
    ds = MappedCollection(folder / "data/strings/site0/cells.h5ad", obs_keys=["cell_type"])
    some = ds.subset(slice(0, 40))
    for part in some.split("donor", 0.4):
        assert part.recipe == ds.recipe
    train, _ = ds.split("donor", 0.4)
    inner = train.subset(slice(0, 20))
    assert MappedCollection.from_recipe(inner.recipe).n_obs == len(train)
    for part in inner.split():
        assert part.recipe == train.recipe


@given(kind=st.sampled_from(sorted(DONORS)), seed=st.integers(0, 9))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
def test_the_audit_judges_the_split_that_is_made(folder, kind, seed):
    base = folder / "data" / kind.replace(" ", "-")
    recipe = Recipe(
        paths=[str(base / "site0"), str(base / "site1")],
        obs_keys="cell_type",
        split_by="donor",
        split_seed=seed,
        stratify="cell_type",
        split_parts={"train": 0.6, "validation": 0.2, "test": 0.2},
    )
    try:
        parts = MappedCollection.from_recipe(recipe).split()
    except RecipeError:
        assume(False)
    for of in (recipe, parts.test.recipe):
        evidence = mv.audit(None, recipe=of, progress=False, workers=0)._tables
        counts = np.bincount(evidence.whole.parts(), minlength=3).tolist()
        assert counts == [len(part) for part in parts]


def test_mapped_names_make_the_same_numbers_whatever_the_order_of_the_stores(tmp_path):
    """With each map, and with new names: the table and its release are in the recipe."""
    lists = [
        ["TP53", "SEPT2", "CD4", "Y_RNA", "mine"],
        ["ENSG00000010610.4", "SEPTIN2", "p53", "CD8A", "other"],
        ["CD8A", "ENSG00000116957", "TBCE", "TP53", "mine"],
    ]
    paths = [
        str(STORE_KINDS["h5ad"](coded_anndata(i, 4, genes=genes), tmp_path / f"s{i}"))
        for i, genes in enumerate(lists)
    ]
    for how in ("symbol->ensembl", "ensembl->symbol", "symbol->symbol", "ensembl->ensembl"):
        recipe = Recipe(
            paths=paths,
            var_map=how,
            var_alias={"mine": "yours"},
            join="outer",
            duplicates="sum",
        )
        ds = MappedCollection.from_recipe(Recipe.from_json(recipe.to_json()))
        turned = MappedCollection.from_recipe(recipe.replace(paths=paths[::-1]))
        assert turned.var_joint.tolist() == ds.var_joint.tolist()
        assert turned.var_unmapped.equals(ds.var_unmapped)
        rows = np.concatenate([np.arange(8, 12), np.arange(4, 8), np.arange(4)])
        np.testing.assert_array_equal(turned[rows]["X"], ds[:]["X"])
        found = mv.audit(None, recipe=ds.recipe, progress=False, workers=0).coverage
        assert sorted(found.names) == sorted(ds.var_joint)
