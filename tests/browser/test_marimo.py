"""The Explorer in marimo, where it is installed: as it is, and as ``mo.ui.anywidget``."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request

import pytest
from playwright.sync_api import expect

from tests.servers import free_port

pytest.importorskip("marimo", reason="marimo is not installed: its notebooks were not tested")

NOTEBOOK = """
import marimo

app = marimo.App(width="full")


@app.cell
def _():
    import marimo as mo
    import mappedviz as mv

    ui = mv.explore({paths!r}, label={label!r}, workers=0)
    ui.wait()
    return mo, mv, ui


@app.cell
def _({cell}, ui):
    {shown}
    return
"""
START_SECONDS = 120


@pytest.fixture
def marimo(tmp_path, repository):
    """Serves a notebook with the Explorer in it; gives its address."""
    started = []

    def serve(shown: str, paths: list[str], label: str) -> str:
        file = tmp_path / "notebook.py"
        cell = "mo" if "mo." in shown else "mv"
        file.write_text(NOTEBOOK.format(paths=paths, label=label, shown=shown, cell=cell))
        port = free_port()
        command = [sys.executable, "-m", "marimo", "run", "--headless", "--no-token"]
        command += ["--host", "127.0.0.1", "--port", str(port), str(file)]
        paths_of_python = [str(repository), *filter(None, [os.environ.get("PYTHONPATH")])]
        env = os.environ | {"PYTHONPATH": os.pathsep.join(paths_of_python)}
        env |= {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config")}
        with (tmp_path / "log").open("w") as log:
            started.append(
                subprocess.Popen(command, env=env, stdout=log, stderr=log, start_new_session=True)
            )
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                urllib.request.urlopen(f"{url}/health", timeout=5).close()
                return url
            except OSError:
                if time.monotonic() > deadline:
                    raise RuntimeError((tmp_path / "log").read_text()[-2000:]) from None
                time.sleep(0.2)

    yield serve
    for process in started:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


@pytest.mark.parametrize("shown", ["mo.ui.anywidget(ui)", "ui"])
def test_live(profile, marimo, demo_data, repository, shown):
    """Tabs, controls and charts answer."""
    path = str(demo_data / "pbmc5k_small_cd4_vs_cd8.h5ad")
    other = str(demo_data / "spectra_breast_immune.h5ad")
    page = profile.new_page()
    try:
        page.goto(marimo(shown, [path, other], "cell_type"))
        page.get_by_role("tab", name="Genes").click()
        page.get_by_role("radio", name="In at least k").check()
        expect(page.get_by_role("slider", name="k", exact=True)).to_be_visible()
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_role("radio", name="In all")).to_be_checked()
        page.get_by_role("tab", name="Labels").click()
        page.get_by_role("option", name=re.compile("CD4_T")).click()
        chosen = page.get_by_role("listbox").get_by_role("option", selected=True)
        expect(chosen).to_have_count(1)
        name = "marimo-" + ("anywidget" if "mo." in shown else "plain")
        page.screenshot(path=repository / "build" / "screenshots" / f"{name}.png")
    finally:
        page.close()
