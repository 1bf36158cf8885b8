"""Depth, genes and mitochondrial share of drawn cells against numpy."""

import numpy as np
import pytest
from scipy import sparse

from mappedviz.audits.cells.depths import mito_genes
from tests.audits import counts, ensembl, made, quiet

GENES = ["MT-CO1", "MT-ND1", *(f"SYM{k}" for k in range(10))]


def share(x):
    return x[:, :2].sum(axis=1) / x.sum(axis=1)


@pytest.mark.parametrize("made_of", [np.asarray, sparse.csr_matrix, sparse.csc_matrix])
def test_stats_are_what_numpy_says(tmp_path, made_of):
    x = counts(2)
    x[0] = 0
    stats = quiet(made(tmp_path, [{"X": made_of(x), "genes": GENES}])).cell_stats()
    assert stats.table["row"].tolist() == list(range(24))
    assert stats.table["total"].tolist() == x.sum(axis=1).tolist()
    assert stats.table["genes"].tolist() == (x > 0).sum(axis=1).tolist()
    np.testing.assert_allclose(stats.table["mito"][1:], share(x[1:]))
    assert np.isnan(stats.table["mito"][0])
    assert stats.stores["scale"].tolist() == ["counts"]
    assert stats.stores["mito_genes"].tolist() == [2]
    assert stats.not_counts == []
    median = stats.quantiles.loc["s0.h5ad", ("total", 0.5)]
    assert median == np.median(x.sum(axis=1))


def test_logarithms_are_undone_for_the_share_and_said_to_be_no_counts(tmp_path):
    x = counts(3)
    x = 1e4 * x / x.sum(axis=1, keepdims=True)
    stats = quiet(made(tmp_path, [{"X": np.log1p(x), "genes": GENES}])).cell_stats()
    assert stats.not_counts == ["s0.h5ad"]
    assert stats.stores["scale"].tolist() == ["log1p"]
    np.testing.assert_allclose(stats.table["mito"], share(x), rtol=1e-3)


def test_what_is_not_known_is_said(tmp_path):
    scaled = np.random.default_rng(0).normal(size=(24, 12)).astype(np.float32)
    stores = [
        {"X": counts(2), "genes": ensembl()},
        {"X": scaled, "genes": GENES},
        {"X": counts(2), "genes": [f"SYM{k}" for k in range(12)]},
    ]
    stats = quiet(made(tmp_path, stores)).cell_stats()
    assert stats.table["mito"].isna().all()
    notes = stats.stores["note"].tolist()
    assert "no symbols" in notes[0]
    assert "values are scaled" in notes[1]
    assert "none of its 12 genes is mitochondrial" in notes[2]
    assert stats.quantiles["mito"].isna().all(axis=None)


def test_symbols_may_be_in_another_column(tmp_path):
    import pandas as pd

    var = pd.DataFrame({"symbol": GENES}, index=ensembl())
    stats = quiet(made(tmp_path, [{"X": counts(2), "var": var}])).cell_stats()
    assert stats.stores["mito_genes"].tolist() == [2]
    assert stats.table["mito"].notna().all()


@pytest.mark.parametrize("names", [["mt-Co1", "Actb"], ["MT-CO1", "ACTB"], ["mt:CoI", "Act5C"]])
def test_names_of_several_species(names):
    mask, note = mito_genes([np.array(names, dtype=object)])
    assert mask.tolist() == [True, False]
    assert note == ""


def test_a_store_without_the_matrix_is_listed(tmp_path):
    audit = quiet(made(tmp_path, [{}, {"layers": {}}]), layers_keys="counts")
    stats = audit.cell_stats()
    assert "no matrix 'counts'" in stats.stores["note"].iloc[1]
    assert stats.stores["drawn"].tolist()[1] == 0
