"""Copies of stores in buckets and behind servers are those of the files, whoever makes them."""

from __future__ import annotations

import shutil
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context

import pytest

import mappedviz as mv
from mappedviz.errors import StoreError
from mappedviz.formats.remote_options import noted
from tests.copies import counts
from tests.servers import bucket, serving

pytest.importorskip("obstore")
NAMES = ("a.h5ad", "b.zarr", "c.h5ad")
#: Genes are joined, labels merged, rows chosen: all that a plan decides goes to whoever makes a shard.
RECIPE = {
    "join": "outer",
    "obs_keys": ["cell_type", "donor"],
    "relabel": {"cell_type": {"NK": "T"}},
    "obs_filter": {"cell_type": ["T", "B"]},
    "obs_query": "n > 1",
    "layers_keys": ["X", "half"],
}
HOW = {"shuffle": True, "shard_size": 40, "progress": False}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("stores")
    counts(made, "a.h5ad", compression="gzip")
    counts(made, "b.zarr", 40, 1, genes=[f"g{i}" for i in range(3, 28)])
    counts(made, "c.h5ad", 50, 2, genes=[f"g{i}" for i in range(8, 20)])
    return made


@pytest.fixture(scope="module")
def here(folder, tmp_path_factory):
    """The copy of the files."""
    recipe = mv.Recipe(paths=[str(folder / name) for name in NAMES], **RECIPE)
    return mv.optimize(None, tmp_path_factory.mktemp("here") / "out", recipe, **HOW)


@pytest.fixture(scope="module", params=["s3", "https"])
def there(request, folder):
    """Where the stores are, and the options without which nothing is read."""
    with ExitStack() as stack:
        if request.param == "s3":
            files = {f"atlas/{name}": folder / name for name in NAMES}
            url, options = stack.enter_context(bucket("copied", files))
            url = f"{url}/atlas"
        else:
            server = stack.enter_context(serving(folder))
            server.fault = lambda r: None if r.headers.get("authorization") == "Bearer T" else 403
            url, options = server.url, {"headers": {"Authorization": "Bearer T"}}
        yield url, options
        noted(url, {})


@pytest.fixture(scope="module")
def processes():
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        yield executor


def digests(copy):
    return [(shard.path.rpartition("/")[2], shard.n_obs, shard.digest) for shard in copy.shards]


@pytest.mark.parametrize("elsewhere", [False, True])
def test_rows_are_those_of_the_local_copy(here, there, processes, elsewhere, tmp_path):
    url, options = there
    recipe = mv.Recipe(paths=[f"{url}/{name}" for name in NAMES], **RECIPE)
    executor = processes if elsewhere else None
    copy = mv.optimize(None, tmp_path / "out", recipe, executor, storage_options=options, **HOW)
    assert digests(copy) == digests(here)
    frames = [one.collection().obs() for one in (copy, here)]
    for name in ("cell_type", "donor"):
        assert frames[0][name].tolist() == frames[1][name].tolist()
    assert list(copy.collection().var_joint) == list(here.collection().var_joint)
    assert copy.collection().encoders == here.collection().encoders
    again = mv.optimize(None, tmp_path / "out", recipe, storage_options=options, **HOW)
    assert all(shard.again for shard in again.shards)


def test_without_a_recipe_a_remote_store_is_refused(there, tmp_path):
    """Whole stores are copied by what anndata reads, which is files."""
    url, options = there
    with pytest.raises(StoreError, match=r"not a file on this machine.*Give a recipe"):
        mv.optimize(f"{url}/a.h5ad", tmp_path / "out", storage_options=options, progress=False)


def test_an_object_that_was_replaced_is_copied_again(folder, tmp_path, monkeypatch):
    """What it was is known by its ETag."""
    monkeypatch.setattr("mappedviz.formats.remote_look._SECONDS", 0)
    shutil.copy(folder / "a.h5ad", tmp_path / "a.h5ad")
    with serving(tmp_path) as server:
        recipe = mv.Recipe(paths=[f"{server.url}/a.h5ad"], obs_keys="cell_type")
        first = mv.optimize(None, tmp_path / "out", recipe, progress=False)
        counts(tmp_path, "a.h5ad", seed=5)
        with pytest.raises(StoreError, match=r"earlier copy.*overwrite=True"):
            mv.optimize(None, tmp_path / "out", recipe, progress=False)
        copy = mv.optimize(None, tmp_path / "out", recipe, overwrite=True, progress=False)
    assert digests(copy) != digests(first)
