"""Look at a collection of AnnData stores, decide, train on it.

Importing this package imports nothing but itself: names are resolved at first use (PEP 562).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mappedviz.audits import Audit, audit
    from mappedviz.batches import RowBatch
    from mappedviz.collection import MappedCollection
    from mappedviz.findings import Finding
    from mappedviz.labels import Encoder
    from mappedviz.loaders import dataloader, to_device
    from mappedviz.recipe import Recipe
    from mappedviz.stores import Store, open_store

__version__ = "0.1.0"

_HOME = {
    "Audit": "audits",
    "Encoder": "labels",
    "Finding": "findings",
    "MappedCollection": "collection",
    "Recipe": "recipe",
    "RowBatch": "batches",
    "Store": "stores",
    "audit": "audits",
    "dataloader": "loaders",
    "open_store": "stores",
    "to_device": "loaders",
}

__all__ = [
    "Audit",
    "Encoder",
    "Finding",
    "MappedCollection",
    "Recipe",
    "RowBatch",
    "Store",
    "__version__",
    "audit",
    "dataloader",
    "open_store",
    "to_device",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'mappedviz' has no attribute {name!r}")
    value = getattr(import_module(f"mappedviz.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
