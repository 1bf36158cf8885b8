"""All tabs of a real Explorer on a page without Jupyter: a few stores, sixty, a thousand.

Pictures of each tab at three widths, light and dark, are left in ``build/screenshots/tabs``.
"""

from __future__ import annotations

import json

import pytest

import mappedviz as mv
from tests.browser.many import write_stores
from tests.browser.test_components import AXE, CONTRAST, REPOSITORY, SERIOUS

pytest.importorskip("playwright.sync_api")

DEMO = (
    "10x_pbmc68k_reduced.h5ad",
    "pbmc3k_processed.v3sharded.zarr",
    "pbmc5k_small_cd4_vs_cd8.h5ad",
    "pbmc_5k_protein_v3.v3.zarr.zip",
    "spectra_breast_immune.h5ad",
)
WIDTHS = (1400, 900, 420)
PICTURES = REPOSITORY / "build" / "screenshots" / "tabs"


@pytest.fixture(scope="module")
def explorers(demo_data, tmp_path_factory):
    """Explorers by the number of their stores, each made when it is first asked for."""
    made = {}

    def explorer(n: int) -> mv.Explorer:
        if n not in made:
            if n == 5:
                source, label = [str(demo_data / name) for name in DEMO], "louvain"
            else:
                folder = tmp_path_factory.mktemp(f"stores-{n}")
                write_stores(folder, n)
                source, label = str(folder), "cell_type"
            made[n] = mv.explore(source, label=label, workers=0)
            assert made[n].wait(600)
        return made[n]

    yield explorer
    for ui in made.values():
        ui.close()


def show_all(ui: mv.Explorer, name: str) -> None:
    """Open a tab, and what is closed in it."""
    ui.tab = name
    for node, props in list(ui.flat().items()):
        if props["kind"] == "disclosure" and not props.get("open"):
            ui.event(node, "open", True)
    assert ui.wait(60)


@pytest.mark.parametrize("widget", ["light", "dark"], indirect=True)
@pytest.mark.parametrize("n", [5, 60])
def test_every_tab(widget, explorers, n, request):
    """Nothing is too wide, too pale or, for axe, serious; at most 200 rows of anything."""
    ui, page = explorers(n), widget.page
    theme = request.node.callspec.params["widget"]
    widget.drive(ui)
    page.wait_for_function("document.querySelector('.mv').style.getPropertyValue('--mv-ground')")
    if AXE.exists():
        page.evaluate(AXE.read_text(encoding="utf-8"))
    wrong = []
    for name in ui.views:
        page.locator(f"[data-tab='{name}']").click()
        widget.pump()
        for opened in (False, True):
            if opened:
                show_all(ui, name)
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 900})
                wide = page.evaluate("document.documentElement.scrollWidth")
                if wide > width:
                    wrong.append((name, width, f"{wide} pixels wide"))
                tail = f"{name}{'-open' if opened else ''}-{width}-{theme}"
                widget.picture(PICTURES / f"{n}-{tail}.png")
            page.set_viewport_size({"width": 1400, "height": 900})
            pale = [(round(r, 2), text) for r, text in page.evaluate(CONTRAST) if r < 4.5]
            wrong += [(name, "contrast", *one) for one in pale]
            if AXE.exists():
                wrong += [(name, "axe", *one) for one in page.evaluate(SERIOUS)]
        many = page.evaluate(
            """() => [...document.querySelectorAll("tbody, .mv-bars, select, .mv-bins")]
                .map((box) => box.childElementCount).filter((count) => count > 221)"""
        )
        wrong += [(name, "rows", count) for count in many]
    page.set_viewport_size({"width": 1200, "height": 900})
    assert wrong == [], json.dumps(wrong, indent=1)
    if not AXE.exists():
        pytest.skip("NO AXE: all else is right; fetch it with scripts/axe.sh")


def test_a_thousand_stores(widget, explorers):
    """Pages stay small, and each change travels as a few bytes."""
    ui, page = explorers(1000), widget.page
    widget.drive(ui)
    for name in ui.views:
        page.locator(f"[data-tab='{name}']").click()
        widget.pump()
        assert len(json.dumps(ui.flat()).encode()) < 70_000
        for width in (1400, 420):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            widget.picture(PICTURES / f"1000-{name}-{width}-light.png")
    page.set_viewport_size({"width": 1200, "height": 900})
