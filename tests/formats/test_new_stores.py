"""New stores: what is written is what anndata reads, in the layout that is read from the file as it is."""

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from mappedviz.errors import ElementError
from mappedviz.formats.new_stores import new_store
from mappedviz.formats.spools import CsrSpool, DenseSpool
from mappedviz.stores.store import open_store


def spooled(folder, values, *, narrow=True, dense=False):
    if dense:
        spool = DenseSpool(str(folder), values.shape[1], values.dtype, narrow=narrow)
        spool.append(values)
    else:
        rows = sparse.csr_matrix(values)
        spool = CsrSpool(str(folder), values.shape[1], rows.dtype, np.dtype("i4"), narrow=narrow)
        spool.append(rows.indptr, rows.indices, rows.data)
    return spool


@pytest.mark.parametrize("kind", ["zarr", "h5ad"])
@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("n_obs", [12, 0])
def test_what_is_written_is_read_by_anndata(tmp_path, kind, dense, n_obs):
    values = np.random.default_rng(1).poisson(0.7, (n_obs, 9)).astype(np.float32)
    path = str(tmp_path / f"a.{kind}")
    with new_store(path, kind, "source") as new:
        new.put("obs", pd.DataFrame({"a": range(n_obs)}, index=[f"c{i}" for i in range(n_obs)]))
        new.put("var", pd.DataFrame(index=[f"g{i}" for i in range(9)]))
        new.put_group("layers")
        new.put_matrix("X", spooled(tmp_path / "x", values, narrow=kind == "zarr", dense=dense))
        new.put_matrix("layers/half", spooled(tmp_path / "h", values / 2, dense=dense))
    read = anndata.read_zarr(path) if kind == "zarr" else anndata.read_h5ad(path)
    assert read.X.dtype == np.float32
    assert (read.to_df().to_numpy() == values).all()
    assert (np.asarray(read.to_df("half")) == values / 2).all()
    if n_obs:
        with open_store(path).session() as root:
            node = root["X"] if dense else root["X/data"]
            array = node.chunked()
            assert array.direct is not None
            assert array.dtype == (np.uint8 if kind == "zarr" else np.float32)
            assert node.dtype == np.float32


@pytest.mark.parametrize("key", ["layers/..", "layers/a/b", "layers/", "layers/a\\b"])
def test_a_layer_cannot_lead_out_of_its_folder(tmp_path, key):
    with new_store(str(tmp_path / "a.zarr"), "zarr", "source") as new:
        spool = spooled(tmp_path / "x", np.ones((2, 2), np.float32))
        with pytest.raises(ElementError, match="source, layers: .*Rename the layer"):
            new.put_matrix(key, spool)


def test_what_anndata_cannot_write_is_named(tmp_path):
    with (
        new_store(str(tmp_path / "a.h5ad"), "h5ad", "source") as new,
        pytest.raises(ElementError, match="source, uns: cannot be written by anndata"),
    ):
        new.put("uns", {"a": object()})
