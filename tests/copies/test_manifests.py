"""What is kept about finished shards."""

import os

import pytest

from mappedviz.copies.manifests import (
    KEPT,
    Done,
    content_of,
    digest_of,
    forget,
    kept_names,
    made_here,
    read_done,
    size_of,
    write_done,
)
from mappedviz.errors import StoreError


@pytest.fixture
def out(tmp_path):
    (tmp_path / KEPT).mkdir()
    (tmp_path / "a.zarr" / "X").mkdir(parents=True)
    (tmp_path / "a.zarr" / "X" / "0").write_bytes(b"12345")
    write_done(str(tmp_path), "a.zarr", "key", Done(str(tmp_path / "a.zarr"), 7, 5, 1.5, "digest"))
    return str(tmp_path)


def test_a_shard_is_known_again(out):
    found = read_done(out, "a.zarr", "key")
    assert (found.n_obs, found.nbytes, found.digest, found.again) == (7, 5, "digest", True)
    assert read_done(out, "a.zarr", "another key") is None
    assert read_done(out, "b.zarr", "key") is None
    assert kept_names(out) == ["a.zarr"]
    assert size_of(f"{out}/a.zarr") == 5
    forget(out, "a.zarr")
    assert kept_names(out) == []


@pytest.mark.parametrize("change", ["rewritten", "added", "removed"])
def test_a_shard_that_was_changed_is_not(out, change):
    if change == "rewritten":
        os.utime(f"{out}/a.zarr/X/0", ns=(1, 1))
    elif change == "added":
        open(f"{out}/a.zarr/X/1", "w").close()
    else:
        os.remove(f"{out}/a.zarr/X/0")
    assert read_done(out, "a.zarr", "key") is None
    assert not made_here(out, "a.zarr")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"schema": 99}', '{"schema": 1}', '{"schema": 1, "key": "key"}']
)
def test_what_cannot_be_understood_is_as_if_it_were_not_there(out, text):
    with open(f"{out}/{KEPT}/a.zarr.json", "w") as file:
        file.write(text)
    assert read_done(out, "a.zarr", "key") is None
    assert not made_here(out, "a.zarr")


def test_a_store_that_is_gone(tmp_path):
    with pytest.raises(StoreError, match="cannot be read any more"):
        content_of(str(tmp_path / "a.h5ad"))


def test_names_that_are_no_text():
    assert digest_of(["\udcff", 1]) == digest_of(["\udcff", 1]) != digest_of(["\udcfe", 1])


def test_a_server_is_asked_again_once_the_copy_is_made(tmp_path):
    """What it said a moment ago is good enough before, and not for what was read in between."""
    pytest.importorskip("obstore")
    from tests.servers import serving

    (tmp_path / "a.h5ad").write_bytes(b"one")
    with serving(tmp_path) as server:
        url = f"{server.url}/a.h5ad"
        before = content_of(url)
        (tmp_path / "a.h5ad").write_bytes(b"another")
        assert content_of(url, fresh=True) != before
