"""Metadata that contradict each other are noticed, and good ones are not."""

from __future__ import annotations

import json

import h5py
import pytest
import zarr

import mappedviz as mv
from mappedviz.formats.consistency import contradictions
from mappedviz.formats.detect import open_root
from mappedviz.testing import coded_anndata
from tests.stores import STORE_KINDS


def _write(kind, path):
    return STORE_KINDS[kind](coded_anndata(0, 9, genes=["a", "b"], plain=True), path)


def _of(path):
    with open_root(path) as root:
        return contradictions(root)


@pytest.mark.parametrize(
    "kind",
    ["h5ad", "h5ad-0.5", "h5ad-0.7", "zarr-v2", "zarr-v3", "zarr-zip", "zarr-unconsolidated"],
)
def test_good_stores_have_none(tmp_path, kind):
    assert _of(_write(kind, tmp_path / "a")) == []


@pytest.mark.parametrize("kind", ["h5ad", "zarr-v2", "zarr-v3"])
def test_a_column_that_is_listed_and_not_there(tmp_path, kind):
    path = _write(kind, tmp_path / "a")
    group = h5py.File(path, "r+") if kind == "h5ad" else zarr.open_group(path, mode="r+")
    group["obs"].attrs["column-order"] = ["gone", *group["obs"].attrs["column-order"]]
    if kind == "h5ad":
        group.close()
    assert ("obs", "lists 1 columns that are not there: 'gone'", True) in _of(path)
    audit = mv.audit(path, progress=False)
    assert next(f.severity for f in audit.findings if f.id == "contradiction") == "warning"


def test_stale_consolidated_metadata(tmp_path):
    found = _of(_write("zarr-stale-consolidated", tmp_path / "a"))
    assert [(key, harms) for key, _, harms in found] == [("", False)]
    assert "out of date" in found[0][1]


@pytest.mark.parametrize("what", ["shape", "attributes", "absent"])
def test_versions_2_and_3_that_differ(tmp_path, what):
    path = _write("zarr-v3", tmp_path / "a")
    old = _write("zarr-v2", tmp_path / "b")
    for file in old.rglob(".z*"):
        target = path / file.relative_to(old)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())
    assert [one for one in _of(path) if "zarr 2" in one[1]] == []
    if what == "shape":
        meta = json.loads((path / "X/data/.zarray").read_text())
        meta["shape"] = [7]
        (path / "X/data/.zarray").write_text(json.dumps(meta))
    elif what == "attributes":
        (path / "obs/.zattrs").write_text("{}")
    else:
        (path / "X/data/.zarray").unlink()
    (found,) = [one for one in _of(path) if "zarr 2" in one[1]]
    assert ("obs" if what == "attributes" else "X/data") in found[1]
    assert found[2]
