"""One store: where it is, what it contains, and how this process reads it.

It may import gather and everything below it. A fact about a store goes to `facts`, a rule about
paths and patterns to `paths`, and what must be able to give up goes through `deadline`.
"""

from __future__ import annotations

from mappedviz.stores.facts import StoreFacts
from mappedviz.stores.opening import check_store, open_stores
from mappedviz.stores.paths import expand_paths
from mappedviz.stores.store import Store, open_store

__all__ = ["Store", "StoreFacts", "check_store", "expand_paths", "open_store", "open_stores"]
