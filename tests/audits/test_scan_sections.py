"""Scans as sections of a record, and back."""

from dataclasses import fields

import numpy as np
import pytest

from mappedviz.audits.columns import ObsFacts
from mappedviz.audits.reading import scan_store
from mappedviz.audits.scan import Scan, Wants
from mappedviz.audits.scan_sections import (
    MOST_COLUMN_BYTES,
    SCAN,
    _labels_of,
    lists_of,
    recalled,
    scan_of,
    scan_sections,
)
from mappedviz.errors import ElementError, MissingKeyError, StoreError
from mappedviz.formats.columns import Column
from mappedviz.stores.records import Record, encode
from tests.audits import write


@pytest.fixture
def scan(tmp_path):
    wants = Wants(every_column=True, every_matrix=True, deep=True)
    return scan_store(write(tmp_path), wants)


def again(scan, sections=None):
    record = Record(encode(scan_sections(scan) if sections is None else sections))
    lists = lists_of(scan)
    address = scan.path if scan.store is None else scan.store.path
    stamp = None if scan.store is None else scan.store.stamp
    return scan_of(
        record, scan.path, address, stamp, lists.get, lambda name: recalled(record, name)
    )


def same(one, other):
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=True)
    return one == other


def test_a_scan_comes_back_as_it_was(scan):
    found = again(scan)
    for name in ("path", "filtered", "obsm_finite", "source", "nbytes", "contradictions", "broken"):
        assert getattr(found, name) == getattr(scan, name), name
    for name in ("obs_hashes", "row_hashes"):
        assert same(getattr(found, name), getattr(scan, name)), name
    assert found.store.facts == scan.store.facts
    assert list(found.samples) == list(scan.samples)
    for key, sample in scan.samples.items():
        assert all(
            same(value, getattr(found.samples[key], name)) for name, value in vars(sample).items()
        )
    for name, facts in scan.obs.items():
        every = [one.name for one in fields(facts)]
        assert all(same(getattr(facts, key), getattr(found.obs[name], key)) for key in every)
    for name, column in scan.known.columns.items():
        (here,) = found.known.obs_columns([name]).values()
        assert here.values().tolist() == column.values().tolist()
    assert found.names.keys() == scan.names.keys()


@pytest.mark.parametrize(
    "error",
    [
        ElementError("is odd", store="a", key="obs/x", remedy="Leave it."),
        MissingKeyError("no such key", key="x"),
        OSError(5, "failed"),
        KeyError("x"),
        UnicodeDecodeError("utf-8", b"", 0, 1, "odd"),
        MemoryError(),
    ],
)
def test_errors_say_what_they_said(scan, error):
    scan.broken["obs/x"] = error
    found = again(scan).broken["obs/x"]
    assert str(found) == str(error)
    assert isinstance(found, type(error) if isinstance(error, StoreError) else Exception)
    assert str(again(Scan("a.h5ad", error=error)).error) == str(error)


def test_labels_of_every_kind(scan):
    labels = ("a\ud800", 1, 2.5, True, float("inf"), float("-inf"))
    scan.obs["odd"] = ObsFacts("categorical", "category(6)", 0, labels, np.arange(6))
    assert again(scan).obs["odd"].labels == labels


def test_columns_take_no_more_room_than_they_may(scan):
    large = Column("categorical", np.zeros(MOST_COLUMN_BYTES + 1, np.int8), np.array(["a"], object))
    scan.known.keep_column("large", large)
    assert "obs/large" not in scan_sections(scan)


def test_other_versions_and_lists_that_are_lost_are_no_scan(scan):
    sections = scan_sections(scan)
    others = {name: one for name, one in sections.items() if name != SCAN}
    assert again(scan, others) is None
    record = Record(encode(sections))
    assert scan_of(record, "a", "a", scan.store.stamp, {}.get, lambda _: None) is None


def test_equal_labels_of_stores_are_in_memory_once_and_keep_their_kind(scan):
    record = Record(encode(scan_sections(scan)))
    first, second = (
        scan_of(record, "a", "/a", scan.store.stamp, lambda _: lists_names(scan), None)
        for _ in range(2)
    )
    assert first.obs["cell_type"].labels is second.obs["cell_type"].labels
    for labels in ([1, 0], [True, False], [1.0, 0.0], [1.0, -0.0], ["1", "0"], [1, "0"]):
        assert repr(_labels_of(labels)) == repr(tuple(labels))


def lists_names(scan):
    return next(iter(lists_of(scan).values()))
