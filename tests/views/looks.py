"""Looking at widgets without a browser: send an event, look at the recipe, the table, the nodes."""

import json
import re

import anndata as ad
import numpy as np
import pandas as pd

import mappedviz as mv

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
    mv.CellsView,
    mv.WeightsView,
    mv.ChecksView,
    mv.HandoffView,
]


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


def node(view, name):
    """A node of what a view shows now; {} if it is not there."""
    try:
        return view.node(name)
    except KeyError:
        return {}


def bar_rows(view, name="bars"):
    """All rows of bars, those below the others too."""
    one = node(view, name)
    return [*one.get("rows", ()), *one.get("below", ())]


def cells(view, column, name="grid"):
    """The texts of one column of a table."""
    return [row["cells"][column]["text"] for row in node(view, name).get("rows", ())]


def every(view):
    """All nodes that a view shows now."""
    todo = list(view.nodes())
    for one in todo:
        todo += one.get("children", ())
    return todo


def browser(page):
    """What a browser would be sent from now on; the first message is all there is."""
    sent = []
    page.send = lambda content, buffers=None: sent.append(json.loads(json.dumps(content)))
    page._received(page, {"event": "ready"}, [])
    return sent


def opens(source, **options):
    ui = mv.explore(source, workers=0, **options)
    assert ui.wait()
    for name in ui.views:
        ui.tab = name
        text = json.dumps(ui.flat(), allow_nan=False, ensure_ascii=False)
        text.encode()  # as it travels
        assert "Traceback" not in text
        # What was foreseen is a sentence; what was not has the name of an error in front.
        assert not re.match(r"\w+(Error|Exception): ", ui.views[name].message)
    assert not re.match(r"\w+(Error|Exception): ", ui.session.status)
    html = ui._repr_html_()
    assert len(html) > 200
    return ui


def two_stores(folder):
    """Labels of two stores whose labels are spelled in different ways."""
    donors = ["x", "y", None, "x", "x"]
    a = write(folder, "a", {"k": ["T cell"] * 3 + ["B cell"] * 2, "d": donors})
    b = write(folder, "b", {"k": ["T-cells"] * 2 + ["b cells"], "d": ["z"] * 3})
    view = mv.CategoriesView([a, b], label="k", workers=0)
    assert view.wait()
    return view
