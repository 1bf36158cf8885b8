"""The test kit for store kinds: coded data, and a contract to subclass.

It may import everything, and nothing imports it. Importing it imports numpy only; anndata and
pytest are imported by what needs them. A new promise of every store kind is a test in
`contract`; writers of particular stores belong to the tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mappedviz.testing.codes import (
    EMPTY_ROW_EVERY,
    FOLDS,
    LAYOUTS,
    Layout,
    coded_pattern,
    decode,
    encode,
    fold,
)
from mappedviz.testing.data import (
    PLAIN_COLUMNS,
    coded_anndata,
    coded_matrix,
    coded_obs,
    layers_of,
)

if TYPE_CHECKING:
    from mappedviz.testing.contract import StoreContract, assert_same_values, dense, hash_store

__all__ = [
    "EMPTY_ROW_EVERY",
    "FOLDS",
    "LAYOUTS",
    "PLAIN_COLUMNS",
    "Layout",
    "StoreContract",
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
    "layers_of",
]

_OF_CONTRACT = ("StoreContract", "assert_same_values", "dense", "hash_store")


def __getattr__(name: str) -> Any:
    if name in _OF_CONTRACT:  # these need pytest, which a user of the data need not have
        from mappedviz.testing import contract

        return getattr(contract, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
