"""Test kit: coded data, writers of every kind of store, broken stores, a contract to subclass."""

from __future__ import annotations

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

__all__ = [
    "EMPTY_ROW_EVERY",
    "FOLDS",
    "LAYOUTS",
    "PLAIN_COLUMNS",
    "STORE_KINDS",
    "Layout",
    "StoreKind",
    "Writer",
    "coded_anndata",
    "coded_matrix",
    "coded_obs",
    "coded_pattern",
    "decode",
    "encode",
    "fold",
    "with_suffix",
    "zip_folder",
]
