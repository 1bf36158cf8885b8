"""Broken stores: each is refused, and its fault named."""

from __future__ import annotations

import pytest

from mappedviz.testing import coded_anndata
from tests.stores import BROKEN, STORE_KINDS


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_store_is_refused_and_its_fault_named(name, tmp_path):
    kind = BROKEN[name]
    assert kind.must_say.endswith(".")
    path = kind(coded_anndata(1), tmp_path / "broken")
    assert str(path) == kind.error(path).store


def test_a_reader_that_says_nothing_is_caught(tmp_path):
    kind = BROKEN["html"]
    path = STORE_KINDS["h5ad"](coded_anndata(1, plain=True), tmp_path / "good")
    with pytest.raises(AssertionError, match="opening raised nothing"):
        kind.error(path)
    path = BROKEN["zero-bytes"](coded_anndata(1, plain=True), tmp_path / "empty")
    with pytest.raises(AssertionError, match="does not match"):
        kind.error(path)
