"""Stores of other tools are refused as what they are, with what to read in their place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anndata
import h5py
import numpy as np
import pytest
import zarr

import mappedviz as mv
from mappedviz.errors import ElementError
from mappedviz.testing import coded_anndata


def _adata(store: int = 0) -> anndata.AnnData:
    return coded_anndata(store, 6, genes=["a", "b"], plain=True)


def mudata(root: Any) -> None:
    root.attrs["encoding-type"] = "MuData"
    for name in ("obs", "var"):
        anndata.io.write_elem(root, name, _adata().obs.iloc[:, :0])
    for i, name in enumerate(("prot", "rna")):
        anndata.io.write_elem(root.require_group("mod"), name, _adata(i))


def spatialdata(root: Any) -> None:
    root.attrs["spatialdata_attrs"] = {"version": "0.2"} if isinstance(root, zarr.Group) else "0.2"
    root.create_group("images")
    anndata.io.write_elem(root.require_group("tables"), "table", _adata())


def tenx(root: Any) -> None:
    for name in ("barcodes", "data", "indices", "indptr", "shape"):
        root[f"matrix/{name}"] = np.arange(3)


def tenx_of_genomes(root: Any) -> None:
    for name in ("barcodes", "data", "genes", "gene_names", "indices", "indptr", "shape"):
        root[f"GRCh38/{name}"] = np.arange(3)


def loom(root: Any) -> None:
    root["matrix"] = np.ones((3, 4))
    root["row_attrs/Gene"] = np.arange(3)
    root["col_attrs/CellID"] = np.arange(4)


def h5seurat(root: Any) -> None:
    root["cell.names"] = np.arange(3)
    root["assays/RNA/data"] = np.arange(3)


def several(root: Any) -> None:
    anndata.io.write_elem(root, "one", _adata(0))
    anndata.io.write_elem(root, "two", _adata(1))


@pytest.mark.parametrize(
    ("write", "says", "remedy"),
    [
        (mudata, "is a MuData of 2 modalities (prot, rna)", "mod/prot"),
        (spatialdata, "is a SpatialData with 1 tables", "tables/table"),
        (tenx, "a matrix of 10x Genomics", "scanpy.read_10x_h5"),
        (tenx_of_genomes, "a matrix of 10x Genomics", "scanpy.read_10x_h5"),
        (loom, "a loom file", "read_loom"),
        (h5seurat, "an h5Seurat file", "SeuratDisk::Convert"),
        (several, "a group of 2 AnnData (one, two)", "one"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
@pytest.mark.parametrize("kind", ["h5", "zarr"])
def test_a_relative_is_named(tmp_path: Path, write: Any, says: str, remedy: str, kind: str) -> None:
    path = tmp_path / f"file.{kind}"
    if kind == "h5":
        with h5py.File(path, "w") as file:
            write(file)
    else:
        if write in (tenx, tenx_of_genomes, loom, h5seurat):
            pytest.skip("always HDF5")
        write(zarr.open_group(path, mode="w", zarr_format=2))
    with pytest.raises(ElementError) as error:
        mv.open_store(path)
    assert says in str(error.value)
    assert remedy in str(error.value)
    assert str(path) in str(error.value)
    if kind == "zarr":  # what it says can be read
        inside = {mudata: "mod/prot", spatialdata: "tables/table", several: "one"}[write]
        assert f"Read {path}/{inside}" in str(error.value)
        assert mv.open_store(path / inside).facts.n_obs == 6
    elif write in (mudata, spatialdata, several):  # the code that it gives works
        code = str(error.value).split("Write one of them: ")[1].split(".write_h5ad")[0]
        assert eval(code, {"anndata": anndata, "h5py": h5py}).n_obs == 6


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.filterwarnings("ignore:zarr v3 autosharding")
def test_patterns_lead_into_spatialdata(tmp_path: Path, version: int) -> None:
    for sample in ("a", "b"):
        root = zarr.open_group(tmp_path / f"{sample}.zarr", mode="w", zarr_format=version)
        root.create_group("images")
        tables = root.create_group("tables")
        for table in ("one", "two"):
            anndata.io.write_elem(tables, table, _adata())
    assert len(mv.MappedCollection(tmp_path / "*.zarr" / "tables" / "*")) == 24
    assert len(mv.MappedCollection(tmp_path / "a.zarr" / "tables" / "*")) == 12
    with pytest.raises(ElementError, match="group of 2 AnnData"):
        mv.open_store(tmp_path / "a.zarr" / "tables")
