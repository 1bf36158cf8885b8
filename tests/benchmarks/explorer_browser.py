"""How quickly the Explorer answers in a real JupyterLab; a part of `explorer`."""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from playwright.sync_api import Page, expect

import mappedviz as mv
from tests.benchmarks.explorer import ROOT, Measured, collections
from tests.browser.jupyter import Jupyter, Notebook, Server, browser
from tests.browser.standalone import Standalone
from tests.browser.test_explorer import OPEN, click, tab, write_many

N_STORES = 4000
N_CATEGORIES = 100_000
CHANGES = 8
UPDATES = 15
NAMES = ("Stores", "Genes", "Labels", "Cells", "Weights", "Checks", "History", "Hand-off")
# Runs the first cell, and waits for rows of the table of stores.
RUN = """async () => {
    const rows = () => document.querySelectorAll("[data-node='shapes.grid'] tbody tr").length;
    const began = performance.now();
    window.jupyterapp.commands.execute("notebook:run-all-cells");
    while (!rows()) await new Promise((done) => setTimeout(done, 5));
    return performance.now() - began;
}"""
# Does something to a control, and waits until nothing has changed any more for so long.
SETTLED = """async ([node, value, quiet]) => {
    const page = document.querySelector(".mv-page") ?? document.querySelector(".mv");
    let last = null;
    const watch = new MutationObserver(() => { last = performance.now(); });
    const input = document.querySelector(`[data-node='${node}'] input`);
    const began = performance.now();
    input.value = String(value);
    input.dispatchEvent(new Event("input", { bubbles: true }));
    watch.observe(page, { childList: true, subtree: true, characterData: true, attributes: true });
    input.dispatchEvent(new Event("change", { bubbles: true }));
    while (performance.now() - (last ?? began) < (last === null ? 10000 : quiet))
        await new Promise((done) => setTimeout(done, 20));
    watch.disconnect();
    return (last ?? Infinity) - began;
}"""


def spread(times: list[float]) -> str:
    """The quickest and the slowest."""
    return f"{min(times):,.0f}–{max(times):,.0f}"


def row(what: str, bar: int, times: list[float], note: str = "", before: str = "") -> Measured:
    """The median of some milliseconds."""
    notes = ", ".join(one for one in (note, spread(times) if len(times) > 1 else "") if one)
    return Measured(what, f"< {bar} ms", statistics.median(times), "ms", bar, notes, before)


def opening(jupyter: Jupyter, stores: dict[int, str]) -> list[Measured]:
    """From running the cell to the first rows, of 5 stores and of 1,000 that were read before."""
    few = f"import mappedviz as mv\nui = mv.explore({stores[5]!r}, label='cell_type')\nui"
    fresh = [jupyter.lab(few).page.evaluate(RUN) for _ in range(2)]
    many = jupyter.lab(
        f"import mappedviz as mv\nui = mv.explore({stores[1000]!r}, label='cell_type')\nui"
    )
    many.execute(
        f"import mappedviz as mv\n_ = mv.audit({stores[1000]!r}, label='cell_type', progress=False)"
    )
    known = [many.page.evaluate(RUN)]
    note = "a new kernel, import included"
    rows = [
        row("5 stores, run to first rows, in Lab", 2000, fresh, note),
        row("1,000 stores, facts known, run to first rows, in Lab", 3000, known),
    ]
    return [*rows, *many_stores(many)]


def many_stores(notebook: Notebook) -> list[Measured]:
    """A key of the search, a tab and a change of k, at 1,000 stores."""
    page = notebook.page
    notebook.execute("ui.wait()")
    keys = [
        page.evaluate(SETTLED, ["shapes.search", text, 700])
        for text in ("1", "12", "123", "12", "1", "")
    ]
    tabs = pressing(page, ("Stores", "Genes", "Labels", "Weights", "Checks", "Hand-off"))
    tab(page, "Genes")
    expect(page.locator("[data-node='coverage.k'] input").first).to_be_visible()
    changes = [page.evaluate(SETTLED, ["coverage.k", k, 4000]) for k in (500, 700, 990, 3)]
    rest = "beside the 150 ms in which another key may follow"
    return [
        row("a search key, 1,000 stores, in Lab", 150, keys, rest),
        row("a tab, 1,000 stores, in Lab", 150, tabs),
        row("a change of k until all is drawn, 1,000 stores, in Lab", 500, changes, "", "2.3 s"),
    ]


def cancelling(jupyter: Jupyter, folder: Path) -> list[float]:
    """Milliseconds from "Cancel" to the line that says so."""
    write_many(folder)
    for i in range(8, N_STORES):
        os.link(folder / f"{i % 8}.h5ad", folder / f"{i}.h5ad")
    notebook = jupyter.lab(
        f"import mappedviz as mv\nui = mv.explore({str(folder)!r}, label='k', workers=0)\nui"
    )
    page = notebook.page
    notebook.run_all()
    times = []
    for _ in range(3):
        page.get_by_text(f"of {N_STORES:,} stores").first.wait_for()
        times.append(
            page.evaluate(
                """async () => {
                    const shown = (text) => [...document.querySelectorAll(".mv-verdict")].some(
                        (label) => label.textContent.includes(text));
                    const buttons = [...document.querySelectorAll("button")];
                    const began = performance.now();
                    buttons.find((b) => b.textContent.trim() === "Cancel" && b.offsetParent).click();
                    while (!shown("Cancelled")) await new Promise((done) => setTimeout(done, 5));
                    return performance.now() - began;
                }"""
            )
        )
        click(page, "Read again")
    click(page, "Cancel")
    return times


def changing(jupyter: Jupyter, folder: Path) -> list[Measured]:
    """25 classes × 8 stores: control and trait to bars, control to a figure, a tab, a key."""
    write_many(folder)
    notebook = jupyter.lab(OPEN.format(paths=str(folder), label="k"))
    page = notebook.page
    notebook.run_all()
    tab(page, "Labels")
    expect(page.locator(".mv-bar-row")).to_have_count(25)
    bars = _changes(page, """() => document.querySelectorAll(".mv-bar-row").length""")
    traits = updating(notebook)
    keys = [
        page.evaluate(SETTLED, ["categories.search", text, 700]) for text in ("1", "10", "1", "")
    ]
    tabs = pressing(page, ("Stores", "Genes", "Labels", "Weights", "Checks", "Hand-off"))
    tab(page, "Labels")
    notebook.execute("ui.renderer = 'mpl'")
    expect(page.locator(".jp-OutputArea-output img").locator("visible=true")).to_be_visible()
    figures = _changes(
        page,
        """() => [...document.querySelectorAll(".jp-OutputArea-output img")]
            .find((one) => one.offsetParent)?.src""",
    )
    size = "25 classes × 8 stores"
    rest = "beside the 150 ms in which another key may follow"
    return [
        row(f"{size}, control to bars, in Lab", 120, bars),
        row(f"{size}, trait to bars, in Lab", 120, traits),
        row(f"{size}, control to matplotlib's figure, in Lab", 350, figures),
        row(f"{size}, a search key, in Lab", 150, keys, rest),
        row(f"{size}, a tab, in Lab", 150, tabs, "each was open before"),
    ]


def pressing(page: Page, names: tuple[str, ...]) -> list[float]:
    """Milliseconds from a press on a tab to what is in it, after each was open once."""
    script = """async (name) => {
        const tab = [...document.querySelectorAll("[role=tab]")]
            .find((one) => one.textContent.startsWith(name));
        const began = performance.now();
        tab.click();
        while (tab.getAttribute("aria-selected") !== "true")
            await new Promise((done) => setTimeout(done, 2));
        await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
        return performance.now() - began;
    }"""
    return [page.evaluate(script, name) for name in names * 3][len(names) :]


def _changes(page: Page, look: str) -> list[float]:
    """Milliseconds from a change of "show" to another answer of a look at the page."""
    return [
        page.evaluate(
            f"""async (wanted) => {{
                const look = {look};
                const box = document.querySelector("[data-node='categories.top_n'] input");
                const before = look(), began = performance.now();
                box.value = String(wanted);
                box.dispatchEvent(new Event("change", {{bubbles: true}}));
                while (look() === before) await new Promise((done) => setTimeout(done, 2));
                return performance.now() - began;
            }}""",
            (10, 25)[i % 2],
        )
        for i in range(CHANGES)
    ]


def updating(notebook: Notebook) -> list[float]:
    """Milliseconds from setting the trait in Python to the bars, laid out."""
    # The clocks are one clock: the kernel runs on this machine.
    notebook.page.evaluate(
        """() => {
            window.drawn = [];
            const now = () => performance.timeOrigin + performance.now();
            new MutationObserver(() => {
                document.querySelector(".mv-bars").offsetHeight;  // laid out
                window.drawn.push(now());
            }).observe(document.querySelector(".mv-bars"), { childList: true });
        }"""
    )
    told = notebook.execute(
        "import json, time\nset_at = []\n"
        f"for i in range({UPDATES}):\n"
        "    time.sleep(0.3); set_at.append(time.time() * 1000); ui.categories.top_n = 24 + i % 2\n"
        "print(json.dumps(set_at))"
    )
    notebook.page.wait_for_function(f"window.drawn.length >= {UPDATES}")
    drawn = notebook.page.evaluate("window.drawn")
    return [done - start for start, done in zip(json.loads(told), drawn, strict=False)]


def categories(context, folder: Path) -> list[Measured]:
    """The labels of a store that has 100,000 of them, read before, and the elements of any list."""
    path = folder / "categories.h5ad"
    label = pd.Categorical([f"clone {i:06}" for i in range(N_CATEGORIES)])
    obs = pd.DataFrame({"clone": label}, index=[f"c{i}" for i in range(N_CATEGORIES)])
    ad.AnnData(np.ones((N_CATEGORIES, 2), np.float32), obs=obs).write_h5ad(path)
    ui = mv.explore(str(path), label="clone", workers=0)
    ui.wait()
    ui.tab = "categories"
    times, most = [], 0
    for _ in range(3):
        page = Standalone(context)
        began = time.perf_counter()
        page.drive(ui)
        page.page.locator(".mv-bar-row").first.wait_for()
        times.append(1000 * (time.perf_counter() - began))
        count = """() => Math.max(...[...document.querySelectorAll("tbody, .mv-bars, select, ul")]
            .map((box) => box.childElementCount))"""
        most = page.page.evaluate(count)
        page.page.close()
    return [
        row("100,000 categories, to the bars", 1000, times),
        Measured("100,000 categories, rows of any list", "≤ 200", most, "", 200),
    ]


def main() -> None:
    """Print what was measured as JSON, in the last line."""
    stores, rows = collections(Path(sys.argv[1])), []
    with tempfile.TemporaryDirectory() as temporary, browser() as context:
        place = Path(temporary)
        for name in ("server", "many", "few", "one"):
            (place / name).mkdir()
        server = Server(place / "server", ROOT)
        jupyter = Jupyter(server, context, place / "pictures", "benchmark")
        try:
            server.wait()
            rows += opening(jupyter, stores)
            rows += changing(jupyter, place / "few")
            rows += categories(context, place / "one")
            what = f"cancel while {N_STORES:,} stores are read, in Lab"
            rows.append(row(what, 300, cancelling(jupyter, place / "many")))
        finally:
            jupyter.close()
            server.stop()
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
