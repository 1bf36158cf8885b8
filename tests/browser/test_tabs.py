"""All tabs of a real Explorer on a page without Jupyter: a few stores, sixty, a thousand.

Pictures of each tab at three widths, light and dark, are left in ``build/screenshots/tabs``.
"""

from __future__ import annotations

import json
import time

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


def settle(widget, ui: mv.Explorer) -> None:
    """Until nothing is read any more, and the page shows it."""
    deadline = time.monotonic() + 120
    while any(one["kind"] == "note" and id_.endswith("reading") for id_, one in ui.flat().items()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert ui.wait(120)
    widget.pump()


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
        if name == "cells":
            ui.cells.gene = "CD8A" if n == 5 else "GENE7"
        settle(widget, ui)
        for opened in (False, True):
            if opened:
                show_all(ui, name)
                widget.pump()
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
        settle(widget, ui)
        assert len(json.dumps(ui.flat()).encode()) < 70_000
        for width in (1400, 420):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            widget.picture(PICTURES / f"1000-{name}-{width}-light.png")
    page.set_viewport_size({"width": 1200, "height": 900})


FOCUS = """() => {
    const at = document.activeElement;
    return at?.closest(".mv") ? (at.closest("[data-node]")?.dataset.node ?? "page") : null;
}"""


def test_the_keyboard_reaches_everything(widget, explorers):
    """From the first tab to the last control, and nothing on the way is without a name."""
    ui, page = explorers(5), widget.page
    widget.drive(ui)
    for name in ui.views:
        show_all(ui, name)
        widget.pump()
        page.locator(f"[data-tab='{name}']").focus()
        reached = {"page"}
        for _ in range(150):
            page.keyboard.press("Tab")
            node = page.evaluate(FOCUS)
            if node is None:
                break
            reached.add(node)
        wanted = page.evaluate(
            """() => [...document.querySelectorAll(".mv :is(button, input, select, textarea, summary, [tabindex='0'])")]
                .filter((one) => one.checkVisibility() && !one.disabled && one.tabIndex >= 0)
                .map((one) => one.closest("[data-node]")?.dataset.node ?? "page")"""
        )
        assert set(wanted) <= reached
        nameless = page.evaluate(
            """() => [...document.querySelectorAll(".mv :is(button, input, select, textarea)")]
                .filter((one) => one.checkVisibility())
                .filter((one) => !(one.ariaLabel || one.labels?.[0]?.textContent.trim() || one.textContent.trim()
                    || one.getAttribute("aria-labelledby")))
                .map((one) => one.outerHTML.slice(0, 120))"""
        )
        assert nameless == []


def test_the_focus_stays_where_something_was_changed(widget, explorers):
    """Each control is changed with the keyboard; Python answers, and the focus is still there."""
    ui, page = explorers(5), widget.page
    widget.drive(ui)
    keys = {"segments": "ArrowRight", "check": "Space", "slider": "ArrowLeft", "chips": "Space"}
    keys |= {"select": "ArrowDown", "checks": "Space", "bars": "Space", "table": "Space"}
    keys |= {"curve": "ArrowLeft", "disclosure": "Space"}
    changed = set()
    for name in ui.views:
        ui.tab = name
        widget.pump()
        # Charts first: some controls put others in their place.
        nodes = sorted(ui.flat().items(), key=lambda one: one[1]["kind"] in ("segments", "select"))
        for node, props in nodes:
            key = keys.get(props["kind"])
            if key is None or node not in ui.flat():
                continue
            inside = widget.node(node).locator(
                "select, summary, input:not([type=search]), [tabindex='0'], .mv-chip"
            )
            if not inside.count():
                continue
            inside.first.focus()
            page.keyboard.press(key)
            page.wait_for_timeout(200)  # a slider waits until it is let go
            widget.pump()
            assert ui.wait(60)
            widget.pump()
            assert page.evaluate(FOCUS) == node, (node, key)
            changed.add(props["kind"])
        while ui.session.can_undo:
            ui.undo()
        assert ui.wait(60)
        widget.pump()
    assert {"segments", "check", "slider", "select", "checks", "bars", "table", "curve"} <= changed
