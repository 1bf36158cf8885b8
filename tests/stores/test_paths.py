"""How paths, patterns and folders become stores."""

from __future__ import annotations

import pytest

from mappedviz.errors import StoreError
from mappedviz.stores.paths import expand_paths
from mappedviz.stores.store import open_store
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


def test_a_loop_of_links_leads_to_each_store_once(path, tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "up").symlink_to(tmp_path, target_is_directory=True)
    assert expand_paths([tmp_path / "**" / "*.h5ad"]) == [str(path)]
    assert expand_paths([tmp_path / "*" / "*.h5ad"]) == [str(tmp_path / "loop" / path.name)]


def test_a_link_beside_its_store_is_another_store(path, tmp_path):
    (tmp_path / "b.h5ad").symlink_to(path)
    assert len(expand_paths([tmp_path])) == 2


def test_a_link_to_itself_is_named(tmp_path):
    (tmp_path / "a.h5ad").symlink_to(tmp_path / "a.h5ad")
    with pytest.raises(StoreError, match="a.h5ad"):
        open_store(tmp_path / "a.h5ad")
