"""Widgets that show a collection, let a person decide, and hand over what was decided.

It may import report and everything below it; ipywidgets and anywidget are at home here. A new tab
is a module with a view of its own, and a line in `explorer`.
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
