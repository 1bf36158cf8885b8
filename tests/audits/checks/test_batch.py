"""Checks of what becomes of values in a batch: types, widths, order of genes."""

import warnings

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from mappedviz.audits.checks import batch
from mappedviz.testing import coded_anndata
from tests.audits import counts, found, ids, made, norm, quiet
from tests.audits.checks.cases import cases_of, finds


@pytest.mark.parametrize("name", cases_of(batch))
def test_a_check_finds_what_it_is_for(tmp_path, name):
    finds(tmp_path, name)


BIG = counts(3).astype(np.float64)
BIG[3, 3] = 2**24 + 1


@pytest.mark.parametrize(
    ("x", "dtype", "loses"),
    [
        (70_000 * counts(1), "float16", True),
        (BIG, "float16", True),
        (BIG, "float32", True),
        (BIG, "float64", False),
        (BIG.astype(np.int64), "float32", True),
        (BIG.astype(np.int64), "int32", False),
        (300 * counts(1), "uint8", True),
        (300 * counts(1), "int16", False),
        (200 * np.minimum(counts(1), 1), "int8", True),
        (norm(), "uint8", True),
        (norm(), "int64", True),
        (norm(), "float16", False),
        (counts(3), "uint8", False),
        (counts(3), "int32", False),
        (counts(3).astype(np.uint8), "float32", False),
        (-counts(3), "uint16", True),
        (-counts(3), "int16", False),
        (counts(3), "bool", True),
        (np.minimum(counts(3), 1), "bool", False),
        (3_000 * counts(3) + 1, "float16", True),
    ],
)
def test_types_that_lose_values(tmp_path, x, dtype, loses):
    """What the check says is what a batch shows."""
    audit = quiet(made(tmp_path, [{"X": x}]), dtype=dtype)
    findings = found(audit, "dtype-loses")
    assert bool(findings) is loses
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        given = audit.collection()[:]["X"].astype(np.float64)
    kept = np.allclose(given, x, rtol=2e-3, atol=1e-3 if dtype == "float16" else 0)
    if np.array_equal(x, np.rint(x)):
        kept = np.array_equal(given, x.astype(np.float64))
    assert kept is not loses
    for finding in findings:
        assert "dtype" in finding.code
        assert not found(quiet(None, recipe=finding.fix), "dtype-loses")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["int32", "uint8", "bool"])
def test_no_number_as_a_whole_one(tmp_path, value, dtype):
    x = counts(3)
    x[2, 2] = value
    assert "dtype-nan" in ids(quiet(made(tmp_path, [{"X": x}]), dtype=dtype))
    assert "dtype-nan" not in ids(quiet(made(tmp_path, [{"X": x}]), dtype="float32"))


def test_embeddings_as_whole_numbers(tmp_path):
    paths = made(tmp_path, [{"obsm": {"p": np.ones((24, 2), np.float32)}, "X": counts(3)}])
    (finding,) = found(quiet(paths, obsm_keys="p", dtype="int32"), "dtype-loses")
    assert "of p in" in finding.message


def test_genes_without_a_join(tmp_path):
    audit = quiet(made(tmp_path, [{}, {"genes": [f"g{i}" for i in range(12)]}]), join=None)
    assert "gene-order" in ids(audit)
    assert "batch-lists" not in ids(audit)
    assert isinstance(audit.collection()[:]["X"], np.ndarray)
    assert "gene-order" not in ids(quiet(made(tmp_path, [{}, {}]), join=None))


@pytest.mark.parametrize("kind", ["dense", "csr", "frame"])
def test_embeddings_that_are_not_finite(tmp_path, kind):
    values = np.ones((24, 2), np.float32)
    values[7, 1] = np.nan
    element = {"dense": values, "csr": sparse.csr_matrix(values)}.get(kind)
    if element is None:
        names = coded_anndata(0, 24, genes=["g"], plain=True).obs_names
        element = pd.DataFrame(values, columns=["x", "y"], index=names)
    paths = made(tmp_path, [{"obsm": {"p": element}}, {"obsm": {"p": np.ones((24, 2))}}])
    audit = quiet(paths, obsm_keys="p")
    (finding,) = found(audit, "value-finite")
    assert "obsm['p'] has NaN or infinite values in 1 of 2" in finding.message
    assert len(finding.fix.paths) == 1
    assert "dtype-nan" in ids(quiet(paths, obsm_keys="p", dtype="int32"))
    assert "value-finite" not in ids(quiet(paths))  # as if it had not been read before


def test_genes_of_raw(tmp_path):
    def stores(*lists):
        return [{"raw": ad.AnnData(counts(1), var=pd.DataFrame(index=one))} for one in lists]

    names = [f"r{i}" for i in range(12)]
    other, same = tmp_path / "other", tmp_path / "same"
    other.mkdir()
    same.mkdir()
    audit = quiet(made(other, stores(names, names[::-1], names)), layers_keys="raw.X")
    (finding,) = found(audit, "raw-genes")
    assert "the 3 stores with 12 genes in raw have different ones" in finding.message
    assert [len(finding.stores), len(finding.fix.paths)] == [1, 3]
    assert finding.fix.layer_alias == {"raw.X": ("raw.X",)}
    assert not found(quiet(None, recipe=finding.fix), "raw-genes")
    assert "raw-genes" not in ids(quiet(made(same, stores(names, names)), layers_keys="raw.X"))
    assert "raw-genes" not in ids(quiet(made(other, stores(names, names[::-1]))))


def test_widths_of_raw(tmp_path):
    stores = []
    for k in (3, 4):
        raw = ad.AnnData(counts(1)[:, :k])
        stores.append({"raw": raw})
    try:
        paths = made(tmp_path, stores)
    except ValueError:
        pytest.skip("this anndata takes no raw of other cells")
    audit = quiet(paths, layers_keys="raw.X")
    (finding,) = found(audit, "batch-lists")
    assert "3 in 1, 4 in 1" in finding.message
    assert isinstance(audit.collection()[[0, 24]]["raw.X"], list)
