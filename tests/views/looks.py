"""Looking at widgets without a browser: set a trait or a control, look at the recipe, the table, the chart."""

import re

import anndata as ad
import ipywidgets as widgets
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
