"""Scales of rows: what was done to counts is told from the values."""

import numpy as np
import pytest
from scipy import sparse

from mappedviz.audits.scales import RowValues, scales_of


def drawn(seed=0, n=300, n_vars=400, mean=0.5):
    """Counts of cells of different depth."""
    rng = np.random.default_rng(seed)
    depth, gene = rng.gamma(2, 0.5, (n, 1)), rng.gamma(0.5, 2, (1, n_vars))
    counts = rng.poisson(mean * depth * gene).astype(np.float64)
    return counts[counts.sum(axis=1) > 5]


def scales(x, dtype=np.float32):
    matrix = sparse.csr_matrix(np.asarray(x, dtype=dtype).astype(np.float32))
    eps = float(np.finfo(dtype).eps)
    return scales_of(RowValues.of(matrix.indptr, matrix.data.astype(np.float64), eps))


def z_scores(x):
    return (x - x.mean(axis=0)) / (x.std(axis=0) + 1e-9)


COUNTS = drawn()
SHARE = COUNTS / COUNTS.sum(axis=1, keepdims=True)
SCALES = {
    "counts": COUNTS,
    "proportions": SHARE,
    "normalised": 1e4 * SHARE,
    "log1p": np.log1p(1e4 * SHARE),
    "log2": np.log2(1 + 1e4 * SHARE),
    "log10": np.log10(1 + 1e4 * SHARE),
    "log counts": np.log1p(COUNTS),
    "log2 counts": np.log2(1 + COUNTS),
    "log10 counts": np.log10(1 + COUNTS),
    "sqrt": np.sqrt(COUNTS),
    "scaled": z_scores(np.log1p(1e4 * SHARE)),
    "logarithms": np.log1p(1e4 * SHARE)[:, :150],
    "unknown": np.abs(np.random.default_rng(1).normal(size=COUNTS.shape)),
    "fractions": 50 * np.random.default_rng(1).random(COUNTS.shape),
}


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_scale(scale, dtype):
    assert [name for name, _ in scales(SCALES[scale], dtype)] == [scale]


@pytest.mark.parametrize("scale", ["proportions", "log1p", "log2", "log counts", "sqrt", "scaled"])
def test_one_scale_in_half_precision(scale):
    assert [name for name, _ in scales(SCALES[scale], np.float16)] == [scale]


@pytest.mark.parametrize(
    ("x", "scale"),
    [
        (np.sqrt(SHARE), "sqrt"),
        (np.log1p(SHARE), "log1p"),
        (100 * SHARE, "normalised"),
        (1e6 * SHARE[:, :200], "normalised"),
        ((COUNTS > 0).astype(float), "counts"),
        (drawn(mean=0.02), "counts"),
        (drawn(mean=30, n_vars=40), "counts"),
        (np.log1p(drawn(mean=0.02)), "log counts"),
        (np.log1p(1e4 * SHARE + 0.1 * (SHARE > 0)), "log1p"),
    ],
)
def test_variants(x, scale):
    assert [name for name, _ in scales(x)] == [scale]


SEVERAL = ["counts", "proportions", "normalised", "log2", "log counts", "sqrt", "scaled"]


@pytest.mark.parametrize("other", SEVERAL)
@pytest.mark.parametrize("part", [0.25, 0.5, 0.75])
def test_rows_of_two_scales(other, part):
    cut = int(part * len(COUNTS))
    x = np.concatenate([SCALES["log1p"][:cut], SCALES[other][cut:]])
    assert {name for name, _ in scales(x)} == {"log1p", other}


def test_rows_without_values_say_nothing():
    assert scales(np.zeros((5, 3))) == ()
    x = np.concatenate([np.zeros((20, COUNTS.shape[1])), SCALES["log1p"]])
    assert [name for name, _ in scales(x)] == ["log1p"]
