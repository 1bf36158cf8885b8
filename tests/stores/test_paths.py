"""How paths, patterns and folders become stores."""

from __future__ import annotations

import pytest

from mappedviz.errors import StoreError
from mappedviz.stores.paths import expand_paths
from mappedviz.testing import coded_anndata
from tests.stores import STORE_KINDS


def test_patterns_and_folders(path, tmp_path):
    other = STORE_KINDS["zarr-v3"](coded_anndata(0, 3, genes=["a"], plain=True), tmp_path / "b")
    assert expand_paths([tmp_path]) == expand_paths([str(tmp_path / "*.*")]) == [
        str(path), str(other)]  # fmt: skip
    with pytest.raises(StoreError, match="nothing"):
        expand_paths([tmp_path / "nothing*.h5ad"])


def test_a_folder_picks_up_what_is_called_a_store(tmp_path):
    for name in ("b.H5AD", "a.zarr.zip", "c.h5", "d.csv"):
        (tmp_path / name).touch()
    (tmp_path / "e.zarr").mkdir()
    assert [one.rpartition("/")[2] for one in expand_paths([tmp_path])] == [
        "a.zarr.zip", "b.H5AD", "e.zarr"]  # fmt: skip


@pytest.mark.parametrize("name", ["zarr.json", ".zgroup", ".zarray", ".zattrs", ".zmetadata"])
def test_a_folder_with_a_file_of_zarr_is_a_store(tmp_path, name):
    (tmp_path / name).touch()
    (tmp_path / "inner.zarr").mkdir()
    assert expand_paths([tmp_path]) == [str(tmp_path)]


def test_a_path_stands_for_itself_and_what_is_absent_is_noted(tmp_path):
    failed = {}
    asked = [tmp_path / "absent.h5ad", tmp_path / "no*.h5ad", tmp_path]
    assert expand_paths(asked, failed) == list(map(str, asked))
    assert list(failed) == list(map(str, asked[1:]))
