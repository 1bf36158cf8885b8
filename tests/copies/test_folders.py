"""The folder of a copy."""

import pytest

from mappedviz.copies.folders import folder_of_copy, remove
from mappedviz.copies.manifests import KEPT
from mappedviz.errors import StoreError


def test_one_call_at_a_time(tmp_path):
    again = folder_of_copy(str(tmp_path))
    with (
        folder_of_copy(str(tmp_path)),
        pytest.raises(StoreError, match="written to by another call"),
        again,
    ):
        pass
    with folder_of_copy(str(tmp_path)):
        pass


def test_what_was_half_made_is_removed(tmp_path):
    left = tmp_path / KEPT / "parts" / "tmp1" / "store.zarr"
    left.mkdir(parents=True)
    with folder_of_copy(str(tmp_path)):
        assert not left.exists()


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    folder = folder_of_copy(str(tmp_path / "file"))
    with pytest.raises(StoreError, match="cannot be the folder of a copy"), folder:
        pass


def test_stores_of_all_kinds_are_removed(tmp_path):
    (tmp_path / "a.zarr" / "X").mkdir(parents=True)
    (tmp_path / "b.h5ad").write_text("")
    (tmp_path / "link.zarr").symlink_to(tmp_path / "a.zarr")
    for name in ("link.zarr", "b.h5ad", "none.h5ad"):
        remove(str(tmp_path / name))
    assert [path.name for path in tmp_path.iterdir()] == ["a.zarr"]
    remove(str(tmp_path / "a.zarr"))
    assert not list(tmp_path.iterdir())
