"""The reader that a collection shares with its subsets."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mappedviz.collection.plan import Plan
    from mappedviz.collection.reader import Reader


class SharedReader:
    """Open matrices and the cache of decoded chunks, one for all plans of the same stores.

    They are held weakly: with the last reader, memory comes back.
    """

    def __init__(self) -> None:
        self._first: weakref.ref[Reader] | None = None

    def of(self, plan: Plan, cache_bytes: int | None) -> Reader:
        """Return a reader of a plan that has the same stores as the plans before."""
        from mappedviz.collection.reader import Reader

        first = None if self._first is None else self._first()
        if first is None:
            made = Reader(plan, cache_bytes)
            self._first = weakref.ref(made)
            return made
        return first.of(plan)
