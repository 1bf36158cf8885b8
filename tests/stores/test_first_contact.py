"""First contact with stores: by a child, once, and never for ever."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys
import textwrap
import time

import h5py
import pytest

from mappedviz import MappedCollection
from mappedviz.errors import AbsentStoreError, ElementError, RecipeError, StoreError, StoreWarning
from mappedviz.stores import children, deadline, evidence, first_contact
from mappedviz.stores.children import IdleChild
from mappedviz.stores.fact_cache import FactCache
from mappedviz.stores.first_contact import Contact, Wants
from mappedviz.stores.store import open_store, stamp_of
from mappedviz.testing import coded_anndata
from tests.stores import STORE_KINDS

WANTS = Wants((("absent", "cell_type"),), (None,), False, (("X",),))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Three stores that were written long ago."""
    folder = tmp_path_factory.mktemp("stores")
    paths = []
    for i in range(3):
        data = coded_anndata(i, 9, genes=["a", "b", "c"][: 2 + i % 2], plain=True)
        paths.append(str(STORE_KINDS["h5ad"](data, folder / f"s{i}")))
        os.utime(paths[-1], (0, 0))
    return paths


@pytest.fixture
def paths(written, tmp_path):
    return [shutil.copy2(path, tmp_path) for path in written]


@pytest.fixture
def cache(tmp_path):
    return FactCache(tmp_path / "cache")


@pytest.fixture
def asked(monkeypatch):
    """The stores that children read."""
    real, found = first_contact._answer, []

    class Spy(children.Caller):
        def call(self, path, *arguments):
            found.append(os.path.basename(path))
            return super().call(path, *arguments)

    monkeypatch.setattr(children, "Caller", Spy)
    assert real is first_contact._answer
    return found


def contact(paths, cache, timeout=300, **options):
    return Contact(paths, lambda _: WANTS, cache, timeout, **options)


def found_of(paths, cache, timeout=300):
    one = contact(paths, cache, timeout)
    return [one.find(path) for path in paths]


@pytest.mark.parametrize("timeout", [None, 300])
def test_what_is_found_is_what_is_there(paths, cache, timeout):
    for _ in range(2):
        for path, found in zip(paths, found_of(paths, cache, timeout), strict=True):
            store = open_store(path)
            assert found.facts() == store.facts
            assert found.stamp() == store.stamp
            column, wanted = found.column("cell_type"), store.obs_column("cell_type")
            assert str(column.values().tolist()) == str(wanted.values().tolist())
            assert found.column("batch") is None
            names = found.names_key(("var", None))
            kept = found.names.get(names) or cache.names(names)
            assert kept.values.tolist() == store.var_names.tolist()
            assert found.names_key(("raw.var", None)) is None
            assert "opened/X" in found.record
            assert found.errors == {}


def test_a_store_is_read_once_and_one_that_changed_again(paths, cache, asked):
    found_of(paths, cache)
    assert sorted(asked) == ["s0.h5ad", "s1.h5ad", "s2.h5ad"]
    found_of(paths, cache)
    found_of(paths, FactCache(cache.folder), timeout=None)
    assert len(asked) == 3
    with h5py.File(paths[1], "r+") as file:
        file["obs/cell_type/codes"][...] = 0
    os.utime(paths[1], (1, 1))
    found = found_of(paths, cache)[1]
    assert asked[3:] == ["s1.h5ad"]
    assert set(found.column("cell_type").codes.tolist()) == {0}
    one = Contact(paths, lambda _: Wants((("batch",),)), cache, 300)
    assert one.find(paths[0]).column("batch") is not None
    assert "obs/cell_type" in one.find(paths[0]).record  # of before
    assert sorted(asked[4:]) == ["s0.h5ad", "s1.h5ad", "s2.h5ad"]


def test_without_a_cache_stores_are_read_each_time(paths, asked):
    none = FactCache(None)
    one = contact([*paths, paths[0]], none)
    for path in [*paths, paths[2]]:
        assert one.find(path).facts().n_obs == 9
    assert asked == ["s0.h5ad", "s1.h5ad", "s2.h5ad", "s2.h5ad"]


def test_the_process_that_asks_does_not_load_hdf5(paths, tmp_path):
    code = """
    import sys
    from mappedviz import MappedCollection
    ds = MappedCollection(sys.argv[1:], obs_keys="cell_type")
    ds.get_label_weights("cell_type")
    assert "h5py" not in sys.modules
    ds[0]
    assert "h5py" in sys.modules
    """
    environment = {**os.environ, "MAPPEDVIZ_CACHE": str(tmp_path / "c")}
    for _ in range(2):
        subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code), *paths], check=True, env=environment
        )


def test_errors_are_those_of_the_store(paths, cache, tmp_path):
    with h5py.File(paths[0], "r+") as file:
        del file["obs/cell_type/categories"]
        del file["var/_index"]
    (tmp_path / "b.h5ad").write_text("no store")
    every = [paths[0], str(tmp_path / "b.h5ad"), str(tmp_path / "c.h5ad"), paths[1]]
    for timeout in (None, 300):
        one = contact(every, cache, timeout)
        with pytest.raises(StoreError, match="is a text"):
            one.find(every[1])
        with pytest.raises(AbsentStoreError, match=f"does not exist.*{os.getcwd()}"):
            one.find(every[2])
        assert one.find(every[3]).errors == {}
        with pytest.raises(ElementError):
            one.find(every[0])


def test_stores_behind_an_error_are_not_read(paths, cache, tmp_path, asked, monkeypatch):
    monkeypatch.setattr(first_contact, "processors", lambda: 1)
    (tmp_path / "b.h5ad").write_text("no store")
    one = contact([paths[0], str(tmp_path / "b.h5ad"), *paths[1:]], cache, first_error=True)
    assert one.find(paths[0]).errors == {}
    assert asked == ["s0.h5ad", "b.h5ad"]
    assert one.find(paths[1]).errors == {}


@pytest.fixture
def hanging(tmp_path):
    """A zarr store in which a pipe is in the place of a file: whoever opens it waits for ever."""
    path = STORE_KINDS["zarr-v3"](coded_anndata(0, 5, genes=["a"]), tmp_path / "hanging")
    target = path / "zarr.json"
    target.unlink()
    os.mkfifo(target)
    return str(path)


def test_nothing_hangs_for_ever_by_default(paths, hanging, cache, monkeypatch):
    assert first_contact.OPEN_TIMEOUT == 60
    with pytest.raises(StoreError, match=r"hanging.* did not open within 5 s.*open_timeout"):
        MappedCollection([paths[0], hanging, paths[1]], cache=cache, open_timeout=5)
    with pytest.warns(StoreWarning, match="left out 1 of 3 stores"):
        ds = MappedCollection(
            [paths[0], hanging, paths[1]], cache=cache, open_timeout=5, on_error="skip"
        )
    assert len(ds) == 18


def test_a_child_that_is_killed_is_no_fault_of_the_store(paths, cache, monkeypatch):
    """One that waits may be killed by the system; a second one reads what it was asked for."""
    found_of(paths[:1], cache)
    real = children.Caller._living

    def killed(self):
        child = real(self)
        if self.fresh and not killed.done:
            killed.done = True
            child.process.kill()
            child.process.wait()
        return child

    killed.done = False
    monkeypatch.setattr(children.Caller, "_living", killed)
    assert [found.facts().n_obs for found in found_of(paths, cache)] == [9, 9, 9]
    assert killed.done


def test_where_no_child_can_be_started_it_is_read_here(paths, cache, monkeypatch):
    one = IdleChild()
    monkeypatch.setattr(children, "idle", one)
    monkeypatch.setattr(deadline.sys, "executable", "")
    with pytest.warns(StoreWarning, match="no child process could be started") as said:
        assert [found.facts().n_obs for found in found_of(paths, cache)] == [9, 9, 9]
    assert len(said) == 1


def test_a_store_that_changes_while_it_is_read_is_not_kept(paths, cache, monkeypatch):
    real = first_contact._columns

    def columns(*arguments):
        os.utime(paths[0], (5, 5))
        yield from real(*arguments)

    monkeypatch.setattr(first_contact, "_columns", columns)
    found = contact(paths[:1], cache, None).find(paths[0])
    assert found.stamp().mtime_ns == 0
    monkeypatch.undo()
    assert contact(paths[:1], cache, None).find(paths[0]).stamp().mtime_ns == 5 * 10**9


def test_a_store_that_was_fresh_when_it_was_read_is_not_kept(paths, cache, monkeypatch):
    """It may have been written again within the tick in which it was written, and read before."""
    now = time.time_ns()
    os.utime(paths[0], ns=(now, now))
    monkeypatch.setattr(first_contact, "evidence_of", lambda _: evidence.UNSETTLED)
    real = first_contact._is_unchanged
    monkeypatch.setattr(first_contact, "_is_unchanged", lambda one: time.sleep(0.05) or real(one))
    contact(paths[:1], cache, None).find(paths[0])
    assert cache.get(paths[0], stamp_of(paths[0])) is None


def test_records_that_are_no_facts_are_made_again(paths, cache, asked):
    from mappedviz.stores.records import Section

    cache.put(paths[0], stamp_of(paths[0]), {"facts": Section({"n_obs": 9})})
    assert contact(paths[:1], cache).find(paths[0]).facts().n_obs == 9
    assert asked == ["s0.h5ad"]


def test_an_error_that_cannot_travel_is_said_in_words():
    class LocalError(Exception):
        pass

    error = first_contact._portable(LocalError("odd"), "/a")
    assert str(error) == "/a: cannot be read (LocalError: odd)"
    same = StoreError("is odd", store="/a")
    assert first_contact._portable(same, "/a") is same


def test_infinity_is_any_time_and_less_than_nothing_is_refused(paths):
    assert len(MappedCollection(paths, cache=False, open_timeout=math.inf)) > 0
    with pytest.raises(RecipeError, match="open_timeout: is -1"):
        MappedCollection(paths, open_timeout=-1)
