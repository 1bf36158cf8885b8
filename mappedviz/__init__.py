"""Look at a collection of AnnData stores, decide, train on it.

Importing this package imports nothing but itself: names are resolved at first use (PEP 562).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mappedviz.batches import RowBatch
    from mappedviz.collection import MappedCollection
    from mappedviz.labels import Encoder
    from mappedviz.loaders import dataloader
    from mappedviz.recipe import Recipe
    from mappedviz.stores import Store, open_store

__version__ = "0.1.0"

_HOME = {
    "Encoder": "labels",
    "MappedCollection": "collection",
    "Recipe": "recipe",
    "RowBatch": "batches",
    "Store": "stores",
    "dataloader": "loaders",
    "open_store": "stores",
}

__all__ = [
    "Encoder",
    "MappedCollection",
    "Recipe",
    "RowBatch",
    "Store",
    "__version__",
    "dataloader",
    "open_store",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'mappedviz' has no attribute {name!r}")
    value = getattr(import_module(f"mappedviz.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
