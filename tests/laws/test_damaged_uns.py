"""Damage in uns, which no row needs: a finding of the audit, no refusal."""

from __future__ import annotations

import h5py
import pytest

import mappedviz as mv
from mappedviz.testing import coded_anndata
from tests.stores import STORE_KINDS


def _damage(path, name):
    if path.is_dir():
        folder = path / "uns"
        for marker in ("zarr.json", ".zgroup", ".zattrs"):
            if (folder / marker).exists():
                (folder / marker).write_text("{"[: len(name)])
    else:
        with h5py.File(path, "r+") as file:
            del file["uns"]
            file["uns"] = h5py.SoftLink("/nowhere")


@pytest.mark.parametrize("kind", ["h5ad", "zarr-v2", "zarr-v3"])
def test_damaged_uns_is_a_finding(tmp_path, kind):
    make = STORE_KINDS[kind]
    good = make(coded_anndata(0, 9, genes=["a", "b"]), tmp_path / "good")
    bad = make(coded_anndata(1, 9, genes=["a", "b"]), tmp_path / "bad")
    _damage(bad, "uns")
    audit = mv.audit([good, bad], label="cell_type", progress=False)
    assert not audit.fatal
    found = [f for f in audit.findings if f.id == "unreadable-element"]
    assert [f.severity for f in found] == ["warning"]
    assert "uns" in found[0].message
    assert str(bad) in found[0].message
    assert audit.stores["broken"].map(len).tolist() == [0, 1]
    assert len(mv.MappedCollection([good, bad], obs_keys="cell_type")[:]["X"]) == 18
