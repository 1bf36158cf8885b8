"""A collection says what it joins, and its labels."""

from __future__ import annotations

from mappedviz import MappedCollection
from mappedviz.report.html import collection_html
from tests.report.pages import KEPT_TAGS, Reader


def test_collection(collection):
    html = collection._repr_html_()
    assert html == collection_html(collection)
    reader = Reader(html)
    assert set(reader.tags) <= KEPT_TAGS
    stores, labels = reader.tables
    assert [row[0] for row in stores[1:]] == [store.name for store in collection.stores]
    assert stores[1][1:4] == ["700", "765", "X: dense float32 gzip(4)"]
    assert [row[1] for row in labels[1:]] == list(collection.encoders["cell_type"])
    assert "1,200 cells" in reader.text
    assert repr(collection.recipe) in reader.text


def test_collection_without_join_and_labels(demo_data):
    ds = MappedCollection(demo_data / "10x_pbmc68k_reduced.h5ad", join=None)
    text = Reader(collection_html(ds)).text
    assert "MappedCollection of 1 store: 700 cells × each its own genes" in text
