"""Data to try mappedviz with: a small collection that is made on this machine.

It may import errors and types only: stores are written with anndata, and nothing reads them here. A
fault that the collection is to have goes to `laboratories`, what cells are like to `cells`; whatever
else is made once and kept goes through `folders`.
"""

from __future__ import annotations

from mappedviz.datasets.demo_collection import demo

__all__ = ["demo"]
