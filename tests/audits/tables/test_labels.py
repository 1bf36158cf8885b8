"""Rows per class and store against pandas."""

import numpy as np
import pytest

from mappedviz import Recipe
from mappedviz.audits.reading import scan_store
from mappedviz.audits.tables.genes import Coverage
from mappedviz.audits.tables.labels import LabelTable, label_table
from mappedviz.testing import coded_anndata
from mappedviz.text.display import Words
from tests.audits.tables import ALIAS, DEMO
from tests.stores import STORE_KINDS


def test_labels_of_the_demo_collection(demo_scans):
    table = label_table(demo_scans, "cell_type", Recipe(obs_alias=ALIAS))
    for name, (n_obs, _, _, _, column, n_classes) in DEMO.items():
        counts = table.counts[name]
        assert (counts > 0).sum() == n_classes
        assert counts.sum() == (n_obs if column else 0)
        assert table.absent[name] == (0 if column else n_obs)
    assert table.total["CD4_T"] == 250 + 264
    assert table.n_stores["CD4_T"] == 2
    assert table.n_rows == sum(n_obs for n_obs, *_ in DEMO.values())
    groups = table.variants.groupby("group")["label"].apply(set).to_dict()
    assert {frozenset(some) for some in groups.values()} == {
        frozenset(some)
        for some in (
            ("CD4 T cells", "CD4_T"),
            ("CD8 T cells", "CD8_T"),
            ("CD14+ Monocyte", "CD14+ Monocytes"),
            ("NK", "NK cells"),
            ("Dendritic", "Dendritic cells"),
        )
    }
    merged = Recipe(obs_alias=ALIAS, relabel={"cell_type": table.merging()})
    assert len(label_table(demo_scans, "cell_type", merged).classes) == len(table.classes) - 5


@pytest.mark.parametrize("key", ["cell_type", "batch", "origin", "stage", "cluster", "donor",
                                 "doublet", "age", "treated", "note", "score", "absent"])  # fmt: skip
def test_labels_are_what_anndata_has(tmp_path, key):
    adatas = [coded_anndata(i, 30 + i) for i in range(3)]
    del adatas[1].obs["cell_type"]
    scans = [
        scan_store(STORE_KINDS[kind](adata, tmp_path / f"s{i}"))
        for i, (kind, adata) in enumerate(zip(["h5ad", "zarr-v3", "zarr-v2"], adatas, strict=True))
    ]
    if key == "absent":
        assert label_table(scans, key).absent.tolist() == [30, 31, 32]
        return
    table = label_table(scans, key)
    for name, adata in zip(table.stores, adatas, strict=True):
        if key not in adata.obs:
            assert table.absent[name] == adata.n_obs
            continue
        expected = adata.obs[key].value_counts()
        expected = {label: n for label, n in expected.items() if n}
        counts = table.counts[name]
        assert counts[counts > 0].to_dict() == expected
        assert table.missing[name] == adata.obs[key].isna().sum()
    if key == "cell_type":
        assert table.unused == ("unused",)


def test_masks_leave_rows_out(tmp_path):
    adata = coded_anndata(0, 12)
    scan = scan_store(STORE_KINDS["h5ad"](adata, tmp_path / "a"))
    mask = np.arange(12) < 5
    table = label_table([scan], "cell_type", rows=[np.flatnonzero(mask)])
    expected = adata.obs["cell_type"][mask].value_counts()
    assert table.total.to_dict() == expected[expected > 0].to_dict()
    assert label_table([scan], "nowhere", rows=[np.flatnonzero(mask)]).absent.tolist() == [5]


def test_relabelling_merges_and_drops():
    parts = [(["a", "b", "junk"], np.array([1, 2, 4]), 0)]
    table = LabelTable.of("k", ["s"], parts, {"b": "a", "junk": None})
    assert table.total.to_dict() == {"a": 3}
    assert table.missing.tolist() == [4]


def test_top_sorts_searches_and_adds_up():
    parts = [(["B", "NK", "T"], np.array([1, 9, 5]), 2), (["B"], np.array([1]), 0)]
    table = LabelTable.of("k", ["s", "t"], parts)
    shown, other, n = table.top(1)
    assert (shown.index.tolist(), other.tolist(), n) == (["NK"], [6, 1], 2)
    assert table.top(2, by="name")[0].index.tolist() == ["B", "NK"]
    assert table.top(2, by="stores")[0].index.tolist() == ["B", "NK"]
    assert table.top(search="t")[0].index.tolist() == ["T"]
    assert table.top(0)[1].tolist() == [15, 1]


def test_merging_takes_the_most_frequent_spelling_and_only_what_was_ticked():
    parts = [(["NK", "NK cells", "T", "t"], np.array([1, 5, 2, 1]), 0)]
    table = LabelTable.of("k", ["s"], parts)
    assert table.merging() == {"NK": "NK cells", "t": "T"}
    assert table.merging(["t"]) == {"t": "T"}
    assert table.variants["stores"].tolist() == [("s",)] * 4


def test_bars_hold_all_rows_and_all_genes():
    """What figures and reports draw: the first ones, and the rest by name."""
    labels = LabelTable.of("k", ["s", "t"], [(["B", "T", "(missing)"], np.array([1, 5, 2]), 3), 4])
    bars = [
        (str(name), counts.tolist(), isinstance(name, Words)) for name, counts in labels.bars(2)
    ]
    assert bars == [
        ("T", [5, 0], False),
        ("(missing)", [2, 0], False),
        ("other (1 more)", [1, 0], True),
        ("(missing)", [3, 0], True),
        ("(no such column)", [0, 4], True),
    ]
    assert [name for name, _ in LabelTable.of("k", ["s"], [(["B"], np.array([1]), 0)]).bars()] == [
        "B"
    ]
    coverage = Coverage.of({"a": ["A", "B", "C"], "b": ["B", "C"], "c": ["C", "D"]})
    assert sum(n for _, n in coverage.bars(2)) == coverage.outer
    assert coverage.bars(2)[-1][0] == f"other ({coverage.n_patterns - 2} more patterns)"
    assert len(coverage.bars(100)) == coverage.n_patterns
