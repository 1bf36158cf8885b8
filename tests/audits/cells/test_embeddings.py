"""Coordinates of drawn cells against what anndata reads."""

import anndata as ad
import numpy as np
import pytest
from scipy import sparse

from mappedviz.audits.cells.embeddings import most_common
from mappedviz.errors import MissingKeyError
from tests.audits import made, quiet, write


def points(n=24, k=2, seed=0):
    return np.random.default_rng(seed).normal(size=(n, k))


def test_coordinates_are_those_of_the_store(tmp_path):
    obsm = {"X_umap": points().astype(np.float32), "X_pca": points(k=20)}
    for kind in ("h5ad", "zarr-v3"):
        audit = quiet([write(tmp_path, f"a_{kind}", kind, obsm=obsm)])
        found = audit.embedding()
        assert (found.key, found.by, found.absent) == ("X_umap", None, [])
        assert found.table[["x", "y"]].to_numpy().tolist() == obsm["X_umap"].tolist()
        pca = audit.embedding("X_pca", n=16).table
        assert pca[["x", "y"]].to_numpy().tolist() == obsm["X_pca"][pca["row"], :2].tolist()


def test_each_store_may_spell_it_in_its_own_way(tmp_path):
    stores = [
        {"obsm": {"X_umap": points()}},
        {"obsm": {"UMAP": points(seed=1), "X_pca": points(k=5)}},
        {"obsm": {"X_pca": points(k=5)}},
        {"obsm": {}},
        {"obsm": {"X_umap": points(seed=2)}},
    ]
    found = quiet(made(tmp_path, stores)).embedding()
    assert found.key == "X_umap"
    assert found.stores["element"].tolist() == ["X_umap", "UMAP", None, None, "X_umap"]
    assert found.absent == ["s2.h5ad", "s3.h5ad"]
    assert found.stores["note"].tolist()[2:4] == [
        "no X_umap: has X_pca in obsm",
        "no X_umap: has nothing in obsm",
    ]
    assert found.stores["drawn"].tolist() == [24, 24, 0, 0, 24]
    assert quiet(made(tmp_path, stores)).embedding("umap").stores["drawn"].sum() == 72


def test_what_most_stores_have_is_shown():
    assert most_common([["X_pca"], ["X_pca"], ["X_umap"]]) == "pca"
    assert most_common([["X_pca"], ["X_umap"], []]) == "umap"
    assert most_common([]) is None


def test_coordinates_that_are_not_finite_are_left_out_and_counted(tmp_path):
    umap = points()
    umap[3, 0], umap[5, 1] = np.nan, np.inf
    found = quiet([write(tmp_path, obsm={"X_umap": umap})]).embedding()
    assert found.stores["not_finite"].tolist() == [2]
    assert found.table["row"].tolist() == [i for i in range(24) if i not in (3, 5)]


@pytest.mark.parametrize("kind", ["csr", "csc", "frame"])
def test_elements_of_any_kind_are_read(tmp_path, kind):
    import pandas as pd

    dense = points(k=4)
    obsm = {
        "csr": lambda: sparse.csr_matrix(dense),
        "csc": lambda: sparse.csc_matrix(dense),
        "frame": lambda: pd.DataFrame(dense, columns=list("abcd")),
    }[kind]()
    if kind == "frame":
        plain = ad.read_h5ad(write(tmp_path, "names")).obs_names
        obsm.index = plain
    table = quiet([write(tmp_path, obsm={"X_umap": obsm})]).embedding().table
    assert table[["x", "y"]].to_numpy().tolist() == dense[:, :2].tolist()


def test_stores_without_any_embedding_are_listed(tmp_path):
    audit = quiet(made(tmp_path, [{"obsm": {}}, {"obsm": {"X_umap": points(k=1)}}]))
    found = audit.embedding()
    assert (found.key, len(found.table), len(found.absent)) == (None, 0, 2)
    with pytest.raises(MissingKeyError, match="with two columns or more"):
        audit.embedding("X_umap")


def test_a_store_that_changed_is_listed_and_the_others_are_shown(tmp_path):
    paths = made(tmp_path, [{"obsm": {"X_umap": points()}}, {"obsm": {"X_umap": points()}}])
    audit = quiet(paths)
    write(tmp_path, "s0", n_obs=30, obsm={"X_umap": points(30)})
    found = audit.embedding()
    assert found.absent == ["s0.h5ad"]
    assert "changed" in found.stores["note"].iloc[0]
    assert set(found.table["store"]) == {"s1.h5ad"}
