import numpy as np
import pytest
import torch

from mappedviz import MappedCollection
from mappedviz.errors import ElementError
from mappedviz.scvi.counts import check_counts, log_libraries
from tests.scvi.conftest import cells


def test_counts_are_counts_in_any_type(paths):
    check_counts(MappedCollection(paths, layers_keys="counts"), "counts")
    check_counts(MappedCollection(paths, dtype="int32"), "X")
    check_counts(MappedCollection(paths, dtype="uint16"), "X")


@pytest.mark.parametrize(
    ("value", "found"), [(0.5, r"a fraction \(0\.5\)"), (-1, "a negative"), (np.nan, "a missing")]
)
def test_what_is_no_count_is_refused_with_its_store(tmp_path, value, found):
    for i in range(2):
        adata = cells(i, 20)
        if i:
            adata.X = adata.X.toarray()
            adata.X[:, 3] = value
        adata.write_h5ad(tmp_path / f"{i}.h5ad")
    with pytest.raises(ElementError, match=rf"1\.h5ad, X: holds no counts: {found}.*layer_alias"):
        check_counts(MappedCollection(tmp_path), "X")


def test_empty_stores_and_empty_cells_are_counts(tmp_path):
    adata = cells(0, 5)
    adata.X = adata.X * 0
    adata.write_h5ad(tmp_path / "a.h5ad")
    adata[:0].copy().write_h5ad(tmp_path / "b.h5ad")
    check_counts(MappedCollection(tmp_path), "X")


def test_libraries_are_per_batch():
    batches = [
        {"X": torch.tensor([[1.0, 2.0], [0.0, 0.0]]), "batch": torch.tensor([[0], [0]])},
        {"X": torch.tensor([[4.0, 4.0]]), "batch": torch.tensor([[2]])},
    ]
    means, variances = log_libraries(batches, 3)
    assert np.allclose(means, [[np.log(3) / 2, 0, np.log(8)]])
    assert np.allclose(variances, [[(np.log(3) / 2) ** 2, 1, 0]])
