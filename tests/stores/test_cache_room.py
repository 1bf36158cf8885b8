"""The size of a cache: what goes first, and processes that all remove at the same time."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from mappedviz.errors import StoreWarning
from mappedviz.formats.stamps import Stamp
from mappedviz.recipe.names import Names
from mappedviz.stores import cache_room
from mappedviz.stores.cache_room import (
    KEPT_DAYS,
    KeptFile,
    kept_in,
    most_bytes,
    prune,
    remove_all,
    remove_old,
)
from mappedviz.stores.fact_cache import FactCache
from mappedviz.stores.records import Section

OLD = Stamp(10, 1_000_000_001, 3)
DAY = 86_400
#: Names as records have them.
AGED, YOUNG = f"{1:030x}.record", f"{2:030x}.record"


def filled(folder, n, days=0.0, nbytes=1_000):
    """A cache with n records, each a minute younger than the one before."""
    cache = FactCache(folder)
    for i in range(n):
        assert cache.put(f"/{i}", OLD, {"x": Section("x" * nbytes)})
        used = time.time() - days * DAY - 60 * (n - i)
        os.utime(cache.path_of(f"/{i}"), (used, used))
    return cache


def left(cache, n):
    return [i for i in range(n) if os.path.exists(cache.path_of(f"/{i}"))]


def test_what_is_in_a_cache(tmp_path):
    cache = filled(tmp_path, 3)
    cache.keep_names(Names.of(np.array(["a"], dtype=object)))
    Path(tmp_path, "mine.record").write_bytes(b"not ours")
    Path(tmp_path, "facts-0", "ab").mkdir(parents=True)
    Path(tmp_path, "facts-0", "ab", f"{0:030}.record").write_bytes(b"of another version")
    Path(tmp_path, "facts-0", "ab", "link").symlink_to(tmp_path)
    kept = kept_in(str(tmp_path))
    assert [one.is_record for one in kept].count(True) == 4
    assert len(kept) == 5
    assert [one.path for one in kept[:3]] == [cache.path_of(f"/{i}") for i in range(3)]
    assert kept_in(str(tmp_path / "absent")) == []


def test_what_was_not_used_for_longest_goes_first(tmp_path):
    cache = filled(tmp_path, 6)
    size = os.path.getsize(cache.path_of("/0"))
    assert len(prune(cache.folder, down_to=4 * size)) == 2
    assert left(cache, 6) == [2, 3, 4, 5]
    os.utime(cache.path_of("/2"))  # the others are some minutes old
    gone = prune(cache.folder, older_than=2.5 * 60 / DAY)
    assert {one.path for one in gone} == {cache.path_of("/3")}
    assert prune(cache.folder) == []


def test_files_that_are_being_written_stay_for_a_day(tmp_path):
    cache = filled(tmp_path, 1)
    young, old = (Path(f"{cache.path_of('/0')}.{i}.tmp") for i in range(2))
    for one in (young, old):
        one.write_bytes(b"x")
    os.utime(old, (0, 0))
    assert [one.path for one in prune(cache.folder, down_to=0)] == [str(old), cache.path_of("/0")]
    assert young.exists()


def test_reading_is_using(tmp_path):
    cache = filled(tmp_path, 3, days=3)
    names = Names.of(np.array(["a"], dtype=object))
    cache.keep_names(names)
    assert cache.get("/0", OLD) is not None
    assert FactCache(tmp_path).names(names.key) is not None
    first = os.stat(cache.path_of("/0")).st_mtime
    assert first == max(one.used for one in kept_in(cache.folder) if one.is_record)
    os.utime(cache.path_of("/0"), (first - 100,) * 2)
    assert cache.get("/0", OLD) is not None  # on the same day nothing is written
    assert os.stat(cache.path_of("/0")).st_mtime == pytest.approx(first - 100)
    assert cache.get("/1", OLD._replace(size=1)) is None
    assert [one.path for one in kept_in(cache.folder)][:2] == [
        cache.path_of(f"/{i}") for i in (1, 2)
    ]


def test_a_process_that_writes_keeps_the_bound(tmp_path, monkeypatch):
    monkeypatch.setenv("MAPPEDVIZ_CACHE_SIZE", "20kB")
    cache = filled(tmp_path, 60)
    kept = left(cache, 60)
    assert sum(one.nbytes for one in kept_in(cache.folder)) <= 21_000
    assert kept == list(range(60 - len(kept), 60))
    assert len(kept) > 10


def test_processes_that_come_and_go_look_once_in_a_while(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(cache_room, "_files", lambda *_: calls.append(1) or iter(()))
    for _ in range(3):
        filled(tmp_path, 2)
    assert len(calls) == 1
    os.utime(tmp_path / "facts-1" / "checked", (0, 0))
    filled(tmp_path, 2)
    assert len(calls) == 2


@pytest.mark.parametrize(
    ("given", "most"), [("", 5e9), ("20GB", 2e10), ("off", float("inf")), (" 1 MB ", 1e6)]
)
def test_the_bound_is_of_the_environment(monkeypatch, given, most):
    monkeypatch.setenv("MAPPEDVIZ_CACHE_SIZE", given)
    assert most_bytes() == most


def test_a_bound_that_is_none_is_said(monkeypatch):
    monkeypatch.setenv("MAPPEDVIZ_CACHE_SIZE", "much")
    with pytest.warns(StoreWarning, match=r"MAPPEDVIZ_CACHE_SIZE is 'much': give bytes"):
        assert most_bytes() == cache_room.MOST_BYTES


def test_without_a_bound_nothing_goes(tmp_path, monkeypatch):
    monkeypatch.setenv("MAPPEDVIZ_CACHE_SIZE", "off")
    assert left(filled(tmp_path, 5), 5) == list(range(5))


_PROGRAM = """
import os, sys, warnings
from mappedviz.formats.stamps import Stamp
from mappedviz.stores.cache_room import prune
from mappedviz.stores.fact_cache import FactCache
from mappedviz.stores.records import Section

def work(me):
    cache, stamp = FactCache(sys.argv[1]), Stamp(10, 1_000_000_001, 3)
    for i in range(60):
        assert cache.put(f"/{me}/{i}", stamp, {"x": Section("x" * 1_000)}), cache.trouble
        found = cache.get(f"/{(me + 1) % 16}/{i}", stamp)
        assert found is None or found["x"].data == "x" * 1_000
        if i % 10 == 9 and me % 4 == 0:
            prune(cache.folder, down_to=5_000)
        if i % 20 == 9 and me % 8 == 1:
            cache.clear()
    warnings.simplefilter("error")
    cache.warn()

for me in range(16):
    if os.fork() == 0:
        work(me)
        os._exit(0)
for _ in range(16):
    assert os.wait()[1] == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_sixteen_processes_at_once(tmp_path):
    """All write, some prune, and some clear: nobody meets a part of a record, and nobody fails."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(tmp_path / "c")],
        env={**os.environ, "MAPPEDVIZ_CACHE_SIZE": "30kB"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    kept = kept_in(str(tmp_path / "c"))
    assert sum(one.nbytes for one in kept) < 100_000
    assert not [one for one in kept if one.path.endswith(".tmp")]


def test_a_file_of_a_cache_says_what_it_is():
    assert KeptFile(0, 1, "/c/facts-1/ab/c.record").is_record
    assert not KeptFile(0, 1, "/c/facts-1/names/ab/c.record").is_record
    assert not KeptFile(0, 1, "/c/facts-1/ab/c.record.12.tmp").is_record


def test_what_is_not_of_a_cache_stays(tmp_path, monkeypatch):
    """Whatever folder is named as one, by mistake."""
    monkeypatch.setenv("MAPPEDVIZ_CACHE_SIZE", "5kB")
    elsewhere = tmp_path / "elsewhere"
    theirs = [
        tmp_path / "home" / name
        for name in (
            "thesis.record",
            "facts-about-cells/ab/thesis.record",
            "facts-about-cells/ab/notes.tmp",
            "facts-1/thesis.record",
            "facts-1/notes/thesis.tmp",
            "facts-1/ab/thesis.record",
            f"facts-1/ab/ab/ab/{0:030}.record",
            f"facts-2 of 3/ab/{0:030}.record",
        )
    ] + [elsewhere / "ab" / f"{0:030}.record"]
    for one in theirs:
        one.parent.mkdir(parents=True, exist_ok=True)
        one.write_bytes(b"not ours")
        os.utime(one, (time.time() - 2 * DAY,) * 2)
    (tmp_path / "home" / "facts-3").symlink_to(elsewhere)
    (tmp_path / "home" / "facts-1" / "cd").symlink_to(elsewhere / "ab")
    cache = filled(tmp_path / "home", 20)
    assert 0 < len(kept_in(cache.folder)) < 20
    prune(cache.folder, older_than=0, down_to=0)
    filled(cache.folder, 3)
    assert len(remove_all(cache.folder)) == 3
    assert kept_in(cache.folder) == []
    assert all(map(os.path.exists, theirs))
    assert sorted(os.listdir(tmp_path / "home" / "facts-1")) == [
        "ab",
        "cd",
        "notes",
        "thesis.record",
    ]


def test_what_was_written_long_ago_goes(tmp_path):
    now = time.time()
    for name, days in (
        (AGED, KEPT_DAYS + 1),
        (YOUNG, KEPT_DAYS - 1),
        (f"{AGED}.killed.tmp", 2),
        (f"{AGED}.writing.tmp", 0),
        ("folder", KEPT_DAYS + 1),
        ("thesis.record", KEPT_DAYS + 1),  # which is not ours
    ):
        (tmp_path / name).mkdir() if name == "folder" else (tmp_path / name).touch()
        os.utime(tmp_path / name, (now - days * DAY,) * 2)
    assert remove_old(str(tmp_path)) == 2
    assert sorted(os.listdir(tmp_path)) == sorted(
        ["folder", f"{AGED}.writing.tmp", YOUNG, "thesis.record"]
    )
    assert remove_old(str(tmp_path / "absent")) == 0


def test_a_cache_removes_them_as_it_writes_others(tmp_path):
    cache, stamp = FactCache(tmp_path), Stamp(10, 1_000_000_001, 3)
    sections = {"facts": Section({"n_obs": 3})}
    assert cache.put("/a", stamp, sections)
    old = f"{os.path.dirname(cache.path_of('/a'))}/{AGED}"
    with open(old, "w"):
        os.utime(old, (0, 0))
    assert cache.put("/a", stamp, sections)
    assert os.path.exists(old)  # a folder is looked through once
    assert FactCache(tmp_path).put("/a", stamp, sections)
    assert not os.path.exists(old)
    assert set(cache.get("/a", stamp)) == {"store", "facts"}
