"""Tables of stores against what anndata says of the same files."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mappedviz.audits.reading import scan_store
from mappedviz.audits.tables.genes import coverage_of
from mappedviz.audits.tables.labels import label_table
from mappedviz.audits.tables.stores import (
    STORE_COLUMNS,
    display_names,
    library_sizes,
    obs_schema,
    stores_table,
)
from mappedviz.testing import coded_anndata
from tests.audits.tables import DEMO
from tests.stores import BROKEN, STORE_KINDS


def test_stores_table_of_the_demo_collection(demo_scans):
    table = stores_table(demo_scans)
    assert list(table.columns) == list(STORE_COLUMNS)
    assert table.index.name == "store"
    assert (table["status"] == "ok").all()
    for name, (n_obs, n_vars, kind, nnz, _, _) in DEMO.items():
        row = table.loc[name]
        assert (row["n_obs"], row["n_vars"], row["x_kind"]) == (n_obs, n_vars, kind)
        assert row["nnz"] == (n_obs * n_vars if nnz is None else nnz)
        assert row["nbytes"] > 0
    assert table["x_scale"].tolist() == [
        "log counts",
        "scaled",
        "counts",
        "logarithms",
        "log2",
    ]
    assert table.loc["10x_pbmc68k_reduced.h5ad", "raw"]


def test_a_broken_store_is_a_row_with_its_error(demo_data, tmp_path):
    bad = BROKEN["html"](None, tmp_path / "bad")
    scans = [scan_store(demo_data / "pbmc5k_small_cd4_vs_cd8.h5ad"), scan_store(bad)]
    row = stores_table(scans).loc["bad.h5ad"]
    assert "HTML" in row["status"]
    assert row["path"] == str(bad)
    assert pd.isna(row["n_obs"])
    assert obs_schema(scans).columns.get_level_values(0).unique().tolist() == [scans[0].store.name]
    assert coverage_of(scans).stores == [scans[0].store.name]
    assert label_table(scans, "cell_type").stores == [scans[0].store.name]


def test_a_store_without_x_has_a_row(tmp_path):
    adata = coded_anndata(plain=True)
    adata.X = None
    scan = scan_store(STORE_KINDS["h5ad"](adata, tmp_path / "a"))
    row = stores_table([scan]).iloc[0]
    assert row["X"] is None
    assert pd.isna(row["nnz"])


def test_display_names_tell_all_stores_apart():
    assert display_names([]) == []
    assert display_names(["a.h5ad"]) == ["a.h5ad"]
    assert display_names(["/p/x/a.h5ad", "/q/x/a.h5ad"]) == ["p/x/a.h5ad", "q/x/a.h5ad"]
    names = display_names(["/1/a.h5ad", "/2/a.h5ad", "b.h5ad", "/1/a.h5ad"])
    assert names == ["1/a.h5ad", "2/a.h5ad", "b.h5ad", "1/a.h5ad (2)"]


def test_obs_schema_has_types_and_what_is_missing(tmp_path):
    adata = coded_anndata(0, 20)
    other = coded_anndata(1, 20, plain=True)
    scans = [
        scan_store(STORE_KINDS["h5ad"](one, tmp_path / name))
        for one, name in ((adata, "a"), (other, "b"))
    ]
    schema = obs_schema(scans)
    assert set(schema.index) == set(adata.obs.columns)
    for name in adata.obs.columns:
        missing = 100 * adata.obs[name].isna().mean()
        assert schema.loc[name, ("a.h5ad", "missing")] == pytest.approx(missing)
    assert schema.loc["cell_type", ("a.h5ad", "dtype")] == "category(4)"
    assert schema.loc["score", ("b.h5ad", "dtype")] is None
    assert np.isnan(schema.loc["score", ("b.h5ad", "missing")])


def test_library_sizes_are_the_sums_of_rows(tmp_path):
    adata = coded_anndata(0, 20, plain=True)
    scan = scan_store(STORE_KINDS["h5ad"](adata, tmp_path / "a"))
    table = library_sizes([scan])
    np.testing.assert_allclose(table["total"], np.asarray(adata.X.sum(axis=1)).ravel())
    assert table["genes"].tolist() == np.diff(adata.X.indptr).tolist()
    assert len(library_sizes([])) == 0


SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"


def expected_sets():
    file = SHARED / "EXPECTED.json"
    return json.loads(file.read_text())["sets"] if file.exists() else {}


@pytest.mark.parametrize("name", ["dev/core", "dev/all"])
def test_the_development_stores_agree_with_anndata(name):
    sets = expected_sets()
    if name not in sets:
        pytest.skip(f"{SHARED}: the development stores are not here, so {name} is not compared")
    expected = sets[name]
    paths = []
    for store in expected["stores"]:
        found = [SHARED / folder / store["store"] for folder in ("shippable", "local_only")]
        paths.append(next((path for path in found if path.exists()), None))
    if None in paths:
        pytest.skip(f"{SHARED}: some of the stores of {name} are not here")
    scans = [scan_store(path) for path in paths]
    table = stores_table(scans)
    coverage = coverage_of(scans)
    assert coverage.inner == expected["inner_var_names"]
    assert coverage.outer == expected["outer_var_names"]
    assert table["n_obs"].sum() == expected["n_obs_total"]
    for scan, store in zip(scans, expected["stores"], strict=True):
        row = table.loc[scan.store.name]
        assert (row["n_obs"], row["n_vars"]) == (store["n_obs"], store["n_vars"])
        if row["x_kind"] != "dense":
            assert row["nnz"] == store["nnz"]
        assert (row["x_scale"] == "counts") == store["integer_counts"]
        if store["label"]:
            labels = label_table([scan], store["label"])
            assert labels.total.to_dict() == store["label_counts"]
            assert labels.missing.sum() == store["label_missing"]
    for pair, n in expected["pairwise_inner"].items():
        some = [scan for scan in scans if scan.store.name in pair.split(" & ")]
        assert coverage_of(some).inner == n
