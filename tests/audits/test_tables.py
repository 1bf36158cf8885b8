"""The tables of the audit against numbers counted elsewhere: pandas, and the real stores."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappedviz import Recipe
from mappedviz.audits.scan import scan_store
from mappedviz.audits.tables.crosstabs import cramers_v, crosstab
from mappedviz.audits.tables.genes import Coverage, coverage_of
from mappedviz.audits.tables.identifiers import id_kind, species_of
from mappedviz.audits.tables.labels import LabelTable, label_table
from mappedviz.audits.tables.spelling import plain_spelling
from mappedviz.audits.tables.stores import (
    STORE_COLUMNS,
    display_names,
    library_sizes,
    obs_schema,
    stores_table,
)
from mappedviz.audits.tables.weights import WeightTable, compare_schemes
from mappedviz.audits.tables.what_if import join_sizes
from mappedviz.errors import RecipeError
from mappedviz.recipe.labels import Labels
from mappedviz.testing import coded_anndata
from mappedviz.text.display import Words
from tests.stores import BROKEN, STORE_KINDS

# Of notebooks/data, counted with anndata 0.12.19.
DEMO = {
    "pbmc3k_processed.v3sharded.zarr": (2638, 13714, "csr", 2238732, "louvain", 8),
    "10x_pbmc68k_reduced.h5ad": (700, 765, "dense", None, "bulk_labels", 10),
    "pbmc_5k_protein_v3.v3.zarr.zip": (200, 16581, "csr", 387353, None, 0),
    "pbmc5k_small_cd4_vs_cd8.h5ad": (500, 2000, "csr", 100934, "cell_type", 2),
    "spectra_breast_immune.h5ad": (1000, 6397, "csr", 666173, "cell_type_annotations", 14),
}
ALIAS = {"cell_type": ["cell_type", "bulk_labels", "louvain", "cell_type_annotations"]}
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture(scope="module")
def demo(demo_data):
    return [scan_store(demo_data / name) for name in DEMO]


# --- shapes -----------------------------------------------------------------------------------


def test_stores_table_of_the_demo_collection(demo):
    table = stores_table(demo)
    assert list(table.columns) == list(STORE_COLUMNS)
    assert table.index.name == "store"
    assert (table["status"] == "ok").all()
    for name, (n_obs, n_vars, kind, nnz, _, _) in DEMO.items():
        row = table.loc[name]
        assert (row["n_obs"], row["n_vars"], row["x_kind"]) == (n_obs, n_vars, kind)
        assert row["nnz"] == (n_obs * n_vars if nnz is None else nnz)
        assert row["nbytes"] > 0
    assert table["x_scale"].tolist() == [
        "logarithms",
        "scaled",
        "counts",
        "logarithms",
        "logarithms",
    ]
    assert table.loc["10x_pbmc68k_reduced.h5ad", "raw"]


def test_a_broken_store_is_a_row_with_its_error(demo_data, tmp_path):
    bad = BROKEN["html"](None, tmp_path / "bad")
    scans = [scan_store(demo_data / "pbmc5k_small_cd4_vs_cd8.h5ad"), scan_store(bad)]
    row = stores_table(scans).loc["bad.h5ad"]
    assert "HTML" in row["status"]
    assert row["path"] == str(bad)
    assert pd.isna(row["n_obs"])
    assert obs_schema(scans).columns.get_level_values(0).unique().tolist() == [scans[0].store.name]
    assert coverage_of(scans).stores == [scans[0].store.name]
    assert label_table(scans, "cell_type").stores == [scans[0].store.name]


def test_a_store_without_x_has_a_row(tmp_path):
    adata = coded_anndata(plain=True)
    adata.X = None
    scan = scan_store(STORE_KINDS["h5ad"](adata, tmp_path / "a"))
    row = stores_table([scan]).iloc[0]
    assert row["X"] is None
    assert pd.isna(row["nnz"])


def test_display_names_tell_all_stores_apart():
    assert display_names([]) == []
    assert display_names(["a.h5ad"]) == ["a.h5ad"]
    assert display_names(["/p/x/a.h5ad", "/q/x/a.h5ad"]) == ["p/x/a.h5ad", "q/x/a.h5ad"]
    names = display_names(["/1/a.h5ad", "/2/a.h5ad", "b.h5ad", "/1/a.h5ad"])
    assert names == ["1/a.h5ad", "2/a.h5ad", "b.h5ad", "1/a.h5ad (2)"]


# --- coverage ---------------------------------------------------------------------------------

genes = st.lists(st.sampled_from([f"g{i}" for i in range(9)]), max_size=9)


@given(st.lists(genes, min_size=1, max_size=7))
def test_coverage_is_what_sets_say(lists):
    stores = {f"s{i}": names for i, names in enumerate(lists)}
    sets = [set(names) for names in lists]
    coverage = Coverage.of(stores)
    inner, outer = set.intersection(*sets), set.union(*sets)
    assert (coverage.inner, coverage.outer) == (len(inner), len(outer))
    assert set(coverage.names) == outer
    times = {gene: sum(gene in some for some in sets) for gene in outer}
    assert coverage.at_least.to_dict() == {
        k: sum(n >= k for n in times.values()) for k in range(1, len(sets) + 1)
    }
    for i, some in enumerate(sets):
        row = coverage.table.iloc[i]
        others = [other for j, other in enumerate(sets) if j != i]
        assert row["n_vars"] == len(lists[i])
        assert (row["kept"], row["lost"]) == (len(inner), len(some - inner))
        assert row["zero_filled"] == len(outer - some)
        assert row["private"] == len(some.difference(*others))
        if others:
            assert row["inner_without"] == len(set.intersection(*others))
            assert row["gain_without"] == row["inner_without"] - len(inner)
    patterns = {}
    for gene in outer:
        pattern = tuple(name for name, some in zip(stores, sets, strict=True) if gene in some)
        patterns[pattern] = patterns.get(pattern, 0) + 1
    found = coverage.patterns
    assert dict(zip(found["pattern"], found["n_genes"], strict=True)) == patterns
    assert found["n_genes"].is_monotonic_decreasing
    assert found["n_stores"].tolist() == [len(pattern) for pattern in found["pattern"]]
    assert coverage.n_patterns == len(patterns)
    sought = [*outer, "nowhere"]
    expected = [[gene in some for some in sets] for gene in sought]
    assert coverage.find(sought).to_numpy().tolist() == expected


def test_patterns_that_are_equally_frequent_come_in_the_order_of_the_stores():
    """Not in that of the codes, which depend on which store was read first."""
    stores = [f"s{i}" for i in range(70)]
    for codes in (np.arange(70), np.arange(70)[::-1]):
        lists = [np.array([code]) for code in codes]
        names = np.array([f"g{code}" for code in np.argsort(codes)], dtype=object)
        coverage = Coverage.of_codes(stores, lists, list(range(70)), names)
        assert coverage.patterns["pattern"].tolist() == [(store,) for store in stores]


def test_patterns_of_more_stores_than_a_word_has_bits():
    rng = np.random.default_rng(0)
    sets = [set(np.flatnonzero(rng.random(40) < 0.5)) for _ in range(130)]
    coverage = Coverage.of({f"s{i}": [f"g{k}" for k in some] for i, some in enumerate(sets)})
    expected = {tuple(f"s{i}" for i, some in enumerate(sets) if k in some) for k in range(40)}
    assert set(coverage.patterns["pattern"]) == expected


def test_no_stores_have_no_coverage():
    coverage = Coverage.of({})
    assert (coverage.inner, coverage.outer, len(coverage.table)) == (0, 0, 0)
    assert coverage.find("TP53").shape == (1, 0)
    assert join_sizes([]) == (0, 0)


def test_one_store_has_nothing_to_win():
    table = Coverage.of({"a": ["x", "x", "y"]}).table
    assert table.loc["a"].to_dict() == {
        "n_vars": 3, "kept": 2, "lost": 0, "zero_filled": 0, "private": 2,
        "inner_without": 2, "gain_without": 0, "id_kind": "symbol",
    }  # fmt: skip


def test_coverage_of_the_demo_collection(demo):
    coverage = coverage_of(demo)
    assert (coverage.inner, coverage.outer) == (201, coverage.at_least[1])
    pair = coverage_of(demo[:2])
    assert pair.inner == 764
    assert coverage.find(["CD8A", "no such gene"]).loc["no such gene"].sum() == 0


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (["ENSG00000141510"] * 3, "ensembl"),
        (["ENSMUSG00000059552.14"], "ensembl.version"),
        (["TP53", "HLA-A", "AC012.1"], "symbol"),
        (["0", "1", "2"], "positional"),
        (["7157", "672"], "number"),
        (["?", "!"], "other"),
        ([], "none"),
    ],
)
def test_kinds_of_identifiers(names, kind):
    assert id_kind(names) == kind


@pytest.mark.parametrize(
    ("names", "species"),
    [
        (["ENSG00000141510"], "human"),
        (["ENSMUSG00000059552.3"] * 4, "mouse"),
        (["ENSXYZG00000059552"], None),
        (["Trp53", "Cd4", "Cd8a"] * 9, "mouse"),
        (["TP53", "CD4"] * 9 + ["Xkr4"], "human"),
        (["TP53", "Cd4"] * 9, None),
        (["gene0", "gene1"], None),
    ],
)
def test_species_by_names(names, species):
    assert species_of(names) == species


def ensembl(i, version=None):
    return f"ENSG{i:011d}" + ("" if version is None else f".{version}")


@pytest.fixture
def three_kinds(tmp_path):
    """The same genes by symbol, by Ensembl with symbols in a column, and by versioned Ensembl."""
    paths = []
    for i in range(3):
        adata = coded_anndata(i, n_vars=6, plain=True)
        symbols = [f"SYM{k}" for k in range(6)]
        adata.var = pd.DataFrame(index=symbols)
        adata.var["gene_ids"] = [ensembl(k) for k in range(6)]
        if i == 1:
            adata.var = pd.DataFrame(
                {"feature_name": symbols}, index=[ensembl(k) for k in range(6)]
            )
        if i == 2:
            adata.var["gene_ids"] = [ensembl(k, 3) for k in range(6)]
            adata.var = adata.var.set_index("gene_ids")
            adata.var["name"] = symbols
        paths.append(STORE_KINDS["h5ad"](adata, tmp_path / f"s{i}"))
    return paths


def test_what_if_tells_what_other_identifiers_join(three_kinds):
    scans = [scan_store(path) for path in three_kinds]
    coverage = coverage_of(scans)
    assert coverage.table["id_kind"].tolist() == ["symbol", "ensembl", "ensembl.version"]
    assert coverage.inner == 0
    what_if = coverage.what_if.set_index(["identifier", "strip_version", "upper_case"])["inner"]
    assert what_if["index", False, False] == 0
    assert what_if["by kind: symbol", False, False] == 6
    assert what_if["var['gene_ids']", False, False] == 0
    assert what_if["var['gene_ids']", True, False] == 6
    row = coverage.what_if[coverage.what_if["identifier"] == "by kind: symbol"].iloc[0]
    assert row["var_key"] == {"s1.h5ad": "feature_name", "s2.h5ad": "name"}
    for _, row in coverage.what_if.iterrows():  # the table keeps its promise
        if row["upper_case"]:
            continue
        recipe = Recipe(var_key=row["var_key"], strip_version=row["strip_version"])
        if isinstance(row["var_key"], str):
            continue  # not every store has the column
        assert coverage_of(scans, recipe).inner == row["inner"]


def test_case_is_a_what_if_of_its_own(tmp_path):
    names = [["Cd4", "Cd8a"], ["CD4", "CD8A"]]
    paths = [
        STORE_KINDS["h5ad"](coded_anndata(i, genes=some, plain=True), tmp_path / f"s{i}")
        for i, some in enumerate(names)
    ]
    what_if = coverage_of([scan_store(path) for path in paths]).what_if
    found = what_if[what_if["identifier"] == "index"]
    assert found["upper_case"].tolist() == [False, True]
    assert found["inner"].tolist() == [0, 2]


# --- labels -----------------------------------------------------------------------------------


def test_labels_of_the_demo_collection(demo):
    table = label_table(demo, "cell_type", Recipe(obs_alias=ALIAS))
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
    assert len(label_table(demo, "cell_type", merged).classes) == len(table.classes) - 5


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


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("NK", "NK cells", True),
        ("T cell", "T-cells", True),
        ("É T", "é  t", True),
        ("Ｂ cells", "B cell", True),  # noqa: RUF001 - a full-width letter
        ("T–cell", "T cell", True),
        ("CD4+ T", "CD4- T", False),
        ("CD4-", "CD4", False),
        ("DC", "pDC", False),
        ("mass", "mas", False),
        (1, "1", True),
        ("-", "+", False),
    ],
)
def test_spellings(one, other, same):
    assert (plain_spelling(one) == plain_spelling(other)) is same


def test_merging_takes_the_most_frequent_spelling_and_only_what_was_ticked():
    parts = [(["NK", "NK cells", "T", "t"], np.array([1, 5, 2, 1]), 0)]
    table = LabelTable.of("k", ["s"], parts)
    assert table.merging() == {"NK": "NK cells", "t": "T"}
    assert table.merging(["t"]) == {"t": "T"}
    assert table.variants["stores"].tolist() == [("s",)] * 4


def test_crosstab_is_pandas_crosstab():
    rng = np.random.default_rng(1)
    a = rng.integers(-1, 3, 200)
    b = rng.integers(-1, 4, 200)
    ours = crosstab(Labels(a, ("x", "y", "z")), Labels(b, tuple("pqrst")), ("a", "b"))
    keep = (a >= 0) & (b >= 0)
    theirs = pd.crosstab(np.array(list("xyz"))[a[keep]], np.array(list("pqrst"))[b[keep]])
    assert ours.to_numpy().tolist() == theirs.to_numpy().tolist()
    assert (ours.index.name, ours.columns.name) == ("a", "b")
    assert len(crosstab(Labels(a, ("x", "y", "z")), Labels(np.full(200, -1), ()), ("a", "b"))) == 0


def test_cramers_v_has_its_ends():
    assert np.isnan(cramers_v(np.array([[1, 2]])))
    assert cramers_v(np.eye(4) * 5) == pytest.approx(1)


# --- weights ----------------------------------------------------------------------------------

SIZES = [100_000, 20_000, 3_000, 200, 12]


def test_schemes_are_those_of_the_literature():
    table = compare_schemes(SIZES, scaler=1000)
    percent = (100 * table[["effective_fraction", "distinct_fraction"]]).round(1)
    assert percent.loc["inverse"].tolist() == [0.2, 31.8]
    assert percent.loc["scaled"].tolist() == [17.0, 44.8]
    assert percent.loc["sqrt"].tolist() == [45.6, 57.9]
    assert percent.loc["uniform"].tolist() == [100.0, 63.2]
    assert table["rarest_repeats"].round().tolist() == [1, 2054, 42, 67]


@pytest.mark.parametrize("scheme", ["uniform", "inverse", "scaled", "sqrt"])
def test_an_epoch_that_is_drawn_has_the_expected_numbers(scheme):
    sizes = np.array([3000, 400, 20])
    scaler = 100 if scheme == "scaled" else None
    table = WeightTable.of("k", ["a", "b", "c"], sizes, scheme, scaler)
    weights = np.repeat(table.table["weight"], sizes)
    rng = np.random.default_rng(0)
    draws = [rng.choice(sizes.sum(), sizes.sum(), p=weights / weights.sum()) for _ in range(20)]
    distinct = np.mean([len(np.unique(one)) for one in draws]) / sizes.sum()
    assert table.distinct_fraction == pytest.approx(distinct, rel=0.02)
    rarest = np.mean([(one >= 3400).sum() for one in draws]) / 20
    assert table.rarest_repeats == pytest.approx(rarest, rel=0.15)
    assert table.table["share_after"].sum() == pytest.approx(1)
    assert table.effective_size == pytest.approx(weights.sum() ** 2 / (weights**2).sum())


def test_weights_of_nothing_and_of_one():
    nothing = WeightTable.of("k", [], np.array([], dtype=int))
    assert (nothing.effective_size, nothing.distinct_fraction, nothing.rarest_repeats) == (0, 0, 0)
    one = WeightTable.of("k", ["a", "none"], np.array([1, 0]))
    assert (one.effective_fraction, one.distinct_fraction, len(one.table)) == (1, 1, 1)
    with pytest.raises(RecipeError, match="scaler"):
        WeightTable.of("k", ["a"], np.array([1]), "scaled")
    assert len(compare_schemes([])) == 4


# --- obs --------------------------------------------------------------------------------------


def test_obs_schema_has_types_and_what_is_missing(tmp_path):
    adata = coded_anndata(0, 20)
    other = coded_anndata(1, 20, plain=True)
    scans = [
        scan_store(STORE_KINDS["h5ad"](one, tmp_path / name))
        for one, name in ((adata, "a"), (other, "b"))
    ]
    schema = obs_schema(scans)
    assert set(schema.index) == set(adata.obs.columns)
    for name in adata.obs.columns:
        missing = 100 * adata.obs[name].isna().mean()
        assert schema.loc[name, ("a.h5ad", "missing")] == pytest.approx(missing)
    assert schema.loc["cell_type", ("a.h5ad", "dtype")] == "category(4)"
    assert schema.loc["score", ("b.h5ad", "dtype")] is None
    assert np.isnan(schema.loc["score", ("b.h5ad", "missing")])


def test_library_sizes_are_the_sums_of_rows(tmp_path):
    adata = coded_anndata(0, 20, plain=True)
    scan = scan_store(STORE_KINDS["h5ad"](adata, tmp_path / "a"))
    table = library_sizes([scan])
    np.testing.assert_allclose(table["total"], np.asarray(adata.X.sum(axis=1)).ravel())
    assert table["genes"].tolist() == np.diff(adata.X.indptr).tolist()
    assert len(library_sizes([])) == 0


# --- the development stores, where they are ------------------------------------------------------


def expected_sets():
    file = SHARED / "EXPECTED.json"
    return json.loads(file.read_text())["sets"] if file.exists() else {}


@pytest.mark.parametrize("name", ["dev/core", "dev/all"])
def test_the_development_stores_agree_with_anndata(name):
    sets = expected_sets()
    if name not in sets:
        pytest.skip(f"{SHARED}: the development stores are not here, so {name} is not compared")
    expected = sets[name]
    paths = []
    for store in expected["stores"]:
        found = [SHARED / folder / store["store"] for folder in ("shippable", "local_only")]
        paths.append(next((path for path in found if path.exists()), None))
    if None in paths:
        pytest.skip(f"{SHARED}: some of the stores of {name} are not here")
    scans = [scan_store(path) for path in paths]
    table = stores_table(scans)
    coverage = coverage_of(scans)
    assert coverage.inner == expected["inner_var_names"]
    assert coverage.outer == expected["outer_var_names"]
    assert table["n_obs"].sum() == expected["n_obs_total"]
    for scan, store in zip(scans, expected["stores"], strict=True):
        row = table.loc[scan.store.name]
        assert (row["n_obs"], row["n_vars"]) == (store["n_obs"], store["n_vars"])
        if row["x_kind"] != "dense":
            assert row["nnz"] == store["nnz"]
        assert (row["x_scale"] == "counts") == store["integer_counts"]
        if store["label"]:
            labels = label_table([scan], store["label"])
            assert labels.total.to_dict() == store["label_counts"]
            assert labels.missing.sum() == store["label_missing"]
    for pair, n in expected["pairwise_inner"].items():
        some = [scan for scan in scans if scan.store.name in pair.split(" & ")]
        assert coverage_of(some).inner == n


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
