"""Sparse rows as arrays do what scipy's do."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from mappedviz.gather.csr import CsrRows

DENSE = np.random.default_rng(0).integers(0, 3, (7, 5)).astype("f4")
DENSE[2] = 0


@pytest.mark.parametrize(
    "chosen",
    [
        3,
        -1,
        slice(1, 6, 2),
        slice(None),
        slice(0, 0),
        [4, 4, 2],
        np.array([True, False] * 3 + [True]),
    ],
)
def test_some_of_the_rows(chosen):
    found = CsrRows.from_dense(DENSE)[chosen]
    np.testing.assert_array_equal(found.toarray(), np.atleast_2d(DENSE[chosen]))
    assert len(found) == found.shape[0]


def test_as_scipy_has_it():
    ours, theirs = CsrRows.from_dense(DENSE), sparse.csr_matrix(DENSE)
    assert (ours.nnz, ours.dtype) == (theirs.nnz, theirs.dtype)
    made = ours.to_scipy()
    assert np.shares_memory(made.data, ours.data)
    assert (made != theirs).nnz == 0


def test_a_row_that_is_not_there():
    with pytest.raises(IndexError):
        CsrRows.from_dense(DENSE)[7]
