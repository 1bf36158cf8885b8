"""Widgets that show a collection, let a person decide, and hand over what was decided.

It may import everything but the command line; ipywidgets, anywidget and traitlets are at home here.
Every view edits the recipe of one `Session` and passes nothing else on. A new tab is a subclass of
`base.View` in a module of its own and a line in `explorer`; a new picture is a class in `charts`
and its section in `static`.
"""

from __future__ import annotations

from mappedviz.views.categories import CategoriesView
from mappedviz.views.checks import ChecksView
from mappedviz.views.coverage import CoverageView
from mappedviz.views.explorer import Explorer, explore
from mappedviz.views.handoff import HandoffView
from mappedviz.views.shapes import ShapesView
from mappedviz.views.state import Session
from mappedviz.views.weights import WeightsView

__all__ = [
    "CategoriesView",
    "ChecksView",
    "CoverageView",
    "Explorer",
    "HandoffView",
    "Session",
    "ShapesView",
    "WeightsView",
    "explore",
]
