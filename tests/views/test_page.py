"""The protocol between a page and its browser."""

import base64
import json
import threading

import ipywidgets as widgets
import pytest

import mappedviz as mv
from mappedviz.views import front, state
from tests.views.looks import browser, every, node


@pytest.fixture(autouse=True)
def stub(monkeypatch):
    """Neither script nor style matters here."""
    monkeypatch.setattr(front, "module", lambda: "export default { render() {} };")
    monkeypatch.setattr(front, "style", lambda: "")


def test_a_browser_that_is_ready_gets_all(ui):
    sent = browser(ui)
    (full,) = sent
    assert full["full"]["page"]["kind"] == "page"
    assert full["full"]["page"]["tab"] == "shapes"
    assert full["full"]["status"]["text"] == ui.session.status
    assert full["full"]["status"]["mood"] == "warning"  # it can be read, with errors
    known = set(full["full"])
    for props in full["full"].values():
        assert set(props.get("children", ())) <= known
    assert all(name in ("page", "status") or name.startswith("shapes.") for name in known)


def test_an_event_is_one_patch_with_its_value(ui):
    ui.tab = "coverage"
    sent = browser(ui)
    ui.event("coverage.k", "value", 3)
    patch = sent[1]["patch"]
    assert patch["coverage.k"]["value"] == 3
    assert patch["coverage.join"]["value"] == "k"
    assert patch["coverage.curve"]["selected"] == ["3"]
    assert patch["status"]["can_undo"]
    assert sum("coverage.k" in message["patch"] for message in sent[1:]) == 1
    assert ui.wait()


def test_a_change_sends_little(ui):
    sent = browser(ui)
    for name, event, value in (
        ("coverage", "coverage.k", 3),
        ("categories", "categories.search", "mono"),
        ("weights", "weights.use", True),
        ("handoff", "handoff.dtype", "float16"),
    ):
        ui.event("page", "value", name)
        assert len(json.dumps(sent)) < 70_000
        sent.clear()
        ui.event(event, "value", value)
        assert ui.wait()
        assert sent
        assert len(json.dumps(sent)) < 10_000
        sent.clear()


def test_what_is_refused_is_told_and_the_control_goes_back(ui):
    ui.tab = "coverage"
    sent = browser(ui)
    for value in (-3, "many", None, {}):
        ui.event("coverage.k", "value", value)
        assert ui.session.status_kind == "error"
        assert sent[-1]["patch"]["coverage.k"]["value"] == 5
    assert ui.recipe.min_stores is None


@pytest.mark.parametrize(
    ("name", "event"),
    [
        ("nowhere", "value"),
        ("coverage.nowhere", "press"),
        ("coverage.session", "value"),
        ("coverage.renderer", "value"),
        ("coverage.close", "press"),
        ("coverage.k", "explode"),
        ("status.nothing", "press"),
        ("", ""),
    ],
)
def test_only_what_is_offered_is_done(ui, name, event):
    sent = browser(ui)
    recipe = ui.recipe
    ui._received(ui, {"id": name, "event": event, "value": 1}, [])
    assert ui.recipe == recipe
    assert not ui.closed
    assert all("full" in message or "patch" in message for message in sent)
    ui._received(ui, "no event", [])
    ui._received(ui, {"id": None}, [])


def test_changes_of_a_script_are_one_patch(ui, monkeypatch):
    go, audit = threading.Event(), state.audit
    monkeypatch.setattr(state, "audit", lambda **how: go.wait(120) and audit(**how))
    ui.tab = "weights"
    sent = browser(ui)
    with ui.session.together():
        ui.weights.use = True
        ui.weights.scheme = "sqrt"
        ui.weights.scheme = "inverse"
    assert len(sent) == 2
    go.set()
    assert ui.wait()


def test_nothing_is_drawn_before_somebody_looks(ui, monkeypatch):
    monkeypatch.setattr(ui.coverage, "_body", lambda audit: 1 / 0)
    monkeypatch.setattr(ui.weights, "_body", lambda audit: 1 / 0)
    sent = browser(ui)
    ui.coverage.k = 2
    ui.weights.use = True
    assert ui.wait()
    assert "division" not in json.dumps(sent)
    ui.tab = "weights"
    assert "division" in sent[-1]["patch"]["weights.message"]["text"]


def test_an_audit_on_its_thread_is_one_patch(paths, monkeypatch):
    gate, real = threading.Event(), state.audit

    def waits(**options):
        assert gate.wait(120)
        return real(**options)

    monkeypatch.setattr(state, "audit", waits)
    ui = mv.explore(paths, label="louvain", workers=0)
    sent = browser(ui)
    assert sent[0]["full"]["status"]["mood"] == "busy"
    monkeypatch.setattr(ui.session, "wait", lambda timeout: False)
    for one in (ui, *ui.views.values()):
        html = one._repr_html_()
        assert "Run it again" in html
        assert "Reading the stores" not in html
    monkeypatch.undo()
    monkeypatch.setattr(state, "audit", waits)
    assert sent[0]["full"]["shapes.message"]["text"] == "Reading the stores …"
    gate.set()
    assert ui.wait()
    with ui.session.lock:
        tables = [message for message in sent[1:] if "shapes.grid" in message["patch"]]
        assert len(tables) == 1
        assert tables[0]["gone"] == ["shapes.message"]


def test_status_undoes_and_reads_again(ui):
    sent = browser(ui)
    ui.coverage.k = 2
    ui.event("status.undo", "press")
    assert ui.recipe.min_stores is None
    assert sent[-1]["patch"]["status"] is not None
    ui.event("status.redo", "press")
    assert ui.recipe.min_stores == 2
    ui.event("status.again", "press")
    assert ui.wait()
    assert ui.flat()["status"]["can_undo"]


def test_one_model_for_an_explorer_and_none_after_it_is_closed(paths):
    from ipywidgets.widgets.widget import _instances

    before = set(_instances)
    ui = mv.explore(paths, label="louvain", workers=0)
    assert ui.wait()
    assert len(set(_instances) - before) == 2  # it and its layout
    for name in ui.views:
        ui.tab = name
    assert len(set(_instances) - before) == 2
    box = widgets.VBox([ui, ui.coverage])
    box.get_state()
    assert len(set(_instances) - before) == 6  # the view, the box, and their layouts
    session = ui.session
    box.layout.close()
    box.close()
    ui.close()
    ui.close()
    assert set(_instances) == before
    ours = {
        str(one) for of in session._trait_notifiers.values() for some in of.values() for one in some
    }
    assert all("ObserveHandler" in one for one in ours), ours
    session.recipe = session.recipe.replace(dtype="float16")  # nobody follows
    assert ui.recipe.dtype is None
    assert session.wait()


def test_a_part_becomes_a_widget_when_it_is_displayed(ui):
    assert ui.coverage.comm is None
    bundle = ui.coverage._repr_mimebundle_()
    view = bundle["application/vnd.jupyter.widget-view+json"]
    assert view["model_id"] == ui.coverage.model_id == ui.coverage.comm.comm_id
    assert ui.coverage.active
    sent = browser(ui.coverage)
    assert sent[0]["full"]["status"]["kind"] == "status"  # it stands alone now
    assert sent[0]["full"]["k"]["value"] == 5
    ui.coverage.event("k", "value", 2)
    assert sent[-1]["patch"]
    assert ui.recipe.min_stores == 2
    assert ui.wait()


def test_it_is_a_widget_among_others(paths):
    view = mv.CoverageView(paths, label="louvain", workers=0)
    slider = widgets.IntSlider(1, 1, 5)
    assert view.wait()
    slider.value = view.k
    widgets.link((view, "k"), (slider, "value"))
    slider.value = 2
    assert view.session.recipe.min_stores == 2
    seen = []
    view.observe(lambda change: seen.append(change["new"]), "k")
    view.event("k", "value", 4)
    assert seen == [4]
    assert slider.value == 4
    assert view.wait()


@pytest.mark.parametrize("kind", ["csv", "code", "svg", "png"])
def test_pictures_and_tables_are_copied(ui, kind):
    ui.tab = "coverage"
    sent = browser(ui)
    ui.event("coverage.curve", "copy", kind)
    clip = next(message["clip"] for message in sent if "clip" in message)
    assert (clip["id"], clip["kind"]) == ("coverage.curve", kind)
    if kind == "csv":
        assert clip["text"].splitlines()[1] == f"1,{ui.audit.coverage.outer}"  # what is drawn
    elif kind == "code":
        compile(clip["text"], "code", "exec")
    elif kind == "svg":
        assert clip["text"].lstrip().startswith("<?xml")
    else:
        assert base64.b64decode(clip["data"]).startswith(b"\x89PNG")
    ui.event("coverage.curve", "copy", "gif")
    assert ui.session.status_kind == "error"


def test_every_control_has_a_name(ui):
    for view in ui.views.values():
        for one in every(view):
            if one["kind"] in ("select", "slider", "check", "checks", "text", "number", "segments"):
                assert one["label"]
            if one["kind"] == "button":
                assert one["text"]
                assert one["title"]


def test_every_button_is_an_action_and_every_control_answers(ui):
    """The ids of nodes are those that events name."""
    ui.categories.ticked = ("x",)
    ui.handoff.validate = True
    ui.weights.scheme = "scaled"
    for view in ui.views.values():
        for show in mv.views.coverage.SHOWS if view is ui.coverage else [None]:
            if show is not None:
                view.show = show
            for one in every(view):
                name, kind = one["id"], one["kind"]
                if kind == "button":
                    assert name in view.actions
                    assert callable(getattr(view, name))
                elif "value" in one:
                    assert name in view.controls or (name, "value") in view.events, name
                elif one.get("selectable"):
                    assert (name, "selected") in view.events, name
        for name in view.controls:
            assert view.has_trait(name)
        for method in view.events.values():
            assert callable(getattr(view, method))


def test_nothing_that_a_node_lacks_breaks_a_page(ui):
    assert node(ui, "nowhere") == {}


def test_an_event_while_the_first_audit_is_made_waits_for_nobody(paths, monkeypatch):
    gate, real = threading.Event(), state.audit

    def waits(**options):
        assert gate.wait(120)
        return real(**options)

    monkeypatch.setattr(state, "audit", waits)
    ui = mv.explore(paths, label="louvain", workers=0)
    ui.event("shapes.grid", "selected", ["x"])
    ui.event("checks.grid", "selected", ["x"])
    ui.checks.selected = 3
    ui.coverage.k = 2  # what a script decides is taken
    assert ui.recipe.min_stores == 2
    gate.set()
    assert ui.wait()
    assert ui.checks.selected == -1
