"""Remote stores in every part of the house: rows, audit, Explorer, command, workers; and nobody sees a secret."""

from __future__ import annotations

import copy
import json
import os
import pickle
import shutil
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import h5py
import numpy as np
import pytest

import mappedviz as mv
from mappedviz.audits import forget_scans
from mappedviz.cli import main
from mappedviz.errors import RecipeError, StoreError
from mappedviz.formats.remote_options import noted
from mappedviz.recipe import Recipe
from mappedviz.report.croissant import write_croissant
from tests.servers import answered, serving

pytest.importorskip("obstore")
NAMES = ("berlin.h5ad", "boston.zarr", "kyoto.h5ad")
#: The server lets in only who has this.
QUERY, TOKEN = "sig=SECRETQUERY", "SECRETTOKEN"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    for name in NAMES:
        path = mv.datasets.demo() / name
        (shutil.copytree if path.is_dir() else shutil.copy)(path, folder / name)
    with serving(folder) as one:
        yield one


@pytest.fixture
def refusing(server):
    """The server, which asks for the query and the header; and options with them."""

    def fault(request):
        token = request.headers.get("authorization")
        return None if request.query == QUERY and token == f"Bearer {TOKEN}" else 403

    server.fault = fault
    yield server, {"headers": {"Authorization": f"Bearer {TOKEN}"}, "timeout": 20}
    server.fault = lambda request: None
    noted([f"{server.url}/{name}" for name in NAMES], {})


def urls_of(server, query=QUERY):
    return [f"{server.url}/{name}?{query}" for name in NAMES]


def local():
    return [mv.datasets.demo() / name for name in NAMES]


def same_batch(a, b):
    assert list(a.keys()) == list(b.keys())
    for key in a.keys():  # noqa: SIM118 - a RowBatch iterates over rows
        np.testing.assert_array_equal(np.asarray(a[key]), np.asarray(b[key]), err_msg=key)


REQUEST = {"obs_keys": ["cell_type", "donor"], "join": "outer"}


def test_rows_are_those_of_the_files(refusing):
    server, options = refusing
    there = mv.MappedCollection(urls_of(server), storage_options=options, **REQUEST)
    here = mv.MappedCollection(local(), **REQUEST)
    assert there.shape == here.shape
    rows = np.random.default_rng(0).integers(0, len(here), 200).tolist()
    same_batch(there[rows], here[rows])
    for copied in (pickle.loads(pickle.dumps(there)), copy.deepcopy(there)):
        same_batch(copied[rows[:20]], here[rows[:20]])
    saved = Recipe.from_json(there.recipe.to_json())
    again = mv.MappedCollection.from_recipe(saved, storage_options=options)
    same_batch(again[rows[:20]], here[rows[:20]])


def test_secrets_are_in_nothing_that_is_shown_or_saved(refusing, tmp_path, capsys):
    server, options = refusing
    ds = mv.MappedCollection(urls_of(server), storage_options=options, **REQUEST)
    found = mv.audit(urls_of(server), label="cell_type", storage_options=options, workers=0)
    ds.recipe.save(tmp_path / "recipe.json")
    found.to_html(tmp_path / "report.html")
    shown = [
        repr(ds), str(ds), repr(ds.recipe), ds.recipe.to_json(), repr(ds.stores), str(ds.path_list),
        found.to_json(), repr(found), (tmp_path / "recipe.json").read_text(),
        (tmp_path / "report.html").read_text(),
    ]  # fmt: skip
    with pytest.raises(StoreError, match="refuses") as refused:
        # What is known of the stores from a moment ago would do without a request.
        mv.MappedCollection(
            urls_of(server, "sig=SECRETWRONG"), storage_options=options, cache=False, **REQUEST
        )
    shown.append(str(refused.value))
    assert not [text for text in shown if "SECRET" in text]
    assert all("?" not in path for path in ds.path_list)


def test_a_recipe_refuses_what_may_be_a_secret():
    with pytest.raises(RecipeError, match="query") as caught:
        Recipe(paths=["https://host/a.h5ad?X-Amz-Signature=SECRET"])
    assert "SECRET" not in str(caught.value)
    recipe = Recipe(paths=["https://host/a.h5ad", "s3://bucket/x/b.zarr"])
    assert Recipe.from_json(recipe.to_json()) == recipe


def test_a_recipe_with_urls_is_saved_as_it_is(tmp_path):
    recipe = Recipe(
        paths=["s3://bucket/a.h5ad"], var_key={"s3://bucket/a.h5ad": "gene_ids"}, obs_keys=["t"]
    )
    recipe.save(tmp_path / "recipe.json")
    assert Recipe.load(tmp_path / "recipe.json") == recipe


@pytest.mark.parametrize("workers", [0, 1])
def test_an_audit_is_that_of_the_files(refusing, workers):
    server, options = refusing
    forget_scans()
    there = mv.audit(
        urls_of(server), label="cell_type", storage_options=options, workers=workers, progress=False
    )
    here = mv.audit(local(), label="cell_type", workers=0, progress=False)
    assert [finding.id for finding in there.findings] == [finding.id for finding in here.findings]
    assert there.fatal == here.fatal
    columns = [name for name in here.stores.columns if name not in ("path", "nbytes", "x_gb")]
    assert there.stores[columns].equals(here.stores[columns])


def test_executors_get_the_options(refusing):
    server, options = refusing
    forget_scans()
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        found = mv.audit(
            urls_of(server)[:1], storage_options=options, executor=executor, progress=False
        )
    assert not found.fatal
    assert mv.check_store(urls_of(server)[0], timeout=60).n_obs == 700


def test_metadata_of_remote_stores_name_their_urls(server, tmp_path):
    urls = [f"{server.url}/{name}" for name in NAMES]
    found = mv.audit(urls, label="cell_type", workers=0, progress=False)
    content = json.loads(write_croissant(found, tmp_path / "c.json").read_text())
    one, folder, *_ = content["distribution"]
    assert one["contentUrl"] == urls[0]
    assert "sha256" not in one
    assert folder["includes"] == f"{urls[1]}/**"
    assert content["isLiveDataset"]


def test_law_1_holds_for_urls(server):
    for name in ("gone.h5ad", "kyoto.h5ad/inside"):
        url = f"{server.url}/{name}"
        found = mv.audit(url, workers=0, progress=False)
        with pytest.raises(StoreError) as refused:
            mv.MappedCollection(url)
        assert found.fatal
        assert str(refused.value) in found.to_json() or refused.value.message in found.to_json()


def test_the_explorer_and_the_command_take_urls(refusing, capsys):
    server, options = refusing
    ui = mv.explore(urls_of(server), label="cell_type", storage_options=options, workers=0)
    assert ui.wait()
    assert "SECRET" not in repr(ui.recipe)
    server.fault = lambda request: None
    assert main(["audit", f"{server.url}/berlin.h5ad", "-q", "--label", "cell_type"]) in (0, 1)
    assert "berlin.h5ad" in capsys.readouterr().out


def test_the_command_takes_options_from_a_file_and_signed_urls(refusing, tmp_path, capsys):
    server, options = refusing
    file = tmp_path / "options.json"
    file.write_text(json.dumps(options))
    url = urls_of(server)[0]
    given = ["--storage-options", str(file), "-q", "--workers", "0"]
    assert main(["scan", url, "-o", str(tmp_path / "scans"), *given]) == 0
    assert main(["audit", str(tmp_path / "scans"), "-q"]) in (0, 1)
    file.write_text("[")
    assert main(["scan", url, "-o", str(tmp_path / "scans"), *given]) == 2
    shown = capsys.readouterr()
    assert "JSON" in shown.err
    written = [path.read_bytes() for path in (tmp_path / "scans").iterdir()]
    assert b"SECRET" not in b"".join([*written, shown.out.encode(), shown.err.encode()])


def test_a_copy_is_made_of_a_remote_store(server, tmp_path):
    recipe = Recipe(paths=[f"{server.url}/berlin.h5ad"], obs_keys=["cell_type"])
    copy = mv.optimize(None, tmp_path / "copy", recipe=recipe, progress=False)
    here = mv.MappedCollection(mv.datasets.demo() / "berlin.h5ad", obs_keys=["cell_type"])
    same_batch(copy.collection()[[3, 1, 2]], here[[3, 1, 2]])


def test_a_store_that_changes_while_it_is_read_is_named(server):
    path = server.folder / "changing.h5ad"
    shutil.copy(server.folder / "kyoto.h5ad", path)
    ds = mv.MappedCollection(f"{server.url}/changing.h5ad", cache_bytes=0)
    ds[[0, 5]]
    with h5py.File(path, "r+") as file:
        file.attrs["later"] = 1
    os.utime(path, ns=(1, 1))
    with pytest.raises(StoreError, match=r"changing\.h5ad.*changed or replaced"):
        ds[list(range(len(ds)))]


@pytest.mark.parametrize("fault", [503, "reset", "truncate", "slow"])
def test_rows_are_right_or_an_error_whatever_the_network_does(server, fault):
    urls = [f"{server.url}/{name}" for name in NAMES]
    options = {"timeout": 2, "max_retries": 6, "retry_timeout": 10}
    random = np.random.default_rng(0)
    here = mv.MappedCollection(local(), **REQUEST)
    server.fault = lambda request: fault if random.random() < 0.15 else None
    n_right = 0
    try:
        for _ in range(3):
            try:
                rows = random.integers(0, len(here), 50).tolist()
                batch = answered(
                    lambda: mv.MappedCollection(urls, storage_options=options, **REQUEST)[rows]  # noqa: B023
                )
                same_batch(batch, here[rows])
                n_right += 1
            except StoreError as error:
                assert server.url in str(error)
    finally:
        server.fault = lambda request: None
    assert n_right > 0


def test_workers_of_a_loader_are_spawned(refusing):
    pytest.importorskip("torch")
    server, options = refusing
    ds = mv.MappedCollection(urls_of(server)[0], obs_keys="cell_type", storage_options=options)
    loader = mv.dataloader(ds, batch_size=100, num_workers=1)
    assert loader.multiprocessing_context.get_start_method() == "spawn"
    here = mv.MappedCollection(local()[0], obs_keys="cell_type")
    for batch, wanted in zip(loader, mv.dataloader(here, batch_size=100), strict=True):
        same_batch(batch, wanted)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_worker_says_what_to_do(server):
    pytest.importorskip("torch")
    ds = mv.MappedCollection(f"{server.url}/kyoto.h5ad", cache_bytes=0)
    ds[0]
    loader = mv.dataloader(ds, batch_size=100, num_workers=1, multiprocessing_context="fork")
    with pytest.raises(Exception, match="forked process"):
        list(loader)
