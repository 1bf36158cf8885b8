"""Scans of AnnData objects in memory, kept for the next audit while an earlier audit has them."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from mappedviz.audits.reading import complete
from mappedviz.errors import StoreError
from mappedviz.formats.forks import ForkSafeLock

if TYPE_CHECKING:
    from mappedviz.audits.scan import Scan, Wants

__all__ = ["MemoryScans"]


class MemoryScans:
    """Scans by address, held weakly: an object is not kept in memory for the sake of its scan.

    A scan is given again if obs and var are the same, matrices are the same objects, and so are
    some of their values. All rows (``wants.deep``) are always read.
    """

    def __init__(self) -> None:
        self._scans: weakref.WeakValueDictionary[str, Scan] = weakref.WeakValueDictionary()
        self._completing = ForkSafeLock()

    def get(self, address: str, wants: Wants, stop: Callable[[], None]) -> Scan | None:
        """The scan of an object that is what it was, with all that is wanted; else None."""
        scan = self._scans.get(address)
        if scan is None or scan.store is None or wants.deep:
            return None
        try:
            scan.store.check_same()
            with self._completing():
                complete(scan, wants, stop)
        except StoreError:
            self._scans.pop(address, None)
            return None
        return self._part(scan, wants)

    def put(self, scan: Scan, wants: Wants) -> Scan:
        """Keep the scan of an object that could be opened, and return what is wanted of it."""
        scan.remember()
        self._scans[scan.path] = scan
        return self._part(scan, wants)

    def _part(self, scan: Scan, wants: Wants) -> Scan:
        """What is wanted of a scan, which lives as long as that does."""
        return replace(scan.only(wants, scan.path), whole=scan)
