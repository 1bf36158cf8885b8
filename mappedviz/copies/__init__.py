"""Copies of stores in the layout that is read fastest at random, as they are or as a recipe has them.

It may import all that a collection may, and the collection. A way to make one shard is a class beside
:class:`~mappedviz.copies.whole_stores.WholeStore`; what is kept about a finished one goes to `manifests`.
"""

from mappedviz.copies.copying import CopyCancelledError, optimize
from mappedviz.copies.result import Copy

__all__ = ["Copy", "CopyCancelledError", "optimize"]
