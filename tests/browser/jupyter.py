"""A private Jupyter server, and notebooks of it in a browser's tabs."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import (
    BrowserContext,
    Error,
    Locator,
    Page,
    Request,
    expect,
    sync_playwright,
)

from tests.browser.chromium import OPTIONS, chromium
from tests.servers import free_port

# Nothing is done off-screen, fetched, asked or saved that a test did not want.
OVERRIDES = {
    "@jupyterlab/apputils-extension:notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
    },
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
}
# What Notebook 7 raises and Voila asks for by themselves, with an empty notebook too.
KNOWN_ERRORS = ("(reading 'schema')", "Command 'filebrowser:open-path' not registered")
KNOWN_REQUESTS = (
    "https://cdn.jsdelivr.net/npm/@fortawesome/",
    "https://cdnjs.cloudflare.com/ajax/libs/mathjax/",
)
# When something that hangs is given up, on a machine that has other work as well.
START_SECONDS = 300
PATIENCE_MS = int(os.environ.get("PATIENCE_MS", "180000"))
CURRENT = "window.jupyterapp?.shell.currentWidget"


@contextmanager
def browser(width: int = 1200, height: int = 900) -> Iterator[BrowserContext]:
    """Chromium with one profile, so that Jupyter's scripts are fetched once."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        chrome = playwright.chromium.launch(executable_path=chromium(), args=OPTIONS)
        context = chrome.new_context(
            viewport={"width": width, "height": height},
            permissions=["clipboard-read", "clipboard-write"],
        )
        context.set_default_timeout(PATIENCE_MS)
        try:
            yield context
        finally:
            context.close()
            chrome.close()


class Server:
    """JupyterLab, Notebook 7 and Voila: three faces of one server."""

    def __init__(self, folder: Path, repository: Path) -> None:
        self.root = folder / "notebooks"
        self.token = secrets.token_hex(16)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = folder / "server.log"
        settings = folder / "config" / "labconfig"
        for made in (self.root, settings):
            made.mkdir(parents=True)
        (settings / "default_setting_overrides.json").write_text(json.dumps(OVERRIDES))
        env = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
        env |= {
            "JUPYTER_CONFIG_DIR": str(folder / "config"),
            "JUPYTER_DATA_DIR": str(folder / "data"),
            "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
            "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
            "JUPYTER_PREFER_ENV_PATH": "1",
            "IPYTHONDIR": str(folder / "ipython"),
            "MPLCONFIGDIR": str(folder / "matplotlib"),
            "PYTHONPATH": os.pathsep.join(
                [str(repository), *filter(None, [env.get("PYTHONPATH")])]
            ),
        }
        command = [
            *(sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root"),
            *("--ip=127.0.0.1", f"--port={self.port}", "--ServerApp.port_retries=0"),
            *(f"--IdentityProvider.token={self.token}", f"--ServerApp.root_dir={self.root}"),
            *("--expose-app-in-browser", "--JupyterNotebookApp.expose_app_in_browser=True"),
            *("--LabApp.news_url=", "--ServerApp.terminals_enabled=False"),
        ]
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                command, env=env, stdout=log, stderr=log, cwd=self.root, start_new_session=True
            )

    def wait(self) -> None:
        """Until the server answers."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.ask("status")
                return
            except OSError as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    log = self._log.read_text()[-3000:]
                    raise RuntimeError(f"Jupyter did not start:\n{log}") from error
            time.sleep(0.1)

    def ask(self, path: str, method: str = "GET") -> Any:
        """One request of Jupyter's REST interface."""
        request = urllib.request.Request(
            f"{self.url}/api/{path}",
            method=method,
            headers={"Authorization": f"token {self.token}"},
        )
        with urllib.request.urlopen(request, timeout=120) as answer:
            body = answer.read()
        return json.loads(body) if body else None

    def end_kernels(self, notebooks: Sequence[str]) -> None:
        """Shut down the kernels of some notebooks."""
        for session in self.ask("sessions"):
            if session["path"] in notebooks:
                self.ask(f"sessions/{session['id']}", "DELETE")

    def stop(self) -> None:
        """End the server and everything it started."""
        for how in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._process.pid, how)
                self._process.wait(timeout=60)
                break
            except subprocess.TimeoutExpired:
                continue
            except ProcessLookupError:
                break
        self._process.wait()


class Notebook:
    """A notebook in a tab: run it, look at it, press its keys.

    Attributes
    ----------
    page
        The tab, as playwright has it.
    """

    def __init__(self, page: Page) -> None:
        self.page = page

    def run_all(self) -> None:
        """Run all cells; none may raise or write to stderr."""
        self.page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
        self.expect_no_errors()

    def execute(self, code: str) -> str:
        """Let the kernel run code beside the cells; what it printed."""
        answer = self.page.evaluate(
            f"""async (code) => {{
                const kernel = {CURRENT}.sessionContext.session.kernel;
                const future = kernel.requestExecute({{ code, store_history: false }});
                let text = "";
                future.onIOPub = ({{ header, content }}) => {{
                    if (header.msg_type === "stream") text += content.text;
                    if (header.msg_type === "error") text += content.traceback.join("\\n");
                }};
                const reply = await future.done;
                return [reply.content.status, text];
            }}""",
            code,
        )
        status, text = answer
        assert status == "ok", text
        return str(text)

    def activate(self, cell: int) -> None:
        """Give a cell the focus, in command mode, as Escape does."""
        self.page.evaluate(
            f"""(cell) => {{
                const content = {CURRENT}.content;
                content.activeCellIndex = cell;
                content.mode = "command";
                content.activate();
            }}""",
            cell,
        )

    def cells(self) -> list[dict[str, Any]]:
        """The cells as they would be saved."""
        return list(self.page.evaluate(f"{CURRENT}.content.model.toJSON().cells"))

    def sources(self) -> list[tuple[str, str]]:
        """Type and text of every cell: what stray keys would change."""
        return [(cell["cell_type"], "".join(cell["source"])) for cell in self.cells()]

    def printed(self, cell: int) -> str:
        """What a cell printed."""
        outputs = self.cells()[cell]["outputs"]
        return "".join("".join(out["text"]) for out in outputs if out["output_type"] == "stream")

    def expect_no_errors(self) -> None:
        """No cell has raised, no cell has written to stderr."""
        for cell in self.cells():
            for output in cell.get("outputs", []):
                if output["output_type"] == "error":
                    raise AssertionError("\n".join(output["traceback"]))
                assert output.get("name") != "stderr", "".join(output["text"])

    def output(self, cell: int) -> Locator:
        """The output area of a cell."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(cell).locator(".jp-Cell-outputArea")

    @contextmanager
    def theme(self, dark: bool) -> Iterator[None]:
        """In the dark, or the light, theme of JupyterLab."""
        self._theme("JupyterLab Dark" if dark else "JupyterLab Light")
        try:
            yield
        finally:
            self._theme("JupyterLab Light")

    def _theme(self, theme: str) -> None:
        self.page.evaluate(
            "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme
        )
        light = str("Dark" not in theme).lower()
        expect(self.page.locator("body")).to_have_attribute("data-jp-theme-light", light)


class Jupyter:
    """Opens notebooks that a test writes down as a list of cells.

    Attributes
    ----------
    screenshots
        The folder where pictures are left for people to look at.
    strange
        What scripts raised, and addresses outside of the server that they asked for.
    """

    def __init__(
        self, server: Server, context: BrowserContext, screenshots: Path, name: str
    ) -> None:
        self.server = server
        self.screenshots = screenshots
        self.strange: list[str] = []
        self._context = context
        self._name = re.sub(r"[^\w-]+", "-", name).strip("-")
        self._pages: list[Page] = []
        self._written: list[str] = []
        screenshots.mkdir(parents=True, exist_ok=True)

    def lab(self, *cells: str) -> Notebook:
        """A notebook in JupyterLab, its kernel idle, nothing run yet."""
        return self._open("doc/tree", cells)

    def notebook(self, *cells: str) -> Notebook:
        """The same in Notebook 7."""
        return self._open("notebooks", cells)

    def voila(self, *cells: str) -> Page:
        """The page that Voila makes of the cells; it has run them."""
        page = self._page()
        page.goto(self._address("voila/render", self.write(cells)))
        expect(page.locator("#rendered_cells")).to_be_visible()
        return page

    def open(self, face: str, *cells: str) -> Notebook:
        """A notebook in ``"lab"`` or ``"notebook"``."""
        return {"lab": self.lab, "notebook": self.notebook}[face](*cells)

    def write(self, cells: Sequence[str]) -> str:
        """The name of a new notebook with these cells."""
        name = f"{self._name}-{len(self._written)}.ipynb"
        self._written.append(name)
        (self.server.root / name).write_text(json.dumps(_notebook(cells)))
        return name

    def picture(self, page: Page, name: str) -> None:
        """Leave a picture of a page among the screenshots."""
        page.screenshot(path=self.screenshots / f"{name}.png", full_page=True)

    def close(self) -> None:
        """Photograph and close the tabs, end their kernels."""
        for i, page in enumerate(self._pages):
            if not page.is_closed():
                self.picture(page, self._name + (f"-{i}" if i else ""))
                page.close()
        self.server.end_kernels(self._written)

    def _page(self) -> Page:
        page = self._context.new_page()
        page.on("pageerror", self._raised)
        page.on("request", self._asked)
        self._pages.append(page)
        return page

    def _raised(self, error: Error) -> None:
        if not any(known in error.message for known in KNOWN_ERRORS):
            self.strange.append(error.stack or error.message)

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self.server.url, "data:", "blob:", *KNOWN_REQUESTS)):
            self.strange.append(f"asked for {request.url}")

    def _address(self, face: str, name: str) -> str:
        return f"{self.server.url}/{face}/{name}?token={self.server.token}"

    def _open(self, face: str, cells: Sequence[str]) -> Notebook:
        page = self._page()
        page.goto(self._address(face, self.write(cells)))
        page.wait_for_function(f"{CURRENT}?.sessionContext?.session?.kernel?.status === 'idle'")
        return Notebook(page)


def _notebook(cells: Sequence[str]) -> dict[str, Any]:
    return {
        "cells": [
            {
                "cell_type": "code",
                "id": f"cell-{i}",
                "source": source.strip("\n"),
                "metadata": {},
                "outputs": [],
                "execution_count": None,
            }
            for i, source in enumerate(cells)
        ],
        "metadata": {
            "kernelspec": {
                "name": "python3",
                "display_name": "Python 3 (ipykernel)",
                "language": "python",
            }
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
