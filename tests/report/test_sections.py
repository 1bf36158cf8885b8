"""What HTML and terminal show is what the tables say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from mappedviz import MappedCollection, RowBatch
from mappedviz.audits.tables.genes import Coverage
from mappedviz.report.figures import figures_of
from mappedviz.report.html import audit_html, batch_html, collection_html
from tests.hostile import HOSTILE, depths, stores_table
from tests.report.pages import KEPT_TAGS, STORES, Reader, an_audit


def test_tables_have_the_numbers_of_the_audit():
    audit = an_audit()
    shapes, genes, patterns, what_if, labels, schemes, weights, depth, schema = Reader(
        audit_html(audit)
    ).tables
    assert [row[0] for row in shapes[1:]] == STORES
    assert [row[2] for row in shapes[2:]] == [f"{n:,}" for n in audit.stores["n_obs"][1:]]
    assert shapes[1][2] == "–"
    assert "is an HTML page" in shapes[1][1]
    assert [row[2] for row in genes[1:]] == [str(audit.coverage.inner)] * 8
    assert patterns[1] == ["all 8 stores", str(audit.coverage.inner)]
    assert len(what_if) == 3
    assert [row[0] for row in labels[-3:]] == [
        "other (15 more)",
        "(missing)",
        "(no such column)",
    ]
    total = sum(int(row[1].replace(",", "")) for row in labels[1:])
    assert total == audit.labels().n_rows
    assert [row[0] for row in schemes[1:]][1] == "inverse: 1/n (as asked for)"
    assert len(weights) == 26
    assert [row[3] for row in depth[1:]] == ["50"] * 8
    assert schema[1] == ["cell_type", "8 of 8", "category(12)", "0.5 %"]
    assert schema[-1][:2] == ["donor", "4 of 8"]


def test_hostile_names_are_told_apart(hostile):
    shapes, *_ = Reader(audit_html(hostile)).tables
    stores = [row[0] for row in shapes[1:]]
    assert len(set(stores)) == len(HOSTILE)
    assert all(0 < len(name) < 60 for name in stores)


def test_without_a_key_there_are_no_labels_and_no_weights():
    html = audit_html(an_audit(keyed=False))
    assert "Weighted sampling" not in html
    assert len(Reader(html).tables) == 6
    assert figures_of(an_audit(keyed=False)).keys() == {"coverage", "depth"}


def test_no_store_can_be_read():
    audit = an_audit()
    audit.stores = stores_table(["a"], broken=1)
    audit.coverage = Coverage.of({})
    audit.obs_schema = pd.DataFrame(
        columns=pd.MultiIndex.from_tuples([], names=["store", "what"]), index=pd.Index([])
    )
    audit.findings, audit.not_applicable = [], []
    audit.library_sizes = lambda: depths([])
    text = Reader(audit_html(audit)).text
    assert "1 store" in text
    assert "findings: none" in text
    assert "Columns of obs" not in text


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


@pytest.fixture(scope="module")
def collection(demo_data):
    return MappedCollection(
        [demo_data / "10x_pbmc68k_reduced.h5ad", demo_data / "pbmc5k_small_cd4_vs_cd8.h5ad"],
        obs_keys="cell_type",
        obs_alias={"cell_type": ["cell_type", "bulk_labels"]},
    )


def test_collection_without_join_and_labels(demo_data):
    ds = MappedCollection(demo_data / "10x_pbmc68k_reduced.h5ad", join=None)
    text = Reader(collection_html(ds)).text
    assert "MappedCollection of 1 store: 700 cells × each its own genes" in text


def test_batch(collection):
    batch = collection[[0, 5, 1100]]
    reader = Reader(batch._repr_html_())
    assert set(reader.tags) <= KEPT_TAGS
    (columns,) = reader.tables
    assert [row[0] for row in columns[1:]] == batch.keys()
    assert "RowBatch of 3 rows" in reader.text
    by_key = {row[0]: row[1:] for row in columns[1:]}
    assert by_key["cell_type"][0] == "int64"
    assert by_key["X"][1] == f"3 × {batch['X'].shape[1]:,}"


def test_batch_of_every_kind_of_column():
    batch = RowBatch(
        {
            "X": sp.csr_matrix(np.eye(3)),
            "dense": np.zeros((3, 2)),
            "ragged": [np.zeros(2), np.zeros(5), np.zeros(3)],
            "labels": np.array(["<b>", None, ""], dtype=object),
            "empty": np.zeros((3, 0)),
            "many": np.arange(3),
        },
        3,
    )
    (columns,) = Reader(batch_html(batch)).tables
    values = {row[0]: row[1:] for row in columns[1:]}
    assert values["X"] == ["csr float64", "3 × 3", "3 stored values"]
    assert values["dense"][2] == "0 % not 0, 0 … 0"
    assert values["ragged"] == ["arrays of different widths", "3 × …", "widths 2 … 5"]
    assert values["labels"][2] == "<b>, (missing), (empty)"
    assert values["empty"][2] == ""
    none = RowBatch({"ragged": [], "long": np.arange(0)}, 0)
    assert "RowBatch of 0 rows" in batch_html(none)
