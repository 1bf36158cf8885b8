"""Paths and keys that several commands take."""

from __future__ import annotations

import pytest

from mappedviz.cli import command as cli


@pytest.mark.parametrize(
    ("arguments", "paths"),
    [
        (["audit", "--", "-rf.h5ad"], ["-rf.h5ad"]),
        (["audit", "-rf.h5ad"], ["./-rf.h5ad"]),
        (["audit", "-q", "-O.ZARR", "b.h5ad"], ["./-O.ZARR", "b.h5ad"]),
    ],
)
def test_a_store_whose_name_starts_with_a_dash(made, arguments, paths):
    cli.main(arguments)
    assert made.paths == paths


def test_a_folder_whose_name_starts_with_a_dash(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-data").mkdir()
    cli.main(["audit", "-data"])
    assert made.paths == ["./-data"]
