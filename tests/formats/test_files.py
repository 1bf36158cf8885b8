"""Open files: bounded in number, and named when they cannot be read."""

from __future__ import annotations

import os
import pickle
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mappedviz.errors import StoreError
from mappedviz.formats import files as files_module
from mappedviz.formats.files import FileHandle, FilePool, pread


def test_the_pool_keeps_no_more_than_it_may(tmp_path: Path) -> None:
    paths = []
    for i in range(10):
        paths.append(str(tmp_path / str(i)))
        Path(paths[-1]).write_bytes(bytes([i]) * 10)
    pool = FilePool(3)
    held = pool.get(paths[0])
    for _ in range(2):
        for i, path in enumerate(paths):
            assert pool.get(path).read(3, 2) == bytes([i, i])
            assert len(pool) <= 3
    assert os.fstat(held.fd)  # evicted, but in use
    fd = held.fd
    del held
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)
    assert pool.get(paths[9]) is pool.get(paths[9])
    pool.close(paths[9])
    pool.close()
    assert len(pool) == 0
    assert pickle.loads(pickle.dumps(pool)).max_files == 3


def test_the_pool_of_many_threads(tmp_path: Path) -> None:
    paths = [str(tmp_path / str(i)) for i in range(20)]
    for i, path in enumerate(paths):
        Path(path).write_bytes(bytes([i]) * 100)
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else None
    pool, wrong = FilePool(4), []

    def work(seed: int) -> None:
        rng = np.random.default_rng(seed)
        ids = rng.integers(0, 20, 500).tolist()
        wrong.extend(i for i in ids if pool.get(paths[i]).read(50, 1) != bytes([i]))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(pool) == 4
    if before is not None:
        assert len(os.listdir("/proc/self/fd")) <= before + 4


def test_files_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StoreError, match="no such file"):
        FilePool().get(str(tmp_path / "none"))
    handle = FileHandle(str(tmp_path))  # a directory opens, and does not read
    with pytest.raises(StoreError, match="cannot be read"):
        handle.read(0, 1)
    assert files_module.read_file(str(tmp_path)) is None
    assert files_module.read_file(str(tmp_path / "none")) is None

    def refuse(*args: Any) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(StoreError, match="permission denied"):
        FilePool().get(str(tmp_path / "none"))
    with pytest.raises(StoreError, match="permission denied"):
        files_module.read_file(str(tmp_path / "none"))


def test_reads_go_on_where_the_system_stops_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_bytes(bytes(range(100)))
    handle = FileHandle(str(tmp_path / "a"))
    whole = os.pread
    monkeypatch.setattr(os, "pread", lambda fd, n, at: whole(fd, min(n, 7), at))
    assert pread(handle.fd, 50, 10) == bytes(range(10, 60))
    assert pread(handle.fd, 50, 90) == bytes(range(90, 100))
    assert pread(handle.fd, -1, 90) == b""


def test_the_default_number_of_files_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    for soft, expected in ((1024, 128), (100, 25), (4, 4), (resource.RLIM_INFINITY, 128)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, soft=soft: (soft, soft))
        assert files_module.default_max_files() == expected


def test_the_child_of_a_fork_starts_with_an_empty_pool(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    pool = FilePool()
    pool.get(str(tmp_path / "a"))
    pool.after_fork()
    assert len(pool) == 0
    assert pool.get(str(tmp_path / "a")).read(0, 3) == b"abc"
