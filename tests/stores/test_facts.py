"""What a store contains, and what is refused already when it is opened."""

from __future__ import annotations

import numpy as np
import pytest

from mappedviz.errors import ElementError


def layer_called_x(file):
    file.copy("X", file["layers"], name="X")


def short_embedding(file):
    del file["obsm/X_pca"]
    file["obsm/X_pca"] = np.zeros((8, 2))


def short_layer(file):
    del file["layers/scaled"]
    file["layers/scaled"] = np.zeros((9, 2))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (layer_called_x, r"layers/X: is called 'X', which stands for another matrix"),
        (short_embedding, r"obsm/X_pca: is 8 × 2 where obs and var say 9 rows"),
        (short_layer, r"layers/scaled: is 9 × 2 where obs and var say 9 × 3"),
    ],
)
def test_a_store_that_contradicts_itself_is_refused(edited, change, says):
    with pytest.raises(ElementError, match=says):
        edited(change)


def test_a_matrix_that_is_null_is_none(edited):
    def null(file):
        for name in ("X", "layers/scaled"):
            del file[name]
            file.create_group(name).attrs["encoding-type"] = "null"

    assert sorted(edited(null).facts.matrices) == ["counts", "raw.X"]
