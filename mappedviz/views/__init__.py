"""Widgets that show a collection, let a person decide, and hand over what was decided.

It may import everything but the command line; anywidget and traitlets are at home here. A view makes a
tree of plain nodes, with the pure function of its name in `models`, of the audit and its own state,
and `page` sends what differs to the one widget in the browser, which `static` draws, and takes its
events. A new tab is such a function, a subclass of `base.View` and a line in `explorer`; a new
picture is a constructor in `pictures` and a file in `static/charts`.
"""

from __future__ import annotations

from mappedviz.text.extras import optional_packages

with optional_packages():
    from mappedviz.views.categories import CategoriesView
    from mappedviz.views.cells import CellsView
    from mappedviz.views.checks import ChecksView
    from mappedviz.views.coverage import CoverageView
    from mappedviz.views.explorer import Explorer, explore
    from mappedviz.views.handoff import HandoffView
    from mappedviz.views.history import HistoryView
    from mappedviz.views.shapes import ShapesView
    from mappedviz.views.state import Session
    from mappedviz.views.weights import WeightsView

__all__ = [
    "CategoriesView",
    "CellsView",
    "ChecksView",
    "CoverageView",
    "Explorer",
    "HandoffView",
    "HistoryView",
    "Session",
    "ShapesView",
    "WeightsView",
    "explore",
]
