"""Writers of every dialect of stores, and stores that are broken, for tests.

Importing it imports numpy only; anndata, h5py and zarr are imported by the functions that write
with them.
"""

from __future__ import annotations

from tests.stores.broken import BROKEN, BrokenKind
from tests.stores.writers import STORE_KINDS, StoreKind, Writer, with_suffix, zip_folder

__all__ = [
    "BROKEN",
    "STORE_KINDS",
    "BrokenKind",
    "StoreKind",
    "Writer",
    "with_suffix",
    "zip_folder",
]
