"""Folders and patterns behind URLs, in a bucket of a server on loopback."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from mappedviz import MappedCollection, audit
from mappedviz.datasets import demo
from mappedviz.errors import AbsentStoreError, StoreError
from mappedviz.formats.remote_options import noted
from mappedviz.stores import expand_paths, open_store
from mappedviz.stores.remote_paths import stores_at_url
from tests.servers import bucket

pytest.importorskip("obstore")
pytest.importorskip("moto")


@pytest.fixture(scope="module")
def demo_data():
    """The folder with the demo collection."""
    return demo()


@pytest.fixture(scope="module")
def atlas(demo_data, tmp_path_factory):
    """A bucket with stores of the demo: its URL, and options for it."""
    plain = tmp_path_factory.mktemp("plain") / "boston.zarr"
    shutil.copytree(demo_data / "boston.zarr", plain)
    (plain / ".zmetadata").unlink(missing_ok=True)
    if (plain / "zarr.json").exists():
        content = json.loads((plain / "zarr.json").read_text())
        content.pop("consolidated_metadata", None)
        (plain / "zarr.json").write_text(json.dumps(content))
    files = {
        "plain/boston.zarr": plain,
        "atlas/berlin.h5ad": demo_data / "berlin.h5ad",
        "atlas/boston.zarr": demo_data / "boston.zarr",
        "atlas/deep/er/kyoto.h5ad": demo_data / "kyoto.h5ad",
        "atlas/notes.txt": Path(__file__),
        "texts/notes.txt": Path(__file__),
    }
    with bucket("lab", files) as (url, options):
        noted(url, options)
        yield url, options


def test_folders_and_patterns_are_what_they_hold(atlas):
    url, _ = atlas
    here = [f"{url}/atlas/berlin.h5ad", f"{url}/atlas/boston.zarr"]
    deep = f"{url}/atlas/deep/er/kyoto.h5ad"
    assert expand_paths([f"{url}/atlas", f"{url}/atlas/"]) == [*here, *here]
    assert stores_at_url(f"{url}/atlas/*.h5ad") == here[:1]
    assert stores_at_url(f"{url}/at*/b*.[hz]*") == here
    assert stores_at_url(f"{url}/atlas/b?????.h5ad") == here[:1]
    assert stores_at_url(f"{url}/atlas/**/*.h5ad") == [here[0], deep]
    assert stores_at_url(f"{url}/atlas/deep/*/kyoto.h5ad") == [deep]
    assert stores_at_url(here[1]) == [here[1]]
    assert stores_at_url(f"{url}/nothing/at/all") == [f"{url}/nothing/at/all"]


def test_nothing_is_an_error_that_names_it(atlas):
    url, _ = atlas
    with pytest.raises(StoreError, match="matches nothing"):
        stores_at_url(f"{url}/atlas/*.zarr.zip")
    with pytest.raises(StoreError, match="without .h5ad files"):
        stores_at_url(f"{url}/texts")
    failed = {}
    assert expand_paths([f"{url}/texts"], failed) == [f"{url}/texts"]
    assert list(failed) == [f"{url}/texts"]
    with pytest.raises(StoreError, match="list nothing"):
        stores_at_url("https://example.invalid/*.h5ad")
    assert stores_at_url("https://example.invalid/atlas") == ["https://example.invalid/atlas"]


def test_a_bucket_is_read_as_a_folder_is(atlas, demo_data):
    url, options = atlas
    names = ["berlin.h5ad", "boston.zarr"]
    there = MappedCollection(
        f"{url}/atlas", obs_keys="cell_type", join="outer", storage_options=options
    )
    here = MappedCollection(
        [demo_data / name for name in names], obs_keys="cell_type", join="outer"
    )
    rows = np.random.default_rng(0).integers(0, len(here), 100).tolist()
    a, b = there[rows], here[rows]
    np.testing.assert_array_equal(a["X"], b["X"])
    np.testing.assert_array_equal(a["cell_type"], b["cell_type"])
    assert there.path_list == [f"{url}/atlas/{name}" for name in names]
    assert options["secret"] not in there.recipe.to_json() + repr(there) + repr(there.recipe)


def test_absent_objects_and_wrong_keys_are_named_without_secrets(atlas):
    url, options = atlas
    with pytest.raises(AbsentStoreError):
        open_store(f"{url}/atlas/gone.h5ad", storage_options=options)
    found = audit(f"{url}/atlas/gone.h5ad", storage_options=options)
    assert found.fatal
    assert options["secret"] not in found.to_json()


def test_a_plain_store_in_a_bucket_without_consolidated_metadata_is_listed(atlas, demo_data):
    url, options = atlas
    store = open_store(f"{url}/plain/boston.zarr", storage_options=options)
    here = open_store(demo_data / "boston.zarr")
    assert store.facts == here.facts
    np.testing.assert_array_equal(store.read_rows("X", [3, 1]), here.read_rows("X", [3, 1]))
