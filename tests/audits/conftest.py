"""Audits and scans of the demo collection, and stores that nobody has read."""

import pytest

from mappedviz.audits.cache import forget_scans
from mappedviz.audits.reading import scan_store
from tests.audits import ALIAS, DEMO, quiet, write


@pytest.fixture(scope="module")
def demo(demo_data):
    """An audit of the demo collection."""
    return quiet([demo_data / name for name in DEMO], "cell_type", obs_alias=ALIAS)


@pytest.fixture(scope="module")
def demo_scans(demo_data):
    return [scan_store(demo_data / name) for name in DEMO]


@pytest.fixture
def several(tmp_path):
    """Six stores that no audit has read."""
    forget_scans()
    return [str(write(tmp_path, f"s{i}", store=i)) for i in range(6)]
