"""Which rows come when, and reading them ahead: everything of a loader that needs no torch.

An order is a pure function of seed and epoch (`order`); `walk` keeps a place in it, `read_ahead` has batches
read before they are asked for, `numpy_batches` hands them out as they are. A new order is a class
beside `row_order`. It may import collection and everything below it; `loaders` makes tensors of this.
"""

from __future__ import annotations

from mappedviz.orders.class_order import BalancedOrder, ClassOrder
from mappedviz.orders.given_order import GivenOrder
from mappedviz.orders.numpy_batches import NumpyBatches, batches
from mappedviz.orders.order import Order
from mappedviz.orders.row_order import RowOrder, Shuffle

__all__ = [
    "BalancedOrder",
    "ClassOrder",
    "GivenOrder",
    "NumpyBatches",
    "Order",
    "RowOrder",
    "Shuffle",
    "batches",
]
