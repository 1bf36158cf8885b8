"""The demo stores, and an Explorer of them."""

import pytest

import mappedviz as mv
from tests.views.looks import DEMO


@pytest.fixture(scope="session")
def paths(demo_data):
    return [str(demo_data / name) for name in DEMO]


@pytest.fixture
def ui(paths):
    made = mv.explore(paths, label="louvain", workers=0)
    assert made.wait()
    return made
