"""What goes wrong while somebody works is said in the status line, and nothing of the work is lost."""

import shutil

import pytest

import mappedviz as mv
from mappedviz.errors import MappedvizError
from mappedviz.views import state
from tests.views.looks import browser, node, settled


def every_tab(ui):
    """Open all tabs; the last status."""
    for name in ui.views:
        ui.tab = name
        assert ui.wait()
        assert ui.flat()["status"]["text"]
    return ui.flat()["status"]


def test_an_audit_that_fails_in_the_middle(ui, monkeypatch):
    """The decision stays, what was known is still shown, and reading again goes on."""
    known, real = ui.audit, state.audit
    ui.categories.search = "CD"

    def breaks(*, progress, **_):
        progress(2, 5)
        raise OSError("Input/output error")

    monkeypatch.setattr(state, "audit", breaks)
    sent = browser(ui)
    ui.recipe = ui.recipe.replace(join="outer")
    assert ui.wait()
    assert ui.session.status == "OSError: Input/output error"
    status = every_tab(ui)
    assert status["mood"] == "error"
    assert "Input/output error" in status["text"]
    assert sent
    assert ui.audit is known
    assert ui.recipe.join == "outer"
    assert ui.session.can_undo
    assert ui.categories.search == "CD"
    monkeypatch.setattr(state, "audit", real)
    ui.event("status.again", "press")
    assert settled(ui).join == "outer"
    assert ui.audit.recipe == ui.recipe
    assert ui.session.status == ui.audit.verdict


def test_a_store_that_vanishes_between_two_tabs(paths, tmp_path):
    """Nobody has read it again: what is read next says so, in the tab that reads."""
    copy = tmp_path / "gone.h5ad"
    shutil.copy(paths[0], copy)
    ui = mv.explore([paths[1], str(copy)], label="louvain", workers=0)
    recipe = settled(ui)
    copy.unlink()
    every_tab(ui)
    ui.tab = "handoff"
    ui.event("handoff.try_out", "press")
    assert ui.handoff._work.wait(120)
    assert ui.handoff.said.startswith("⚠")
    assert "gone.h5ad" in ui.handoff.said
    assert ui.recipe == recipe
    # Reading again says it for all, and leaving the store out is one press.
    ui.event("status.again", "press")
    assert ui.wait()
    assert "gone.h5ad" in ui.flat()["status"]["text"]
    ui.tab = "checks"
    row = node(ui, "grid")["rows"][0]
    ui.event("checks.grid", "selected", [row["id"]])
    assert ui.checks.wait()
    ui.event("checks.apply", "press")
    assert ui.wait()
    assert not ui.audit.fatal


@pytest.mark.parametrize(
    "changes",
    [
        {"min_stores": 99},
        {"obs_keys": ["nowhere"]},
        {"obs_filter": {"louvain": ["no such label"]}},
        {"obs_query": "n_genes >"},
        {"obs_query": "nowhere > 3"},
        {"var_key": "nowhere"},
        {"var_names": ["NO-SUCH-GENE"]},
        {"layers_keys": ["nowhere"]},
        {"obsm_keys": ["X_nowhere"]},
        {"weights_keys": ["nowhere"], "weights_scheme": "inverse"},
        {"split_by": "nowhere", "split_fraction": 0.5},
        {"paths": ["nowhere.h5ad"]},
    ],
    ids=str,
)
def test_a_recipe_from_outside_that_contradicts_itself_or_the_stores(ui, changes):
    """Either it cannot be made, or it is shown with what is wrong; undo brings back what was."""
    before, known = ui.recipe, ui.audit.verdict
    try:
        wrong = before.replace(**changes)
    except MappedvizError as error:
        assert not ui.session.edit(**changes)
        assert ui.session.status_kind == "error"
        assert str(error)[:40] in ui.session.status
        assert ui.recipe == before
        return
    sent = browser(ui)
    ui.recipe = wrong
    assert ui.wait()
    every_tab(ui)
    assert sent
    assert ui.recipe == wrong
    assert ui.session.status_kind == "error" or ui.audit.verdict != known or ui.audit.findings
    ui.event("status.undo", "press")
    assert settled(ui) == before
    assert ui.audit.verdict == known
    assert ui.session.can_redo
