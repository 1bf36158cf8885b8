"""What all tests share: hypothesis profiles and the demo collection."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import tomllib
from doctest import UnexpectedException
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Before anything imports it: the assertions of the contract explain themselves.
pytest.register_assert_rewrite("mappedviz.testing.contract")

ROOT = Path(__file__).resolve().parent.parent
_CACHE = pytest.StashKey[str]()

# No deadlines: the machines that run this are shared, and some are busy.
_common = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("default", max_examples=50, **_common)
settings.register_profile("thorough", max_examples=1000, **_common)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the repository."""
    return ROOT


@pytest.fixture
def idle(monkeypatch):
    """The child that waits, of this test alone."""
    from mappedviz.stores import children

    one = children.IdleChild()
    monkeypatch.setattr(children, "idle", one)
    yield one
    one.end()


@pytest.fixture(scope="session")
def demo_data() -> Path:
    """The folder with the demo collection."""
    return ROOT / "notebooks" / "data"


# It is a dependency, so this is said aloud: only `make test-newest` goes without.
_WITHOUT_TORCH = find_spec("torch") is None
_NEEDS_TORCH = re.compile(r"^(import|from) (torch|(tests|mappedviz)\.loaders)\b", re.MULTILINE)


class _WithoutTorch:
    """Registered for all tests, those in docstrings of the package too."""

    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """Leave out the modules that import torch where there is none."""
        if collection_path.is_dir():
            return True if collection_path.name == "loaders" else None
        if collection_path.suffix != ".py":
            return None
        return True if _NEEDS_TORCH.search(collection_path.read_text("utf-8")) else None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item):
        """Skip a test or an example that turns out to need torch where there is none."""
        try:
            return (yield)
        except Exception as raised:
            error = getattr(raised, "failures", [raised])[0]  # examples are gone through to the end
            error = error.exc_info[1] if isinstance(error, UnexpectedException) else error
            if isinstance(error, ModuleNotFoundError) and error.name == "torch":
                pytest.skip("torch is not installed")
            raise


def pytest_configure(config) -> None:
    """Go without torch where there is none, and with a cache that is not the user's."""
    # By its environment, so that the processes which tests start have it as well.
    folder = config.stash[_CACHE] = tempfile.mkdtemp(prefix="mappedviz-cache-")
    os.environ["MAPPEDVIZ_CACHE"] = folder
    if _WITHOUT_TORCH:
        config.pluginmanager.register(_WithoutTorch())


def pytest_unconfigure(config) -> None:
    """Remove the cache of the tests."""
    shutil.rmtree(config.stash[_CACHE], ignore_errors=True)


def pytest_collection_modifyitems(config, items) -> None:
    """Count branches while the engine's own tests run, and at no other time."""
    counted = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["coverage"]["run"]
    about_it = {name.removeprefix("mappedviz.") for name in counted["source_pkgs"]} | {"laws"}
    for item in items:
        if item.path.is_relative_to(ROOT) and item.path.relative_to(ROOT).parts[1] not in about_it:
            item.add_marker("no_cover")


# What tests of the browser, and of files for other tools, miss, and how to get it.
_MISSING = {
    "NO BROWSER": "what notebooks show was NOT tested. Install Chromium: scripts/chromium.sh",
    "NO INTEROP": "files for MultiQC and Croissant were NOT read by them. See scripts/tools.sh",
    "NO AXE": "accessibility was NOT audited. Fetch axe-core: scripts/axe.sh",
}


def pytest_terminal_summary(terminalreporter) -> None:
    """Say aloud, once more, what was not tested for want of a browser, axe-core, other tools or torch."""
    if _WITHOUT_TORCH:
        terminalreporter.write_line(
            "NO TORCH: loaders and the hand-off were NOT tested here.", red=True, bold=True
        )
    reasons = [str(one.longrepr) for one in terminalreporter.stats.get("skipped", [])]
    for sign, said in _MISSING.items():
        if any(sign in reason for reason in reasons):
            terminalreporter.write_line(f"{sign}: {said}", red=True, bold=True)
