"""What all tests share: hypothesis profiles and the demo collection."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Before anything imports it: the assertions of the contract explain themselves.
pytest.register_assert_rewrite("mappedviz.testing.contract")

ROOT = Path(__file__).resolve().parent.parent

# No deadlines: the machines that run this are shared, and some are busy.
_common = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("default", max_examples=50, **_common)
settings.register_profile("thorough", max_examples=1000, **_common)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def demo_data() -> Path:
    """The folder with the demo collection."""
    return ROOT / "notebooks" / "data"


def pytest_terminal_summary(terminalreporter) -> None:
    """Say aloud, once more, that tests/browser had no browser to drive."""
    if any("NO BROWSER" in str(one.longrepr) for one in terminalreporter.stats.get("skipped", [])):
        terminalreporter.write_line(
            "NO BROWSER: what notebooks show was NOT tested. Install Chromium: scripts/chromium.sh",
            red=True,
            bold=True,
        )
