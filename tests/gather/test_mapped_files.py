"""Mapped files: a page that is gone is an error, a page that is not there yet is not waited for."""

from __future__ import annotations

import gc
import itertools
import mmap
import os
import signal
import subprocess
import sys
import textwrap
from collections import deque
from pathlib import Path

import anndata
import numpy as np
import pytest
from scipy import sparse

from mappedviz import MappedCollection
from mappedviz.errors import StoreError
from mappedviz.formats.cache import ChunkCache
from mappedviz.formats.detect import open_root
from mappedviz.formats.files import FilePool
from mappedviz.gather import layout, mapped_files
from mappedviz.gather.mapped_files import MappedFile
from mappedviz.gather.matrix import Matrix
from mappedviz.gather.request import Part
from mappedviz.gather.rows import gather_csr, gather_dense, gather_row
from mappedviz.testing import coded_anndata
from tests.optional import torch
from tests.stores import STORE_KINDS

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
    monkeypatch.setattr(mapped_files, "_n_waits", lambda: 0)


def mapping_of(ds):
    [handle] = ds._reader.cache.files._open.values()
    return handle


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

    with monkeypatch.context() as patch:
        patch.setattr(mapped_files.Watch, "address", truncating)
        for store in ds._reader.plan.stores:  # as if nobody looked afterwards
            patch.setattr(store, "check_unchanged", lambda: None)
        patch.setattr("mappedviz.gather.rows.TRUST_SECONDS", -1)
        with pytest.raises(StoreError, match="was truncated while open: 4096 bytes of") as error:
            read(ds)
    assert error.value.store == str(path)
    assert mapping_of(ds).lost
    with pytest.raises(StoreError):
        read(ds)
    path.write_bytes(before)
    read(MappedCollection(path))


@pytest.mark.parametrize("how", ["dense", "csr", "row"])
def test_a_file_that_is_cut_within_a_page(tmp_path, mapped, monkeypatch, how):
    """There is no signal: the rest of the page reads as zeros."""
    indptr, indices = np.arange(0, 1010, 10), np.tile(np.arange(10), 100)
    path = tmp_path / "a.h5ad"
    X = sparse.csr_matrix((np.full(1000, 7, np.float32), indices, indptr), shape=(100, 10))
    anndata.AnnData(X).write_h5ad(path)
    with open_root(path) as root:
        matrix = Matrix.open(root["X"], ChunkCache(1 << 20, FilePool(handle=MappedFile)))
    reads = {
        "dense": lambda: gather_dense([Part(matrix, rows, rows)], np.empty((100, 10), np.float32)),
        "csr": lambda: gather_csr([Part(matrix, rows, rows)], 100, 10, np.float32),
        "row": lambda: gather_row(matrix, 99, None, 10, np.float32),
    }
    rows = np.arange(100)
    reads[how]()
    end = int(matrix.values.direct.offsets[-1]) + 4 * 1000
    assert (end - 8) % mmap.PAGESIZE, "not at the end of a page"
    address = mapped_files.Watch.address

    def cutting(watch, handle):
        found = address(watch, handle)
        assert found
        os.truncate(path, end - 8)
        return found

    monkeypatch.setattr(mapped_files.Watch, "address", cutting)
    monkeypatch.setattr("mappedviz.gather.rows.TRUST_SECONDS", -1)
    with pytest.raises(StoreError, match="was truncated while open"):
        reads[how]()


def test_an_older_handle_does_not_serve_a_file_that_grew(tmp_path, mapped):
    """What was mapped is shorter than what is to be read."""
    path = tmp_path / "a.h5ad"
    cache = ChunkCache(1 << 20, FilePool(handle=MappedFile))
    for n in (5, 50_000):
        adata = anndata.AnnData(np.full((n, 20), n, np.float32))
        adata.write_h5ad(tmp_path / "new.h5ad")
        with path.open("ab" if n > 5 else "wb") as file:  # in place: the same inode
            file.truncate(0)
            file.write((tmp_path / "new.h5ad").read_bytes())
        with open_root(path) as root:
            matrix = Matrix.open(root["X"], cache)
        for _ in range(3):
            assert gather_row(matrix, n - 1, None, 20, np.float32)[-1] == n


def test_a_disk_that_fails_is_named(path, mapped):
    """The same signal, and the file is as long as ever."""
    ds = MappedCollection(path)
    ds[:5]
    mapping = mapping_of(ds)
    watch = mapped_files.Watch()
    assert watch.address(ds._reader.cache.files.get(str(path)))
    mapped_files._guard.table[mapping._place + layout.LOST_PAGE] = 1  # what the handler does
    with pytest.raises(StoreError, match="its disk or network failed"):
        watch.settle(5)
    assert not mapping.ready
    np.testing.assert_array_equal(ds[7]["X"], MappedCollection(path)[7]["X"])


def test_single_rows_look_for_missing_pages_each_time(path, mapped, monkeypatch):
    ds = MappedCollection(path)
    ds[0]
    monkeypatch.setattr("mappedviz.gather.rows.TRUST_SECONDS", 1e9)
    mapping = mapping_of(ds)
    mapped_files._guard.table[mapping._place + layout.LOST_PAGE] = 1
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


@pytest.mark.parametrize(
    ("read", "waits", "left"),
    [
        (lambda ds: ds[np.arange(160)], 11, False),
        (lambda ds: ds[np.arange(160)], 12, True),
        (lambda ds: ds[3], 1, False),
        (lambda ds: ds[3], 2, True),
    ],
)
def test_a_file_that_had_to_be_waited_for_is_left_alone(
    path, mapped, monkeypatch, read, waits, left
):
    """A page now and then costs as much either way."""
    ds = MappedCollection(path)
    ds[0]
    assert mapping_of(ds).ready
    monkeypatch.setattr("mappedviz.gather.rows.TRUST_SECONDS", -1)
    counts = itertools.count(step=waits)
    monkeypatch.setattr(mapped_files, "_n_waits", lambda: next(counts))
    read(ds)
    assert mapping_of(ds).ready != left
    monkeypatch.setattr(mapped_files, "_n_waits", lambda: 0)
    mapping_of(ds)._again = 0
    ds[:5]
    assert mapping_of(ds).ready


def test_whether_a_file_is_in_memory_is_asked_of_the_kernel(tmp_path):
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    here = max((m for m in mounts if tmp_path.is_relative_to(m[0])), key=lambda m: len(m[0]))
    if here[1] in ("tmpfs", "ramfs"):
        pytest.skip("this file system is in memory always")
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
    files = FilePool(2, MappedFile)
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
        mapped = [handle.ready for handle in files._open.values()]
        assert turn == 0 or mapped == [False, False]


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
        from mappedviz import MappedCollection
        from mappedviz.gather import mapped_files
        from mappedviz.errors import StoreError
        mapped_files._WORTH_MAPPING = 1
        mapped_files._in_memory = lambda fd, size: True
        mapped_files._n_waits = lambda: 0
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
        timeout=900,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def test_an_index_that_changes_while_it_is_read(path):
    """Somebody writes in place: columns are checked in a copy, so nothing outside is read."""
    done = run(
        """
        import anndata, h5py
        from scipy import sparse
        from mappedviz.formats.cache import ChunkCache
        from mappedviz.formats.files import FileHandle, FilePool
        from mappedviz.gather.rows import gather_csr, gather_dense
        from mappedviz.gather.mapped_files import MappedFile
        from mappedviz.gather.matrix import Matrix
        from mappedviz.recipe.column_map import ColumnMap
        from mappedviz.formats.detect import open_root
        from mappedviz.gather.request import Part
        n = 200_000
        X = sparse.csr_matrix((np.ones(n, "f4"), np.arange(n), [0, n]), shape=(1, n))
        anndata.AnnData(X).write_h5ad(path)
        with h5py.File(path, "a") as file:  # in one piece, which is read where it lies
            columns = file["X/indices"][:]
            del file["X/indices"]
            file["X/indices"] = columns
        with open_root(path) as root:
            matrix = Matrix.open(root["X"], ChunkCache(1 << 24, FilePool(handle=MappedFile)))
        FileHandle.verify = lambda self, stamp: None
        part = Part(matrix, np.array([0]), np.array([0]), ColumnMap(np.arange(n)[::-1]))
        out = np.empty((1, n), np.float32)
        gather_dense([part], out)
        [handle] = matrix.cache.files._open.values()
        assert handle.ready
        at = int(matrix.columns.direct.offsets[0]) + 4 * (n // 2)
        fd = os.open(path, os.O_RDWR)
        good = os.pread(fd, 4, at)
        stop = False

        def toggle():
            while not stop:
                os.pwrite(fd, (2**31 - 1).to_bytes(4, "little"), at)
                os.pwrite(fd, good, at)

        thread = threading.Thread(target=toggle)
        thread.start()
        errors = 0
        end = time.monotonic() + 2
        while time.monotonic() < end:
            for read in (lambda: gather_dense([part], out), lambda: gather_csr([part], 1, n, "f4")):
                try:
                    read()
                except Exception as error:
                    errors += 1
        stop = True
        thread.join()
        print(errors)
        """,
        path,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0, "the moments were badly chosen"


def test_signals_that_are_sent_arrive(path):
    """They are no faults: nothing would send them again."""
    done = run(
        """
        import signal
        got = []
        signal.signal(signal.SIGBUS, lambda *_: got.append(1))
        ds = MappedCollection(path)
        ds[:5]
        assert mapped_files._guard.in_place()
        os.kill(os.getpid(), signal.SIGBUS)
        for _ in range(100):
            time.sleep(0.01)
        assert got == [1], got
        """,
        path,
    )
    assert done.returncode == 0, done.stderr


def test_threads_that_block_the_signal_do_not_read_mapped_files(path, mapped):
    ds = MappedCollection(path)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGBUS])
    try:
        ds[:5]
        assert not mapping_of(ds).ready
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    ds[:5]
    assert mapping_of(ds).ready


class Told:
    """A data set that tells whether its files are mapped."""

    def __init__(self, ds):
        self.ds = ds

    def __len__(self):
        return len(self.ds)

    def __getitem__(self, row):
        self.ds[[row]]
        return mapping_of(self.ds).ready


@pytest.mark.parametrize("before", [True, False], ids=["read before", "not read before"])
def test_worker_processes_map_as_well(path, mapped, before):
    """Torch installs a handler of its own in each, whether or not we did before."""
    ds = MappedCollection(path)
    if before:
        ds[:5]
    loader = torch.utils.data.DataLoader(
        Told(ds), num_workers=1, multiprocessing_context="fork", batch_size=2
    )
    assert all(one.all() for one in itertools.islice(loader, 3))


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
    """Files are read without a mapping then."""
    done = run(
        """
        ds = MappedCollection(path)
        expected = ds[:50]["X"]
        faulthandler.enable()
        ds[:5]
        [handle] = ds._reader.cache.files._open.values()
        assert not mapped_files._guard.in_place()
        assert handle.address and not handle.ready
        assert (ds[:50]["X"] == expected).all()
        faulthandler.disable()
        ds[:5]
        assert handle.ready
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
        n_lost = 0
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
            n_lost += any(handle.lost for handle in ds._reader.cache.files._open.values())
            os.unlink(copy)
        print(n_lost)
        """,
        path,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0, "the moments were badly chosen"
