"""Remote files read like local ones, in few requests."""

from __future__ import annotations

import io
import zipfile
from typing import cast

import numpy as np
import pytest

from mappedviz.errors import MappedvizError, StoreError
from mappedviz.formats.files import FilePool
from mappedviz.formats.remote_files import (
    BLOCK,
    GAP,
    MOST_BYTES,
    BlockFile,
    RemoteFile,
    at_once,
    merged,
)
from tests.servers import serving

pytest.importorskip("obstore")
SIZE = 3 * BLOCK + 1234


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    (folder / "a.bin").write_bytes(np.random.default_rng(0).bytes(SIZE))
    (folder / "large.bin").write_bytes(np.random.default_rng(0).bytes(3 * MOST_BYTES))
    with serving(folder) as one:
        yield one


def test_near_ranges_are_one_request_and_long_ones_several():
    assert merged([], []) == []
    assert merged([10, 0], [20, 5]) == [(0, 20)]
    assert merged([0, 5 + GAP, 6 + 2 * GAP], [5, 6 + GAP, 7 + 3 * GAP])[0] == (0, 7 + 3 * GAP)
    assert merged([0, 6 + GAP], [5, 7 + GAP]) == [(0, 5), (6 + GAP, 7 + GAP)]
    assert merged([3], [3]) == []
    assert merged([0], [MOST_BYTES * 2 + 1]) == [
        (0, MOST_BYTES),
        (MOST_BYTES, 2 * MOST_BYTES),
        (2 * MOST_BYTES, 2 * MOST_BYTES + 1),
    ]


@pytest.mark.parametrize("seed", range(20))
def test_requests_cover_every_range(seed):
    random = np.random.default_rng(seed)
    starts = random.integers(0, 100 * GAP, 50)
    ends = starts + random.integers(0, 2 * GAP, 50)
    found = merged(starts.tolist(), ends.tolist())
    assert found == sorted(found)
    assert all(0 < end - start <= MOST_BYTES for start, end in found)
    covered = np.zeros(102 * GAP // 64, bool)
    for start, end in found:
        covered[start // 64 : -(-end // 64)] = True
    for start, end in zip(starts, ends, strict=True):
        assert covered[start // 64 : end // 64].all()


def test_any_bytes_are_those_of_the_file(server):
    data = (server.folder / "a.bin").read_bytes()
    file = RemoteFile(f"{server.url}/a.bin")
    random = np.random.default_rng(1)
    for _ in range(50):
        start, end = sorted(random.integers(0, SIZE + 1, 2).tolist())
        assert file.read(start, end - start) == data[start:end]
    assert file.whole() == data
    assert file.read_many([5, 0, SIZE - 3], [9, 5, SIZE]) == [data[5:9], data[:5], data[-3:]]
    for wrong in ((SIZE - 1, 2), (-1, 2), (SIZE + 5, 1), (0, -1)):
        with pytest.raises(StoreError, match="truncated"):
            file.read(*wrong)


def test_blocks_are_asked_for_once_and_reading_on_asks_for_more(server):
    file = RemoteFile(f"{server.url}/large.bin")
    file.open_start()
    server.log.clear()
    for start in range(0, 8 * BLOCK, 1000):
        file.read(start, 1000)
    assert len(server.log) <= 4
    server.log.clear()
    again = RemoteFile(f"{server.url}/large.bin", file.stamp)
    assert again.read(0, 100)
    assert not server.log


def test_a_long_stretch_is_several_requests_at_once(server):
    file = RemoteFile(f"{server.url}/large.bin")
    server.latency, server.most_at_once = 0.02, 0
    try:
        assert file.read(0, 3 * MOST_BYTES) == (server.folder / "large.bin").read_bytes()
    finally:
        server.latency = 0
    assert server.most_at_once == 3


def test_the_end_is_one_request(server):
    file = RemoteFile(f"{server.url}/a.bin")
    server.log.clear()
    assert not file.is_known
    file.open_end(1000)
    assert file.read(SIZE - 10, 10) == (server.folder / "a.bin").read_bytes()[-10:]
    assert file.stamp.size == SIZE
    assert len(server.log) == 1


def test_what_is_not_there_is_none_and_what_is_empty_is_empty(server):
    assert RemoteFile(f"{server.url}/nothing").whole() is None
    (server.folder / "empty").write_bytes(b"")
    assert RemoteFile(f"{server.url}/empty").open_start() == b""
    assert RemoteFile(f"{server.url}/empty").whole() == b""


def test_a_file_belongs_to_one_content(server):
    path = server.folder / "changing"
    path.write_bytes(b"1" * 10)
    file = RemoteFile(f"{server.url}/changing")
    first = file.stamp
    file.verify(first)
    path.write_bytes(b"2" * 11)
    with pytest.raises(StoreError, match="changed"):
        file.read(0, 5)
    late = RemoteFile(f"{server.url}/changing")
    late.verify(first)  # takes it over, without a request
    with pytest.raises(StoreError, match="changed"):
        late.read(0, 5)
    with pytest.raises(StoreError, match="changed"):
        RemoteFile(f"{server.url}/changing", late.stamp).verify(first._replace(size=3))


def test_a_pool_has_files_of_both_kinds(server):
    pool = FilePool(2)
    url = f"{server.url}/a.bin"
    assert pool.get(url) is pool.get(url)
    assert pool.get(url).fd == -1
    assert pool.get(url).read(3, 4) == pool.get(str(server.folder / "a.bin")).read(3, 4)


def test_libraries_take_it_for_a_file(server):
    with zipfile.ZipFile(server.folder / "a.zip", "w") as archive:
        archive.writestr("x", b"content")
    file = cast("io.BufferedIOBase", BlockFile(RemoteFile(f"{server.url}/a.zip")))
    with zipfile.ZipFile(file) as archive:
        assert archive.read("x") == b"content"
    assert file.seek(-2, io.SEEK_END) == file.tell()
    assert len(file.read()) == 2
    assert file.read(5) == b""
    assert file.readable()
    assert file.seekable()


def test_errors_are_in_their_places():
    def fail():
        raise StoreError("no")

    got = at_once([lambda: 1, fail, lambda: 3])
    assert got[::2] == [1, 3]
    assert isinstance(got[1], MappedvizError)
    assert isinstance(at_once([fail])[0], StoreError)
    with pytest.raises(ZeroDivisionError):
        at_once([lambda: 1 // 0, lambda: 1])
