"""One server and one browser for all tests here, a tab for each.

They need Chromium (``scripts/chromium.sh`` installs Debian's). Without it all of them are
skipped, and the end of the run says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.chromium import chromium

HERE = Path(__file__).parent


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
def profile() -> Iterator:
    """The browser with one profile."""
    from tests.browser.jupyter import browser

    with browser() as context:
        yield context


@pytest.fixture(scope="package")
def context(server, profile):
    """The same once there is a server, so that Jupyter's scripts are fetched once."""
    return profile


@pytest.fixture(params=["light"])
def widget(profile, request) -> Iterator:
    """The widget on a page of its own; its scripts may have raised nothing and asked nobody."""
    from tests.browser.standalone import Standalone

    standalone = Standalone(profile, request.param)
    try:
        yield standalone
    finally:
        standalone.page.close()
    assert standalone.strange == []


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
