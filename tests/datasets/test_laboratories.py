"""The stores of the demo have the faults that they are there for."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest

import mappedviz as mv


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return mv.datasets.demo(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def audit(folder):
    return mv.audit(folder, label="cell_type", progress=False)


def whole(matrix):
    values = matrix.data if hasattr(matrix, "data") and hasattr(matrix, "indptr") else matrix
    return bool((np.asarray(values) == np.round(values)).all())


def test_counts_are_in_three_places(folder):
    berlin, kyoto, oxford = (
        ad.read_h5ad(folder / f"{name}.h5ad") for name in ("berlin", "kyoto", "oxford")
    )
    boston = ad.read_zarr(folder / "boston.zarr")
    assert whole(berlin.X)
    assert whole(oxford.X)
    assert not whole(boston.X)
    assert whole(boston.layers["counts"])
    assert not whole(kyoto.X)
    assert whole(kyoto.raw.X)
    assert kyoto.raw.n_vars > kyoto.n_vars


def test_the_pilot_holds_cells_of_berlin_under_other_names(folder):
    berlin, pilot = ad.read_h5ad(folder / "berlin.h5ad"), ad.read_zarr(folder / "berlin_pilot.zarr")
    assert (berlin[:36].X != pilot.X).nnz == 0
    assert not set(berlin.obs_names) & set(pilot.obs_names)
    assert not pilot.obs["is_primary_data"].any()


def test_a_run_has_no_labels_and_dying_cells(folder):
    obs = ad.read_h5ad(folder / "oxford.h5ad").obs
    run = obs["batch"] == "run2"
    assert obs["CellType"][run].isna().all()
    assert obs["CellType"][~run].notna().all()
    assert obs["percent_mito"][run].mean() > 5 * obs["percent_mito"][~run].mean()


def test_labels_are_spelled_in_five_ways(folder):
    columns = {
        "berlin.h5ad": "cell_type",
        "berlin_pilot.zarr": "cell_type",
        "boston.zarr": "celltype",
        "kyoto.h5ad": "annotation",
        "oxford.h5ad": "CellType",
    }
    ds = mv.MappedCollection(
        [folder / name for name in columns],
        obs_keys="cell_type",
        obs_alias={"cell_type": list(dict.fromkeys(columns.values()))},
        join="outer",
    )
    labels = ds.get_merged_labels("cell_type")
    per_store = [
        {one for one in labels[ds.storage_idx == i] if isinstance(one, str)} for i in range(5)
    ]
    assert [len(one) for one in per_store[:1] + per_store[2:]] == [8, 8, 8, 8]
    shared = {a & b for i, a in enumerate(map(frozenset, per_store)) for b in per_store[:i]}
    assert set().union(*shared) <= {"platelet"}


def test_the_audit_says_so(audit):
    found = {finding.id for finding in audit.findings}
    assert {
        "refused",  # symbols and identifiers share nothing
        "gene-identifiers",
        "label-absent",
        "label-vocabulary",
        "value-scale",
        "depth",
        "rare-classes",
    } <= found
