"""Journeys through the Explorer in JupyterLab, Notebook 7 and Voila: by mouse, by keyboard, in the dark."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import anndata as ad
import nbformat
import numpy as np
import pandas as pd
import pytest
from nbclient import NotebookClient
from playwright.sync_api import Page, expect

from tests.hostile import HOSTILE

OPEN = """
import mappedviz as mv
ui = mv.explore({paths!r}, label={label!r}, workers=0)
ui.wait()
ui
"""
TRAIN = """
import torch
ds = ui.dataset()
loader = ui.dataloader(batch_size=64, seed=0)
model = torch.nn.Linear(ds.shape[1], len(ds.encoders[ui.session.label]))
optimizer = torch.optim.Adam(model.parameters(), 0.05)
losses = []
for epoch in range(4):
    for batch in loader:
        loss = torch.nn.functional.cross_entropy(model(batch["X"]), batch[ui.session.label])
        optimizer.zero_grad(); loss.backward(); optimizer.step()
        losses.append(float(loss.detach()))
print(sorted(ds.encoders[ui.session.label]), losses[-1] < 0.5 * losses[0])
print(ui.recipe.weights_keys, ui.recipe.weights_scheme)
"""
ARIA = """
- tablist:
  - tab "Stores" [selected]
  - tab "Genes"
  - tab "Labels"
  - tab "Cells"
  - tab "Weights"
  - tab /Checks \\d+/
  - tab "Hand-off"
"""


@pytest.fixture(scope="module")
def demo(demo_data):
    return [
        str(demo_data / name)
        for name in (
            "10x_pbmc68k_reduced.h5ad",
            "pbmc3k_processed.v3sharded.zarr",
            "pbmc5k_small_cd4_vs_cd8.h5ad",
            "pbmc_5k_protein_v3.v3.zarr.zip",
            "spectra_breast_immune.h5ad",
        )
    ]


@pytest.fixture(scope="module")
def spelled(tmp_path_factory):
    """Two stores whose labels are spelled in different ways and can be learnt."""
    folder = tmp_path_factory.mktemp("spelled")
    rng = np.random.default_rng(0)
    paths = []
    for i, labels in enumerate((["T cell", "B cell", "NK"], ["T-cells", "B cells", "NK"])):
        codes = np.repeat([0, 1, 2], [120, 60, 12])
        X = rng.poisson(1, (len(codes), 30)).astype(np.float32)
        X[np.arange(len(codes)), codes] += 8
        obs = {"kind": pd.Categorical.from_codes(codes, labels), "donor": ["d1", "d2"] * 96}
        adata = ad.AnnData(
            X,
            obs=pd.DataFrame(obs, index=[f"c{i}-{j}" for j in range(len(codes))]),
            var=pd.DataFrame(index=[f"gene{j}" for j in range(30)]),
        )
        paths.append(str(folder / f"{'ab'[i]}.h5ad"))
        adata.write_h5ad(paths[-1])
    return paths


def write_many(folder: Path) -> None:
    """Write 8 stores with 25 classes each."""
    for i in range(8):
        adata = ad.AnnData(
            np.ones((250, 2), np.float32),
            obs=pd.DataFrame(
                {"k": pd.Categorical([f"type {j % 25:02}" for j in range(250)])},
                index=[f"s{i}c{j}" for j in range(250)],
            ),
        )
        adata.write_h5ad(folder / f"{i}.h5ad")


def tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=re.compile(f"^{name}")).first.click()


def click(page: Page, name: str) -> None:
    button(page, name).click()


def button(page: Page, name: str):
    """A button; the sign before its text is part of its name."""
    wanted = re.compile(rf"(^|\W){re.escape(name)}$")
    return page.get_by_role("button", name=wanted).locator("visible=true")


@pytest.mark.parametrize("face", ["lab", "notebook"])
def test_from_opening_to_training(jupyter, spelled, face):
    """Another label, a spelling, weights, the loader; and the next cell trains."""
    notebook = jupyter.open(face, OPEN.format(paths=spelled, label="donor"))
    page = notebook.page
    notebook.run_all()
    before = notebook.sources()
    expect(page.locator(".mv-page")).to_match_aria_snapshot(ARIA)
    tab(page, "Labels")
    page.get_by_label("Label", exact=True).select_option(label="kind")
    ticks = page.get_by_role("row", name=re.compile("T cell .*T-cells"))
    ticks.click()
    click(page, "Merge ticked")
    expect(page.get_by_role("option", name=re.compile("^T cell: 240 cells"))).to_be_visible()
    page.get_by_role("row", name=re.compile("B cell .*B cells")).click()
    click(page, "Merge ticked")
    expect(page.get_by_role("option", name=re.compile("^B cell: 120 cells"))).to_be_visible()
    tab(page, "Weights")
    page.get_by_label("Draw cells by weight").check()
    page.get_by_role("rowheader", name="1/√n", exact=True).click()
    expect(page.get_by_text("effective cells,")).to_be_visible()
    tab(page, "Hand-off")
    expect(page.get_by_text("weights=True")).to_be_visible()
    click(page, "Take a first batch")
    expect(
        page.get_by_text(re.compile("first batch in .* s: X \\(384, 30\\) float32"))
    ).to_be_visible()
    assert notebook.sources() == before
    printed = notebook.execute(TRAIN)
    assert printed.splitlines() == ["['B cell', 'NK', 'T cell'] True", "('kind',) sqrt"]


def test_undo_takes_it_back(jupyter, spelled):
    notebook = jupyter.lab(OPEN.format(paths=spelled, label="kind"))
    page = notebook.page
    notebook.run_all()
    tab(page, "Genes")
    page.get_by_role("radio", name="In any (outer)").check()
    expect(button(page, "Undo")).to_be_enabled()
    assert notebook.execute("print(ui.recipe.join)").split() == ["outer"]
    click(page, "Undo")
    expect(button(page, "Redo")).to_be_enabled()
    assert notebook.execute("print(ui.recipe.join)").split() == ["inner"]


@pytest.mark.parametrize("face", ["lab", "notebook"])
def test_by_keyboard_alone(jupyter, spelled, face):
    """Choose a key, change N, select a class, copy the code: the cells stay what they are."""
    notebook = jupyter.open(face, OPEN.format(paths=spelled, label="donor"))
    page, keys = notebook.page, notebook.page.keyboard
    notebook.run_all()
    before = notebook.sources()
    page.get_by_role("tab", name="Stores").first.click()  # where the keyboard begins
    tab(page, "Labels")
    page.get_by_label("Label", exact=True).focus()
    keys.type("kind")
    expect(page.get_by_role("option", name=re.compile("^NK: 24 cells"))).to_be_visible()
    keys.press("Tab")  # search
    keys.type("cell")
    keys.press("Enter")
    expect(page.get_by_role("option", name=re.compile("^NK: 24 cells"))).to_have_count(0)
    keys.press("Control+a")
    keys.press("Delete")
    keys.press("Tab")  # how many
    keys.press("Control+a")
    keys.type("3")
    keys.press("Enter")
    expect(page.get_by_role("option", name=re.compile("^other"))).to_be_visible()
    page.get_by_role("listbox").get_by_role("option").first.focus()
    keys.press("ArrowDown")
    keys.press("Enter")
    expect(page.get_by_role("option", selected=True).locator("visible=true")).to_have_count(1)
    tab(page, "Hand-off")
    button(page, "Copy").focus()
    keys.press("Enter")
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("import mappedviz as mv")
    assert notebook.sources() == before
    printed = notebook.execute("print(ui.session.label, ui.categories.top_n, ui.session.classes)")
    assert re.fullmatch(r"kind 3 \('[^',]+',\)\n", printed)


def test_displays_of_one_model_and_boxes(jupyter, spelled):
    """Two displays, one of them in a box beside a stock control, and a single view: all follow."""
    notebook = jupyter.lab(
        OPEN.format(paths=spelled, label="kind"),
        "import ipywidgets as widgets\n"
        "slider = widgets.IntSlider(2, min=1, max=2, description='linked')\n"
        "widgets.link((slider, 'value'), (ui.coverage, 'k'))\n"
        "widgets.VBox([slider, ui])",
        "ui.coverage",
    )
    page = notebook.page
    notebook.run_all()
    first, second, view = (notebook.output(i) for i in range(3))
    tab(page, "Genes")
    for place in (first, second, view):
        expect(place.get_by_role("radiogroup", name="Keep genes")).to_be_visible()
    first.get_by_role("radio", name="In any (outer)").check()
    for place in (second, view):
        expect(place.get_by_role("radio", name="In any (outer)")).to_be_checked()
    view.get_by_role("button", name="Undo").click()
    expect(first.get_by_role("radio", name="In all (inner)")).to_be_checked()
    # A stock control that is linked.
    notebook.execute("ui.coverage.join = 'k'; slider.value = 1")
    for place in (first, second, view):
        expect(place.get_by_role("slider", name="k", exact=True)).to_have_value("1")
    notebook.execute("ui.close()")
    expect(page.locator(".mv-page")).to_have_count(0)


def test_cancel_a_scan(jupyter, spelled, tmp_path):
    """The button answers while the stores are being read, long before they are."""
    for i in range(4000):
        os.link(spelled[i % 2], tmp_path / f"store-{i:04}.h5ad")
    # What is read stays in memory, so a reading goes on where the last one was cancelled: 4,000 stores
    # of 50 ms are more than this waits for, however fast the machine.
    notebook = jupyter.lab(
        "import time, mappedviz as mv\nfrom mappedviz.audits import workers\nread = workers.read_store\n"
        "workers.read_store = lambda *some, **more: (time.sleep(0.05), read(*some, **more))[1]\n"
        f"ui = mv.explore({str(tmp_path)!r}, label='kind', workers=0, cache=False)\nui"
    )
    page = notebook.page
    notebook.run_all()
    for _ in range(3):
        expect(page.get_by_text(re.compile("Read [\\d,]+ of 4,000 stores"))).to_be_visible()
        click(page, "Cancel")
        expect(page.get_by_text(re.compile("Cancelled"))).to_be_visible()
        expect(button(page, "Cancel")).to_have_count(0)
        click(page, "Read again")
    click(page, "Cancel")
    expect(page.get_by_text(re.compile("Cancelled"))).to_be_visible()


def test_hostile_names(jupyter, tmp_path):
    """No script runs and nothing is asked for: the fixture looks at both."""
    labels = [name for name in HOSTILE if "\udcff" not in name and "\x00" not in name]
    n = len(labels)
    for name in ("a", "b<img src=x onerror=alert(1)>"):
        adata = ad.AnnData(
            np.ones((n, 2), np.float32),
            obs=pd.DataFrame(
                {"k": labels, "<img src=x onerror=alert(2)>": labels},
                index=[f"{name}{i}" for i in range(n)],
            ),
            var=pd.DataFrame(index=["<b>gene<b>", "$\\frac{$"]),
        )
        adata.write_h5ad(tmp_path / f"{name}.h5ad")
    notebook = jupyter.lab(
        OPEN.format(paths=str(tmp_path), label="k"),
        "mv.audit(ui.recipe.paths, label='k', progress=False)",
    )
    page = notebook.page
    raised: list[str] = []
    page.on("dialog", lambda dialog: (raised.append(dialog.message), dialog.dismiss()))
    notebook.run_all()
    for _ in range(2):
        for name in ("Stores", "Genes", "Labels", "Cells", "Weights", "Checks", "Hand-off"):
            tab(page, name)
        notebook.execute("ui.renderer = 'mpl'")
    tab(page, "Labels")
    assert raised == []
    assert page.locator("img[src='x']").count() == 0


@pytest.mark.parametrize("face", ["doc/tree", "notebooks"])
def test_reopened_without_its_kernel_and_untrusted(jupyter, spelled, face):
    """The widget is gone; what it said is there as HTML."""
    name = jupyter.write([OPEN.format(paths=spelled, label="kind")])
    path = jupyter.server.root / name
    nb = nbformat.read(path, 4)
    NotebookClient(nb, store_widget_state=False).execute()
    nbformat.write(nb, path)
    page = jupyter._page()
    page.goto(jupyter._address(face, name))
    output = page.locator(".jp-OutputArea-output")
    expect(output.get_by_text("can be trained on")).to_be_visible()
    expect(output.get_by_role("cell", name="a.h5ad").first).to_be_visible()
    expect(output.get_by_text("Error displaying widget")).to_have_count(0)


def test_nbconvert_shows_the_html(jupyter, spelled):
    from nbconvert import HTMLExporter

    name = jupyter.write([OPEN.format(paths=spelled, label="kind")])
    nb = nbformat.read(jupyter.server.root / name, 4)
    NotebookClient(nb, store_widget_state=False).execute()
    html, _ = HTMLExporter().from_notebook_node(nb)
    assert "can be trained on" in html
    assert "a.h5ad" in html
    # What one view adds to a saved notebook.
    assert len(json.dumps(nb.cells[0].outputs)) < 150_000


def test_voila(jupyter, spelled):
    page = jupyter.voila(OPEN.format(paths=spelled, label="kind"))
    expect(page.get_by_role("tab", name="Stores").first).to_be_visible()
    tab(page, "Labels")
    expect(page.get_by_role("option", name=re.compile("^NK: 24 cells"))).to_be_visible()
    page.get_by_label("Label", exact=True).select_option(label="donor")
    expect(page.get_by_role("option", name=re.compile("^d1: 192 cells"))).to_be_visible()
    jupyter.picture(page, "explorer-voila")


def test_light_and_dark(jupyter, demo):
    """Pictures for people; here only that nothing is empty in either theme."""
    notebook = jupyter.lab(OPEN.format(paths=demo, label="louvain"))
    page = notebook.page
    page.set_viewport_size({"width": 1200, "height": 1100})
    notebook.run_all()
    for dark in (False, True):
        with notebook.theme(dark=dark):
            for name in ("Stores", "Genes", "Labels", "Cells", "Weights", "Checks", "Hand-off"):
                tab(page, name)
                expect(page.get_by_role("tabpanel", name=name)).to_contain_text(
                    re.compile(r"\w{3,}")
                )
                jupyter.picture(page, f"explorer-{name.lower()}-{'dark' if dark else 'light'}")


def test_a_change_is_drawn(jupyter, tmp_path):
    """25 categories in 8 stores: from the control through the kernel to the bars and the figure."""
    write_many(tmp_path)
    notebook = jupyter.lab(OPEN.format(paths=str(tmp_path), label="k"))
    page = notebook.page
    notebook.run_all()
    tab(page, "Labels")
    bars = page.get_by_role("option").locator("visible=true")
    expect(bars).to_have_count(25)
    how_many = page.get_by_label("Show", exact=True)
    for n, drawn in ((10, 11), (25, 25)):  # with one bar for all others
        how_many.fill(str(n))
        how_many.press("Enter")
        expect(bars).to_have_count(drawn)
    notebook.execute("ui.renderer = 'mpl'")
    picture = page.locator(".jp-OutputArea-output img").locator("visible=true")
    expect(picture).to_be_visible()
    before = picture.get_attribute("src")
    how_many.fill("10")
    how_many.press("Enter")
    expect(picture).not_to_have_attribute("src", before)
