"""Whatever the package imports is declared, and nothing else is."""

from __future__ import annotations

import ast
import re
import sys
import tomllib

import pytest

#: Modules that come with a distribution of another name.
DISTRIBUTION = {"mpl_toolkits": "matplotlib"}
#: What may be imported without being declared, and why.
OPTIONAL = {
    "IPython": "only where IPython itself asks a widget to show itself; ipywidgets brings it",
    "google_crc32c": "the faster checksum, where zarr brought it; numcodecs' serves otherwise",
    "hdf5plugin": "filters of HDF5 that few files have; the message says how to install it",
    "lightning": "the data module of scvi-tools, whose extra brings it; the message says how to install it",
    "obstore": "remote stores; the message says which extra brings it",
    "shtab": "its scripts complete the command in a shell; an extra brings it, and the message says which",
    "pytest": "the store contract is a class of tests: who runs it has pytest",
}


def imported(code: str) -> set[str]:
    """The top-level modules that some code imports, inside functions and by name as well."""
    names = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.append(node.module)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            names += [arg.value for arg in node.args[:1] if isinstance(arg, ast.Constant)]
    return {name.split(".")[0] for name in names}


@pytest.fixture(scope="module")
def used(repository):
    files = (repository / "mappedviz").rglob("*.py")
    found = set().union(*(imported(path.read_text(encoding="utf-8")) for path in files))
    return {DISTRIBUTION.get(name, name) for name in found - {"mappedviz"}} - set(
        sys.stdlib_module_names
    )


@pytest.fixture(scope="module")
def declared(repository):
    text = (repository / "pyproject.toml").read_text(encoding="utf-8")
    lines = tomllib.loads(text)["project"]["dependencies"]
    return {re.match(r"[A-Za-z0-9_-]+", line)[0].lower().replace("-", "_") for line in lines}


def test_imports_are_found_wherever_they_stand():
    code = "import a.b\nfrom c import d\ndef f():\n  import e\n  importlib.import_module('g.h')\n"
    assert imported(code + "from . import i\n") == {"a", "c", "e", "g"}


def test_what_is_imported_is_declared(used, declared):
    assert used - declared - set(OPTIONAL) == set()


def test_what_is_declared_is_imported(used, declared):
    assert declared - used == set()


def test_exceptions_are_needed(used, declared):
    assert set(OPTIONAL) <= used - declared
