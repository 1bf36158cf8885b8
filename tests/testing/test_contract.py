"""The contract over every store kind, and its comparisons."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from mappedviz.testing import (
    StoreContract,
    assert_same_values,
    hash_store,
)
from tests.stores import STORE_KINDS


def test_values_are_compared_with_their_types():
    column = pd.Series(["1", None, "b"], dtype="string")
    assert_same_values(np.array(["1", np.nan, "b"], dtype=object), column)
    for wrong in (["1", "b", np.nan], [1, np.nan, "b"], ["1", np.nan]):
        with pytest.raises(AssertionError):
            assert_same_values(np.array(wrong, dtype=object), column)
    with pytest.raises(AssertionError):
        assert_same_values(np.array([1.0, 2.0]), pd.Series([1, 2]))


def test_the_hash_sees_names_and_bytes(tmp_path):
    (tmp_path / "a").write_text("x")
    before = hash_store(tmp_path)
    (tmp_path / "a").write_text("y")
    changed = hash_store(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    assert len({before, changed, hash_store(tmp_path)}) == 3


def test_importing_the_kit_imports_neither_anndata_nor_pytest():
    code = (
        "import sys, mappedviz.testing;"
        "sys.exit(any(m in sys.modules for m in ('anndata', 'h5py', 'zarr', 'pytest', 'scipy')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_unknown_name_is_an_attribute_error():
    import mappedviz.testing

    with pytest.raises(AttributeError, match="nonsense"):
        mappedviz.testing.nonsense  # noqa: B018 - looking it up is the test


class OfKind(StoreContract):
    """The contract for one entry of STORE_KINDS."""

    name: str

    def write(self, adata, path):
        return STORE_KINDS[self.name](adata, path)

    def expected(self, adata):
        return STORE_KINDS[self.name].expected(adata)


for _name in STORE_KINDS:
    _title = "Test" + "".join(part.capitalize() for part in _name.replace(".", "_").split("-"))
    globals()[_title] = type(_title, (OfKind,), {"name": _name, "__module__": __name__})
