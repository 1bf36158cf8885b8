"""Stores that are genes × cells where others are cells × genes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mappedviz.audits.tables.identifiers import kind_of
from mappedviz.gather.row_hashes import hash_texts

if TYPE_CHECKING:
    from mappedviz._types import Array
    from mappedviz.audits.scan import Scan

_LOOKED_AT = 300  # names of cells per store
_NUMBERS = ("positional", "number", "none")


def transposed_stores(scans: Sequence[tuple[str, Scan]]) -> dict[str, list[str]]:
    """Return stores of which most names of cells are genes of other stores, and some of these names.

    Parameters
    ----------
    scans
        Display names and what was read.
    """
    genes: dict[bytes, Array] = {}  # many stores share one list
    for _, scan in scans:
        for names in scan.names.values():
            if names.key not in genes and kind_of(names) not in _NUMBERS:
                genes[names.key] = names.values
    if not genes:
        return {}
    every = np.concatenate(list(genes.values()))
    hashes = hash_texts(every)
    order = np.argsort(hashes)
    hashes = hashes[order]
    looked_at: dict[int, Array] = {}
    found = {}
    for store, scan in scans:
        if scan.obs_hashes is None or not len(scan.obs_hashes):
            continue
        n = len(scan.obs_hashes)
        if n not in looked_at:
            looked_at[n] = np.unique(np.linspace(0, n - 1, min(n, _LOOKED_AT)).astype(np.int64))
        some = scan.obs_hashes[looked_at[n]]
        place = np.minimum(hashes.searchsorted(some), len(hashes) - 1)
        hit = order[place[hashes[place] == some]]
        if len(hit) > len(some) / 2 and len(hit) > 1:
            found[store] = [str(name) for name in every[hit][:20].tolist()]
    return found
