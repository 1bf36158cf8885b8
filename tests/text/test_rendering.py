"""Values find what renders them, without importing it themselves."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mappedviz.text import rendering
from mappedviz.text.rendering import Renderer, register, renderer_of, renderers_from


class Animal:
    pass


class Dog(Animal):
    pass


@pytest.fixture(autouse=True)
def _own_registry(monkeypatch):
    monkeypatch.setattr(rendering, "_renderers", {})
    monkeypatch.setattr(rendering, "_sources", [])


def test_the_nearest_type_wins():
    register(Animal, Renderer(lambda _: "an animal"))
    assert renderer_of(Dog()).fragment(Dog()) == "an animal"
    register(Dog, Renderer(lambda _: "a dog"))
    assert renderer_of(Dog()).fragment(Dog()) == "a dog"
    assert renderer_of(Animal()).fragment(Animal()) == "an animal"
    assert renderer_of(Dog()).write_page is None


def test_renderers_are_asked_for_once_and_when_they_are_needed():
    calls = []

    def load():
        calls.append(1)
        register(Animal, Renderer(lambda _: "an animal"))

    renderers_from(load)
    assert calls == []
    for _ in range(2):
        assert renderer_of(Dog()).fragment(Dog()) == "an animal"
    assert calls == [1]


def test_nothing_renders_it():
    with pytest.raises(TypeError, match="nothing renders a Dog as HTML"):
        renderer_of(Dog())


def test_a_value_is_shown_without_an_import_of_the_report():
    code = (
        "import sys, numpy\n"
        "from mappedviz import RowBatch\n"
        "batch = RowBatch({'a': numpy.arange(2)}, 2)\n"
        "assert 'mappedviz.report' not in sys.modules\n"
        "print(batch._repr_html_())\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "RowBatch of 2 rows" in run.stdout
