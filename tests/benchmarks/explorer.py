"""How long the Explorer takes to answer, in a real browser: prints a table; asserts nothing.

Run it with ``python -m tests.benchmarks.explorer``; it needs Chromium (``scripts/chromium.sh``). From
a click or a change of a trait to what it changes on the page: the quickest, the median and the
slowest of several.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.jupyter import Jupyter, Notebook, Server, browser
from tests.browser.test_explorer import OPEN, click, tab, write_many

ROOT = Path(__file__).resolve().parents[2]
N_STORES = 4000
CHANGES = 8
UPDATES = 15
AIMS = {
    "cancel while 4,000 stores are read": "300 ms",
    "25 classes × 8 stores, control to bars": "120 ms",
    "25 classes × 8 stores, control to matplotlib's figure": "350 ms",
    "25 classes × 8 stores, trait to bars": "120 ms",
    "a press on a tab": "150 ms",
}


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


def changing(jupyter: Jupyter, folder: Path) -> list[list[float]]:
    """Milliseconds from the control "show" to other bars, from a trait to bars, of a tab, to a figure."""
    write_many(folder)
    notebook = jupyter.lab(OPEN.format(paths=str(folder), label="k"))
    page = notebook.page
    notebook.run_all()
    tab(page, "Labels")
    expect(page.locator(".mv-bar-row")).to_have_count(25)
    bars = _changes(page, """() => document.querySelectorAll(".mv-bar-row").length""")
    traits, tabs = updating(notebook), opening(page)
    tab(page, "Labels")
    notebook.execute("ui.renderer = 'mpl'")
    expect(page.locator(".jp-OutputArea-output img").locator("visible=true")).to_be_visible()
    figures = _changes(
        page,
        """() => [...document.querySelectorAll(".jp-OutputArea-output img")]
            .find((one) => one.offsetParent)?.src""",
    )
    return [bars, figures, traits, tabs]


def opening(page: Page) -> list[float]:
    """Milliseconds from a press on a tab to what is in it, after each was open once."""
    names = ("Stores", "Genes", "Labels", "Weights", "Checks", "Hand-off")
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


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as temporary, browser() as context:
        place = Path(temporary)
        for name in ("server", "many", "few"):
            (place / name).mkdir()
        server = Server(place / "server", ROOT)
        jupyter = Jupyter(server, context, place / "pictures", "benchmark")
        try:
            server.wait()
            cancelled = cancelling(jupyter, place / "many")
            measured = [cancelled, *changing(jupyter, place / "few")]
            print("| what | quickest | median | slowest | aim |\n|---|---|---|---|---|")
            for (what, aim), times in zip(AIMS.items(), measured, strict=True):
                low, middle, high = min(times), statistics.median(times), max(times)
                print(f"| {what} | {low:.0f} ms | {middle:.0f} ms | {high:.0f} ms | {aim} |")
        finally:
            jupyter.close()
            server.stop()


if __name__ == "__main__":
    main()
