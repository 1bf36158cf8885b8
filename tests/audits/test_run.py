"""Making an audit: it never raises because of a store, and it takes a recipe as it is."""

import json
import threading

import h5py
import pandas as pd
import pytest

import mappedviz as mv
from mappedviz import MappedCollection, Recipe
from mappedviz.audits import ScanCancelledError, run
from mappedviz.errors import RecipeError, StoreError
from mappedviz.testing import coded_anndata
from tests.audits import found, quiet, write
from tests.stores import BROKEN


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
    path = write(tmp_path, "s", obs={"hostile": pd.Categorical([label] * 24)})
    with h5py.File(path, "r+") as file:  # anndata writes no name with a slash
        file["obs"].move("hostile", name[:20])
        order = [
            name[:20] if one == "hostile" else one for one in file["obs"].attrs["column-order"]
        ]
        file["obs"].attrs["column-order"] = order
    audit = quiet([path, tmp_path / "{stores}.h5ad"], label="<script>{0}")
    assert audit.fatal
    assert any("{stores}" in finding.message for finding in audit.findings)
    assert json.loads(audit.to_json())["verdict"] == audit.verdict


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


def test_a_recipe_is_taken_as_it_is_and_can_be_changed(tmp_path):
    path = str(write(tmp_path))
    recipe = Recipe(paths=[path], obs_keys=["cell_type"])
    audit = quiet(None, recipe=recipe)
    assert (audit.recipe, audit.label) == (recipe, "cell_type")
    assert quiet(path, recipe=Recipe(), join="outer").recipe == Recipe(paths=[path], join="outer")
    with pytest.raises(RecipeError):
        quiet(path, join="sideways")


def test_an_audit_that_is_cancelled_after_the_scan_is_no_audit_of_half_the_checks(
    tmp_path, monkeypatch
):
    cancel, judged = threading.Event(), run.judge

    def judge(*args):
        cancel.set()
        return judged(*args)

    monkeypatch.setattr(run, "judge", judge)
    with pytest.raises(ScanCancelledError):
        quiet(write(tmp_path, "good"), cancel=cancel)


def test_progress_is_reported(several):
    told = []
    mv.audit(several, progress=lambda done, total: told.append((done, total)), workers=0)
    assert told[-1] == (6, 6)
    told.clear()
    mv.audit(several, progress=lambda done, total: told.append((done, total)), workers=0)
    assert told == []
