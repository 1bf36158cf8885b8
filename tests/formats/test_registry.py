"""The registry: each format has suffixes, recognises its own stores and no others, and opens them."""

from __future__ import annotations

from pathlib import Path

import pytest

from mappedviz._types import SUFFIXES
from mappedviz.formats.registry import FORMATS
from mappedviz.formats.sniff import Candidate
from mappedviz.testing import coded_anndata
from tests.stores import STORE_KINDS

WRITTEN = {"h5ad": "h5ad", "zarr": "zarr-v3", "zarr.zip": "zarr-zip"}


def test_each_format_has_suffixes():
    assert list(FORMATS) == list(SUFFIXES)
    every = [suffix for suffixes in SUFFIXES.values() for suffix in suffixes]
    assert len(set(every)) == len(every)
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in every)


@pytest.mark.parametrize("name", FORMATS)
def test_a_store_is_recognised_by_one_format_and_opened_by_it(name, tmp_path):
    path = str(STORE_KINDS[WRITTEN[name]](coded_anndata(1, 5, plain=True), tmp_path / "a"))
    candidate = Candidate.at(path)
    assert [kind for kind, each in FORMATS.items() if each.sniff(candidate)] == [name]
    with FORMATS[name].open(path) as root:
        assert {"X", "obs", "var"} <= set(root.keys())


@pytest.mark.parametrize("name", FORMATS)
def test_the_file_that_is_watched_is_the_store_or_in_it(name, tmp_path):
    path = STORE_KINDS[WRITTEN[name]](coded_anndata(1, 5, plain=True), tmp_path / "a")
    watched = Path(FORMATS[name].watched(str(path)))
    assert watched.is_file()
    assert watched == path or path in watched.parents
