"""Names of rows, and any column of obs: what pandas says of the stores, joined."""

import os
import pickle

import numpy as np
import pandas as pd
import pytest

from mappedviz import MappedCollection
from mappedviz.errors import ClosedError, MissingKeyError, RecipeError, StoreError
from mappedviz.testing import coded_anndata
from tests.stores import STORE_KINDS

KINDS = ["h5ad", "zarr-v3", "h5ad-gzip"]
ROWS = [60, 2, 2, -1, 33]


@pytest.fixture(scope="module")
def adatas():
    made = [coded_anndata(i, 20 + 3 * i, genes=["a", "b"]) for i in range(3)]
    del made[1].obs["donor"]
    made[2].obs = made[2].obs.rename(columns={"cell_type": "ct"})
    return made


@pytest.fixture(scope="module")
def stores(adatas, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stores")
    return [
        STORE_KINDS[kind](adata, folder / f"s{i}")
        for i, (kind, adata) in enumerate(zip(KINDS, adatas, strict=True))
    ]


def same(got, expected):
    for one, other in zip(got, expected, strict=True):
        assert (pd.isna(one) and pd.isna(other)) or one == other


def test_names_are_those_of_the_stores(stores, adatas):
    ds = MappedCollection(stores)
    every = np.concatenate([adata.obs_names for adata in adatas])
    assert ds.obs_names().tolist() == every.tolist()
    assert ds.obs_names(ROWS).tolist() == every[ROWS].tolist()
    assert ds.obs_names([]).tolist() == []
    part = ds.subset(np.arange(5, 50, 3))
    assert part.obs_names(slice(None, None, -1)).tolist() == every[5:50:3][::-1].tolist()
    assert pickle.loads(pickle.dumps(part)).obs_names([1]).tolist() == [every[8]]


def test_any_column_of_rows(stores, adatas):
    ds = MappedCollection(
        stores, obs_keys="cell_type", obs_alias={"cell_type": ["cell_type", "ct"]},
        encode_labels=["cell_type"],
    )  # fmt: skip
    frames = [adata.obs.rename(columns={"ct": "cell_type"}) for adata in adatas]
    every = pd.concat([frame.astype(object) for frame in frames])
    found = ds.obs(ROWS, columns=["donor", "cell_type", "origin", "score", "doublet"])
    assert found.index.tolist() == ds.obs_names(ROWS).tolist()
    for key in found.columns:
        same(found[key], every[key].iloc[ROWS])
    assert ds.obs().columns.tolist() == ["cell_type"]
    assert ds.obs([0])["cell_type"].cat.categories.tolist() == list(ds.encoders["cell_type"])
    # Types are those of the whole, whatever the rows, and the same in a part.
    assert ds.obs([0], ["origin", "donor"]).dtypes.equals(ds.obs([], ["origin", "donor"]).dtypes)
    part = ds.subset(np.arange(3, 60, 4))
    pd.testing.assert_frame_equal(
        part.obs(columns=["origin", "donor"]), ds.obs(np.arange(3, 60, 4), ["origin", "donor"])
    )
    assert "donor" not in ds[0]  # the recipe is what it was


def test_new_names_apply_to_columns_that_the_recipe_does_not_read(stores):
    ds = MappedCollection(
        stores, obs_alias={"label": ["cell_type", "ct"]}, relabel={"label": {"T": "T cell"}}
    )
    labels = ds.obs(columns=["label"])["label"]
    assert labels.notna().sum() > 40
    assert "T" not in set(labels)


def test_what_is_not_there_is_refused(stores, tmp_path):
    ds = MappedCollection(stores, obs_keys="origin")
    with pytest.raises(MissingKeyError, match="donr.*did you mean 'donor'"):
        ds.obs([0], ["donr"])
    with pytest.raises(RecipeError, match="names 'donor' twice"):
        ds.obs([0], ["donor", "donor"])
    with pytest.raises(IndexError):
        ds.obs_names([len(ds)])
    copy = STORE_KINDS["h5ad"](coded_anndata(0, 9, genes=["a"]), tmp_path / "copy")
    changed = MappedCollection(copy)
    os.utime(copy, (1, 1))
    with pytest.raises(StoreError, match="changed while it was open"):
        changed.obs_names([0])
    ds.close()
    for read in (ds.obs, ds.obs_names):
        with pytest.raises(ClosedError):
            read()
