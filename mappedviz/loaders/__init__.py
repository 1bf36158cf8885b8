"""The hand-off to torch: `dataloader`, the orders of rows, reading ahead, and tensors.

It may import collection and everything below it; audits are its sibling and unknown to it. A new
order of rows goes to `row_order`; another consumer (JAX, scvi) is a module beside these.
"""

from __future__ import annotations

from mappedviz.loaders.batches import Batches
from mappedviz.loaders.loader import Loader, dataloader
from mappedviz.loaders.row_order import RowOrder, Shuffle
from mappedviz.loaders.sampler import BatchSampler
from mappedviz.loaders.tensors import to_device, to_tensors

__all__ = [
    "BatchSampler",
    "Batches",
    "Loader",
    "RowOrder",
    "Shuffle",
    "dataloader",
    "to_device",
    "to_tensors",
]
