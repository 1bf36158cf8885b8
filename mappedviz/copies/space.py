"""How large a copy is going to be, and whether its disk has room for it."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from mappedviz.copies.matrices import cache_for_copying
from mappedviz.errors import MappedvizError, NoSpaceError
from mappedviz.formats.number_files import smallest_type
from mappedviz.gather.request import Part
from mappedviz.gather.rows import gather_csr
from mappedviz.text.display import size

if TYPE_CHECKING:
    from mappedviz.formats.matrices import MatrixFacts
    from mappedviz.formats.obsm import ObsmFacts
    from mappedviz.stores.store import Store

__all__ = ["bytes_of_matrix", "check_space", "expected_bytes"]

_SAMPLED_ROWS = 64
_SAMPLED_STORES = 32
_PER_ROW = 64  # of names and labels
_SPARE = 1 << 20


def expected_bytes(
    stores: Iterable[Store], keys: Iterable[str] | None, *, narrow: bool
) -> dict[str, int]:
    """Return about how many bytes the copy of each store will have, by its path.

    Some rows of the first stores say which type their values need; the rows of the others are taken to be
    alike.

    Parameters
    ----------
    stores
        The stores.
    keys
        The matrices that are copied; None for all.
    narrow
        Whether values are kept in smaller types.
    """
    found: dict[str, int] = {}
    items: dict[str, int] = {}
    for i, store in enumerate(stores):
        total = _SPARE // 16 + _PER_ROW * (store.facts.n_obs + store.facts.n_vars)
        for key, facts in store.facts.matrices.items():
            if keys is not None and key not in keys:
                continue
            item = items.get(key, facts.dtype.itemsize)
            if narrow and i < _SAMPLED_STORES:
                item = min(facts.dtype.itemsize, max(_sampled(store, key), items.get(key, 1)))
                items[key] = item
            total += bytes_of_matrix(facts, item, narrow=narrow)
        if keys is None:
            total += sum(_bytes_of_obsm(one) for one in store.facts.obsm.values())
        found[store.path] = total
    return found


def bytes_of_matrix(facts: MatrixFacts, item: int, *, narrow: bool) -> int:
    """Return the bytes of a matrix in a copy, with so many bytes per value."""
    if facts.nnz is None:
        return facts.shape[0] * facts.shape[1] * item
    index = 1 if facts.shape[1] <= 2**8 else 2 if facts.shape[1] <= 2**16 else 4
    if not narrow and facts.index_dtype is not None:
        index = max(4, facts.index_dtype.itemsize)
    return facts.nnz * (item + index) + 8 * facts.shape[0]


def _bytes_of_obsm(facts: ObsmFacts) -> int:
    return int(np.prod(facts.shape)) * 8


def _sampled(store: Store, key: str) -> int:
    """The bytes that values of some rows need; those of the type where no rows are read."""
    facts = store.facts.matrices[key]
    n_obs, n_vars = facts.shape
    if facts.kind == "csc" or 0 in facts.shape:
        return facts.dtype.itemsize
    rows = np.unique(np.linspace(0, n_obs - 1, _SAMPLED_ROWS).astype(np.int64))
    try:
        matrix = store.open_matrix(key, cache_for_copying())
        part = Part(matrix, rows, np.arange(len(rows)), None)
        _, _, data = gather_csr([part], len(rows), n_vars, facts.dtype)
    except MappedvizError:  # whoever copies it says so
        return facts.dtype.itemsize
    return smallest_type(data, facts.dtype).itemsize


def check_space(folder: str, needed: int) -> None:
    """Raise NoSpaceError if a disk has fewer free bytes than are needed."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise NoSpaceError(
            f"about {size(needed)} ({needed} bytes) are needed, and {size(free)} "
            f"({free} bytes) are free",
            store=folder,
            remedy="Make room, or give a folder on another disk.",
        )
