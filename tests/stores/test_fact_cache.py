"""The cache on disk: what it knows again, what it does not, and folders that are no good."""

from __future__ import annotations

import errno
import os
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

from mappedviz.errors import StoreWarning
from mappedviz.formats.stamps import Stamp
from mappedviz.recipe.names import Names
from mappedviz.stores import fact_cache
from mappedviz.stores.fact_cache import FactCache
from mappedviz.stores.records import Section, encode
from mappedviz.text.folders import cache_folder

OLD = Stamp(10, 1_000_000_001, 3)
FACTS = {"facts": Section({"n_obs": 3})}


@pytest.fixture
def cache(tmp_path):
    return FactCache(tmp_path / "cache")


def names(*values):
    return Names.of(np.array(values, dtype=object))


def test_a_store_is_known_again_by_its_address_and_stamp(cache):
    assert cache.get("/a", OLD) is None
    assert cache.put("/a", OLD, FACTS)
    assert cache.put("/a", OLD, {"scan/x": Section(1)})
    for one in (cache, FactCache(cache.folder)):
        record = one.get("/a", OLD)
        assert (record["facts"].data, record["scan/x"].data) == ({"n_obs": 3}, 1)
        assert one.get("/b", OLD) is None
        assert one.get("/a", OLD._replace(size=11)) is None
        assert one.get("/a", None) is None
    assert cache.put("/a", OLD._replace(inode=4), FACTS)  # what was kept of another content goes
    assert cache.get("/a", OLD) is None
    assert set(cache.get("/a", OLD._replace(inode=4))) == {"store", "facts"}


def test_a_store_that_was_just_written_is_not_kept(cache, monkeypatch):
    """It may be written again within one tick of the clock, with the same size."""
    monkeypatch.setattr("mappedviz.stores.evidence._TICK", 250_000_000)  # this machine may be busy
    assert not cache.put("/a", OLD._replace(mtime_ns=time.time_ns()), FACTS)
    whole = time.time_ns() // 10**9 * 10**9  # a clock of whole seconds
    assert not cache.put("/a", OLD._replace(mtime_ns=whole), FACTS)
    assert cache.put("/a", OLD._replace(mtime_ns=time.time_ns() - 10**9 // 2 | 1), FACTS)


def test_what_another_version_has_read_is_read_again(cache, monkeypatch):
    assert cache.put("/a", OLD, FACTS)
    monkeypatch.setattr(fact_cache, "_version", lambda: "999")
    assert cache.get("/a", OLD) is None
    assert cache.put("/a", OLD, {"scan/x": Section(1)})
    assert set(cache.get("/a", OLD)) == {"store", "scan/x"}


def test_secrets_of_a_url_are_not_kept(cache):
    url = "https://me:pass@example.org/a.h5ad?signature=1234"
    remote = Stamp(10, time.time_ns(), etag="x")
    assert cache.put(url, remote, FACTS)
    content = Path(cache.path_of(url)).read_bytes()
    assert b"pass" not in content
    assert b"1234" not in content
    assert cache.get(url, remote) is not None
    assert cache.get(url, remote._replace(etag="y")) is None


def test_stores_in_memory_are_not_kept(cache):
    assert not cache.put("memory:1", OLD, FACTS)
    assert cache.get("memory:1", OLD) is None
    assert not os.path.exists(cache.folder)


def test_names_are_kept_once(cache):
    one = names("a", "\udcff", "")
    cache.keep_names(one)
    cache.keep_names(names("a", "\udcff", ""))
    assert cache.names(one.key) is not None
    again = FactCache(cache.folder)
    assert again.names(one.key).values.tolist() == ["a", "\udcff", ""]
    assert again.names(one.key) is again.names(one.key)
    assert again.names(names("b").key) is None
    assert len(list(Path(cache.folder).rglob("*.record"))) == 1


def test_lists_of_names_in_memory_are_bounded(cache, monkeypatch):
    monkeypatch.setattr(fact_cache, "_MOST_LISTS", 2)
    every = [names(str(i)) for i in range(4)]
    for one in every:
        cache.keep_names(one)
    assert cache.names(every[3].key) is every[3]
    assert cache.names(every[0].key) is not every[0]


def test_another_thread_may_keep_names_meanwhile():
    cache = FactCache(None)

    class Interrupted(Names):
        def __len__(self):
            if len(cache._lists) < 4:
                other = names(str(len(cache._lists)))
                cache._lists[other.key] = other
            return 1

    values = np.array(["x"], dtype=object)
    cache.keep_names(Interrupted(values, b"key"))
    cache.keep_names(names("a"))
    assert len(cache._lists) == 3


def test_where_it_is(tmp_path, monkeypatch):
    monkeypatch.delenv("MAPPEDVIZ_CACHE")
    assert FactCache.of(None).folder == FactCache.of(True).folder == str(cache_folder())
    monkeypatch.setenv("MAPPEDVIZ_CACHE", "~/x")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert FactCache.of(None).folder == str(tmp_path / "x")
    assert FactCache.of(tmp_path).folder == str(tmp_path)
    monkeypatch.setenv("MAPPEDVIZ_CACHE", "Off")
    assert FactCache.of(None).folder is None
    assert FactCache.of(False).folder is None
    one = FactCache(None)
    assert FactCache.of(one) is one
    assert not one.put("/a", OLD, FACTS)
    assert one.get("/a", OLD) is None
    one.keep_names(names("a"))
    one.clear()
    one.warn()


@pytest.mark.parametrize("found", [RuntimeError("no home"), Path("~/.cache")])
def test_who_has_no_home_has_no_cache(monkeypatch, found):
    def folder():
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.delenv("MAPPEDVIZ_CACHE")
    monkeypatch.setattr(fact_cache, "cache_folder", folder)
    assert FactCache.of(None).folder is None


def test_records_in_the_folder_of_the_user_are_for_the_user(tmp_path, monkeypatch):
    monkeypatch.delenv("MAPPEDVIZ_CACHE")
    monkeypatch.setattr(fact_cache, "cache_folder", lambda: tmp_path / "cache" / "mappedviz")
    cache = FactCache.of(None)
    assert cache.put("/a", OLD, FACTS)
    assert os.stat(cache.records).st_mode & 0o777 == 0o700
    assert FactCache(cache.folder).put("/b", OLD, FACTS)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"something else",
        encode({"store": Section({"address": "/a"})})[:-1],
        encode({"store": Section({"of": "/a"})}),
        encode({"store": Section([])}),
        encode({}),
    ],
)
def test_other_records_are_made_again_with_one_warning(cache, content):
    for address in ("/a", "/b"):
        path = Path(cache.path_of(address))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        assert cache.get(address, OLD) is None
    with pytest.warns(StoreWarning, match="2 records of the cache could not be used") as said:
        cache.warn()
    assert len(said) == 1
    cache.warn()
    assert cache.put("/a", OLD, FACTS)
    assert cache.get("/a", OLD) is not None


def test_names_that_are_damaged_are_made_again(cache):
    one = names("a", "b")
    cache.keep_names(one)
    (file,) = Path(cache.folder).rglob("*.record")
    file.write_bytes(b"x")
    again = FactCache(cache.folder)
    assert again.names(one.key) is None
    with pytest.warns(StoreWarning, match="1 records"):
        again.warn()


@pytest.mark.parametrize(
    ("number", "says"), [(errno.ENOSPC, "the disk is full"), (errno.EROFS, "Read-only file system")]
)
def test_a_folder_that_cannot_be_written_is_said_once(cache, monkeypatch, number, says):
    def fails(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fact_cache, "write_bytes", fails)
    assert not cache.put("/a", OLD, FACTS)
    cache.keep_names(names("a"))
    with pytest.warns(StoreWarning, match=f"cannot be written .{says}.*MAPPEDVIZ_CACHE") as said:
        cache.warn()
    assert len(said) == 1
    monkeypatch.undo()
    assert not cache.put("/a", OLD, FACTS)  # it is not tried ten thousand times
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cache.warn()


def test_what_json_cannot_hold_is_not_kept(cache):
    assert not cache.put("/a", OLD, {"facts": Section({1, 2})})
    assert cache.put("/a", OLD, FACTS)


def test_it_is_cleared(cache):
    cache.put("/a", OLD, FACTS)
    cache.keep_names(names("a"))
    (Path(cache.folder) / "mine.txt").write_text("not ours")
    (Path(cache.folder) / "facts-0").mkdir()
    cache.clear()
    assert os.listdir(cache.folder) == ["mine.txt"]
    assert cache.get("/a", OLD) is None
    assert cache.put("/a", OLD, FACTS)
