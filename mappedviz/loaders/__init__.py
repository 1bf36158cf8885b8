"""The hand-off to torch: `dataloader`, the sampler of its batches, and tensors.

It may import orders and everything below it; audits are its sibling and unknown to it. A new
order of rows goes to `orders`; another consumer (scvi) is a module beside these.
"""

from __future__ import annotations

from mappedviz.orders.row_order import RowOrder, Shuffle
from mappedviz.text.extras import optional_packages

with optional_packages():
    from mappedviz.loaders.dataset import Batches
    from mappedviz.loaders.loader import Loader, dataloader
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
