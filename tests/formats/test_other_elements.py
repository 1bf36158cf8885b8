"""What a store has beside its matrices, as anndata reads it."""

import h5py
import numpy as np
import pytest

from mappedviz.errors import ElementError, StoreError
from mappedviz.formats.other_elements import read_other_elements
from mappedviz.testing import coded_anndata
from tests.stores import STORE_KINDS


@pytest.mark.parametrize("kind", ["h5ad", "h5ad-0.5", "zarr-v3", "zarr-zip"])
def test_elements_of_a_store(tmp_path, kind):
    adata = coded_anndata(0, 6, genes=["a", "b", "c"])
    path = STORE_KINDS[kind](adata, tmp_path / "a")
    expected = STORE_KINDS[kind].expected(adata)
    suffix = "".join(path.suffixes).removeprefix(".")
    found = read_other_elements(str(path), suffix)
    assert list(found.elements["obs"].index) == list(expected.obs_names)
    assert list(found.elements["obs"].columns) == list(expected.obs.columns)
    for key in expected.obsm:
        assert np.shape(found.elements["obsm"][key])[0] == 6
    if expected.raw is not None:
        assert list(found.raw["var"].index) == list(expected.raw.var_names)


def test_what_anndata_cannot_read_is_named(tmp_path):
    path = STORE_KINDS["h5ad"](coded_anndata(0, 6, genes=["a", "b"]), tmp_path / "a")
    with h5py.File(path, "a") as file:
        file.require_group("uns/later").attrs.update(
            {"encoding-type": "new", "encoding-version": "9"}
        )
    with pytest.raises(ElementError, match=r"cannot be read by anndata .* Give a recipe"):
        read_other_elements(str(path), "h5ad")


def test_a_store_elsewhere_is_refused():
    with pytest.raises(StoreError, match="not a file on this machine"):
        read_other_elements("s3://bucket/a.h5ad", "h5ad")
