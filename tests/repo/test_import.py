"""`import mappedviz` is lazy: small, and free of the heavy libraries."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

HEAVY = [
    "anndata",
    "h5py",
    "ipywidgets",
    "matplotlib",
    "numcodecs",
    "scipy",
    "pandas",
    "torch",
    "zarr",
]
PROGRAM = """
import json, sys
import mappedviz
print(json.dumps(sorted(sys.modules)))
"""


@pytest.fixture(scope="module")
def modules() -> list[str]:
    """What a process has loaded that did nothing but import us."""
    # Coverage in the child would load modules of its own.
    env = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=env, check=True, capture_output=True, text=True
    )
    return json.loads(run.stdout)


def test_import_loads_the_root_and_what_registers_renderers(modules):
    ours = [name for name in modules if name.split(".")[0] == "mappedviz"]
    assert set(ours) <= {
        "mappedviz",
        "mappedviz._types",
        "mappedviz.errors",
        "mappedviz.text",
        "mappedviz.text.display",
        "mappedviz.text.files",
        "mappedviz.text.rendering",
    }


def test_import_loads_few_modules(modules):
    """How long it takes is printed by ``python -m tests.benchmarks.first_use``."""
    assert len(modules) < 150


def test_import_leaves_heavy_libraries_alone(modules):
    assert [name for name in HEAVY if name in modules] == []


def test_every_public_name_is_there():
    import mappedviz

    for name in mappedviz.__all__:
        assert getattr(mappedviz, name) is not None
    assert set(mappedviz.__all__) <= set(dir(mappedviz))


def test_unknown_name_is_an_attribute_error_that_names_it():
    import mappedviz

    with pytest.raises(AttributeError, match="no_such_name"):
        mappedviz.no_such_name  # noqa: B018 - the access is what is tested


def test_version_is_that_of_the_metadata():
    from importlib.metadata import version

    import mappedviz

    assert mappedviz.__version__ == version("mappedviz")
