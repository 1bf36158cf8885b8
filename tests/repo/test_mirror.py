"""The tests mirror the packages: the tests of ``a/b.py`` are in ``tests/a/test_b.py``.

Those of ``a/b/c.py`` may be in ``tests/a/test_c.py`` as well as in ``tests/a/b/test_c.py``.
"""

from __future__ import annotations

from pathlib import PurePath

import pytest

#: Folders of tests that belong to no package.
BESIDE = {"benchmarks", "browser", "laws", "reference", "repo"}

#: Modules without a test file of their own, and what tests them.
EXCUSED: dict[str, str] = {}


def places(module: str) -> set[str]:
    """Where the tests of a module, or of a package, may be."""
    *folders, name = PurePath(module).parts
    name = name.removeprefix("_")
    return {"/".join([*where, f"test_{name}"]) for where in (folders, folders[:1])}


def names(folder, kind="py"):
    paths = folder.rglob(f"*.{kind}")
    return {path.relative_to(folder).with_suffix("").as_posix() for path in paths}


@pytest.fixture(scope="module")
def modules(repository):
    found = names(repository / "mappedviz")
    return {one for one in found if PurePath(one).name not in ("__init__", "__main__")}


@pytest.fixture(scope="module")
def tests(repository):
    return {
        one
        for one in names(repository / "tests")
        if PurePath(one).name.startswith("test_") and PurePath(one).parts[0] not in BESIDE
    }


def test_every_module_has_its_tests(modules, tests):
    without = {one for one in modules if not places(one) & tests}
    assert sorted(without - set(EXCUSED)) == []
    assert sorted(set(EXCUSED) - without) == []


def test_every_test_file_has_its_module(modules, tests, repository):
    package = repository / "mappedviz"
    packages = [PurePath(one).parent for one in names(package) if one.endswith("/__init__")]
    others = {
        *(one.as_posix() for one in packages),
        *((one / one.name).as_posix() for one in packages),  # a/__init__.py in a/test_a.py
        *names(package, "cpp"),
        *names(repository / "tests"),  # writers of stores have tests, too
    }
    known = set().union(*map(places, modules | others))
    assert sorted(tests - known) == []
