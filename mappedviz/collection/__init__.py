"""Many stores as one map-style dataset: the plan, its reader, a batch, and the class people use.

It may import stores and everything below it, and no torch beyond `RowBatch.to_torch`. Decisions
belong to the recipe, reading to the reader; `MappedCollection` only puts them together.
"""

from __future__ import annotations

from mappedviz.collection.mapped_collection import MappedCollection
from mappedviz.collection.plan import Plan, make_plan
from mappedviz.collection.row_batch import RowBatch

__all__ = ["MappedCollection", "Plan", "RowBatch", "make_plan"]
