"""Many stores as one map-style dataset: the plan, its reader, a batch, and the class people use.

It may import stores and everything below it, and no torch beyond `RowBatch.to_torch`. Decisions
belong to the recipe, resolving them to the plan, reading to the reader; `PlanDataset` reads a plan,
`MappedCollection` makes one of paths, and a new form of the rows is a module like `to_anndata`.
"""

from __future__ import annotations

from mappedviz.collection.mapped_collection import MappedCollection
from mappedviz.collection.plan import Plan, make_plan
from mappedviz.collection.row_batch import RowBatch
from mappedviz.collection.row_index import as_rows
from mappedviz.collection.split import Parts

__all__ = ["MappedCollection", "Parts", "Plan", "RowBatch", "as_rows", "make_plan"]
