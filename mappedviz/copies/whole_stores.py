"""A copy of one store with all that is in it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mappedviz._types import Array
from mappedviz.copies.matrices import Spooled, blocks_of, cache_for_copying
from mappedviz.formats.new_stores import StoreFormat, new_store
from mappedviz.formats.other_elements import read_other_elements
from mappedviz.text.addresses import base_name

if TYPE_CHECKING:
    from mappedviz.stores.store import Store

__all__ = ["WholeStore"]


@dataclass(frozen=True)
class WholeStore:
    """One store, copied as it is: obs, var, obsm, layers, raw, uns and all; CSC becomes CSR.

    Parameters
    ----------
    store
        The store.
    """

    store: Store

    @property
    def addresses(self) -> list[str]:
        """The stores that are read."""
        return [self.store.path]

    @property
    def n_obs(self) -> int:
        """Number of rows."""
        return self.store.facts.n_obs

    def what(self) -> object:
        """Return plain values that tell this shard from others of the same stores."""
        return "whole"

    def write(
        self,
        target: str,
        kind: StoreFormat,
        folder: str,
        stop: Callable[[], None],
        *,
        narrow: bool,
    ) -> dict[str, Array]:
        """Write the copy.

        Parameters
        ----------
        target
            Path of the new store.
        kind
            Its format.
        folder
            For files on the way.
        stop
            Called now and then; it may raise, to cancel.
        narrow
            Keep values in smaller types where these hold all of them exactly.

        Returns
        -------
        dict
            For each matrix the hashes of its rows.
        """
        store, hashes = self.store, {}
        others = read_other_elements(store.path, store.kind)
        with new_store(target, kind, store.path) as new:
            for key, element in others.elements.items():
                stop()
                new.put(key, element)
            new.put_group("layers")
            if "raw.X" in store.facts.matrices:
                new.put_group("raw", "raw")
                for key, element in (others.raw or {}).items():
                    new.put(f"raw/{key}", element)
            for i, key in enumerate(store.facts.matrices):
                at = os.path.join(folder, str(i))
                spooled, hashes[key] = self._spooled(key, at, stop, narrow=narrow)
                where = {"X": "X", "raw.X": "raw/X"}.get(key, f"layers/{key}")
                new.put_matrix(where, spooled.spool)
        store.check_unchanged()
        return hashes

    def _spooled(
        self, key: str, folder: str, stop: Callable[[], None], *, narrow: bool
    ) -> tuple[Spooled, Array]:
        facts = self.store.facts.matrices[key]
        index = facts.index_dtype
        if index is not None and index.itemsize < 4:
            index = np.dtype(np.int32)
        if facts.kind == "csc" and facts.shape[1] >= 2**31:
            index = np.dtype(np.int64)
        spooled = Spooled(folder, facts.shape[1], facts.dtype, index, narrow=narrow)
        matrix = self.store.open_matrix(key, cache_for_copying())
        for block in blocks_of(matrix, f"{folder}-bands", stop):
            spooled.append(block)
        return spooled, spooled.finish()

    def __repr__(self) -> str:
        return f"WholeStore({base_name(self.store.path)!r})"
