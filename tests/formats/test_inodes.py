"""Inodes tell files apart where the file system keeps them."""

from __future__ import annotations

import os

import pytest

from mappedviz.errors import StoreError
from mappedviz.formats import inodes
from mappedviz.formats.files import FilePool, read_file
from mappedviz.formats.stamps import Stamp


@pytest.fixture
def steady(tmp_path):
    if not inodes.is_steady(os.stat(tmp_path).st_dev):
        pytest.skip("this file system makes inodes up")


def _replace(path, content):
    """Another file with the same size and time of change."""
    before = path.stat()
    other = path.with_name("other")
    other.write_bytes(content)
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)


@pytest.mark.usefixtures("steady")
def test_a_file_of_the_same_size_and_time_is_another_one(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    seen = {}
    stamp = Stamp.of(path)
    assert read_file(str(path), seen) == read_file(str(path), seen) == b"old"
    _replace(path, b"new")
    assert Stamp.of(path) != stamp
    with pytest.raises(StoreError, match="changed or replaced"):
        read_file(str(path), seen)
    with pytest.raises(StoreError, match="changed or replaced"):
        FilePool(1).get(str(path)).verify(stamp)


def test_inodes_that_are_made_up_say_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(inodes, "_known", {})
    monkeypatch.setattr(inodes, "_type_of", lambda device: "fuse.sshfs")
    path = tmp_path / "a"
    path.write_bytes(b"old")
    stamp = Stamp.of(path)
    assert stamp.inode == 0
    _replace(path, b"new")
    assert Stamp.of(path) == stamp


def test_a_device_that_linux_does_not_list_is_not_steady():
    assert inodes._type_of(os.makedev(4000, 1)) == ""
    assert not inodes.is_steady(os.makedev(4000, 1))
