"""Matrices of which cells are drawn."""

import numpy as np
from scipy import sparse

from mappedviz.audits.cells import matrices
from tests.audits import counts, made, quiet


def test_a_large_matrix_by_columns_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(matrices, "_LARGEST_CSC", 10)
    stats = quiet(made(tmp_path, [{"X": sparse.csc_matrix(counts(2))}])).cell_stats()
    assert "stored by columns" in stats.stores["note"].iloc[0]


def test_a_matrix_that_the_audit_did_not_sample_is_judged_now(tmp_path):
    audit = quiet(made(tmp_path, [{"X": counts(2)}]))
    (scan,) = (scan for _, scan in audit._tables.readable)
    scan.samples = {}
    assert audit.cell_stats().stores["scale"].tolist() == ["counts"]


def test_raw_has_names_of_its_own(demo_data):
    audit = quiet([demo_data / "10x_pbmc68k_reduced.h5ad"], layers_keys="raw.X")
    (store,) = audit.opened_stores
    genes, x = store.read_var_names(raw=True), store.read_rows("raw.X", range(700))
    np.testing.assert_allclose(audit.expression(genes[5]).table["value"], x[:, 5])
    totals = audit.cell_stats(n=700).table["total"]
    np.testing.assert_allclose(totals, x.sum(axis=1, dtype=np.float64))
