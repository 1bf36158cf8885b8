"""Changes inside of a directory that its root does not tell of."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mappedviz.stores.evidence import evidence_of
from mappedviz.testing import coded_anndata
from tests.stores.writers import STORE_KINDS

KINDS = ["zarr-v2", "zarr-v3"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_records_are_made_of_counts(tmp_path, kind):
    path = STORE_KINDS[kind](coded_anndata(0, 5, genes=["a", "b"]), tmp_path / "a")
    before = evidence_of(str(path))
    assert evidence_of(str(path)) == before
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


def test_files_have_their_stamp(tmp_path):
    (tmp_path / "a").write_text("a")
    assert evidence_of(str(tmp_path / "a")) == evidence_of(str(tmp_path / "absent")) == ""
