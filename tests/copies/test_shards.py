"""Shards: whole or not there, whatever happens while they are made."""

import errno
import os
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest

import mappedviz as mv
from mappedviz.copies.manifests import content_of
from mappedviz.copies.shards import Shard, make_shard
from mappedviz.copies.whole_stores import WholeStore
from mappedviz.errors import NoSpaceError, StoreError
from mappedviz.formats.new_stores import NewStore
from mappedviz.formats.number_files import NumberFile
from tests.copies import counts


@pytest.fixture(params=["a.h5ad", "a.zarr"])
def source(request, tmp_path):
    return counts(tmp_path, request.param)


def shard_of(path, out, kind="zarr"):
    contents = ((path, content_of(path)),)
    return Shard(str(out), f"a.{kind}", WholeStore(mv.open_store(path)), kind, True, contents)


def left_in(out):
    return sorted(path.name for path in out.iterdir() if path.name != ".mappedviz")


def writing(monkeypatch, then):
    """Let something happen when a store was written."""
    write = WholeStore.write

    def written(self, target, *args, **how):
        hashes = write(self, target, *args, **how)
        then(target)
        return hashes

    monkeypatch.setattr(WholeStore, "write", written)


def test_a_shard_is_made(source, tmp_path):
    done = make_shard(shard_of(source, tmp_path / "out"))
    assert done.n_obs == 60
    assert left_in(tmp_path / "out") == ["a.zarr"]
    assert not list((tmp_path / "out" / ".mappedviz" / "parts").iterdir())


def test_a_source_that_changes_meanwhile(source, tmp_path, monkeypatch):
    def change(_):
        inside = source if os.path.isfile(source) else f"{source}/X/data/zarr.json"
        if not os.path.exists(inside):
            inside = f"{source}/X/data/.zarray"
        os.utime(inside, ns=(1, 1))

    shard = shard_of(source, tmp_path / "out")
    writing(monkeypatch, change)
    error = make_shard(shard)
    assert isinstance(error, StoreError)
    assert "changed while it was copied" in str(error)
    assert source in str(error)
    assert left_in(tmp_path / "out") == []


@pytest.mark.parametrize("kind", ["zarr", "h5ad"])
def test_a_row_that_is_another_one_is_found(tmp_path, monkeypatch, kind):
    def damage(target):
        if kind == "zarr":
            with open(f"{target}/layers/half/indices/0", "r+b") as file:
                file.write(b"\x07")
        else:
            with h5py.File(target, "r+") as file:
                file["raw/X/data"][-1] += 1

    path = counts(tmp_path, "a.h5ad")
    shard = shard_of(path, tmp_path / "out", kind)
    writing(monkeypatch, damage)
    error = make_shard(shard)
    key, row = ("half", 0) if kind == "zarr" else ("raw.X", 59)
    assert f"{key}: has another row {row} than the store that it is a copy of" in str(error)
    assert left_in(tmp_path / "out") == []


@pytest.mark.parametrize("kind", ["zarr", "h5ad"])
@pytest.mark.parametrize("place", ["numbers", "elements", "hdf5"])
def test_a_disk_that_becomes_full(tmp_path, monkeypatch, kind, place):
    def full(*_):
        if place == "hdf5":
            raise RuntimeError(
                "Can't decrement id ref count (error message = 'No space left on device')"
            )
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = counts(tmp_path, "a.h5ad")
    shard = shard_of(path, tmp_path / "out", kind)
    where = (NumberFile, "append") if place == "numbers" else (NewStore, "put")
    monkeypatch.setattr(*where, full)
    error = make_shard(shard)
    assert isinstance(error, NoSpaceError)
    assert "finished are kept" in str(error)
    assert left_in(tmp_path / "out") == []
    monkeypatch.undo()
    assert make_shard(shard).n_obs == 60


def test_another_error_of_a_library_is_one_of_ours(tmp_path, monkeypatch):
    shard = shard_of(counts(tmp_path, "a.h5ad"), tmp_path / "out")
    monkeypatch.setattr(NumberFile, "append", lambda *_: np.zeros(1)[2])
    assert "cannot be written (IndexError" in str(make_shard(shard))


@pytest.mark.parametrize("kind", ["zarr", "h5ad"])
@pytest.mark.parametrize("when", ["before it is in its place", "after"])
def test_whoever_is_killed_at_the_end_leaves_a_folder_to_go_on_with(
    source, tmp_path, monkeypatch, kind, when
):
    class KilledError(BaseException):
        pass

    out = tmp_path / "out"
    rename = os.rename

    def killed(old, new):
        if new == str(out / f"a.{kind}"):
            if when == "after":
                rename(old, new)
            raise KilledError
        rename(old, new)

    monkeypatch.setattr(os, "rename", killed)
    with pytest.raises(KilledError):
        mv.optimize([source], out, format=kind, progress=False)
    monkeypatch.undo()
    copy = mv.optimize([source], out, format=kind, progress=False)
    assert copy.n_obs == 60
    assert [shard.again for shard in copy.shards] == [when == "after"]


@pytest.mark.parametrize("kind", ["zarr", "h5ad"])
def test_what_comes_to_be_there_meanwhile_is_not_replaced(source, tmp_path, monkeypatch, kind):
    place = tmp_path / "out" / f"a.{kind}"
    writing(monkeypatch, lambda _: place.write_bytes(b"mine"))
    error = make_shard(shard_of(source, tmp_path / "out", kind))
    assert isinstance(error, StoreError)
    assert "came to be there" in str(error)
    assert place.read_bytes() == b"mine"


SCRIPT = """
import sys, time
import mappedviz as mv
from mappedviz.copies import shards

verify = shards.verify

def slowly(store, key, hashes, stop):
    verify(store, key, hashes, stop)
    if len(hashes) == 41:
        print("here", flush=True)
        time.sleep(600)

shards.verify = slowly
mv.optimize(sys.argv[1:-1], sys.argv[-1], progress=False)
"""


def test_a_process_that_is_killed_goes_on_where_it_was(tmp_path):
    paths = [counts(tmp_path, f"{name}.h5ad", n) for name, n in (("a", 30), ("b", 41), ("c", 20))]
    out = tmp_path / "out"
    child = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", SCRIPT, *paths, str(out)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout.readline() == "here\n"
    with pytest.raises(StoreError, match="written to by another call"):
        mv.optimize(paths, out, progress=False)
    os.kill(child.pid, signal.SIGKILL)
    child.wait(60)
    child.stdout.close()
    assert left_in(out) == ["a.zarr"]
    assert list((out / ".mappedviz" / "parts").iterdir())
    begin = time.time_ns()
    copy = mv.optimize(paths, out, progress=False)
    assert [shard.again for shard in copy.shards] == [True, False, False]
    assert copy.n_obs == 91
    assert not (out / ".mappedviz" / "parts").exists()
    assert os.stat(out / "a.zarr").st_mtime_ns < begin
