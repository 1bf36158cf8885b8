"""Elements of obsm: every kind, and what is none."""

from __future__ import annotations

import numpy as np
import pytest

from mappedviz.errors import ElementError
from mappedviz.formats.obsm import obsm_facts, read_field, read_obsm
from tests.formats.trees import (
    MATRIX,
    NAN,
    TEXT,
    Tree,
    categorical,
    csr,
    frame,
    nullable,
    text,
)


def test_embeddings_of_anndata_0_5(h5_node):
    data = np.zeros(3, dtype=[("X_pca", ">f4", (2,)), ("t", "i2")])
    data["X_pca"] = [[1, 2], [3, 4], [5, 6]]
    obsm = h5_node(Tree({"obsm": data}))["obsm"]
    facts = obsm_facts(obsm)
    assert (facts["X_pca"].shape, facts["X_pca"].dtype) == ((3, 2), np.dtype("float32"))
    assert (facts["t"].shape, facts["t"].kind) == ((3,), "dense")
    assert read_field(obsm, "X_pca").tolist() == [[1, 2], [3, 4], [5, 6]]
    assert read_field(obsm, "X_pca").dtype.isnative


FRAME = {
    "x": np.array([1, 2, 3], "i2"),
    "y": np.array([0.5, NAN, 1], "f4"),
    "z": nullable("integer", np.array([1, 2, 3]), [False, True, False]),
}


def test_every_kind_of_embedding(node):
    dense = np.arange(6, dtype=">f4").reshape(3, 2)
    obsm = node(
        Tree(
            {
                "dense": dense,
                "deep": np.zeros((3, 2, 2)),
                "flat": np.arange(3, dtype="u1"),
                "sparse": csr(MATRIX),
                "null": Tree(encoding_type="null"),
                "frame": frame(FRAME, column_order=np.array(["x", "y", "z"], dtype=TEXT)),
                "empty": frame(),
            }
        )
    )
    facts = obsm_facts(obsm)
    assert {name: (one.kind, one.shape, str(one.dtype)) for name, one in facts.items()} == {
        "dense": ("dense", (3, 2), "float32"),
        "deep": ("dense", (3, 2, 2), "float64"),
        "flat": ("dense", (3,), "uint8"),
        "sparse": ("csr", (2, 3), "float32"),
        "frame": ("frame", (3, 3), "float64"),
        "empty": ("frame", (3, 0), "float64"),
    }
    np.testing.assert_array_equal(read_obsm(obsm["dense"]), dense)
    assert read_obsm(obsm["dense"]).dtype.isnative
    np.testing.assert_array_equal(read_obsm(obsm["frame"]), [[1, 0.5, 1], [2, NAN, NAN], [3, 1, 3]])
    assert read_obsm(obsm["empty"]).shape == (3, 0)
    assert read_obsm(obsm["deep"]).shape == (3, 2, 2)


@pytest.mark.parametrize("column", [text("a", "b", "c"), categorical([0, 0, 0], text("a"))])
def test_a_data_frame_of_words_is_no_embedding(node, column):
    with pytest.raises(ElementError, match=r"(string|categorical) column 'w', which is no number"):
        read_obsm(node(frame({"w": column})))
