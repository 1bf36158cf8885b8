"""What an extra brings, and what is said where it is missing."""

from __future__ import annotations

import importlib.metadata
import tomllib

import pytest

import mappedviz
from mappedviz.errors import MissingPackageError
from mappedviz.text import extras
from mappedviz.text.extras import EXTRAS, distribution, optional_packages


@pytest.mark.parametrize("extra", EXTRAS)
def test_what_an_extra_brings_is_named_with_it(extra):
    for module in EXTRAS[extra]:
        with pytest.raises(MissingPackageError) as raised, optional_packages():
            raise ModuleNotFoundError("No module", name=f"{module}.inside")
        assert raised.value.name == module
        assert f'{module}, which is not installed. Run: pip install "mappedviz' in str(raised.value)
        assert f'[{extra}]"' in raised.value.remedy


def test_other_modules_are_not_ours_to_explain():
    with pytest.raises(ModuleNotFoundError, match="elsewhere") as raised, optional_packages():
        import elsewhere  # noqa: F401
    assert not isinstance(raised.value, MissingPackageError)


def test_an_error_that_was_explained_stays_as_it_is():
    error = MissingPackageError("explained")
    error.name = "torch"
    with pytest.raises(MissingPackageError) as raised, optional_packages(), optional_packages():
        raise error
    assert raised.value is error


@pytest.mark.parametrize(
    ("installed", "named"),
    [
        ({"mappedviz"}, "mappedviz"),
        ({"mappedviz-core"}, "mappedviz-core"),
        ({"mappedviz", "mappedviz-core"}, "mappedviz"),
        (set(), "mappedviz"),
    ],
)
def test_the_distribution_that_is_installed_is_named(monkeypatch, installed, named):
    def version(name):
        if name not in installed:
            raise importlib.metadata.PackageNotFoundError(name)
        return "0.1.0"

    monkeypatch.setattr(importlib.metadata, "version", version)
    assert distribution() == named


def test_they_are_the_extras_of_the_package(repository):
    extras = tomllib.loads((repository / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    assert set(EXTRAS) <= set(extras)
    for extra in ("torch", "viz"):
        modules = {line.partition(">")[0] for line in extras[extra]}
        assert modules == set(EXTRAS[extra])


def test_the_version_is_that_of_what_is_installed(monkeypatch):
    assert extras.installed_version() == mappedviz.__version__
    monkeypatch.setattr(extras, "distribution", lambda: "not-installed-at-all")
    assert extras.installed_version() == "0+unknown"
