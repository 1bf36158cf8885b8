"""Scans in the cache on disk: what is read again, and what is not."""

import errno
import os
import warnings

import pytest

from mappedviz.audits import forget_scans, recorded, workers
from mappedviz.errors import StoreWarning
from tests.audits import found, quiet, write


@pytest.fixture
def read(monkeypatch):
    """The stores that are read."""
    paths = []
    real = workers.read_store

    def reading(path, *rest):
        paths.append(path)
        return real(path, *rest)

    monkeypatch.setattr(workers, "read_store", reading)
    return paths


@pytest.fixture
def old(several):
    """Stores that were not written a moment ago, of which no record would be kept."""
    for path in several:
        os.utime(path, (1_000_000_000, 1_000_000_000))
    return several


def audited(paths, folder, *args, **options):
    forget_scans()
    return quiet(paths, *args, cache=folder, **options)


def test_a_store_is_read_once(old, read, tmp_path):
    first = audited(old, tmp_path / "cache", "cell_type")
    assert len(read) == len(old)
    again = audited(old, tmp_path / "cache", "cell_type")
    assert len(read) == len(old)
    assert again.to_json() == first.to_json()
    # Another label is in the records as well, and so is what the engine asks for.
    assert audited(old, tmp_path / "cache", "batch").labels().total.sum() == 24 * len(old)
    assert len(read) == len(old)
    assert len(again.collection()) == 24 * len(old)


def test_one_changed_store_is_one_scan(old, read, tmp_path):
    audited(old, tmp_path / "cache")
    read.clear()
    write(tmp_path, "s2", store=7)
    os.utime(old[2], (1_000_000_001, 1_000_000_001))
    audited(old, tmp_path / "cache")
    assert read == [old[2]]


def test_what_a_record_lacks_is_read_and_what_it_has_is_kept(old, read, tmp_path):
    folder = tmp_path / "cache"
    audited(old, folder)
    audited(old, folder, deep=True)
    assert len(read) == 2 * len(old)
    read.clear()
    assert not found(audited(old, folder), "shared-rows")
    audited(old, folder, deep=True)
    assert read == []


def test_what_is_no_record_is_made_again_with_one_warning(old, read, tmp_path):
    folder = tmp_path / "cache"
    audited(old, folder)
    records = sorted(path for path in folder.rglob("*.record") if "names" not in path.parts)
    records[0].write_bytes(b"")
    records[1].write_bytes(records[1].read_bytes()[:-9])
    read.clear()
    with pytest.warns(StoreWarning, match="2 records of the cache could not be used") as caught:
        audited(old, folder)
    assert len(caught) == 1
    assert len(read) == 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        audited(old, folder)
    assert len(read) == 2


def test_a_cache_that_cannot_be_written_costs_a_warning(old, read, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.warns(StoreWarning, match="the cache cannot be written"):
        audit = audited(old, tmp_path / "file" / "cache")
    assert not found(audit, "unreadable-store")


def test_a_full_disk_costs_the_cache(old, read, monkeypatch, tmp_path):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    with pytest.warns(StoreWarning, match="cannot be written \\(the disk is full\\)") as caught:
        audit = audited(old, tmp_path / "cache", "cell_type")
    assert len(caught) == 1
    assert set(audit.stores["status"]) == {"ok"}
    monkeypatch.undo()
    assert not list((tmp_path / "cache").rglob("*.record"))


def test_off_means_off(old, read, monkeypatch, tmp_path):
    monkeypatch.setenv("MAPPEDVIZ_CACHE", str(tmp_path / "cache"))
    audited(old, False)
    assert not (tmp_path / "cache").exists()
    audited(old, None)
    assert (tmp_path / "cache").exists()
    assert recorded.RecordedScans(workers.FactCache.of(None)).on
