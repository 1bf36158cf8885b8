"""One server and one browser for all tests here, a tab for each.

They need Chromium (``scripts/chromium.sh`` installs Debian's). Without it all of them are
skipped, and the end of the run says so.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Nothing but the test's own server can be reached.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]


@cache
def chromium() -> str | None:
    """The browser: that of $CHROMIUM, or the first that is installed and runs."""
    named = os.environ.get("CHROMIUM")
    for name in [named] if named else NAMES:
        path = shutil.which(name)
        if path and subprocess.run([path, "--version"], capture_output=True).returncode == 0:
            return path
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    skip = pytest.mark.skip(reason="NO BROWSER: install Chromium with scripts/chromium.sh")
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)
            # One server and one browser, whatever the number of workers.
            item.add_marker(pytest.mark.xdist_group("browser"))
            if chromium() is None:
                item.add_marker(skip)


@pytest.fixture(scope="package")
def server(repository, tmp_path_factory) -> Iterator:
    from tests.browser.jupyter import Server

    server = Server(tmp_path_factory.mktemp("jupyter"), repository)
    try:
        server.wait()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="package")
def context(server) -> Iterator:
    """The browser with one profile, so that Jupyter's scripts are fetched once."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=OPTIONS)
        context = browser.new_context(
            viewport={"width": 1200, "height": 900},
            permissions=["clipboard-read", "clipboard-write"],
        )
        context.set_default_timeout(30_000)
        yield context
        context.close()
        browser.close()


def _notebooks(server, context, repository, request) -> Iterator:
    from tests.browser.jupyter import Jupyter

    jupyter = Jupyter(server, context, repository / "build" / "screenshots", request.node.name)
    try:
        yield jupyter
    finally:
        jupyter.close()
    assert jupyter.strange == []


@pytest.fixture
def jupyter(server, context, repository, request) -> Iterator:
    """Opens notebooks; afterwards every tab is photographed and closed.

    Scripts in them may have raised nothing, and asked nobody but the server.
    """
    yield from _notebooks(server, context, repository, request)


@pytest.fixture(scope="module")
def jupyter_module(server, context, repository, request) -> Iterator:
    """The same for notebooks that the tests of one file share."""
    yield from _notebooks(server, context, repository, request)
