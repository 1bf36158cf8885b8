"""Where the elements of AnnData are, over the versions of anndata."""

from __future__ import annotations

import pytest

from mappedviz.formats.detect import open_root
from mappedviz.stores.places import group_at, has_raw, matrix_at, raw_part
from mappedviz.testing import coded_anndata
from tests.stores import STORE_KINDS


@pytest.mark.parametrize("kind", ["h5ad-0.5", "h5ad", "zarr-v2"])
def test_raw_is_found_where_each_version_kept_it(kind, tmp_path):
    path = STORE_KINDS[kind](coded_anndata(0, 3, genes=["a", "b"]), tmp_path / "a")
    with open_root(path) as root:
        assert has_raw(root, "raw/X") == ("raw.X" in root or "raw" in root)
        if has_raw(root, "raw/X"):
            assert matrix_at(root, "raw.X") is raw_part(root, "raw/X")
        assert matrix_at(root, "X") is root["X"]
        assert group_at(root, "nowhere") is None
