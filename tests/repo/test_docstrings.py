"""Docstrings say what is returned or done, and each package says what belongs in it."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re

import pytest

import mappedviz

PACKAGES = [
    f"mappedviz.{one.name}" for one in pkgutil.iter_modules(mappedviz.__path__) if one.ispkg
]
PUBLIC = ["mappedviz", "mappedviz.errors", *PACKAGES]
#: Words that a first line does not begin with: it is a sentence of its own, not half of one.
HALF = re.compile(r"(What|Of|Those|Whether|Where|Which|How|That|If)\b")

#: Words that have a better one in the field, or in plain English.
WORDS = re.compile(
    r"\b(?:told|looked at|stands|lies|nobody|anew)\b|\ba (?:row|cell|store|class) a\b",
    re.IGNORECASE,
)


def public_members():
    """All that the packages export, with the public members of their classes."""
    found = {}
    for package in PUBLIC:
        module = importlib.import_module(package)
        names = getattr(module, "__all__", None) or [
            name
            for name, value in vars(module).items()
            if not name.startswith("_") and getattr(value, "__module__", None) == package
        ]
        for name in names:
            value = getattr(module, name)
            if not callable(value) or not str(value.__module__).startswith("mappedviz"):
                continue
            found[f"{package}.{name}"] = value
            if inspect.isclass(value):
                found |= {f"{package}.{name}.{one}": own for one, own in members(value)}
    return found


def members(kind):
    """Public methods and properties that a class defines, or a class of ours that it is made of.

    Those that override a method of another library are left out.
    """
    ours = [one for one in kind.__mro__ if one.__module__.startswith("mappedviz")]
    others = [one for one in kind.__mro__ if one not in ours]
    own = {name: value for one in reversed(ours) for name, value in vars(one).items()}
    for name, value in own.items():
        if name.startswith(("_", "test_")) or any(hasattr(other, name) for other in others):
            continue
        value = getattr(value, "__func__", value)
        if inspect.isfunction(value) or hasattr(value, "fget") or hasattr(value, "func"):
            yield name, value


MEMBERS = public_members()


def test_members_are_found():
    assert {
        "mappedviz.MappedCollection",
        "mappedviz.MappedCollection.read_rows",
        "mappedviz.recipe.Recipe.replace",
        "mappedviz.errors.StoreError",
        "mappedviz.plots.plot_shapes",
    } <= set(MEMBERS)


def test_public_members_have_docstrings_that_are_sentences():
    firsts = {name: (inspect.getdoc(one) or "").partition("\n")[0] for name, one in MEMBERS.items()}
    wrong = {name: first for name, first in firsts.items() if not first or HALF.match(first)}
    assert wrong == {}


def test_public_docstrings_use_the_words_of_the_field():
    texts = {name: inspect.getdoc(one) or "" for name, one in MEMBERS.items()}
    wrong = {name: found for name, text in texts.items() if (found := WORDS.findall(text))}
    assert wrong == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_says_what_it_is_for_what_it_may_import_and_where_the_next_thing_goes(package):
    text = inspect.getdoc(importlib.import_module(package))
    sentences = re.findall(r"[.;:](?=\s|$)", text)
    assert len(sentences) >= 3, text
    assert re.search(r"\bimports?\b", text), text
    assert re.search(r"\bnew\b|\banother\b|\bbelongs?\b|\bgoes\b", text, re.IGNORECASE), text
