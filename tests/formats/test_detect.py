"""Paths: absent, relative, unreadable, links and pipes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mappedviz.errors import StoreError
from mappedviz.formats.detect import open_root, store_kind
from mappedviz.formats.files import FilePool
from mappedviz.formats.prefetch import read_rows
from tests.formats.walking import (
    KINDS,
)


def test_a_path_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="does not exist"):
        store_kind(tmp_path / "none.h5ad")
    with pytest.raises(OSError, match="does not exist"):
        open_root("relative.h5ad")


def test_links_to_nowhere_and_pipes(tmp_path: Path) -> None:
    (tmp_path / "link.h5ad").symlink_to(tmp_path / "none")
    with pytest.raises(StoreError, match="is a link to nowhere"):
        store_kind(tmp_path / "link.h5ad")
    os.mkfifo(tmp_path / "pipe.h5ad")
    with pytest.raises(StoreError, match="is a device or a pipe"):
        store_kind(tmp_path / "pipe.h5ad")


def test_a_path_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "a").mkdir()
    (tmp_path / "x.h5ad").touch()
    monkeypatch.setattr("builtins.open", refuse)
    monkeypatch.setattr(os, "scandir", refuse)
    for path in (tmp_path / "x.h5ad", tmp_path / "a"):
        with pytest.raises(StoreError, match="permission denied"):
            store_kind(path)


def test_relative_paths_stay_with_their_directory(
    written: dict[str, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for kind in KINDS:
        monkeypatch.chdir(written[kind].parent)
        with open_root(written[kind].name) as root:
            array = root["obs/n_counts"].chunked()
            expected = root["obs/n_counts"].read()
        monkeypatch.chdir(tmp_path)
        np.testing.assert_array_equal(read_rows(array, 0, 20, FilePool()), expected)
