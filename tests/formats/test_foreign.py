"""Errors of libraries become ours; ours, warnings and interruptions stay what they are."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mappedviz.errors import ElementError, MissingKeyError, StoreWarning
from mappedviz.formats.foreign import named
from mappedviz.stores.opening import open_stores
from mappedviz.testing import coded_anndata
from tests.stores import STORE_KINDS

FOREIGN = [
    OverflowError("too large"),
    RuntimeError("Unable to synchronously open object"),
    RecursionError("too deep"),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    KeyError("x"),
    MemoryError(),
    SystemError("error return without exception set"),
    ZeroDivisionError(),
]


@pytest.mark.parametrize("error", FOREIGN, ids=lambda error: type(error).__name__)
def test_foreign_errors_name_the_store_and_the_key(error):
    with pytest.raises(ElementError, match="a.h5ad, obs/x: ") as found, named("a.h5ad", "obs/x"):
        raise error
    assert found.value.__cause__ is error


@pytest.mark.parametrize(
    "error", [MissingKeyError("no"), KeyboardInterrupt(), StoreWarning("w"), SystemExit()]
)
def test_what_is_ours_or_no_error_is_let_through(error):
    with pytest.raises(type(error)) as found, named("a.h5ad"):
        raise error
    assert found.value is error


@pytest.mark.parametrize("error", FOREIGN, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(
    "where",
    [
        "mappedviz.stores.store.read_facts",
        "mappedviz.stores.store.store_kind",
        "mappedviz.stores.store.read_column",
        "mappedviz.stores.session.open_root",
    ],
)
def test_a_store_that_makes_a_library_fail_is_skipped(tmp_path, monkeypatch, error, where):
    good = STORE_KINDS["h5ad"](coded_anndata(0, 9, genes=["a"]), tmp_path / "good")
    bad = STORE_KINDS["zarr-v3"](coded_anndata(0, 9, genes=["a"]), tmp_path / "bad")
    module, _, name = where.rpartition(".")
    real = getattr(__import__(module, fromlist=[name]), name)

    def fail(what, *args, **options):
        if str(bad) in str(getattr(what, "store", what)):
            raise error
        return real(what, *args, **options)

    monkeypatch.setattr(where, fail)

    def read(store):
        return len(store.obs_column(store.facts.obs_columns[0]))

    with pytest.warns(StoreWarning, match="bad.zarr"):
        assert [n for _, n in open_stores([good, bad], read, on_error="skip")] == [9]
    with pytest.raises(ElementError, match="bad.zarr"):
        open_stores([good, bad], read)


@pytest.mark.parametrize("size", [float("inf"), float("nan"), 1e300, 2**70, -1])
def test_shapes_that_are_no_sizes(tmp_path, size):
    path = STORE_KINDS["zarr-v2-unconsolidated"](coded_anndata(0, 9, genes=["a"]), tmp_path / "a")
    attributes = path / "X" / ".zattrs"  # by hand: zarr writes no infinity before 3.1.1
    attributes.write_text(
        json.dumps({**json.loads(attributes.read_text()), "shape": [size, 1]}), "utf-8"
    )
    with pytest.raises(ElementError, match="X"):
        open_stores([path], lambda store: store.read_rows("X", np.arange(3)))
