"""One store: where it is, what it contains, and how this process reads it.

It may import gather and everything below it. What is known of a store goes to its facts, how paths
and patterns become stores to `paths`.
"""

from __future__ import annotations

from mappedviz.stores.store import Store, StoreFacts, expand_paths, open_store, open_stores

__all__ = ["Store", "StoreFacts", "expand_paths", "open_store", "open_stores"]
