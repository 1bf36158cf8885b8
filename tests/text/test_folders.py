"""The folder for what can be made again."""

from __future__ import annotations

import os
import sys

import pytest

from mappedviz.text.folders import cache_folder


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it has no name to set")
def test_the_folder_for_caches_is_that_of_the_platform(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_folder() == tmp_path / ".cache" / "mappedviz"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # the convention: to be ignored
    assert cache_folder() == tmp_path / ".cache" / "mappedviz"
    monkeypatch.setenv("XDG_CACHE_HOME", os.fspath(tmp_path / "x"))
    assert cache_folder() == tmp_path / "x" / "mappedviz"
