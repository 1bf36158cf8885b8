"""What holds of a collection now."""

import numpy as np
import pandas as pd

import mappedviz as mv
from tests.audits import ensembl, made, quiet, symbols


def test_what_every_store_has(tmp_path):
    some = pd.Categorical(["T", "B", None] * 8)
    paths = made(tmp_path, [
        {"obs": {"ct": some, "n": np.arange(24), "only": ["x"] * 24}, "genes": symbols()},
        {"obs": {"ct": ["T", "NK"] * 6, "n": np.arange(12) / 2}, "n_obs": 12,
         "genes": [*symbols()[:6], *ensembl()[6:]]},
    ])  # fmt: skip
    held = quiet(paths, "ct").expectations()
    assert (held.stores.least, held.stores.most, held.stores.least_cells) == (2, None, 12)
    assert (held.genes.least_shared, held.genes.least_share) == (6, 0.5)
    assert held.obs["ct"].labels == ("B", "NK", "T")
    assert held.obs["ct"].most_missing == 0.3334
    assert held.obs["n"].kind == ("float", "integer")
    assert held.obs["n"].labels is None
    assert "only" not in held.obs
    assert set(held.matrices) == {"X"}


def test_a_key_that_was_named_and_that_some_stores_lack(tmp_path):
    paths = made(tmp_path, [{"obs": {"ct": ["T", "B"] * 12}}, {}])
    held = quiet(paths, "ct").expectations()
    assert not held.obs["ct"].required
    assert "ct" not in quiet(paths).expectations().obs


def test_many_labels_are_no_vocabulary_unless_named(tmp_path):
    paths = made(tmp_path, [{"n_obs": 60, "obs": {"id": [f"c{i}" for i in range(60)]}}])
    assert quiet(paths).expectations().obs["id"].labels is None
    assert len(quiet(paths, "id").expectations().obs["id"].labels) == 60


def test_nothing_that_can_be_read(tmp_path):
    audit = quiet([tmp_path / "nothing.h5ad"], "ct")
    held = audit.expectations()
    assert held == mv.Expectations(stores={"least": 0})


def test_thresholds_are_those_of_the_audit(tmp_path):
    expected = mv.Expectations(thresholds={"rare_class_cells": 3})
    audit = quiet(made(tmp_path, [{}]), expect=expected)
    assert audit.expectations().thresholds == expected.thresholds
