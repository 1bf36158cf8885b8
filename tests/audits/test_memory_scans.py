"""Scans of AnnData objects: given again while the objects are what they were, and not kept for their own sake."""

import gc
import weakref

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

import mappedviz as mv
from mappedviz.audits.memory_scans import MemoryScans
from mappedviz.audits.reading import read_store
from mappedviz.audits.scan import Wants
from mappedviz.recipe.in_memory import given_object
from mappedviz.testing import coded_anndata


def never() -> None:
    """Cancel nothing."""


@pytest.fixture
def adata():
    return coded_anndata(1, 30)


def test_a_scan_is_given_again_while_an_earlier_part_of_it_lives(adata):
    scans, address = MemoryScans(), given_object(adata)
    assert scans.get(address, Wants(), never) is None
    part = scans.put(read_store(address, Wants()), Wants())
    again = scans.get(address, Wants(obsm=("X_pca",)), never)
    assert again.known is part.known
    assert again.obsm_finite == {"X_pca": True}
    assert scans.get(address, Wants(deep=True), never) is None
    del part, again
    gc.collect()
    assert scans.get(address, Wants(), never) is None


def change(adata, how):
    if how == "column":
        adata.obs["new"] = 1
    elif how == "label":
        adata.obs.loc[adata.obs_names[3], "n_genes"] = 77
    elif how == "name":
        adata.var_names = [f"{name}x" for name in adata.var_names]
    elif how == "value":
        adata.X.data[:] = np.log1p(adata.X.data)
    elif how == "layer":
        adata.layers["scaled"][:] = 0
    elif how == "matrix":
        adata.X = adata.X.copy()
    elif how == "frame":
        adata.obsm["frame"].iloc[2, 0] = 9
    elif how == "uns":
        adata.uns["title"] = "new"
    else:
        adata.raw.var["new"] = 1


@pytest.mark.parametrize(
    "how", ["column", "label", "name", "value", "layer", "matrix", "frame", "uns", "raw"]
)
def test_an_object_that_changed_is_read_again(adata, how):
    scans, address = MemoryScans(), given_object(adata)
    part = scans.put(read_store(address, Wants()), Wants())
    change(adata, how)
    assert scans.get(address, Wants(), never) is None
    assert part.store is not None


def test_a_view_is_read_again(adata):
    view = adata[:5]
    scans, address = MemoryScans(), given_object(view)
    part = scans.put(read_store(address, Wants()), Wants())
    assert scans.get(address, Wants(), never) is None
    assert part.n_obs == 5


def test_audits_do_not_keep_an_object():
    adata = AnnData(np.ones((5, 3), dtype="float32"), obs=pd.DataFrame(index=list("abcde")))
    gone = weakref.ref(adata)
    audit = mv.audit(adata, progress=False)
    ds = audit.collection()
    del audit, adata
    gc.collect()
    assert gone() is not None
    del ds
    gc.collect()
    assert gone() is None
