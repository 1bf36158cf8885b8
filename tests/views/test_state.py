"""The session: one recipe, the audit that follows it, undo, cancelling."""

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from html import escape

import pytest
import traitlets

import mappedviz as mv
from mappedviz import Recipe
from mappedviz.audits import ScanCancelledError, forget_scans, write_scans
from mappedviz.errors import MappedvizError
from mappedviz.stores.paths import expand_paths
from mappedviz.views import Session, state
from tests.views.looks import browser, node, settled


@pytest.mark.parametrize(
    "source", ["paths", "one path", "recipe", "audit", "collection", "session"]
)
def test_sources(paths, source):
    recipe = Recipe(paths=paths, obs_keys=["louvain"])
    made = {
        "paths": paths,
        "one path": paths[1],
        "recipe": recipe,
        "audit": lambda: mv.audit(recipe=recipe, progress=False),
        "collection": lambda: mv.MappedCollection.from_recipe(recipe),
        "session": lambda: Session.of(recipe),
    }[source]
    ui = mv.explore(made() if callable(made) else made, label="louvain")
    assert ui.wait()
    assert ui.recipe.obs_keys == ("louvain",)
    assert ui.audit.labels().total["B cells"] == 342


def test_an_audit_is_not_made_twice(paths):
    audit = mv.audit(paths, label="louvain", progress=False)
    ui = mv.explore(audit)
    assert ui.audit is audit
    assert not ui.session.busy


def test_options_are_for_the_audit_or_the_recipe(paths):
    """What is asked in passing is part of the recipe, so that it gets to training."""
    session = Session.of(
        paths, "cell_type", strip_version=True, workers=0, encode_labels=["cell_type"]
    )
    assert session.recipe.strip_version
    assert session.wait()
    assert session.current
    audit = session.audit
    assert Session.of(audit, workers=0).audit is audit
    assert Session.of(audit, strip_version=False).recipe == audit.recipe.replace(
        strip_version=False
    )
    assert Session.of(session, dtype="float16") is session
    assert session.recipe.dtype == "float16"
    for source in (paths, session):
        with pytest.raises(TypeError, match="'tabb'"):
            Session.of(source, tabb=1)
    with pytest.raises(TypeError, match="made already"):
        Session.of(session, workers=0)


def test_stores_are_read_by_an_executor_and_kept_where_it_is_said(paths, tmp_path):
    forget_scans()
    with ThreadPoolExecutor(1) as executor:
        session = Session.of(paths, "louvain", executor=executor, cache=tmp_path)
        assert session.wait()
        assert session.status_kind == "ok", session.status
        threads = executor._threads
    assert len(threads) == 1
    assert list(tmp_path.rglob("*"))
    assert session.audit.labels().total["B cells"] == 342


def test_undo_and_redo(ui):
    first = ui.recipe
    ui.coverage.join = "outer"
    ui.categories.key = "bulk_labels"
    third = ui.recipe
    assert third.join == "outer"
    assert third.obs_keys == ("bulk_labels",)
    assert ui.undo()
    assert ui.undo()
    assert ui.recipe == first
    assert node(ui.coverage, "join")["value"] == "inner"
    assert not ui.undo()
    assert ui.redo()
    assert ui.redo()
    assert not ui.redo()
    assert ui.recipe == third
    ui.undo()
    ui.weights.use = True
    assert not ui.session.can_redo


def test_no_recipe_is_refused(ui):
    with pytest.raises(traitlets.TraitError):
        ui.recipe = {"paths": ["a"]}


def test_what_contradicts_itself_is_told_and_the_controls_go_back(ui):
    before = ui.recipe
    assert not ui.session.edit(min_stores=0)
    assert ui.recipe == before
    assert ui.session.status_kind == "error"
    assert "min_stores" in ui.session.status


def test_stale_results_are_dropped(monkeypatch, paths):
    """The first audit ends after the second: nobody sees it."""
    gates = {"louvain": threading.Event(), "phase": threading.Event()}
    real = state.audit

    def slow(*, recipe, **options):
        gates[recipe.obs_keys[0]].wait(120)
        return real(recipe=recipe, **options)

    monkeypatch.setattr(state, "audit", slow)
    session = Session.of(paths[:1], label="louvain")
    first = session.work._thread
    session.choose_label("phase")
    gates["phase"].set()
    assert session.wait()
    seen = []
    session.observe(lambda change: seen.append(change["new"]), "audit")
    gates["louvain"].set()
    first.join(120)
    assert not first.is_alive()
    assert seen == []
    assert session.audit.label == "phase"


def test_cancel_answers_at_once_and_what_was_known_stays(monkeypatch, paths):
    started = threading.Event()

    def endless(*, cancel, **_):
        started.set()
        cancel.wait(120)
        raise mv.audits.ScanCancelledError("stopped")

    session = Session.of(paths[:1], label="louvain", workers=0)
    assert session.wait()
    known = session.audit
    monkeypatch.setattr(state, "audit", endless)
    view = mv.ShapesView(session)
    view.event("status.again", "press")
    assert started.wait(120)
    assert session.busy
    assert view.flat()["status"]["mood"] == "busy"
    thread = session.work._thread
    view.event("status.cancel", "press")
    assert not session.busy
    assert session.audit is known
    assert "Cancelled" in session.status
    thread.join(120)
    assert not thread.is_alive()


def test_an_error_of_the_scan_is_told(monkeypatch, paths):
    def broken(**_):
        raise RuntimeError("<b>no</b>")

    monkeypatch.setattr(state, "audit", broken)
    ui = mv.explore(paths[:1])
    assert ui.wait()
    assert ui.session.status == "RuntimeError: <b>no</b>"
    assert ui.session.status_kind == "error"
    assert "<b>no" not in ui._repr_html_()
    with pytest.raises(MappedvizError, match="RuntimeError"):
        ui.dataset()


def test_progress_has_rate_and_rest():
    session = Session.__new__(Session)
    session.lock = threading.RLock()
    traitlets.HasTraits.__init__(session, recipe=Recipe())
    session._progressed(10, 100, 2.0)
    assert session.status == "Read 10 of 100 stores (5 a second, 18 s left)"
    assert (session.done, session.total) == (10, 100)


# --- what goes wrong while somebody works is said in the status line, and nothing of the work is lost


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


def test_the_static_html_says_that_the_last_reading_failed(ui, monkeypatch):
    """No verdict of an earlier recipe stands beside the recipe of now without a word."""
    pages, real = [ui, *ui.views.values()], state.audit
    verdict = escape(ui.audit.verdict)
    assert verdict in ui._repr_html_()

    def breaks(**_):
        raise OSError("Input/output <error>")

    monkeypatch.setattr(state, "audit", breaks)
    ui.recipe = ui.recipe.replace(dtype="float16")
    assert ui.wait()
    ui.session.tell("Something else that is said meanwhile.")
    for page in set(pages) - {ui.history, ui.handoff}:  # which show the recipe, and nothing read
        html = page._repr_html_()
        assert html.count("The last reading did not end") == 1
        assert "OSError: Input/output &lt;error&gt;" in html
        assert "float16" in html
    html = ui._repr_html_()
    assert html.index("did not end") < html.index("float16") < html.index(verdict)
    monkeypatch.setattr(state, "audit", real)
    ui.event("status.again", "press")
    assert settled(ui).dtype == "float16"
    assert not any("did not end" in page._repr_html_() for page in pages)


def test_the_static_html_says_that_the_reading_was_cancelled(ui, monkeypatch):
    began, go = threading.Event(), threading.Event()

    def slow(**_):
        began.set()
        go.wait(60)
        raise ScanCancelledError("cancelled")

    monkeypatch.setattr(state, "audit", slow)
    ui.recipe = ui.recipe.replace(dtype="float16")
    assert began.wait(60)
    ui.event("status.cancel", "press")
    go.set()
    assert ui.wait()
    assert "The last reading did not end (cancelled)." in ui._repr_html_()


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


def test_scans_stand_for_stores_that_are_not_here(tmp_path):
    """Opened as audit() opens them: edits follow without the data, also taken back."""
    data, scans = tmp_path / "data", tmp_path / "scans"
    shutil.copytree(mv.datasets.demo(), data)
    write_scans(data, scans, progress=False, workers=0)
    stores = expand_paths([data])
    data.rename(tmp_path / "away")
    session = Session.of(scans, "cell_type", join="outer")
    assert session.wait()
    assert session.current
    assert list(session.recipe.paths) == stores
    assert not session.can_undo
    session.recipe = session.audit.recipe_without(["kyoto.h5ad", "oxford.h5ad"])
    session.edit(join="inner")
    assert session.wait()
    assert session.current
    assert session.audit.stores["status"].tolist() == ["ok"] * 3
    assert session.undo()
    assert session.undo()
    assert session.wait()
    assert session.current
    assert len(session.audit.stores) == 5
    for source, options in ((session.audit, {}), (session.recipe, {"scans": scans})):
        other = Session.of(source, **options)
        assert other.wait()
        other.edit(join="inner")
        assert other.wait()
        assert other.current
        assert other.audit.stores["status"].tolist() == ["ok"] * 5
    with pytest.raises(FileNotFoundError, match="is not here, only its scan"):
        session.dataset()
