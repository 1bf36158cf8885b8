"""What goes from the folder of the cache."""

from __future__ import annotations

import os
import time

from mappedviz.formats.stamps import Stamp
from mappedviz.stores.fact_cache import FactCache
from mappedviz.stores.old_records import KEPT_DAYS, remove_old
from mappedviz.stores.records import Section

DAY = 86_400


def test_what_was_written_long_ago_goes(tmp_path):
    now = time.time()
    for name, days in (
        ("old.record", KEPT_DAYS + 1),
        ("young.record", KEPT_DAYS - 1),
        ("killed.tmp", 2),
        ("writing.tmp", 0),
        ("folder", KEPT_DAYS + 1),
    ):
        (tmp_path / name).mkdir() if name == "folder" else (tmp_path / name).touch()
        os.utime(tmp_path / name, (now - days * DAY,) * 2)
    assert remove_old(str(tmp_path)) == 2
    assert sorted(os.listdir(tmp_path)) == ["folder", "writing.tmp", "young.record"]
    assert remove_old(str(tmp_path / "absent")) == 0


def test_a_cache_removes_them_as_it_writes_others(tmp_path):
    cache, stamp = FactCache(tmp_path), Stamp(10, 1_000_000_001, 3)
    sections = {"facts": Section({"n_obs": 3})}
    assert cache.put("/a", stamp, sections)
    old = f"{os.path.dirname(cache.path_of('/a'))}/old.record"
    with open(old, "w"):
        os.utime(old, (0, 0))
    assert cache.put("/a", stamp, sections)
    assert os.path.exists(old)  # a folder is looked through once
    assert FactCache(tmp_path).put("/a", stamp, sections)
    assert not os.path.exists(old)
    assert set(cache.get("/a", stamp)) == {"store", "facts"}
