"""The stores of the demo, each with what a laboratory does differently."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mappedviz.datasets.cells import Cells, draw_cells
from mappedviz.datasets.genes import CELL_TYPES, ensembl, markers, retired, symbols

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData  # type: ignore[import-untyped]

    from mappedviz._types import Array

# Of each type of cell, in the order of CELL_TYPES: names and identifiers of the Cell Ontology,
# and what three laboratories write.
_NAMES = (
    "B cell",
    "CD4-positive, alpha-beta T cell",
    "CD8-positive, alpha-beta T cell",
    "natural killer cell",
    "CD14-positive monocyte",
    "non-classical monocyte",
    "dendritic cell",
    "platelet",
)
_IDENTIFIERS = (
    "CL:0000236",
    "CL:0000624",
    "CL:0000625",
    "CL:0000623",
    "CL:0001054",
    "CL:0000875",
    "CL:0000451",
    "CL:0000233",
)
_BOSTON = (
    "B cells",
    "CD4 T cells",
    "CD8 T cells",
    "NK cells",
    "CD14+ Monocytes",
    "FCGR3A+ Monocytes",
    "Dendritic cells",
    "Platelets",
)
_KYOTO = ("B", "CD4_T", "CD8_T", "NK", "Mono_CD14", "Mono_CD16", "DC", "Plt")
_OXFORD = (
    "b-cell",
    "cd4+ t-cell",
    "cd8+ t-cell",
    "nk-cell",
    "cd14+ monocyte",
    "cd16+ monocyte",
    "dendritic-cell",
    "platelet",
)
_BASES = np.array(list("ACGT"))


def write_stores(folder: Path) -> None:
    """Write the five stores into a folder."""
    berlin = _berlin()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of anndata, about formats to come
        berlin.write_h5ad(folder / "berlin.h5ad", compression="gzip")
        _pilot(berlin).write_zarr(folder / "berlin_pilot.zarr")
        _boston().write_zarr(folder / "boston.zarr")
        _kyoto().write_h5ad(folder / "kyoto.h5ad", compression="gzip")
        _oxford().write_h5ad(folder / "oxford.h5ad", compression="gzip")
    for metadata in folder.glob("*.zarr/.zmetadata"):  # zarr 3.1 lists elements as they come
        metadata.write_text(json.dumps(json.loads(metadata.read_text()), indent=4, sort_keys=True))


def _berlin() -> AnnData:
    """Counts in X, symbols beside Ensembl identifiers, labels of the Cell Ontology."""
    cells = draw_cells(1, 700, depth=2200, mito=0.05)
    obs = _obs(1, cells, "cell_type", _NAMES, donors=("D1", "D2", "D3", "D4"))
    obs["is_primary_data"] = True
    adata = _anndata(cells, _sparse(cells.counts), obs, symbols(), "Blood of four donors, Berlin")
    adata.var["gene_ids"] = ensembl()
    return adata


def _pilot(berlin: AnnData) -> AnnData:
    """The first cells of another store again, under other names; hardly a store at all."""
    pilot = berlin[:36].copy()
    pilot.obs_names = [f"pilot_{i + 1}" for i in range(36)]
    identifiers = dict(zip(_NAMES, _IDENTIFIERS, strict=True))
    pilot.obs["cell_type"] = [identifiers[name] for name in pilot.obs["cell_type"]]
    pilot.obs["is_primary_data"] = False
    del pilot.uns["title"]
    return pilot


def _boston() -> AnnData:
    """Logarithms in X, counts in a layer, plural labels."""
    cells = draw_cells(2, 500, depth=3000, mito=0.06)
    obs = _obs(2, cells, "celltype", _BOSTON, donors=("P01", "P02", "P03"), donor="donor_id")
    adata = _anndata(cells, _logarithms(cells.counts), obs, symbols(), "Healthy blood, Boston")
    adata.layers["counts"] = _sparse(cells.counts)
    return adata


def _kyoto() -> AnnData:
    """Scaled values of few genes in X, counts of all in raw.X, Ensembl identifiers with versions."""
    cells = draw_cells(3, 500, depth=1800, mito=0.04)
    obs = _obs(3, cells, "annotation", _KYOTO, donors=("K1", "K2"))
    adata = _anndata(
        cells, _sparse(cells.counts), obs, ensembl(version=True), "Blood of two donors, Kyoto"
    )
    adata.raw = adata
    every = set().union(*map(markers, CELL_TYPES))
    variable = np.flatnonzero([name in every for name in symbols()])
    values = _logarithms(cells.counts).toarray()[:, variable]
    scaled = (values - values.mean(axis=0)) / np.maximum(values.std(axis=0), 1e-3)
    chosen = adata[:, variable].copy()
    chosen.X = np.round(np.clip(scaled, -10, 10), 2).astype(np.float32)
    return chosen


def _oxford() -> AnnData:
    """Dense counts, deep, with symbols of an old annotation; a run without labels, of dying cells."""
    import pandas as pd

    good = draw_cells(4, 350, depth=7600, mito=0.06)
    bad = draw_cells(5, 150, depth=7000, mito=0.45)
    cells = Cells(
        np.concatenate([good.counts, bad.counts]),
        np.concatenate([good.types, bad.types]),
        np.concatenate([good.umap, bad.umap]),
    )
    obs = _obs(4, cells, "CellType", _OXFORD, donors=("OX-A", "OX-B", "OX-C"), donor="patient")
    labels = obs["CellType"].astype(object)
    labels.iloc[350:] = np.nan
    obs["CellType"] = pd.Categorical(labels)
    obs["batch"] = pd.Categorical(np.where(np.arange(500) < 350, "run1", "run2"))
    earlier = retired()
    genes = [earlier.get(name, name) for name in symbols()]
    return _anndata(cells, cells.counts.astype(np.float32), obs, genes, "Blood, Oxford")


def _obs(
    seed: int,
    cells: Cells,
    key: str,
    names: tuple[str, ...],
    *,
    donors: tuple[str, ...],
    donor: str = "donor",
) -> pd.DataFrame:
    import pandas as pd

    rng = np.random.default_rng(100 + seed)
    n = len(cells.types)
    barcodes = ["".join(letters) for letters in _BASES[rng.integers(0, 4, (n, 16))]]
    who = rng.integers(0, len(donors), n)
    mito = np.array([name.startswith("MT-") for name in symbols()])
    totals = cells.counts.sum(axis=1)
    return pd.DataFrame(
        {
            key: pd.Categorical(np.array(names)[cells.types]),
            donor: pd.Categorical(np.array(donors)[who]),
            "batch": pd.Categorical(np.array(["run1", "run2"])[who % 2]),
            "n_genes": (cells.counts > 0).sum(axis=1),
            "percent_mito": cells.counts[:, mito].sum(axis=1) / np.maximum(totals, 1),
        },
        index=pd.Index([f"{barcode}-1" for barcode in barcodes], dtype=object),
    )


def _anndata(cells: Cells, X: Any, obs: pd.DataFrame, genes: list[str], title: str) -> AnnData:
    import pandas as pd
    from anndata import AnnData

    var = pd.DataFrame(index=pd.Index(genes, dtype=object))
    return AnnData(X=X, obs=obs, var=var, obsm={"X_umap": cells.umap}, uns={"title": title})


def _sparse(values: Array) -> Any:
    from scipy import sparse

    return sparse.csr_matrix(values, dtype=np.float32)


def _logarithms(counts: Array) -> Any:
    """log1p of counts that sum to 10,000 in each cell."""
    totals = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return _sparse(np.log1p(counts / totals * 1e4))
