"""The widgets without a browser: set a trait or a control, look at the recipe, the table, the chart."""

import gc
import json
import re
import threading
import time

import anndata as ad
import ipywidgets as widgets
import numpy as np
import pandas as pd
import pytest
import traitlets
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import mappedviz as mv
from mappedviz import Recipe
from mappedviz.errors import MappedvizError, RecipeError
from mappedviz.testing import coded_anndata
from mappedviz.views import Session, state
from mappedviz.views import charts as chart_classes
from mappedviz.views.base import Status
from mappedviz.views.coverage import SHOWS
from mappedviz.views.work import Work
from tests.hostile import HOSTILE
from tests.stores import BROKEN, STORE_KINDS

DEMO = [
    "10x_pbmc68k_reduced.h5ad",
    "pbmc3k_processed.v3sharded.zarr",
    "pbmc5k_small_cd4_vs_cd8.h5ad",
    "pbmc_5k_protein_v3.v3.zarr.zip",
    "spectra_breast_immune.h5ad",
]
VIEWS = [
    mv.ShapesView,
    mv.CoverageView,
    mv.CategoriesView,
    mv.WeightsView,
    mv.ChecksView,
    mv.HandoffView,
]


@pytest.fixture(scope="module")
def paths(demo_data):
    return [str(demo_data / name) for name in DEMO]


@pytest.fixture
def ui(paths):
    made = mv.explore(paths, label="louvain", workers=0)
    assert made.wait()
    return made


def settled(ui):
    """The recipe, once all that follows from it is done."""
    assert ui.wait()
    assert ui.session.status_kind != "error" or ui.session.audit.fatal, ui.session.status
    return ui.recipe


def write(folder, name, obs, n_vars=4, genes=None):
    n = len(next(iter(obs.values())))
    names = genes or [f"gene{i}" for i in range(n_vars)]
    adata = ad.AnnData(
        np.ones((n, len(names)), dtype=np.float32),
        obs=pd.DataFrame(obs, index=[f"{name}-{i}" for i in range(n)]),
        var=pd.DataFrame(index=names),
    )
    path = folder / f"{name}.h5ad"
    adata.write_h5ad(path)
    return str(path)


def texts(widget):
    """Every text that a widget and its children would show."""
    found = []
    todo = [widget]
    while todo:
        one = todo.pop()
        if isinstance(one, (widgets.Label, widgets.Button)):
            found.append(one.value if isinstance(one, widgets.Label) else one.description)
        todo += getattr(one, "children", ())
    return found


def every(widget, kind):
    found, todo = [], [widget]
    while todo:
        one = todo.pop()
        found += [one] if isinstance(one, kind) else []
        todo += getattr(one, "children", ())
    return found


# --- the session --------------------------------------------------------------------------------


def test_it_is_there_at_once_and_the_audit_comes(paths):
    began = time.perf_counter()
    ui = mv.explore(paths, label="louvain")
    made = time.perf_counter() - began
    assert ui.session.busy or ui.audit is not None
    assert ui.wait()
    assert not ui.session.busy
    assert ui.audit.recipe == ui.recipe
    assert ui.session.status == ui.audit.verdict
    assert made < 20  # it does not wait for the stores; a bound that no machine is too slow for


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
    assert ui.coverage.join_control.value == "inner"
    assert not ui.undo()
    assert ui.redo()
    assert ui.redo()
    assert not ui.redo()
    assert ui.recipe == third
    ui.undo()
    ui.weights.use = True
    assert not ui.session.can_redo


def test_a_recipe_from_outside_sets_the_controls(ui):
    ui.recipe = ui.recipe.replace(
        obs_keys=["bulk_labels", "phase"],
        min_stores=3,
        strip_version=True,
        dtype="float16",
        weights_keys=["phase"],
        weights_scheme="sqrt",
        split_by="phase",
        split_fraction=0.3,
        obsm_keys=["X_pca"],
        layers_keys=["raw.X"],
    )
    assert ui.categories.key_control.value == ui.categories.key == "bulk_labels"
    assert ui.coverage.join_control.value == "k"
    assert ui.coverage.k_control.value == 3
    assert ui.coverage.strip_control.value is True
    assert ui.handoff.dtype_control.value == "float16"
    assert ui.handoff.layers_control.value == ("raw.X",)
    assert ui.handoff.obsm_control.value == ("X_pca",)
    assert ui.handoff.keys_control.value == ("phase",)
    assert ui.handoff.by_control.value == "phase"
    assert ui.handoff.fraction_control.value == 0.3
    assert ui.weights.use_control.value is True
    assert ui.weights.scheme_control.value == "sqrt"
    assert ui.weights.keys_control.value == ("phase",)
    assert ui.wait()
    assert ui.audit.recipe == ui.recipe


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
        gates[recipe.obs_keys[0]].wait(30)
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
    first.join(30)
    assert not first.is_alive()
    assert seen == []
    assert session.audit.label == "phase"


def test_cancel_answers_at_once_and_what_was_known_stays(monkeypatch, paths):
    started = threading.Event()

    def endless(*, cancel, **_):
        started.set()
        cancel.wait(30)
        raise mv.audits.ScanCancelledError("stopped")

    session = Session.of(paths[:1], label="louvain", workers=0)
    assert session.wait()
    known = session.audit
    monkeypatch.setattr(state, "audit", endless)
    status = Status(session)
    status.again.click()
    assert started.wait(30)
    assert session.busy
    assert status.cancel.layout.display is None
    thread = session.work._thread
    status.cancel.click()
    assert not session.busy
    assert session.audit is known
    assert "Cancelled" in session.status
    thread.join(30)
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


def test_work_is_reported_at_most_ten_times_a_second():
    work, seen, results = Work(threading.RLock()), [], []

    def do(report, cancel):
        for i in range(5000):
            report(i, 5000)
        report(5000, 5000)
        return 1

    work.start(do, results.append, results.append, lambda *what: seen.append(what[:2]))
    assert work.wait(30)
    assert results == [1]
    assert seen[-1] == (5000, 5000)
    assert len(seen) < 50


# --- every view ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", VIEWS)
def test_every_view_stands_alone(paths, kind):
    view = kind(paths, label="louvain")
    assert view.session.wait()
    assert view.message == ""
    assert isinstance(view.table(), pd.DataFrame)
    assert isinstance(view.children[0], chart_classes.KeyGuard)
    assert isinstance(view.children[1], Status)
    code = view.code()
    compile(code, "code", "exec")
    bundle = view._repr_mimebundle_()
    assert {"text/html", "text/plain", "application/vnd.jupyter.widget-view+json"} <= set(bundle)
    assert len(bundle["text/html"]) > 300
    assert "<script" not in bundle["text/html"]


@pytest.mark.parametrize("kind", VIEWS[:5])
def test_code_makes_the_table(paths, kind):
    view = kind(paths, label="louvain")
    assert view.session.wait()
    scope = {"mv": mv}
    *first, last = view.code().splitlines()
    exec("\n".join(first), scope)
    made = eval(last, scope)
    if isinstance(made, pd.DataFrame):
        shown = view.table()
        pd.testing.assert_frame_equal(made.loc[shown.index, shown.columns], shown)
    else:
        assert [one.id for one in made] == view.table()["id"].tolist()


@pytest.mark.parametrize("kind", VIEWS[:5])
def test_plots_into_the_axes_of_the_user(paths, kind):
    view = kind(mv.audit(paths, label="louvain", progress=False))
    ax = Figure().subplots()
    assert view.plot(ax) is ax
    assert isinstance(view.plot(), Axes)


@pytest.mark.parametrize("name", list(mv.Explorer.tab.values))
def test_the_other_renderer_draws_pictures(ui, name):
    ui.tab = name
    ui.renderer = "mpl"
    view = ui.views[name]
    shown = [one for one in view._pictures if one.layout.display != "none"]
    for picture in shown:
        assert picture.chart.layout.display == "none"
        assert bytes(picture.image.value).lstrip().startswith(b"<?xml")
    ui.renderer = "widget"
    assert all(one.image.layout.display == "none" for one in view._pictures)


def test_views_behind_other_tabs_wait(ui):
    ui.tab = "shapes"
    before = ui.weights.bars.rows
    ui.categories.key = "bulk_labels"
    settled(ui)
    assert ui.weights.bars.rows == before
    ui.tabs.selected_index = 3
    assert ui.tab == "weights"
    assert {row["label"] for row in ui.weights.bars.rows} == set(
        ui.audit.labels("bulk_labels").classes
    )


def test_a_view_of_the_explorer_can_be_shown_alone(ui):
    assert ui.tab != "coverage"
    assert ui.coverage.curve.points == []
    ui.coverage._repr_mimebundle_()
    assert ui.coverage.curve.points
    ui.tab = "shapes"
    assert ui.coverage.active


def test_no_html_widget_anywhere(ui):
    for name in ui.views:
        ui.tab = name
        for banned in (widgets.HTML, widgets.HTMLMath, widgets.Output):
            assert every(ui, banned) == []


def test_every_control_has_a_name(ui):
    controls = (widgets.Dropdown, widgets.IntSlider, widgets.Checkbox, widgets.SelectMultiple)
    for control in every(ui, controls):
        assert control.description
    for one in every(ui, widgets.Button):
        assert one.tooltip


# --- shapes -------------------------------------------------------------------------------------


def test_shapes_are_those_of_the_table(ui):
    rows = ui.shapes.chart.rows
    assert [row["cells"][0]["text"] for row in rows] == DEMO
    assert [row["cells"][1]["value"] for row in rows] == ui.audit.stores["n_obs"].tolist()
    assert [row["cells"][2]["value"] for row in rows] == ui.audit.stores["n_vars"].tolist()
    assert max(row["cells"][2]["bar"] for row in rows) == 1


def test_focus_is_one_for_all_views(ui):
    ui.shapes.chart.selected = [ui.shapes.chart.rows[0]["id"]]
    assert ui.session.stores == (DEMO[0],)
    ui.coverage.show = "without one store"
    ui.tab = "coverage"
    marked = {row["id"]: row["label"] for row in ui.coverage.bars.rows}
    assert [marked[i] for i in ui.coverage.bars.selected] == [DEMO[0]]
    ui.session.classes = ("B cells",)
    ui.tab = "categories"
    named = {row["id"]: row["label"] for row in ui.categories.bars.rows}
    assert [named[i] for i in ui.categories.bars.selected] == ["B cells"]
    ui.tab = "weights"
    named = {row["id"]: row["label"] for row in ui.weights.bars.rows}
    assert [named[i] for i in ui.weights.bars.selected] == ["B cells"]


def test_stores_are_left_out(ui):
    ui.shapes.stores = (DEMO[0], DEMO[3])
    assert not ui.shapes.drop.disabled
    ui.shapes.drop.click()
    assert [path.rpartition("/")[2] for path in settled(ui).paths] == [DEMO[1], DEMO[2], DEMO[4]]
    ui.shapes.stores = (DEMO[1],)
    ui.shapes.only.click()
    assert len(settled(ui).paths) == 1
    ui.shapes.stores = (DEMO[1],)
    ui.shapes.drop.click()
    assert len(ui.recipe.paths) == 1
    assert "has to stay" in ui.session.status


def test_an_index_is_as_good_as_a_tuple(ui):
    ui.shapes.stores = ui.audit.stores.index[:2]
    assert ui.session.stores == tuple(DEMO[:2])
    with pytest.raises(traitlets.TraitError):
        ui.shapes.stores = DEMO[0]


def test_stores_that_are_kept_are_named_as_they_were(repository, monkeypatch):
    """A recipe with relative paths stays one."""
    monkeypatch.chdir(repository / "notebooks")
    view = mv.ShapesView("data")
    view.keep_selected()
    assert "Select stores first" in view.session.status
    view.stores = (DEMO[0],)
    view.keep_selected()
    assert view.session.recipe.paths == (f"data/{DEMO[0]}",)


# --- coverage -----------------------------------------------------------------------------------


def test_coverage_edits_the_join(ui):
    ui.coverage.join_control.value = "outer"
    assert ui.recipe.join == "outer"
    ui.coverage.k_control.value = 3
    assert (ui.recipe.join, ui.recipe.min_stores) == ("inner", 3)
    assert ui.coverage.join == "k"
    ui.coverage.curve.selected = ["2"]
    assert ui.recipe.min_stores == 2
    ui.coverage.join_control.value = "inner"
    assert ui.recipe.min_stores is None
    assert ui.coverage.k_control.value == 5
    settled(ui)


@pytest.mark.parametrize("show", SHOWS)
def test_each_picture_of_the_genes(ui, show):
    ui.tab = "coverage"
    ui.coverage.genes = ("CD4", "nowhere")
    ui.coverage.show_control.value = show
    assert ui.coverage.show == show
    coverage, view = ui.audit.coverage, ui.coverage
    if show == "genes against k":
        assert [y for _, y in view.curve.points] == coverage.at_least.tolist()
    elif show == "without one store":
        table = coverage.table.loc[DEMO]
        gains = {row["label"]: row["values"][1] for row in view.bars.rows}
        assert gains == table["gain_without"].to_dict()
    elif show == "patterns":
        assert sum(row["values"][0] for row in view.bars.rows) == coverage.outer
    elif show == "per store":
        assert [row["cells"][1]["value"] for row in view.grid.rows] == coverage.table[
            "n_vars"
        ].tolist()
    elif show == "identifiers":
        assert len(view.grid.rows) == len(coverage.what_if)
    else:
        assert [row["cells"][1]["text"] for row in view.grid.rows] == ["5 of 5", "no store"]
        assert view.csv.text.splitlines()[2] == "nowhere,0,0,0,0,0"


def test_a_pasted_list_of_genes_becomes_the_panel(ui):
    ui.coverage.search_control.value = "CD4, CD8A\nMS4A1;CD4"
    assert ui.coverage.genes == ("CD4", "CD8A", "MS4A1")
    ui.coverage.panel_button.click()
    assert settled(ui).var_names == ("CD4", "CD8A", "MS4A1")
    assert ui.coverage.join_control.value == "panel"
    assert ui.dataset().shape[1] == 3
    ui.coverage.no_panel_button.click()
    assert settled(ui).var_names is None
    assert ui.coverage.join == "inner"


def test_genes_that_are_assigned_are_in_the_field(ui):
    ui.coverage.genes = ("CD4", "MS4A1")
    assert ui.coverage.search_control.value == "CD4, MS4A1"
    ui.coverage.search_control.value = "  CD4 CD4\nLYZ;"
    assert ui.coverage.genes == ("CD4", "LYZ")
    assert ui.coverage.search_control.value == "  CD4 CD4\nLYZ;"
    ui.coverage.genes = ()
    assert ui.coverage.search_control.value == ""


def test_identifiers_become_the_recipe(tmp_path):
    genes = [f"ENSG{i:011d}" for i in range(6)]
    a = write(tmp_path, "a", {"k": ["x"] * 3}, genes=[f"{gene}.3" for gene in genes])
    adata = ad.AnnData(
        np.ones((3, 6), np.float32),
        obs=pd.DataFrame({"k": ["y"] * 3}, index=list("pqr")),
        var=pd.DataFrame({"gene_ids": [f"{gene}.4" for gene in genes]}, index=list("ABCDEF")),
    )
    adata.write_h5ad(tmp_path / "b.h5ad")
    view = mv.CoverageView([a, str(tmp_path / "b.h5ad")], label="k", workers=0)
    assert view.session.wait()
    assert view.audit.fatal
    view.strip_control.value = True
    assert view.session.wait()
    assert view.session.recipe.strip_version
    way = next(name for name in view._ways if name.startswith("by kind") or "gene_ids" in name)
    view.identifier_control.value = way
    assert view.session.wait()
    assert not view.audit.fatal
    assert view.audit.coverage.inner == 6
    assert view.session.dataset().shape == (6, 6)


# --- categories ---------------------------------------------------------------------------------


def test_bars_are_the_table(ui):
    ui.tab = "categories"
    view, labels = ui.categories, ui.audit.labels()
    rows = {row["label"]: row["values"] for row in view.bars.rows}
    for label, counts in labels.counts.iterrows():
        assert rows[label] == counts.tolist()
    assert sum(rows["(missing)"]) == int(labels.missing.sum() + labels.absent.sum())


def test_top_sort_search_and_scales(ui):
    ui.tab = "categories"
    view = ui.categories
    view.top_control.value = 3
    assert [row["label"] for row in view.bars.rows][3] == "other (16 more)"
    total = sum(sum(row["values"]) for row in view.bars.rows)
    assert total == ui.audit.labels().n_rows
    view.sort_control.value = "name"
    assert [row["label"] for row in view.bars.rows][:3] == ["0", "1", "10"]
    view.search_control.value = "monocyt"
    assert [row["label"] for row in view.bars.rows] == ["CD14+ Monocytes", "FCGR3A+ Monocytes"]
    view.scale_control.value = "shares"
    assert (view.shares, view.logarithmic, view.bars.mode) == (True, False, "share")
    view.logarithmic = True
    assert (view.shares, view.bars.log, view.scale_control.value) == (False, True, "logarithm")
    assert all(len(row["values"]) == 1 for row in view.bars.rows)


def test_spellings_are_merged_only_when_ticked(tmp_path):
    a = write(tmp_path, "a", {"k": ["T cell"] * 3 + ["B cell"] * 2})
    b = write(tmp_path, "b", {"k": ["T-cells"] * 2 + ["b cells"]})
    view = mv.CategoriesView([a, b], label="k", workers=0)
    assert view.session.wait()
    assert len(view.grid.rows) == 2
    assert view.session.recipe.relabel == {}
    assert view.merge.disabled
    row = next(row for row in view.grid.rows if "T cell" in row["cells"][0]["text"])
    view.grid.selected = [row["id"]]
    assert not view.merge.disabled
    view.merge.click()
    assert view.session.wait()
    assert {key: dict(pairs) for key, pairs in view.session.recipe.relabel.items()} == {
        "k": {"T-cells": "T cell"}
    }
    assert view.labels().total.to_dict() == {"T cell": 5, "B cell": 2, "b cells": 1}
    assert len(view.grid.rows) == 1
    view.selected = ("T cell", "B cell")
    view.name_control.value = "lymphocyte"
    view.rename.click()
    assert view.session.wait()
    assert view.labels().total.to_dict() == {"lymphocyte": 7, "b cells": 1}
    assert dict(view.session.recipe.relabel["k"])["T-cells"] == "lymphocyte"
    view.unname.click()
    assert view.session.wait()
    assert view.session.recipe.relabel == {}


def test_a_name_that_was_taken_back_is_no_rename(ui):
    label = ui.categories.labels().classes[0]
    ui.categories.relabel({label: "x"})
    ui.categories.relabel({"x": label})
    assert label not in dict(ui.recipe.relabel[ui.categories.key])


def test_selected_classes_become_the_filter(ui):
    ui.tab = "categories"
    ids = {row["label"]: row["id"] for row in ui.categories.bars.rows}
    ui.categories.bars.selected = [ids["B cells"], ids["NK cells"]]
    assert ui.categories.selected == ("B cells", "NK cells")
    ui.categories.keep.click()
    assert dict(settled(ui).obs_filter) == {"louvain": ("B cells", "NK cells")}
    assert ui.audit.labels().n_rows == len(ui.dataset()) == 342 + 154
    ui.categories.all.click()
    assert settled(ui).obs_filter == {}
    ui.categories.selected = ("B cells",)
    ui.categories.leave.click()
    settled(ui)
    assert "B cells" not in ui.audit.labels().classes


def test_one_key_under_several_names(ui):
    ui.tab = "categories"
    view = ui.categories
    assert view.absent_box.layout.display is None
    view.read_from("cell_type_annotations")
    assert dict(settled(ui).obs_alias["louvain"]) == {DEMO[4]: "cell_type_annotations"}
    assert ui.audit.labels().absent[DEMO[4]] == 0
    view.suggested.click()
    assert set(settled(ui).obs_alias["louvain"]) > {DEMO[2]}


def test_another_label_takes_its_decisions_along(ui):
    ui.recipe = ui.recipe.replace(
        weights_keys=["louvain"],
        encoders={"louvain": {"B cells": 0, "NK cells": 1}},
        unknown_label={"louvain": "NK cells"},
        encode_labels=["louvain"],
        unseen="ignore",
    )
    ui.categories.key_control.value = "bulk_labels"
    assert ui.recipe.obs_keys == ("bulk_labels",)
    assert ui.recipe.weights_keys == ("bulk_labels",)
    assert ui.recipe.encoders == {}
    assert ui.recipe.encoded_keys == ("bulk_labels",)
    settled(ui)


# --- weights ------------------------------------------------------------------------------------


def test_weights_become_the_recipe_when_they_are_used(ui):
    view = ui.weights
    ui.tab = "weights"
    view.scheme_control.value = "sqrt"
    assert ui.recipe.weights_keys == ()
    view.use_control.value = True
    assert (ui.recipe.weights_keys, ui.recipe.weights_scheme) == (("louvain",), "sqrt")
    view.scaler = 500.0
    view.grid.selected = ["scaled"]
    assert (ui.recipe.weights_scheme, ui.recipe.weights_scaler) == ("scaled", 500.0)
    view.use = False
    assert ui.recipe.weights_keys == ()
    assert ui.recipe.weights_scaler is None
    settled(ui)


def test_weights_are_the_table(ui):
    ui.tab = "weights"
    table = ui.weights.table()
    for row in ui.weights.bars.rows:
        facts = table.loc[row["label"]]
        assert row["values"] == pytest.approx(
            [100 * facts["share_before"], 100 * facts["share_after"]]
        )
    ours = ui.audit.weights("louvain", "inverse")
    assert ui.weights.numbers.children[0].children[0].value == f"{round(ours.effective_size):,}"
    assert [row["id"] for row in ui.weights.grid.rows] == ["uniform", "inverse", "scaled", "sqrt"]


# --- checks -------------------------------------------------------------------------------------


def test_findings_and_their_fixes(ui):
    ui.tab = "checks"
    assert [row["cells"][2]["text"] for row in ui.checks.grid.rows] == [
        one.message for one in ui.audit.findings
    ]
    i = next(i for i, one in enumerate(ui.audit.findings) if one.id == "join-one-store")
    ui.checks.grid.selected = [ui.checks.grid.rows[i]["id"]]
    assert ui.checks.finding.id == "join-one-store"
    assert ui.session.stores == (DEMO[0],)
    assert ui.checks.change.text == ui.checks.finding.code
    ui.checks.fix.click()
    assert len(settled(ui).paths) == 4
    assert ui.checks.selected == -1
    assert ui.tabs.titles[4].startswith("Checks (")


# --- hand-off -----------------------------------------------------------------------------------


def test_code_makes_the_same_loader(ui):
    ui.weights.use = True
    ui.handoff.batch_size = 64
    ui.handoff.validate = True
    scope = {}
    exec(ui.handoff.code(), scope)
    assert scope["recipe"] == ui.recipe
    assert len(scope["train"]) + len(scope["validation"]) == len(ui.dataset())
    assert len(next(iter(scope["loader"]))["X"]) == 64


def test_the_script_loads_the_recipe(ui, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ui.handoff.save_button.click()
    assert "Saved" in ui.session.status
    assert Recipe.load("recipe.json") == ui.recipe
    ui.handoff.script = "script"
    code = ui.handoff.code().replace("range(10)", "range(1)")
    exec(code, {})
    ui.handoff.script_control.value = "json"
    assert Recipe.from_json(ui.handoff.text.text) == ui.recipe


def test_the_recipe_that_cannot_be_saved_is_told(ui, tmp_path):
    ui.handoff.file_control.value = str(tmp_path / "nowhere" / "recipe.json")
    ui.handoff.save_button.click()
    assert ui.session.status_kind == "error"
    assert "nowhere" in ui.session.status


def test_controls_of_the_hand_off(ui):
    view = ui.handoff
    ui.tab = "handoff"
    assert {"X", "raw.X"} <= {value for _, value in view.layers_control.options}
    view.dtype_control.value = "float16"
    view.keys_control.value = ("bulk_labels",)
    view.size_control.value = 32
    view.order_control.value = "block"
    assert (ui.recipe.dtype, ui.recipe.obs_keys) == ("float16", ("louvain", "bulk_labels"))
    assert (view.batch_size, view.shuffle) == (32, "block")
    assert "batch_size=32, shuffle='block'" in view.text.text
    view.validate_control.value = True
    view.by_control.value = "bulk_labels"
    view.fraction_control.value = 0.3
    assert (ui.recipe.split_by, ui.recipe.split_fraction) == ("bulk_labels", 0.3)
    view.validate_control.value = False
    assert ui.recipe.split_by is None
    ui.weights.use = True
    assert view.order_control.disabled
    assert "weights=True" in view.text.text
    settled(ui)


def test_a_wrong_order_is_refused(ui):
    with pytest.raises(traitlets.TraitError, match="shuffle"):
        ui.handoff.shuffle = "sometimes"


def test_the_first_batch(ui):
    ui.tab = "handoff"
    ui.handoff.batch_size = 100
    ui.handoff.try_button.click()
    assert ui.handoff._work.wait(120)
    trial = ui.handoff.trial
    assert trial is not None, ui.handoff.said.value
    assert trial.columns["X"] == ((100, 201), "float32")
    assert trial.columns["louvain"] == ((100,), "int64")
    assert trial.n_rows == len(ui.dataset())  # an epoch is shorter than a second
    pd.testing.assert_series_equal(trial.drawn["drawn"], trial.drawn["expected"], check_names=False)
    shown = {row["label"]: row["values"][1] for row in ui.handoff.bars.rows}
    assert shown["B cells"] == pytest.approx(100 * 342 / 5038)
    assert "X (100, 201) float32" in ui.handoff.said.value
    assert ui.handoff.plot().get_title(loc="left").startswith("Classes of")
    ui.coverage.join = "outer"
    settled(ui)
    assert ui.handoff.trial is None


def test_weighted_rows_are_drawn_as_expected(ui):
    ui.weights.use = True
    settled(ui)
    trial = ui.handoff.first_batch(seconds=0.3)
    drawn = trial.drawn.drop(index=[None], errors="ignore")
    assert drawn["expected"].round(4).nunique() == 1
    n = trial.n_rows
    error = np.sqrt(drawn["expected"] * (1 - drawn["expected"]) / n)
    assert (np.abs(drawn["drawn"] - drawn["expected"]) < 6 * error).all()


def test_what_breaks_the_first_batch_is_told(ui, monkeypatch):
    monkeypatch.setattr(ui.handoff, "first_batch", lambda **_: 1 / 0)
    ui.handoff.try_out()
    assert ui.handoff._work.wait(30)
    assert "division by zero" in ui.handoff.said.value
    assert not ui.handoff.try_button.disabled


def test_dataset_loader_and_split(ui):
    ds = ui.dataset()
    assert ds is ui.dataset()
    ui.handoff.dtype_control.value = "float64"
    assert ui.dataset() is not ds
    train, validation = ui.split(by="bulk_labels", fraction=0.5, seed=3)
    assert (ui.recipe.split_by, ui.recipe.split_fraction, ui.recipe.split_seed) == (
        "bulk_labels",
        0.5,
        3,
    )
    assert ui.handoff.validate
    assert len(train) + len(validation) == len(ds)
    loader = ui.dataloader(batch_size=50, of=train, seed=0)
    assert sum(len(batch["X"]) for batch in loader) == len(train)
    assert ui.handoff.batch_size == 50


# --- keeping ------------------------------------------------------------------------------------


def test_state_as_json(ui):
    ui.coverage.k = 2
    ui.coverage.genes = ("CD4",)
    ui.categories.top_n = 7
    ui.categories.logarithmic = True
    ui.weights.scheme = "sqrt"
    ui.handoff.batch_size = 33
    ui.tab = "handoff"
    text = ui.to_json()
    again = mv.Explorer.from_json(text, workers=0)
    assert again.wait()
    assert again.recipe == ui.recipe
    assert json.loads(again.to_json()) == json.loads(text)
    assert again.tab == "handoff"
    assert again.categories.logarithmic


@pytest.mark.parametrize("text", ["", "{}", '{"schema": 99}', "[1]", '{"schema": 1, "recipe": {}}'])
def test_other_json_is_refused(text):
    with pytest.raises(RecipeError, match="no state of an explorer"):
        mv.Explorer.from_json(text)


def test_state_of_each_view_is_small(ui):
    for name in ui.views:
        ui.tab = name
    for view in ui.views.values():
        total = 0
        for one in every(view, widgets.Widget):
            kept = {key: value for key, value in one.get_state().items() if key[0] != "_"}
            total += len(json.dumps(kept, default=str))
        assert total < 150_000


def test_a_change_sends_little(ui, monkeypatch):
    """Set a label with 25 classes in 8 stores: what travels to the browser."""
    ui.tab = "categories"
    bars, sent = ui.categories.bars, []
    monkeypatch.setattr(bars, "send_state", lambda key=None: sent.append(bars.get_state(key)))
    rows = [
        {
            "id": f"c{i}",
            "label": f"cell type {i}",
            "values": [1234 + j for j in range(8)],
            "text": "9,872",
        }
        for i in range(27)
    ]
    bars.rows = rows
    assert len(json.dumps(sent)) < 10_000
    assert sent


def test_hundred_updates_leave_no_figure(ui):
    from matplotlib import pyplot

    ui.renderer = "mpl"
    ui.tab = "categories"
    for n in range(2, 102):
        ui.categories.top_n = n % 9 + 1
    assert pyplot.get_fignums() == []
    gc.collect()
    assert sum(type(one) is Figure for one in gc.get_objects()) < 30


def test_many_categories_make_few_rows(tmp_path):
    n = 100_000
    path = write(
        tmp_path, "many", {"k": pd.Categorical([f"clone {i}" for i in range(n)])}, n_vars=2
    )
    audit = mv.audit(path, label="k", progress=False)
    view = mv.CategoriesView(audit)
    assert len(view.bars.rows) <= 27
    view.top_n = 150
    assert len(view.bars.rows) <= 152
    state = json.dumps(
        {key: value for key, value in view.bars.get_state().items() if key == "rows"}
    )
    assert len(state) < 150_000
    assert len(view.key_control.options) <= 3


# --- bad input ----------------------------------------------------------------------------------


def opens(source, **options):
    ui = mv.explore(source, workers=0, **options)
    assert ui.wait()
    for name in ui.views:
        ui.tab = name
        assert "Traceback" not in " ".join(texts(ui))
        # What was foreseen is a sentence; what was not has the name of an error in front.
        assert not re.match(r"\w+(Error|Exception): ", ui.views[name].message)
    assert not re.match(r"\w+(Error|Exception): ", ui.session.status)
    html = ui._repr_html_()
    assert len(html) > 200
    return ui


def test_paths_that_do_not_exist():
    ui = opens("nowhere/*.h5ad")
    assert ui.audit.fatal
    assert "nowhere" in ui.session.status
    with pytest.raises(MappedvizError, match="nowhere"):
        ui.dataset()


def test_an_empty_folder_and_no_paths(tmp_path):
    assert opens(tmp_path).audit.fatal
    assert opens([]).audit.fatal


def test_one_bad_store_among_good_ones(paths, tmp_path):
    bad = BROKEN["truncated"].make(tmp_path) if hasattr(BROKEN["truncated"], "make") else None
    if bad is None:
        bad = tmp_path / "bad.h5ad"
        bad.write_bytes(b"\x89HDF\r\n\x1a\n" + b"\0" * 64)
    ui = opens([*paths, str(bad)], label="louvain")
    assert ui.audit.fatal
    ui.tab = "checks"
    ui.checks.selected = 0
    ui.checks.fix.click()
    assert ui.wait()
    assert not ui.audit.fatal
    assert len(ui.dataset()) == 5038


def test_no_label_column(paths):
    ui = opens(paths)
    ui.tab = "categories"
    assert "Choose" in ui.categories.message
    ui.tab = "weights"
    assert "label" in ui.weights.message
    ui = opens(paths, label="nowhere")
    ui.tab = "weights"
    assert "nowhere" in ui.weights.message


@pytest.mark.parametrize("labels", [["only"] * 4, [None] * 4, [np.nan] * 4])
def test_one_class_and_all_missing(tmp_path, labels):
    ui = opens(write(tmp_path, "a", {"k": pd.Categorical(labels)}), label="k")
    ui.tab = "weights"
    if labels[0] == "only":
        assert ui.weights.bars.rows[0]["label"] == "only"
    else:
        assert ui.weights.message


def test_no_gene_in_common(tmp_path):
    a = write(tmp_path, "a", {"k": ["x"] * 3}, genes=["a", "b"])
    b = write(tmp_path, "b", {"k": ["x"] * 3}, genes=["c", "d"])
    ui = opens([a, b], label="k")
    ui.tab = "coverage"
    assert ui.coverage.numbers.children[0].children[0].value == "0"
    assert ui.audit.fatal or ui.audit.coverage.inner == 0


def test_no_cells(tmp_path):
    path = STORE_KINDS["h5ad"](coded_anndata(0, 0, plain=True), tmp_path / "none")
    ui = opens(path, label="cell_type")
    assert ui.shapes.chart.rows[0]["cells"][1]["text"] == "0"


def test_hostile_names_are_text_and_told_apart(tmp_path):
    labels = [name for name in HOSTILE if "\udcff" not in name and "\x00" not in name]
    a = write(tmp_path, "a", {"k": labels, "<b>x<b>": labels}, genes=["<i>g</i>", "$\\frac{$"])
    b = write(tmp_path, "b<img src=x>", {"k": labels[::-1]}, genes=["<i>g</i>", "=1+1"])
    ui = opens([a, b], label="k")
    assert ui.session.status_kind in ("ok", "error")
    ui.tab = "categories"
    shown = [row["label"] for row in ui.categories.bars.rows]
    assert len(set(shown)) == len(shown) >= len(labels)
    ui.categories.top_n = 60
    for name in ui.views:
        ui.renderer = "mpl"
        ui.tab = name
        ui.renderer = "widget"
    ui.tab = "coverage"
    ui.coverage.genes = ("=1+1", "<i>g</i>")
    assert "'=1+1" in ui.coverage.csv.text
    html = ui._repr_html_()
    for markup in ("<img src=x", "<b>x", "<i>g", "<script"):
        assert markup not in html
    ui.handoff.script = "script"
    compile(ui.handoff.code(), "code", "exec")


def test_a_forgotten_explorer_holds_nothing(ui):
    """The collection knows no widget: it travels to worker processes."""
    import pickle

    assert b"ipywidgets" not in pickle.dumps(ui.dataset())
