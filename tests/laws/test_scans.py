"""The audit of scans is the audit of the stores: of files without the data, and of the cache on disk."""

import json
import os
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings

import mappedviz as mv
from mappedviz import Recipe
from mappedviz.audits import ScanCache, forget_scans, write_scans
from mappedviz.errors import StoreError, StoreWarning
from mappedviz.stores.paths import expand_paths
from tests.laws.test_audit_and_engine import recipe_of, requests, zoo  # noqa: F401 - a fixture

KEYS = ["cell_type", "batch", "origin", "score"]


@contextmanager
def away(folder):
    """Let the stores of a folder be elsewhere meanwhile."""
    elsewhere = f"{folder}-away"
    os.rename(folder, elsewhere)
    try:
        yield
    finally:
        os.rename(elsewhere, folder)


def as_json(audit):
    return json.loads(audit.to_json())


def audited(recipe, **options):
    return as_json(mv.audit(None, recipe=recipe, progress=False, workers=0, **options))


@pytest.fixture(scope="module")
def zoo_scans(zoo, tmp_path_factory):  # noqa: F811
    folder = tmp_path_factory.mktemp("scans")
    for name, path in zoo.items():
        write_scans(path, folder / f"{name}.scan", columns=KEYS, progress=False, workers=0)
    return {name: str(folder / f"{name}.scan") for name in zoo}


@pytest.fixture(scope="module")
def no_stores(zoo):  # noqa: F811
    """Names of the zoo's paths that stand for no store, such as an empty folder."""
    failed = {}
    expand_paths(zoo.values(), failed)
    assert failed
    return {name for name, path in zoo.items() if path in failed}


@given(requests())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_scans_stand_for_stores(zoo, zoo_scans, no_stores, asked):  # noqa: F811
    names, _ = asked
    # A path that stands for no store is refused before anything else is, and its scan in its turn.
    assume(no_stores.isdisjoint(names))
    recipe = recipe_of(zoo, asked)
    expected = audited(recipe, cache=ScanCache())
    scans = recipe.replace(paths=[zoo_scans.get(name, name) for name in names])
    with away(Path(zoo["good"]).parent):
        assert audited(scans, cache=False) == expected


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@given(requests())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
def test_the_cache_stands_for_stores(zoo, folder, asked):  # noqa: F811
    recipe = recipe_of(zoo, asked)
    expected = audited(recipe, cache=ScanCache())
    for _ in range(2):  # the second one reads no store that could be opened
        forget_scans()
        assert audited(recipe, cache=folder) == expected


def test_each_store_has_a_scan_that_is_believed(zoo, zoo_scans):  # noqa: F811
    """Random requests meet few of the zoo's stores: here is each of them once."""
    for name, path in zoo.items():
        scans = audited(Recipe(paths=[zoo_scans[name]]), cache=False)
        assert scans == audited(Recipe(paths=[path]), cache=ScanCache()), name


def test_the_demo_collection_is_the_same_without_its_data(demo_data, tmp_path):
    files = write_scans(demo_data, tmp_path / "scans", progress=False, workers=0)
    audit = mv.audit(tmp_path / "scans", "cell_type", progress=False)
    stores = expand_paths([demo_data])
    assert list(audit.recipe.paths) == stores
    expected = mv.audit(stores, "cell_type", progress=False, cache=ScanCache())
    assert as_json(audit) == as_json(expected)
    # The data are here, so that they can be read.
    assert mv.audit(files[0], progress=False).collection().read_rows([0])["X"].shape[0] == 1


def test_a_collection_needs_the_data(two_plain, tmp_path):
    stores = []
    for path in two_plain.path_list:
        stores.append(tmp_path / "data" / Path(path).name)
        stores[-1].parent.mkdir(exist_ok=True)
        stores[-1].write_bytes(Path(path).read_bytes())
    write_scans(stores, tmp_path / "scans", progress=False, workers=0)
    audit = mv.audit(tmp_path / "scans", "cell_type", progress=False)
    assert not audit.fatal
    assert len(audit.collection()) == 203
    with (
        away(tmp_path / "data"),
        pytest.raises(FileNotFoundError, match="is not here, only its scan"),
    ):
        mv.audit(tmp_path / "scans", "cell_type", progress=False).collection()
    with stores[0].open("ab") as file:
        file.write(b"more")
    with pytest.warns(StoreWarning, match="1 of 2 stores have changed since they were scanned"):
        audit = mv.audit(tmp_path / "scans", "cell_type", progress=False)
    with pytest.raises(StoreError, match="has changed since it was scanned"):
        audit.collection()


def test_what_a_scan_has_not_is_said(zoo, tmp_path):  # noqa: F811
    where = Path(zoo["numbers"])  # of which cell_type is a number
    (scan,) = write_scans(where, tmp_path, progress=False, workers=0)
    positive = {"progress": False, "obs_query": "cell_type > 0"}
    assert not mv.audit(scan, **positive).fatal  # the store is here
    with away(where.parent):
        verdict = mv.audit(scan, **positive).verdict
        assert "has a scan without this column" in verdict
        assert "--column" in verdict
        with pytest.warns(StoreWarning, match="1 of 1 scans lack samples"):
            mv.audit(scan, progress=False, deep=True)
    assert not mv.audit(scan, progress=False, deep=True).fatal
    (scan,) = write_scans(
        where, tmp_path, columns=["cell_type"], deep=True, progress=False, workers=0
    )
    with away(where.parent):
        assert not mv.audit(scan, deep=True, **positive).fatal


def test_scans_of_urls_are_audited_without_their_server(tmp_path, monkeypatch):
    pytest.importorskip("obstore")
    from tests.servers import serving

    monkeypatch.setattr("mappedviz.formats.remote_look._SECONDS", 0)
    folder = mv.datasets.demo()
    with serving(folder) as server:
        urls = [f"{server.url}/{name}?sig=SECRET" for name in ("berlin.h5ad", "boston.zarr")]
        files = write_scans(urls, tmp_path, progress=False, workers=0)
        expected = as_json(mv.audit(urls, "cell_type", progress=False, cache=ScanCache()))
        forget_scans()
        server.log.clear()
        assert as_json(mv.audit(files, "cell_type", progress=False)) == expected
        assert server.log == []
    forget_scans()
    assert as_json(mv.audit(files, "cell_type", progress=False)) == expected
    assert all(b"SECRET" not in path.read_bytes() for path in files)
