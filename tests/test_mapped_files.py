"""Mapped files: a page that is gone is an error, a page that is not there yet is not waited for."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import textwrap
from collections import deque
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from mappedviz import MappedCollection, mapped_files
from mappedviz.chunks import ChunkCache, FilePool
from mappedviz.errors import StoreError
from mappedviz.gather import gather_row
from mappedviz.matrices import Matrix
from mappedviz.nodes import open_root
from mappedviz.testing import STORE_KINDS, coded_anndata

pytestmark = pytest.mark.skipif(
    not mapped_files._guard.in_place(), reason="files are not mapped on this machine"
)
N = 400


@pytest.fixture
def path(tmp_path):
    """A plain store of some hundred pages."""
    adata = coded_anndata(0, N, genes=[f"g{i}" for i in range(300)])
    return STORE_KINDS["h5ad"](adata, tmp_path / "store")


@pytest.fixture
def mapped(monkeypatch):
    """Map files at once, whatever the file system says of its pages."""
    monkeypatch.setattr(mapped_files, "_WORTH_MAPPING", 1)
    monkeypatch.setattr(mapped_files, "_in_memory", lambda fd, size: True)


def mapping_of(ds):
    [handle] = ds._reader.cache.files._open.values()
    return handle.mapping


READS = {
    "batch": lambda ds: ds[np.arange(N)],
    "small batch": lambda ds: ds[[3, N - 1]],
    "sparse": lambda ds: ds.read_rows(np.arange(N), sparse=True),
    "row": lambda ds: ds[N - 1],
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_a_mapped_file_gives_the_same(path, mapped, monkeypatch, read):
    ds = MappedCollection(path)
    found = read(ds)["X"]
    assert mapping_of(ds).ready
    monkeypatch.setattr(mapped_files, "_WORTH_MAPPING", np.inf)
    other = MappedCollection(path)
    expected = read(other)["X"]
    assert not mapping_of(other).ready
    both = [x.toarray() if sparse.issparse(x) else x for x in (found, expected)]
    np.testing.assert_array_equal(*both)


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_a_file_that_is_truncated_while_it_is_read(path, mapped, monkeypatch, read):
    """The loop meets pages that are gone: no crash, no wrong rows."""
    ds = MappedCollection(path)
    before = path.read_bytes()
    read(ds)
    address = mapped_files.Watch.address

    def truncating(watch, handle):
        found = address(watch, handle)
        os.truncate(path, 4096)  # all was verified by now
        return found

    n_rescues = mapped_files._guard.table[0]
    with monkeypatch.context() as patch:
        patch.setattr(mapped_files.Watch, "address", truncating)
        for store in ds._reader.plan.stores:  # as if nobody looked afterwards
            patch.setattr(store, "check_unchanged", lambda: None)
        patch.setattr("mappedviz.gather.TRUST_SECONDS", -1)
        with pytest.raises(StoreError, match="was truncated while open: 4096 bytes of") as error:
            read(ds)
    assert mapped_files._guard.table[0] > n_rescues
    assert error.value.store == str(path)
    assert mapping_of(ds).lost
    with pytest.raises(StoreError):
        read(ds)
    path.write_bytes(before)
    read(MappedCollection(path))


def test_a_disk_that_fails_is_named(path, mapped):
    """The same signal, and the file is as long as ever."""
    ds = MappedCollection(path)
    ds[:5]
    mapping = mapping_of(ds)
    watch = mapped_files.Watch()
    assert watch.address(ds._reader.cache.files.get(str(path)))
    mapped_files._guard.table[0] += 1  # what the handler does
    mapped_files._guard.table[mapping._place + 2] = 1
    with pytest.raises(StoreError, match="its disk or network failed"):
        watch.settle()
    assert not mapping.ready
    np.testing.assert_array_equal(ds[7]["X"], MappedCollection(path)[7]["X"])


def test_single_rows_look_for_missing_pages_each_time(path, mapped):
    ds = MappedCollection(path)
    ds[0]
    mapping = mapping_of(ds)
    mapped_files._guard.table[mapping._place + 2] = 1
    with pytest.raises(StoreError, match="its disk or network failed"):
        ds[1]


def test_files_that_are_not_in_memory_are_left_alone(path, mapped, monkeypatch):
    monkeypatch.setattr(mapped_files, "_in_memory", lambda fd, size: False)
    ds = MappedCollection(path)
    ds[:5]
    assert not mapping_of(ds).ready
    monkeypatch.setattr(mapped_files, "_in_memory", lambda fd, size: True)
    ds[:5]
    assert not mapping_of(ds).ready, "it is not looked at again at once"
    mapping_of(ds)._again = 0
    ds[:5]
    assert mapping_of(ds).ready


def test_a_file_that_had_to_be_waited_for_is_left_alone(path, mapped, monkeypatch):
    ds = MappedCollection(path)
    waits = iter(range(1000))
    monkeypatch.setattr(mapped_files, "_n_waits", lambda: next(waits))
    ds[:5]
    assert not mapping_of(ds).ready
    monkeypatch.setattr(mapped_files, "_n_waits", lambda: 0)
    ds[:5]
    assert not mapping_of(ds).ready
    mapping_of(ds)._again = 0
    ds[:5]
    assert mapping_of(ds).ready


def test_whether_a_file_is_in_memory_is_asked_of_the_kernel(tmp_path):
    path = tmp_path / "large"
    path.write_bytes(os.urandom(1 << 22))
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
        path.read_bytes()
        if not mapped_files._in_memory(fd, 1 << 22):
            pytest.skip("this file system does not tell")
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        assert not mapped_files._in_memory(fd, 1 << 22)
    finally:
        os.close(fd)


def test_a_file_that_is_read_once_is_not_mapped(path):
    ds = MappedCollection(path)
    ds[:5]
    assert not mapping_of(ds).ready
    assert mapping_of(ds)._place is None


def test_files_that_are_soon_closed_again_are_not_mapped(tmp_path, mapped):
    """There are more of them than may be open at once."""
    files = FilePool(2)
    cache = ChunkCache(1 << 20, files)
    matrices = []
    for k in range(3):
        path = STORE_KINDS["h5ad"](coded_anndata(k, 5, genes=["a", "b"]), tmp_path / str(k))
        with open_root(path) as root:
            matrices.append(Matrix.open(root["X"], cache))
    for turn in range(2):
        for matrix in matrices:
            gather_row(matrix, 0, None, 2, np.float32)
        assert files.crowded
        mapped = [handle.mapping for handle in files._open.values()]
        assert turn == 0 or mapped == [None, None]


def test_a_full_table_maps_no_more(path, mapped, monkeypatch):
    monkeypatch.setattr(mapped_files._guard, "_free", deque())
    ds = MappedCollection(path)
    ds[:5]
    assert not mapping_of(ds).ready


def test_files_are_unmapped_when_they_are_closed(path, mapped):
    maps = Path("/proc/self/maps")
    ds = MappedCollection(path)
    ds[:5]
    place = mapping_of(ds)._place
    assert str(path) in maps.read_text()
    ds.close()
    gc.collect()
    assert str(path) not in maps.read_text()
    assert place in mapped_files._guard._free


def test_it_can_be_turned_off(monkeypatch):
    monkeypatch.setenv("MAPPEDVIZ_MMAP", "0")
    assert not mapped_files._Guard().in_place()


def run(code, path):
    """Run code in a process of its own."""
    head = f"""
        import os, faulthandler, mmap, sys, threading, time
        import numpy as np
        from mappedviz import MappedCollection, mapped_files
        from mappedviz.errors import StoreError
        mapped_files._WORTH_MAPPING = 1
        mapped_files._in_memory = lambda fd, size: True
        path = {str(path)!r}

        def fault():
            with open(path + ".other", "w+b") as file:
                file.write(bytes(8192))
                file.flush()
                memory = mmap.mmap(file.fileno(), 8192)
                file.truncate(10)
                memory[8000]
    """
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(head) + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


@pytest.mark.parametrize("before", [True, False])
def test_signals_from_elsewhere_go_where_they_went(path, before):
    """A fault that is none of ours ends the process as it always did, and is reported."""
    done = run(
        f"""
        if {before}:
            faulthandler.enable()
        ds = MappedCollection(path)
        ds[:5]
        assert mapped_files._guard.in_place()
        print("read", flush=True)
        fault()
        print("went on")
        """,
        path,
    )
    assert done.stdout == "read\n"
    assert done.returncode == -signal.SIGBUS, done.stderr
    assert ("Bus error" in done.stderr) == before


def test_whoever_comes_later_has_the_signal(path):
    """Such as torch in its workers: files are read without a mapping then."""
    done = run(
        """
        ds = MappedCollection(path)
        expected = ds[:50]["X"]
        faulthandler.enable()
        ds[:5]
        [handle] = ds._reader.cache.files._open.values()
        assert not mapped_files._guard.in_place()
        assert handle.mapping.address and not handle.mapping.ready
        assert (ds[:50]["X"] == expected).all()
        faulthandler.disable()
        ds[:5]
        assert handle.mapping.ready
        """,
        path,
    )
    assert done.returncode == 0, done.stderr


def test_files_that_shrink_at_any_moment(path):
    """Two threads read while the file is truncated, many times over."""
    done = run(
        """
        rng = np.random.default_rng(0)
        whole = open(path, "rb").read()
        expected = MappedCollection(path)[:]["X"]
        rescued = 0
        for turn in range(60):
            copy = f"{path}.{turn}.h5ad"
            with open(copy, "wb") as file:
                file.write(whole)
            ds = MappedCollection(copy)
            ds[:]
            errors = []

            def read(seed):
                rows = np.random.default_rng(seed).integers(0, len(ds), (1000, 300))
                while True:
                    for some in rows:
                        try:
                            found = ds[some]["X"]
                        except StoreError as error:
                            errors.append(error)
                            return
                        assert (found == expected[some]).all()

            threads = [threading.Thread(target=read, args=(seed,)) for seed in range(2)]
            for thread in threads:
                thread.start()
            time.sleep(rng.random() * 0.02)
            os.truncate(copy, int(rng.integers(0, len(whole) // 2)))
            for thread in threads:
                thread.join()
            assert len(errors) == 2
            os.unlink(copy)
        print(mapped_files._guard.table[0])
        """,
        path,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0, "the moments were badly chosen"
