"""Changes inside of a directory that its root does not tell of."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from mappedviz.formats.inodes import is_steady
from mappedviz.stores.evidence import UNSETTLED, evidence_of
from mappedviz.testing import coded_anndata
from tests.stores.writers import STORE_KINDS

KINDS = ["zarr-v2", "zarr-v3"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_records_are_made_of_counts(tmp_path, kind):
    path = STORE_KINDS[kind](coded_anndata(0, 5, genes=["a", "b"]), tmp_path / "a")
    aged(path)
    before = evidence_of(str(path))
    assert evidence_of(str(path)) == before != UNSETTLED
    for file in sorted(Path(path).rglob("*")):
        inside = file.relative_to(path).parts
        if file.is_dir():
            continue
        counts = inside[0] in ("obs", "var") or file.name in ("zarr.json", ".zarray", ".zattrs")
        old = file.stat()
        os.utime(file, ns=(old.st_atime_ns, old.st_mtime_ns + 1))
        if counts:
            assert evidence_of(str(path)) != before, file
        os.utime(file, ns=(old.st_atime_ns, old.st_mtime_ns))
    assert evidence_of(str(path)) == before


def aged(path):
    for one in (path, *Path(path).rglob("*")):
        os.utime(one, ns=(5, 5))


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_just_written_may_be_written_again_unseen(tmp_path, kind):
    path = STORE_KINDS[kind](coded_anndata(0, 5, genes=["a", "b"]), tmp_path / "a")
    aged(path)
    codes = next(path.glob("obs/cell_type/codes/c/0"), path / "obs/cell_type/codes/0")
    now = time.time_ns() // 10**9 * 10**9  # a clock of whole seconds
    os.utime(codes, ns=(now, now))
    assert evidence_of(str(path)) == UNSETTLED


def test_links_that_lead_nowhere_cost_the_cache_only(tmp_path):
    path = STORE_KINDS["zarr-v2"](coded_anndata(0, 5, genes=["a", "b"]), tmp_path / "a")
    aged(path)
    (path / "uns" / "absent").symlink_to("absent too")
    os.utime(path / "uns", ns=(5, 5))
    assert evidence_of(str(path)) != UNSETTLED
    for link, target in (("loop", "loop"), ("up", "..")):
        (path / "uns" / link).symlink_to(target)
        assert evidence_of(str(path)) == UNSETTLED
        (path / "uns" / link).unlink()


def test_a_directory_of_too_much_is_like_none(tmp_path, monkeypatch):
    path = STORE_KINDS["zarr-v2"](coded_anndata(0, 5, genes=["a", "b"]), tmp_path / "a")
    aged(path)
    monkeypatch.setattr("mappedviz.stores.evidence._MOST", 10)
    assert evidence_of(str(path)) == UNSETTLED


def test_a_copy_over_a_file_that_keeps_size_and_time_counts(tmp_path, monkeypatch):
    monkeypatch.setattr("mappedviz.stores.evidence._TICK", 60 * 10**9)  # this machine may be busy
    path = tmp_path / "a"
    path.write_text("a")
    assert evidence_of(str(path)) == UNSETTLED
    os.utime(path, ns=(5, 5))
    before = evidence_of(str(path))
    assert before == evidence_of(str(path)) != UNSETTLED
    time.sleep(0.05)  # longer than a tick
    path.write_text("b")
    os.utime(path, ns=(5, 5))
    assert (evidence_of(str(path)) != before) == is_steady(path.stat().st_dev)


def test_a_store_that_may_not_be_read_any_more_is_not_read_from_its_record(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_text("a")
    os.utime(path, ns=(5, 5))
    assert evidence_of(str(path)) != UNSETTLED
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert evidence_of(str(path)) == UNSETTLED


def test_what_is_not_there_needs_none(tmp_path):
    assert evidence_of(str(tmp_path / "absent")) == evidence_of("https://example.org/a") == ""


@pytest.mark.parametrize("inside", ["c", ""])  # of zarr 3, and of zarr 2 with folders
def test_a_chunk_of_a_dense_matrix_that_was_put_in_the_place_of_another_counts(tmp_path, inside):
    path = tmp_path / "a"
    for i in range(3):
        (path / "X" / inside / str(i)).mkdir(parents=True)
        (path / "X" / inside / str(i) / "0").write_text("old")
    (path / "X" / ("zarr.json" if inside else ".zarray")).write_text("{}")
    aged(path)
    before = evidence_of(str(path))
    chunk = path / "X" / inside / "1" / "0"
    chunk.with_name("new").write_text("new")
    os.utime(chunk.with_name("new"), ns=(5, 5))
    chunk.with_name("new").replace(chunk)
    os.utime(chunk.parent, ns=(7, 7))
    assert evidence_of(str(path)) not in (before, UNSETTLED)


def test_of_very_many_folders_of_chunks_some_are_looked_at(tmp_path, monkeypatch):
    monkeypatch.setattr("mappedviz.stores.evidence._MOST_FOLDERS", 3)
    path = tmp_path / "a"
    for i in range(10):
        (path / "X" / "c" / str(i)).mkdir(parents=True)
    aged(path)
    before = evidence_of(str(path))
    changed = []
    for i in range(10):
        os.utime(path / "X" / "c" / str(i), ns=(7, 7))
        changed.append(evidence_of(str(path)) != before)
        os.utime(path / "X" / "c" / str(i), ns=(5, 5))
    assert changed == [i in (0, 4, 8) for i in range(10)]
