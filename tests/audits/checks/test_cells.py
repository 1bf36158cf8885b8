"""Damaged cells, and cells that two stores have, by sampled rows."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from mappedviz.audits import Thresholds
from mappedviz.audits.checks import cells as module
from mappedviz.audits.run import audit as run
from tests.audits import found, quiet
from tests.audits.checks.cases import cases_of, finds
from tests.stores import STORE_KINDS


@pytest.mark.parametrize("name", cases_of(module))
def test_it_finds_what_it_is_for(tmp_path, name):
    finds(tmp_path, name)


def drawn(seed, n, n_vars=80):
    rng = np.random.default_rng(seed)
    rates = rng.lognormal(0, 0.5, (n, 1)) * rng.random(n_vars) * 3
    return rng.poisson(rates).astype(np.float32)


def stored(folder, name, x, kind="h5ad", genes=None, obs=None):
    genes = [f"g{k}" for k in range(x.shape[1])] if genes is None else genes
    obs = pd.DataFrame(obs, index=[f"{name}{i}" for i in range(len(x))])
    adata = ad.AnnData(sparse.csr_matrix(x), obs=obs, var=pd.DataFrame(index=genes))
    return STORE_KINDS[kind](adata, folder / name)


def shared(*paths, **options):
    return [
        (set(one.stores), one.number) for one in found(quiet(paths, **options), "same-sampled-rows")
    ]


ORDER = np.random.default_rng(0).permutation(2000)
PARTS = {
    "all of them": np.arange(2000),
    "in another order": ORDER,
    "half of them": np.arange(0, 1000),
    "those of a class": np.flatnonzero(np.random.default_rng(1).random(2000) < 0.3),
    "some in another order": ORDER[:800],
    "a few": np.arange(700, 760),
}


@pytest.mark.parametrize("part", PARTS)
def test_the_same_cells_are_found_under_other_names(tmp_path, part):
    x = drawn(0, 2000)
    paths = [stored(tmp_path, "a", x), stored(tmp_path, "b", x[PARTS[part]], "zarr-v3")]
    ((stores, n),) = shared(*paths)
    assert stores == {"a.h5ad", "b.zarr"}
    assert n >= 3


def test_the_order_of_the_genes_does_not_matter(tmp_path):
    x = drawn(0, 100)
    genes = [f"g{k}" for k in range(80)]
    one = stored(tmp_path, "a", x, genes=genes)
    other = stored(tmp_path, "b", x[:, ::-1], genes=genes[::-1])
    assert len(shared(one, other)) == 1


@pytest.mark.parametrize("n", [24, 600, 3000])
def test_other_cells_are_not_the_same(tmp_path, n):
    paths = [stored(tmp_path, "ab"[k], drawn(k, n)) for k in range(2)]
    assert shared(*paths) == []


def test_rows_that_say_little_are_not_the_same_cells(tmp_path):
    empty = np.zeros((600, 80), np.float32)
    few = (np.arange(80) < 10) * np.ones((600, 1), np.float32)
    alike = np.ones((600, 80), np.float32)
    for k, x in enumerate((empty, few, alike)):
        paths = [stored(tmp_path, f"{k}{name}", x) for name in "ab"]
        assert shared(*paths) == []


def test_rows_that_the_recipe_leaves_out_are_not_compared(tmp_path):
    x = drawn(0, 60)
    obs = {"primary": [True] * 40 + [False] * 20}
    one = stored(tmp_path, "a", x[:40], obs={"primary": [True] * 40})
    other = stored(tmp_path, "b", np.concatenate([drawn(1, 40), x[:20]]), obs=obs)
    assert len(shared(one, other)) == 1
    assert shared(one, other, obs_filter={"primary": True}) == []


def test_reading_all_of_them_says_more(tmp_path):
    x = drawn(0, 100)
    audit = quiet([stored(tmp_path, "a", x), stored(tmp_path, "b", x)], deep=True)
    assert not found(audit, "same-sampled-rows")
    assert "same-sampled-rows" in {one.id for one in audit.not_applicable}
    assert found(audit, "same-rows")


def with_mito(seed, n, share):
    """Counts of which the first ten genes have some share."""
    rng = np.random.default_rng(seed)
    shares = np.broadcast_to(share, n)[:, None]
    rates = np.where(np.arange(40) < 10, shares / 10, (1 - shares) / 30)
    return rng.poisson(2000 * rates).astype(np.float32)


GENES = [*(f"MT-{k}" for k in range(10)), *(f"SYM{k}" for k in range(30))]
RUN = np.where(np.arange(100) < 25, 0.5, 0.05)  # a quarter of the cells is damaged


def mito(tmp_path, *shares, **options):
    paths = [
        stored(tmp_path, f"s{k}", with_mito(k, 100, share), genes=GENES, obs={"bad": share > 0.2})
        for k, share in enumerate(np.broadcast_to(one, 100) for one in shares)
    ]
    audit = quiet(paths, **options)
    return [(one.stores, round(one.number, 2)) for one in found(audit, "mitochondrial-share")]


def test_a_store_with_damaged_cells_is_found(tmp_path):
    assert mito(tmp_path, 0.05, RUN, 0.04) == [(("s1.h5ad",), 0.25)]


def test_all_stores_may_be_of_a_tissue_like_that(tmp_path):
    assert mito(tmp_path, 0.4, 0.35, 0.45) == []


def test_cells_that_are_left_out_do_not_count(tmp_path):
    assert mito(tmp_path, 0.05, RUN, 0.04, obs_query="not bad") == []


def test_the_bound_is_a_threshold(tmp_path):
    paths = [
        stored(tmp_path, f"s{k}", with_mito(k, 100, share), genes=GENES)
        for k, share in enumerate((0.05, RUN))
    ]
    from mappedviz.audits import Expectations

    expect = Expectations(thresholds=Thresholds(most_damaged_cells=0.3))
    assert not found(run(paths, progress=False, expect=expect), "mitochondrial-share")


def test_one_store_is_compared_with_none(tmp_path):
    audit = quiet(stored(tmp_path, "a", with_mito(0, 100, RUN), genes=GENES))
    assert "mitochondrial-share" in {one.id for one in audit.not_applicable}


def test_shares_are_in_the_tables(tmp_path):
    x = with_mito(0, 100, RUN)
    audit = quiet([stored(tmp_path, "a", x, genes=GENES), stored(tmp_path, "b", drawn(0, 30))])
    share = x[:, :10].sum(axis=1) / x.sum(axis=1)
    np.testing.assert_allclose(audit.stores["x_mito"], [np.median(share), np.nan], rtol=1e-6)
    sizes = audit.library_sizes()
    np.testing.assert_allclose(sizes["mito"], np.append(share, np.full(30, np.nan)), rtol=1e-6)
    again = type(audit).from_json(audit.to_json())
    np.testing.assert_allclose(again.stores["x_mito"], audit.stores["x_mito"])
