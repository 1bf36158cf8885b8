"""Which cells are drawn, and their labels."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappedviz.audits.cells.drawn import drawn_rows
from mappedviz.errors import MissingKeyError
from tests.audits import LABELS, made, quiet

UMAP = {"obsm": {"X_umap": np.zeros((24, 2))}}


@given(st.integers(0, 3_000), st.integers(0, 400), st.integers(0, 3), st.integers(1, 20))
def test_rows_are_distinct_ascending_and_at_most_as_many_as_asked_for(n_rows, n, seed, block):
    rows = drawn_rows(n_rows, n, seed, block)
    assert len(rows) <= n
    assert (np.diff(rows) > 0).all()
    assert len(rows) == 0 or (rows[0] >= 0 and rows[-1] < n_rows)
    assert len(rows) >= min(n_rows, n) / 2
    assert rows.tolist() == drawn_rows(n_rows, n, seed, block).tolist()


def test_rows_are_spread_evenly_and_depend_on_the_seed():
    rows = drawn_rows(1_000_000, 5_000)
    parts = np.bincount(rows // 100_000, minlength=10)
    assert parts.min() > 450
    assert rows.tolist() != drawn_rows(1_000_000, 5_000, seed=1).tolist()


def test_labels_are_those_of_the_recipe(tmp_path):
    stores = [{"obs": {"ct": LABELS}, **UMAP}, {"obs": {"other": LABELS}, **UMAP}, UMAP]
    paths = made(tmp_path, stores)
    audit = quiet(paths, "ct", obs_alias={"ct": ["ct", "other"]}, relabel={"ct": {"T": "t cell"}})
    table = audit.embedding().table
    labels = table["label"].astype(object).to_numpy()
    expected = np.where(LABELS == "T", "t cell", "B")
    for name in ("s0.h5ad", "s1.h5ad"):
        here = (table["store"] == name).to_numpy()
        assert labels[here].tolist() == expected[table["row"][here]].tolist()
    assert pd.isna(labels[(table["store"] == "s2.h5ad").to_numpy()]).all()
    assert table["label"].cat.categories.tolist() == ["B", "t cell"]


def test_keys_of_many_numbers_are_numbers_and_of_few_are_labels(tmp_path):
    obs = {"depth": np.linspace(0, 1, 60), "cluster": np.arange(60) % 3}
    numbers = {"obs": obs, "n_obs": 60, "obsm": {"X_umap": np.zeros((60, 2))}}
    audit = quiet(made(tmp_path, [numbers, UMAP]))
    depth = audit.embedding(by="depth").table["label"]
    assert depth.dtype == np.float64
    assert depth[:60].tolist() == np.linspace(0, 1, 60).tolist()
    assert depth[60:].isna().all()
    cluster = audit.embedding(by="cluster").table["label"]
    assert cluster.cat.categories.tolist() == [0, 1, 2]
    store = audit.embedding(by="store").table
    assert store["label"].tolist() == store["store"].tolist()


def test_a_key_that_no_store_has_is_refused_with_the_one_that_may_be_meant(tmp_path):
    audit = quiet(made(tmp_path, [{"obs": {"donor_id": LABELS}}]))
    with pytest.raises(MissingKeyError, match="Did you mean 'donor_id'"):
        audit.embedding(by="donorid")


def test_only_cells_that_the_filter_leaves_are_drawn(tmp_path):
    audit = quiet(made(tmp_path, [{"obs": {"ct": LABELS}, **UMAP}]), obs_filter={"ct": "T"})
    table = audit.embedding(by="ct").table
    assert table["row"].tolist() == np.flatnonzero(LABELS == "T").tolist()
    assert set(table["label"]) == {"T"}
    assert audit.embedding().stores["cells"].tolist() == [12]


def test_an_audit_whose_label_no_store_has_shows_cells_without_it(tmp_path):
    audit = quiet(made(tmp_path, [{}]), "nowhere")
    assert audit.fatal
    assert "label" not in audit.embedding().table
