"""Take the pictures of the documentation: each tab of the Explorer in JupyterLab, light and dark.

``python scripts/screenshots.py [NAME...]``, from the root of the repository, after ``make test`` has
installed what it takes and ``scripts/chromium.sh`` the browser. Names are those of TABS.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from PIL import Image  # noqa: E402
from playwright.sync_api import expect, sync_playwright  # noqa: E402

from tests.browser.chromium import OPTIONS, chromium  # noqa: E402
from tests.browser.jupyter import Jupyter, Server  # noqa: E402

TARGET = ROOT / "docs" / "_static"
MOST_BYTES = 150_000
WIDTH = 1100
HEIGHT = 1250  # more is cut off
HEIGHTS = {"labels": 842}  # below its chart: README and the landing page begin with it
SCALE = 1.5

OPEN = """
import mappedviz as mv
from examples.demo import ALIAS, RELABEL

# Some spellings are left as they are, to be found.
names = {"CD14+ Monocyte", "Dendritic", "NK"}
relabel = {"cell_type": {old: new for old, new in RELABEL["cell_type"].items() if old not in names}}
ui = mv.explore("data", label="cell_type", obs_alias=ALIAS, relabel=relabel)
ui.wait()
"""
# Name of the picture -> tab, and what is done there before it is taken.
TABS = {
    "stores": ("shapes", ""),
    "genes": ("coverage", 'ui.coverage.show = "without one store"'),
    "labels": ("categories", "ui.categories.top_n = 8"),
    "cells": ("cells", ""),
    "weights": ("weights", 'ui.weights.scheme, ui.weights.use = "sqrt", True'),
    "checks": ("checks", 'ui.checks.select("join-one-store")'),
    "history": ("history", 'ui.coverage.join, ui.weights.use = "outer", True'),
    "handoff": ("handoff", "ui.handoff.trial = ui.handoff.first_batch()"),
}


def shrunk(picture: bytes, height: int) -> bytes:
    """The same with a palette: charts have few colours."""
    for colours in (256, 128, 64, 32):
        sink = io.BytesIO()
        image = Image.open(io.BytesIO(picture)).convert("RGB")
        image = image.crop((0, 0, image.width, min(image.height, int(SCALE * height))))
        image.quantize(colours, dither=Image.Dither.NONE).save(sink, "PNG", optimize=True)
        if len(sink.getvalue()) < MOST_BYTES:
            break
    return sink.getvalue()


def main(names: list[str]) -> None:
    if unknown := set(names) - set(TABS):
        sys.exit(f"{', '.join(unknown)}: there are {', '.join(TABS)}")
    if chromium() is None:
        sys.exit("no Chromium here: scripts/chromium.sh")
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        server = Server(Path(temporary), ROOT)
        (server.root / "data").symlink_to(ROOT / "notebooks" / "data")
        try:
            server.wait()
            browser = playwright.chromium.launch(executable_path=chromium(), args=OPTIONS)
            context = browser.new_context(
                viewport={"width": WIDTH, "height": 3000}, device_scale_factor=SCALE
            )
            context.set_default_timeout(60_000)
            jupyter = Jupyter(server, context, Path(temporary) / "pages", "explorer")
            lab = jupyter.lab(OPEN, "ui")
            lab.run_all()
            shown = lab.output(1).locator(".jp-OutputArea-output").first
            for name, (tab, doing) in TABS.items():
                lab.execute(f"ui.tab = {tab!r}\n{doing}\nassert ui.wait()")
                if names and name not in names:
                    continue
                expect(shown.locator(f"[data-tab='{tab}']")).to_have_attribute(
                    "aria-selected", "true"
                )
                expect(shown.locator(".mv-note[data-node$='reading']")).to_have_count(0)
                for theme in ("light", "dark"):
                    with lab.theme(dark=theme == "dark"):
                        lab.page.mouse.move(0, 0)
                        shot = shown.screenshot(animations="disabled")
                        picture = shrunk(shot, HEIGHTS.get(name, HEIGHT))
                    path = TARGET / f"explorer-{name}-{theme}.png"
                    path.write_bytes(picture)
                    print(f"{path.relative_to(ROOT)}: {len(picture) / 1000:.0f} kB")
            browser.close()
        finally:
            server.stop()


if __name__ == "__main__":
    main(sys.argv[1:])
