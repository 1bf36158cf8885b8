"""Findings and their fixes; a check that fails is no pass."""

import pytest

import mappedviz as mv
from mappedviz.audits.checks import CHECKS
from mappedviz.audits.findings import Found, NotApplicable, check, remedy_below
from tests.audits import found, made, quiet, symbols, write


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


def test_alternatives_are_not_both_made(tmp_path):
    genes = [f"ENSG{i:011d}" for i in range(12)]
    stores = [{"genes": symbols()}, {"genes": [f"{one}.3" for one in genes]}]
    paths = made(tmp_path, stores)
    import anndata as ad

    first = ad.read_h5ad(paths[0])
    first.var["ids"] = genes
    first.write_h5ad(paths[0])
    audit = quiet(paths)
    offered = found(audit, "join-refused")
    assert len(offered) == 2
    for fixes in ("join-refused", ["join-refused"], offered, offered[:1]):
        recipe = audit.recipe_with(fixes)
        assert recipe == offered[0].fix
        assert (recipe.join, recipe.strip_version) == ("inner", True)
    again = mv.Audit.from_json(audit.to_json())
    assert again.recipe_with("join-refused") == offered[0].fix


def test_fixes_of_one_kind_come_together(tmp_path):
    paths = [str(write(tmp_path, f"a{i}")) for i in range(2)]
    for i in range(5):
        path = tmp_path / f"bad{i}.h5ad"
        path.write_bytes(b"nothing")
        paths.append(str(path))
    audit = quiet(paths)
    findings = found(audit, "unreadable-store")
    assert len(findings) == 5
    for finding in findings:
        assert finding.fix.paths == tuple(paths[:2])
        assert "The fix leaves out all 5." in finding.remedy
    assert audit.recipe_with("unreadable-store").paths == tuple(paths[:2])
    again = mv.Audit.from_json(audit.to_json())
    assert again.recipe_with("unreadable-store").paths == tuple(paths[:2])


def test_no_fix_leaves_out_all_stores(tmp_path):
    paths = [tmp_path / f"bad{i}.h5ad" for i in range(2)]
    for path in paths:
        path.write_bytes(b"nothing")
    assert [one.fix for one in found(quiet(paths), "unreadable-store")] == [None, None]


def test_changes_of_a_panel_add_up(tmp_path):
    (path,) = made(tmp_path, [{"genes": symbols()}])
    audit = quiet([path], var_names=["SYM0\n", "CD4", "SYM1"])
    recipe = audit.recipe_with(["panel-spelling", "panel-unknown"])
    assert recipe.var_names == ("SYM0", "SYM1")
    assert audit.recipe_with(["panel-unknown", "panel-spelling"]) == recipe


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_a_minimum_of_one_store_is_no_fix(tmp_path, n):
    stores = [{"genes": ["SYM0", *(f"{i}_{k}" for k in range(11))]} for i in range(n)]
    audit = quiet(made(tmp_path, stores))
    for finding in audit.findings:
        assert finding.fix is None or (finding.fix.min_stores or 2) > 1


def test_what_an_error_says_already_is_not_said_again_below_it():
    assert remedy_below("two stores share nothing. Join otherwise.", "Join otherwise.") == ""
    assert remedy_below("two stores share nothing.", "Join otherwise.") == "Join otherwise."
    assert remedy_below("two stores share nothing.", None) == ""
