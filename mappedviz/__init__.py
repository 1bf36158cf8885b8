"""Explore a collection of AnnData stores, decide, train on it.

Importing this package imports nothing but itself: names are resolved at first use (PEP 562).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mappedviz.text.rendering import renderers_from

if TYPE_CHECKING:
    __version__: str
    from mappedviz.audits import Audit, Expectations, Finding, audit
    from mappedviz.collection.mapped_collection import MappedCollection
    from mappedviz.collection.row_batch import RowBatch
    from mappedviz.copies import Copy, optimize
    from mappedviz.loaders.loader import dataloader
    from mappedviz.loaders.tensors import to_device
    from mappedviz.orders.numpy_batches import batches
    from mappedviz.recipe.labels import Encoder
    from mappedviz.recipe.recipe import Recipe
    from mappedviz.stores.opening import check_store
    from mappedviz.stores.store import Store, open_store
    from mappedviz.views import (
        CategoriesView,
        CellsView,
        ChecksView,
        CoverageView,
        Explorer,
        HandoffView,
        HistoryView,
        ShapesView,
        WeightsView,
        explore,
    )

# Renderers are imported when the first value is shown.
renderers_from(lambda: import_module("mappedviz.report"))

_HOME = {
    "Audit": "audits",
    "CategoriesView": "views",
    "CellsView": "views",
    "ChecksView": "views",
    "Copy": "copies",
    "CoverageView": "views",
    "Encoder": "recipe",
    "Expectations": "audits",
    "Explorer": "views",
    "Finding": "audits",
    "HandoffView": "views",
    "HistoryView": "views",
    "MappedCollection": "collection",
    "Recipe": "recipe",
    "RowBatch": "collection",
    "ShapesView": "views",
    "Store": "stores",
    "WeightsView": "views",
    "audit": "audits",
    "batches": "orders",
    "check_store": "stores",
    "dataloader": "loaders",
    "explore": "views",
    "open_store": "stores",
    "optimize": "copies",
    "to_device": "loaders",
}

__all__ = [
    "Audit",
    "CategoriesView",
    "CellsView",
    "ChecksView",
    "Copy",
    "CoverageView",
    "Encoder",
    "Expectations",
    "Explorer",
    "Finding",
    "HandoffView",
    "HistoryView",
    "MappedCollection",
    "Recipe",
    "RowBatch",
    "ShapesView",
    "Store",
    "WeightsView",
    "__version__",
    "audit",
    "batches",
    "check_store",
    "dataloader",
    "explore",
    "open_store",
    "optimize",
    "to_device",
]


#: Packages and modules that are there as attributes, without an import of their own.
_MODULES = (
    "audits",
    "collection",
    "copies",
    "datasets",
    "errors",
    "genes",
    "loaders",
    "orders",
    "ontology",
    "plots",
    "recipe",
    "report",
    "stores",
)


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"mappedviz.{name}")
    if name == "__version__":
        globals()[name] = import_module("mappedviz.text.extras").installed_version()
        return globals()[name]
    if name not in _HOME:
        raise AttributeError(f"module 'mappedviz' has no attribute {name!r}")
    value = getattr(import_module(f"mappedviz.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
