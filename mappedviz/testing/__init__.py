"""Test kit: coded data, writers of every kind of store, broken stores, a contract to subclass.

Importing it imports numpy only; anndata, h5py and zarr are imported by the functions that
write with them, pytest by `StoreContract`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mappedviz.testing.broken import BROKEN, BrokenKind
from mappedviz.testing.data import (
    EMPTY_ROW_EVERY,
    FOLDS,
    LAYOUTS,
    PLAIN_COLUMNS,
    Layout,
    coded_anndata,
    coded_matrix,
    coded_obs,
    coded_pattern,
    decode,
    encode,
    fold,
)
from mappedviz.testing.writers import STORE_KINDS, StoreKind, Writer, with_suffix, zip_folder

if TYPE_CHECKING:
    from mappedviz.testing.contract import StoreContract, assert_same_values, dense, hash_store

__all__ = [
    "BROKEN",
    "EMPTY_ROW_EVERY",
    "FOLDS",
    "LAYOUTS",
    "PLAIN_COLUMNS",
    "STORE_KINDS",
    "BrokenKind",
    "Layout",
    "StoreContract",
    "StoreKind",
    "Writer",
    "assert_same_values",
    "coded_anndata",
    "coded_matrix",
    "coded_obs",
    "coded_pattern",
    "decode",
    "dense",
    "encode",
    "fold",
    "hash_store",
    "with_suffix",
    "zip_folder",
]

_OF_CONTRACT = ("StoreContract", "assert_same_values", "dense", "hash_store")


def __getattr__(name: str) -> Any:
    if name in _OF_CONTRACT:  # these need pytest, which a user of the data need not have
        from mappedviz.testing import contract

        return getattr(contract, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
