"""The audit: it never raises because of a store, and every check finds what it is for and passes
where there is nothing."""

import json
import pickle
import threading
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mappedviz as mv
from mappedviz import MappedCollection, Recipe
from mappedviz.audits.cache import ScanCache, default_cache, forget_scans
from mappedviz.audits.checks import CHECKS
from mappedviz.audits.findings import Found, NotApplicable, check
from mappedviz.audits.judge import judge
from mappedviz.audits.scan import ScanCancelledError, Wants, scan_store
from mappedviz.audits.workers import scan_stores
from mappedviz.errors import MappedvizError, MissingKeyError, RecipeError, StoreError
from mappedviz.testing import coded_anndata
from tests.stores import BROKEN, STORE_KINDS

DEMO = [
    "pbmc3k_processed.v3sharded.zarr",
    "10x_pbmc68k_reduced.h5ad",
    "pbmc_5k_protein_v3.v3.zarr.zip",
    "pbmc5k_small_cd4_vs_cd8.h5ad",
    "spectra_breast_immune.h5ad",
]
ALIAS = {
    "cell_type": {
        "10x_pbmc68k_reduced": "bulk_labels",
        "pbmc3k_processed.v3sharded": "louvain",
        "spectra_breast_immune": "cell_type_annotations",
    }
}


def quiet(paths, *args, **kwargs):
    return mv.audit(paths, *args, progress=False, workers=kwargs.pop("workers", 0), **kwargs)


def ids(audit):
    return [finding.id for finding in audit.findings]


def found(audit, name):
    return [finding for finding in audit.findings if finding.id == name]


def write(folder, name="a", kind="h5ad", **parts):
    """A store of coded data with some parts replaced."""
    adata = coded_anndata(parts.pop("store", 0), parts.pop("n_obs", 24), plain=True,
                          genes=parts.pop("genes", None))  # fmt: skip
    obs = parts.pop("obs", None)
    if obs is not None:
        for key, values in obs.items():
            adata.obs[key] = values
    for key, value in parts.items():
        setattr(adata, key, value)
    return STORE_KINDS[kind](adata, folder / name)


# --- bad stores -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_every_broken_store_gets_its_own_finding(tmp_path, name):
    adata = coded_anndata(0, 24, plain=True)
    good = write(tmp_path, "good")
    bad = BROKEN[name](adata, tmp_path / "bad")
    audit = quiet([good, bad], on_error="skip")
    assert not audit.fatal
    assert len(audit.stores) == 2
    assert audit.stores.loc["good.h5ad", "status"] == "ok"
    concerned = [
        finding for finding in audit.findings
        if finding.id in ("unreadable-store", "unreadable-element", "matrix-absent")
    ]  # fmt: skip
    assert all(finding.stores == (bad.name,) for finding in concerned)
    if BROKEN[name].fails == "open":
        assert any(str(bad) in finding.message for finding in concerned)
    if name not in ("dangling-column", "lost-categories") or BROKEN[name].fails == "open":
        assert concerned, audit.findings


def test_one_bad_store_in_many_is_listed_and_dropped(tmp_path):
    paths = [write(tmp_path, f"s{i}", store=i) for i in range(4)]
    paths.insert(2, BROKEN["truncated"](coded_anndata(plain=True), tmp_path / "bad"))
    audit = quiet(paths)
    assert audit.fatal
    assert audit.verdict.startswith("This collection cannot be read as asked")
    (finding,) = found(audit, "unreadable-store")
    assert (finding.severity, finding.stores) == ("fatal", ("bad.h5ad",))
    assert len(audit.opened_stores) == 4
    mended = audit.recipe_with(finding)
    assert not quiet(None, recipe=mended).fatal
    assert len(audit.collection(mended)) == 96
    with pytest.raises(StoreError, match="bad"):
        audit.collection()


def test_patterns_and_directories_without_stores_are_findings(tmp_path):
    good = write(tmp_path, "good")
    (tmp_path / "empty").mkdir()
    audit = quiet([good, tmp_path / "none*.h5ad", tmp_path / "empty"])
    assert audit.fatal
    assert len(found(audit, "unreadable-store")) == 2
    assert audit.stores["n_obs"].notna().tolist() == [True, False, False]
    nothing = quiet([])
    assert nothing.fatal
    assert "names no store" in nothing.verdict
    assert len(nothing.stores) == 0


def test_patterns_and_directories_without_stores_are_skipped_like_stores(tmp_path):
    """The audit drops them where the engine does, and both say so in the same words."""
    good = write(tmp_path, "good")
    (tmp_path / "empty").mkdir()
    nothing = [tmp_path / "none*.h5ad", tmp_path / "empty"]
    with pytest.warns(mv.errors.StoreWarning, match="left out 2 of 3 stores") as told:
        collection = MappedCollection([*nothing, good], on_error="skip")
    assert collection.path_list == [str(good)]
    audit = quiet([*nothing, good], on_error="skip")
    assert not audit.fatal
    findings = found(audit, "unreadable-store")
    assert [finding.stores for finding in findings] == [("none*.h5ad",), ("empty",)]
    for finding in findings:
        assert finding.message in str(told[0].message)
    assert audit.collection().path_list == [str(good)]
    # One store at least must be left, and with a time limit it is the same.
    with pytest.warns(mv.errors.StoreWarning), pytest.raises(RecipeError) as refused:
        MappedCollection(nothing, on_error="skip", open_timeout=20)
    assert str(refused.value) in [f.message for f in quiet(nothing, on_error="skip").findings]


def test_a_folder_that_may_not_be_read_is_a_finding(tmp_path, monkeypatch):
    from mappedviz.stores import store as stores

    good = write(tmp_path, "good")
    (tmp_path / "closed").mkdir()

    def scandir(path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(stores.os, "scandir", scandir)
    audit = quiet([good, tmp_path / "closed"])
    with pytest.raises(StoreError, match="permission denied") as refused:
        MappedCollection([good, tmp_path / "closed"])
    assert audit.fatal
    assert str(refused.value) in [f.message for f in found(audit, "unreadable-store")]
    assert not quiet([good, tmp_path / "closed"], on_error="skip").fatal


def test_hostile_names_are_text(tmp_path):
    name = "<script>alert(1)</script>{0}{x!r}%s"
    label = "\x1b[31m{message}<img src=x>"
    path = write(tmp_path, "s", obs={name[:20]: pd.Categorical([label] * 24)})
    audit = quiet([path, tmp_path / "{stores}.h5ad"], label="<script>{0}")
    assert audit.fatal
    assert any("{stores}" in finding.message for finding in audit.findings)
    assert json.loads(audit.to_json())["verdict"] == audit.verdict


# --- checks -----------------------------------------------------------------------------------


def ensembl(version=None):
    return [f"ENSG{k:011d}" + ("" if version is None else f".{version}") for k in range(12)]


def symbols():
    return [f"SYM{k}" for k in range(12)]


def norm(total=100.0, log=True, n=24):
    rng = np.random.default_rng(0)
    x = rng.random((n, 12)).astype(np.float32)
    x *= total / x.sum(axis=1, keepdims=True)
    return np.log1p(x) if log else x


def counts(scale, n=24):
    return np.random.default_rng(0).poisson(scale, (n, 12)).astype(np.float32) + 1


LABELS = np.array(["T", "B"] * 12)
# Check -> a collection in which it finds something: per store what `write` takes, and what is asked.
FINDS = {
    "gene-identifiers": ([{"genes": symbols()}, {"genes": ensembl()}], {"join": "outer"}),
    "gene-versions": ([{"genes": ensembl(1)}, {"genes": ensembl(2)}], {"join": "outer"}),
    "gene-case": ([{"genes": ["Abc", "Xyz"]}, {"genes": ["ABC", "XYZ"]}], {"join": "outer"}),
    "positional-names": ([{"genes": [str(i) for i in range(12)]}], {}),
    "join-coverage": ([{"genes": symbols()}, {"genes": ["SYM0", *ensembl()[1:]]}], {}),
    "zero-filling": ([{"genes": symbols()}, {"genes": ["SYM0", "B"]}], {"join": "outer"}),
    "join-refused": ([{"genes": symbols()}, {"genes": ["A", "B"]}], {}),
    "species": ([{"genes": ensembl()}, {"genes": [f"ENSMUSG{k:011d}" for k in range(12)]}], {}),
    "label-absent": ([{"obs": {"CellType": LABELS}}, {"obs": {"ct": LABELS}}], {"label": "ct"}),
    "label-type": ([{"obs": {"ct": LABELS}}, {"obs": {"ct": np.arange(24) / 7}}], {"label": "ct"}),
    "label-missing": ([{}], {"label": "cell_type"}),
    "label-placeholder": ([{"obs": {"ct": ["nan", "T"] * 12}}], {"label": "ct"}),
    "label-spelling": ([{"obs": {"ct": ["NK", "NK cells"] * 12}}], {"label": "ct"}),
    "label-vocabulary": ([{"obs": {"ct": ["A"] * 24}}, {"obs": {"ct": ["B"] * 24}}], {"label": "ct"}),
    "value-scale": ([{"X": counts(3)}, {"X": norm()}], {}),
    "value-normalised": ([{"X": norm()}], {}),
    "value-finite": ([{"X": counts(1) + np.nan}, {"X": counts(1)}], {}),
    "value-types": ([{}, {"X": counts(3).astype(np.int32)}], {}),
    "matrix-absent": ([{"layers": {"counts": counts(1)}}, {}], {"layers_keys": "counts"}),
    "empty-store": ([{"n_obs": 0}, {}], {}),
    "depth": ([{"X": counts(40)}, {"X": counts(1)}], {}),
    "empty-cells": ([{}], {}),
    "rare-classes": ([{}], {"label": "cell_type"}),
    "weights": ([{"n_obs": 900, "obs": {"ct": ["T"] * 899 + ["B"]}}], {"label": "ct"}),
    "confounding": ([{"obs": {"ct": ["A"] * 24}}, {"obs": {"ct": ["B"] * 24}}], {"label": "ct"}),
    "class-in-one-batch": (
        [{"obs": {"ct": LABELS, "b": LABELS}}], {"label": "ct", "batch": "b"}),
    "group-leak": ([{"obs": {"donor": ["d"] * 24, "split": LABELS}}], {"group": "donor"}),
    "group-in-stores": ([{"obs": {"d": ["d"] * 24}}, {"obs": {"d": ["d"] * 24}}], {"group": "d"}),
    "recipe-keys": ([{}], {"weights_keys": ["cell_type", "nowhere"], "split_by": "donor"}),
    "split-groups": ([{"obs": {"d": ["d"] * 24}}], {"split_by": "d"}),
    "split-unlabelled": ([{"obs": {"d": LABELS}}, {"obs": {"ct": LABELS}}], {"split_by": "d"}),
    "split-share": ([{"obs": {"d": LABELS}}], {"split_by": "d"}),
    "split-classes": (
        [{"obs": {"d": [f"d{i // 6}" for i in range(24)], "ct": ["T"] * 12 + ["B"] * 12}}],
        {"label": "ct", "split_by": "d", "split_fraction": 0.5, "split_seed": 1}),
    "same-cells": ([{}, {}], {}),
    "same-rows": ([{}, {"obs_names": [f"x{i}" for i in range(24)]}], {"deep": True}),
    "same-cells-twice": ([{"obs_names": ["a"] * 24}], {}),
    "column-oriented": ([{"kind": "h5ad-csc"}], {}),
    "obs-schema": ([{"obs": {"n": LABELS}}, {"obs": {"n": np.arange(24)}}], {}),
    "assay": ([{"obs": {"assay": LABELS}}], {}),
    "provenance": ([{}], {}),
}  # fmt: skip
ELSEWHERE = {
    "duplicate-genes", "join-one-store", "unreadable-store", "unreadable-element", "refused", "layout",
}  # fmt: skip


def made(tmp_path, stores):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # anndata says that names repeat
        return [write(tmp_path, f"s{i}", **dict(parts)) for i, parts in enumerate(stores)]


def test_every_check_has_a_test_that_finds_something():
    assert set(FINDS) | ELSEWHERE == set(CHECKS)
    for one in CHECKS.values():
        assert one.message
        assert one.remedy
        assert "\n" not in one.message


@pytest.mark.parametrize("name", FINDS)
def test_a_check_finds_what_it_is_for(tmp_path, name):
    stores, asked = FINDS[name]
    audit = quiet(made(tmp_path, stores), **asked)
    findings = found(audit, name)
    assert findings, (ids(audit), audit.not_applicable)
    for finding in findings:
        assert set(finding.stores) <= set(audit.stores.index)
        assert finding.message
        assert finding.number is not None
        assert "{" not in finding.message
        if finding.fix is None:
            continue
        # The fix is a recipe, the code makes it, and the finding is gone with it.
        scope = {"recipe": audit.recipe, "Encoder": mv.Encoder}
        exec(finding.code, scope)
        assert scope["recipe"] == finding.fix == audit.recipe_with(finding)
        options = {key: asked[key] for key in ("label", "group", "deep") if key in asked}
        mended = quiet(None, recipe=finding.fix, **options)
        assert finding.message not in [one.message for one in mended.findings]


@pytest.mark.parametrize(
    ("weighed", "formula"),
    [
        ({}, "1/n for 'ct'"),
        ({"weights_keys": "ct", "weights_scaler": 2}, "2/(n+2) for 'ct'"),
        ({"weights_keys": ["ct", "donor"]}, "1/n for 'ct', 'donor'"),
        ({"weights_keys": "ct", "weights_scheme": "sqrt"}, None),
        ({"weights_keys": "ct", "weights_scheme": "uniform"}, None),
    ],
)
def test_the_weights_that_the_recipe_asks_for_are_judged(tmp_path, weighed, formula):
    stores, asked = FINDS["weights"]
    stores = [{**stores[0], "obs": {**stores[0]["obs"], "donor": ["d"] * 900}}]
    findings = found(quiet(made(tmp_path, stores), **asked, **weighed), "weights")
    assert [one.message.startswith(f"Weights {formula} ") for one in findings] == [True] * bool(
        formula
    )


GOOD = [
    {
        "store": i,
        "n_obs": 120,
        "genes": symbols(),
        "X": counts(5, 120),
        "obs": {
            "ct": ["T", "B"] * 60,
            "donor": [f"{i}{k // 60}" for k in range(120)],
            "split": ["train"] * 60 + ["test"] * 60,
            "assay": ["10x"] * 120,
            "b": [f"b{k // 60}" for k in range(120)],
        },
        "uns": {"title": "made"},
    }
    for i in range(3)
]


def test_a_good_collection_passes_and_nothing_passes_by_not_applying(tmp_path):
    audit = quiet(made(tmp_path, GOOD), "ct", "b", "donor")
    assert ids(audit) == []
    assert audit.verdict == "This collection can be trained on: nothing was found against it."
    not_asked = {"recipe-keys", "split-groups", "split-unlabelled", "split-share", "split-classes"}
    not_asked |= {"same-rows", "zero-filling", "join-refused"}
    assert {one.id for one in audit.not_applicable} == not_asked
    assert set(audit.passed) | {one.id for one in audit.not_applicable} == set(CHECKS)
    assert audit.split == "split"
    assert repr(audit).startswith("Audit of 3 stores: This collection can be trained on")


def test_a_good_split_passes(tmp_path):
    """The recipe splits by what must not be on both sides: columns called "split" mean nothing then."""
    leaking = [
        {**one, "obs": {**one["obs"], "split": ["train", "test"] * 60}, "store": i}
        for i, one in enumerate(GOOD)
    ]
    paths = made(tmp_path, leaking)
    before = quiet(paths, "ct", "b", "donor")
    (finding,) = found(before, "group-leak")
    assert finding.number == 6
    assert finding.code == "recipe = recipe.replace(split_by='donor')"
    recipe = finding.fix.replace(weights_keys="ct", split_fraction=1 / 3)
    for group in (None, "donor"):
        audit = quiet(None, "ct", "b", group, recipe=recipe)
        assert ids(audit) == []
        assert audit.group == "donor"
        assert {"group-leak", "group-in-stores", "recipe-keys", "split-groups", "split-share",
                "split-unlabelled", "split-classes"} <= set(audit.passed)  # fmt: skip
    again = mv.Audit.from_json(audit.to_json())
    assert again.recipe == recipe


def test_groups_that_a_split_by_another_key_has_on_both_sides(tmp_path):
    samples = np.repeat(["s1", "s2", "s3", "s4"], 6)
    donors = np.repeat(["d1", "d2", "d2", "d2"], 6)
    paths = made(tmp_path, [{"obs": {"sample": samples, "donor": donors}}])
    request = {"split_by": "sample", "split_fraction": 0.3}
    (finding,) = found(quiet(paths, group="donor", **request), "group-leak")
    assert "1 of 2 groups ('donor')" in finding.message
    assert "the split by 'sample'" in finding.message
    audit = quiet(None, group="donor", recipe=finding.fix)
    assert "group-leak" in audit.passed
    train, validation = audit.collection().split()
    assert {len(train), len(validation)} == {6, 18}


@pytest.mark.parametrize("seed", range(5))
def test_the_audit_judges_the_split_that_is_made(tmp_path, seed):
    """Filter, alias and new names included: what is said of a split is true of the engine's."""
    stores = [
        {"obs": {"who" if i else "donor": [f"d{(k * 7 + i) % 9}" for k in range(24)],
                 "ct": [f"c{(k + i) // 5}" for k in range(24)]}}
        for i in range(3)
    ]  # fmt: skip
    request = {
        "obs_keys": ["ct"],
        "obs_alias": {"person": ["who", "donor"]},
        "relabel": {"person": {"d1": "d0", "d2": None}},
        "obs_filter": {"ct": ["c0", "c1", "c2", "c3"]},
        "split_by": "person",
        "split_seed": seed,
        "split_fraction": 0.3,
    }
    audit = quiet(made(tmp_path, stores), "ct", recipe=None, **request)
    train, validation = audit.collection().split()
    (finding,) = found(audit, "split-unlabelled")
    missing = sum(str(v) == "nan" for v in train.get_merged_labels("person"))
    assert finding.number == missing
    counts = [np.unique(part.get_merged_labels("ct").astype(str)) for part in (train, validation)]
    single = np.setxor1d(*counts)
    findings = found(audit, "split-classes")
    assert sum(finding.number for finding in findings) == len(single)
    for name in single:
        side = "training" if name in counts[0] else "validation"
        assert f"'{name}' ({side})" in findings[0].message
    share = len(validation) / (len(train) + len(validation) - missing)
    assert bool(found(audit, "split-share")) == (abs(share - 0.3) > 0.05)


def test_without_label_and_group_their_checks_do_not_apply(tmp_path):
    audit = quiet([write(tmp_path)])
    not_applicable = {one.id for one in audit.not_applicable}
    assert {
        "label-absent",
        "rare-classes",
        "group-leak",
        "same-cells",
        "join-coverage",
    } <= not_applicable
    assert not not_applicable & set(audit.passed)


def test_repeated_genes_are_fatal_and_mended(tmp_path):
    paths = made(tmp_path, [{"genes": ["a", "a", "b"]}])
    audit = quiet(paths)
    assert audit.fatal
    (finding,) = found(audit, "duplicate-genes")
    assert finding.number == 1
    mended = quiet(None, recipe=finding.fix)
    assert not mended.fatal
    assert found(mended, "duplicate-genes")[0].severity == "info"


def test_one_store_that_costs_the_join_most(tmp_path):
    genes = [symbols(), symbols(), ["SYM0"]]
    stores = [{"genes": some, "store": i} for i, some in enumerate(genes)]
    audit = quiet(made(tmp_path, stores))
    (finding,) = found(audit, "join-one-store")
    assert finding.stores == ("s2.h5ad",)
    assert finding.number == 11
    assert quiet(None, recipe=finding.fix).coverage.inner == 12


def test_layout_speaks_of_large_stores_only(tmp_path, monkeypatch):
    path = write(tmp_path)
    assert "layout" in quiet([path]).passed
    scan = scan_store(path)
    facts = scan.store.facts.matrices
    facts["X"] = type(facts["X"])("csc", (10**6, 30_000), np.dtype("float32"), nnz=10**9)
    from mappedviz.audits.evidence import Evidence

    (finding,) = CHECKS["layout"].run(Evidence([scan], Recipe(paths=[str(path)])))
    assert "cells a second" in finding.message


def test_a_check_that_fails_is_no_pass_and_stops_nothing(monkeypatch, tmp_path):
    def look(e):
        """Never {said}."""
        raise ZeroDivisionError("by zero")
        yield Found({})

    monkeypatch.setitem(CHECKS, "odd", None)
    check("odd", "info", "Nothing.")(look)
    audit = quiet([write(tmp_path)])
    assert NotApplicable("odd", "could not be made: by zero") in audit.not_applicable
    monkeypatch.delitem(CHECKS, "odd")


def test_same_rows_are_found_whatever_the_order_of_the_genes(tmp_path):
    adata = coded_anndata(0, 24, plain=True)
    other = adata[::-1, ::-1].copy()
    other.obs_names = [f"x{i}" for i in range(24)]
    paths = [
        STORE_KINDS["h5ad"](adata, tmp_path / "a"),
        STORE_KINDS["zarr-v3"](other, tmp_path / "b"),
    ]
    audit = quiet(paths, deep=True)
    (finding,) = found(audit, "same-rows")
    assert finding.number == 24 - 2  # rows without any value say nothing
    assert not found(audit, "same-cells")


# --- the demo collection ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def demo(demo_data):
    return quiet([demo_data / name for name in DEMO], "cell_type", obs_alias=ALIAS)


def test_demo_collection(demo):
    assert not demo.fatal
    assert demo.coverage.inner == 201
    (spelling,) = found(demo, "label-spelling")
    assert spelling.number == 5
    mended = quiet(None, recipe=demo.recipe_with("label-spelling"))
    assert not found(mended, "label-spelling")
    assert len(mended.labels().classes) == len(demo.labels().classes) - 5
    (scale,) = found(demo, "value-scale")
    assert set(scale.stores) == {"10x_pbmc68k_reduced.h5ad", "pbmc_5k_protein_v3.v3.zarr.zip"}
    assert demo.schemes().loc["uniform", "effective_fraction"] == 1
    sizes = demo.library_sizes()
    assert set(sizes["store"]) == set(DEMO)


def test_weights_are_those_of_the_collection(demo):
    collection = demo.collection()
    for options in ({}, {"scaler": 100}, {"scheme": "sqrt"}):
        expected = collection.get_label_weights("cell_type", return_categories=True, **options)
        assert demo.weights(**options).table["weight"].to_dict() == pytest.approx(expected)
    both = demo.weights(["cell_type", "cell_type"])
    assert both.key == "cell_type__cell_type"
    assert both.n_rows == demo.weights().n_rows
    with pytest.raises(MissingKeyError, match="obs_schema"):
        demo.weights("nowhere")


def test_an_alias_is_proposed_for_each_store(demo_data):
    audit = quiet([demo_data / name for name in DEMO], "cell_type")
    (finding,) = found(audit, "label-absent")
    alias = finding.fix.obs_alias["cell_type"]
    assert dict(alias) == {
        "10x_pbmc68k_reduced.h5ad": "bulk_labels",
        "pbmc3k_processed.v3sharded.zarr": "louvain",
        "spectra_breast_immune.h5ad": "cell_type_annotations",
    }
    assert quiet(None, recipe=finding.fix).labels().total["CD4_T"] == 250 + 264


def test_several_fixes_together(demo):
    recipe = demo.recipe_with(["label-spelling", "join-one-store"])
    assert len(recipe.paths) == 4
    assert recipe.relabel
    with pytest.raises(RecipeError, match="no finding 'nothing'"):
        demo.recipe_with("nothing")
    with pytest.raises(RecipeError, match="has no fix"):
        demo.recipe_with("value-scale")


def test_json_keeps_the_tables(demo):
    text = demo.to_json()
    again = mv.Audit.from_json(text)
    assert (again.verdict, again.fatal, again.findings) == (demo.verdict, demo.fatal, demo.findings)
    assert again.not_applicable == demo.not_applicable
    assert (again.passed, again.recipe, again.label) == (demo.passed, demo.recipe, "cell_type")
    same = pd.testing.assert_frame_equal
    same(again.stores, demo.stores, check_dtype=False)
    same(again.coverage.table, demo.coverage.table, check_dtype=False)
    same(again.coverage.patterns, demo.coverage.patterns, check_dtype=False)
    assert again.coverage.what_if["inner"].tolist() == demo.coverage.what_if["inner"].tolist()
    pd.testing.assert_series_equal(again.coverage.at_least, demo.coverage.at_least)
    same(again.obs_schema, demo.obs_schema, check_dtype=False, check_names=False)
    same(again.labels().counts, demo.labels().counts)
    same(again.weights().table, demo.weights().table)
    assert again.to_json() == text
    assert (again.opened_stores, again.batch, again.group, again.split) == ([], None, None, None)
    for ask in (
        lambda: again.coverage.find("TP53"),
        lambda: again.labels("louvain"),
        lambda: again.weights(["a", "b"]),
        lambda: again.crosstab("a", "b"),
        again.library_sizes,
    ):
        with pytest.raises(RecipeError, match="JSON"):
            ask()
    assert len(again.collection()) == len(demo.collection())
    assert repr(again) == repr(demo)
    assert mv.Audit.from_json(again.to_json()).verdict == demo.verdict


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 99}', '{"schema": 1}'])
def test_what_is_no_audit_is_refused(text):
    with pytest.raises(RecipeError, match="no audit in JSON"):
        mv.Audit.from_json(text)


def test_json_of_an_audit_without_a_label(tmp_path):
    audit = quiet([write(tmp_path), tmp_path / "nothing.h5ad"])
    again = mv.Audit.from_json(audit.to_json())
    assert again.fatal
    with pytest.raises(RecipeError, match="names no obs column"):
        again.labels()
    with pytest.raises(RecipeError, match="names no obs column"):
        audit.labels()
    unlabelled = quiet([write(tmp_path)], "nowhere")
    with pytest.raises(MissingKeyError):
        mv.Audit.from_json(unlabelled.to_json()).weights()


# --- what is asked ----------------------------------------------------------------------------


def test_a_recipe_is_taken_as_it_is_and_can_be_changed(tmp_path):
    path = str(write(tmp_path))
    recipe = Recipe(paths=[path], obs_keys=["cell_type"])
    audit = quiet(None, recipe=recipe)
    assert (audit.recipe, audit.label) == (recipe, "cell_type")
    assert quiet(path, recipe=Recipe(), join="outer").recipe == Recipe(paths=[path], join="outer")
    with pytest.raises(RecipeError):
        quiet(path, join="sideways")


def test_filters_count(tmp_path):
    audit = quiet([write(tmp_path)], "cell_type", obs_filter={"cell_type": ["T cell", "B cell"]})
    assert audit.labels().n_rows == len(audit.collection())
    assert set(audit.labels().classes) == {"T cell", "B cell"}
    assert audit.weights().n_missing == 0
    assert len(quiet([write(tmp_path)], obs_filter={"nowhere": 1}).findings)


def test_an_unknown_label_weighs_as_a_class(tmp_path):
    audit = quiet([write(tmp_path)], "cell_type", unknown_label="B cell")
    expected = audit.collection().get_label_weights("cell_type", return_categories=True)
    assert audit.weights().table["weight"].to_dict() == pytest.approx(expected)
    both = audit.collection().get_label_weights(["cell_type", "batch"], return_categories=True)
    assert audit.weights(["cell_type", "batch"]).table["weight"].to_dict() == pytest.approx(both)


def test_crosstab(tmp_path):
    audit = quiet(made(tmp_path, [{"obs": {"a": LABELS, "b": LABELS}}]))
    assert audit.crosstab("a", "b").loc["T", "B"] == 0
    assert audit.crosstab("a", "nowhere").shape == (0, 0)


# --- scanning ---------------------------------------------------------------------------------


@pytest.fixture
def several(tmp_path):
    forget_scans()
    return [str(write(tmp_path, f"s{i}", store=i)) for i in range(6)]


def test_processes_find_what_this_process_finds(several, tmp_path):
    several.append(str(BROKEN["html"](None, tmp_path / "bad")))
    here = quiet(several, "cell_type").to_json()
    forget_scans()
    there = quiet(several, "cell_type", workers=2).to_json()
    assert json.loads(there) == json.loads(here)


def test_nothing_is_read_twice(several, monkeypatch):
    audit = quiet(several, "cell_type")
    opened = []
    from mappedviz.stores import store as stores

    def open_root(path, kind):
        opened.append(path)
        raise AssertionError(path)

    monkeypatch.setattr(stores, "open_root", open_root)
    assert quiet(several, "cell_type").to_json() == audit.to_json()
    assert audit.collection().shape == (144, 12)
    assert opened == []


def test_a_store_that_changed_is_read_again(several, tmp_path):
    assert quiet(several).stores["n_obs"].sum() == 144
    write(tmp_path, "s0", n_obs=30)
    assert quiet(several).stores["n_obs"].sum() == 150


def test_what_a_scan_lacks_is_topped_up(several):
    first = quiet(several[:1])
    assert not found(first, "same-rows")
    (scan,) = scan_stores(several[:1], Wants(deep=True), progress=False)
    assert len(scan.row_hashes) == 24
    assert len(default_cache()) == 1
    copy = pickle.loads(pickle.dumps(scan.store))
    assert copy.read_var_names().tolist() == scan.store.read_var_names().tolist()


def test_the_cache_forgets_the_oldest(several):
    cache = ScanCache(size=2)
    for path in several:
        cache.put(scan_store(path), Wants())
    assert [cache.get(path, Wants()) is not None for path in several] == [False] * 4 + [True] * 2


@pytest.mark.parametrize("workers", [0, 2])
def test_cancelling_ends_a_scan(several, workers):
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(ScanCancelledError):
        quiet(several, cancel=cancel, workers=workers)


def test_progress_is_told(several):
    told = []
    mv.audit(several, progress=lambda done, total: told.append((done, total)), workers=0)
    assert told[-1] == (6, 6)
    told.clear()
    mv.audit(several, progress=lambda done, total: told.append((done, total)), workers=0)
    assert told == []


def test_a_bar_is_shown_where_it_takes_long(several, monkeypatch, capsys):
    from mappedviz.audits import progress

    mv.audit(several[:2], workers=0)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(progress, "_BAR_AFTER", 0)
    mv.audit(several, workers=0)
    assert "reading stores" in capsys.readouterr().err


def test_a_store_that_hangs_or_kills_is_listed(several, monkeypatch, tmp_path):
    """The worker is replaced by one that sleeps at one store and dies at another."""
    from mappedviz.audits import workers as scanning

    program = (
        "import time, os, mappedviz.audits.workers as s, mappedviz.audits.scan as c\n"
        "real = s.read_store\n"
        "def read(path, *rest):\n"
        "    if 's1' in path: time.sleep(60)\n"
        "    if 's2' in path: os._exit(1)\n"
        "    return real(path, *rest)\n"
        "s.read_store = read\n"
        "s.serve()\n"
    )
    monkeypatch.setattr(scanning, "_PROGRAM", program)
    audit = quiet(several, workers=2, open_timeout=8)
    status = audit.stores["status"]
    assert "did not open within 8 s" in status["s1.h5ad"]
    assert "ended the process" in status["s2.h5ad"]
    assert (status == "ok").sum() == 4


def test_judging_needs_no_file_but_those_that_came_later(several):
    scans = scan_stores(several[:2], progress=False)
    plan, error = judge(Recipe(paths=several), scans)
    assert error is None
    assert len(plan.stores) == 6
    plan, error = judge(Recipe(paths=["nowhere.h5ad"]), scans)
    assert plan is None
    assert isinstance(error, MappedvizError)


def test_recipe_without_stores(demo_data):
    audit = mv.audit(demo_data, progress=False)
    names = list(audit.stores.index)
    assert [Path(path).name for path in audit.recipe_without(names[1:]).paths] == names[:1]
    assert audit.recipe_without([]) == audit.recipe
    saved = mv.Audit.from_json(audit.to_json())
    assert saved.recipe_without(names[1:]) == audit.recipe_without(names[1:])
    with pytest.raises(RecipeError, match="no store 'x'"):
        audit.recipe_without(["x"])
    with pytest.raises(RecipeError, match="At least one has to stay"):
        audit.recipe_without(names)


def test_a_store_is_named_as_it_was_asked_for(demo_data, monkeypatch):
    """What was read under a relative path is known from another folder, not by that path."""
    monkeypatch.chdir(demo_data)
    names = sorted(path.name for path in demo_data.glob("*.h5ad"))
    mv.audit(names, progress=False)
    monkeypatch.chdir(demo_data.parent)
    audit = mv.audit([f"data/{name}" for name in names], progress=False)
    kept = audit.recipe_without(names[1:])
    assert kept.paths == (f"data/{names[0]}",)
    assert audit.collection().path_list == [str(demo_data / name) for name in names]
    assert audit.collection(kept).path_list == [str(demo_data / names[0])]
