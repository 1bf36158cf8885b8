"""Scans in the cache on disk, so that another process needs not read what this one has read."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from mappedviz.audits.reading import is_complete
from mappedviz.audits.scan_sections import lists_of, recalled, scan_of, scan_sections
from mappedviz.stores.store import stamp_of
from mappedviz.text.addresses import absolute

if TYPE_CHECKING:
    from mappedviz.audits.scan import Scan, Wants
    from mappedviz.formats.columns import Column
    from mappedviz.formats.stamps import Stamp
    from mappedviz.stores.fact_cache import FactCache

__all__ = ["RecordedScans"]


class RecordedScans:
    """Scans of stores that are unchanged, in the records of a cache.

    Parameters
    ----------
    cache
        Where the records are.

    Examples
    --------
    >>> import tempfile
    >>> from mappedviz.audits.reading import scan_store
    >>> from mappedviz.audits.scan import Wants
    >>> from mappedviz.stores.fact_cache import FactCache
    >>> from mappedviz.datasets import demo
    >>> path = str(demo() / "berlin.h5ad")
    >>> scans = RecordedScans(FactCache(tempfile.mkdtemp()))
    >>> scans.get(path, Wants()) is None
    True
    >>> scans.put(scan_store(path))
    >>> scans.get(path, Wants()).n_obs
    700
    """

    def __init__(self, cache: FactCache) -> None:
        self.cache = cache
        self._lacking: dict[str, Scan] = {}  # scans that do not have all that is wanted

    @property
    def on(self) -> bool:
        """Whether scans are kept at all."""
        return self.cache.folder is not None

    def get(self, path: str, wants: Wants) -> Scan | None:
        """Return the scan of a store, if its record has all that is wanted of it."""
        if not self.on:
            return None
        address = absolute(path)
        try:
            stamp = stamp_of(address)
            scan = self._scan(path, address, stamp, wants)
        except (OSError, LookupError, TypeError, ValueError):  # whoever reads the store says why
            return None
        if scan is None or scan.known is None:
            return None
        if not (is_complete(scan, wants) and _has_columns(scan, wants)):
            self._lacking[path] = scan
            return None
        return scan

    def _scan(self, path: str, address: str, stamp: Stamp, wants: Wants) -> Scan | None:
        record = self.cache.get(address, stamp)
        if record is None:
            return None
        recall = partial(_recall, self.cache, address, stamp)
        scan = scan_of(record, path, address, stamp, self.cache.names, recall)
        if scan is None or scan.known is None:
            return None
        scan.remember()
        for name in wants.columns:
            column = recalled(record, name)
            if column is not None:
                scan.known.keep_column(name, column)
        return scan

    def put(self, scan: Scan) -> None:
        """Keep the scan of a store that could be opened, beside what was known of it."""
        if not self.on or scan.known is None:
            return
        before = self._lacking.pop(scan.path, None)
        if before is not None and before.known is not None:
            scan = _together(before, scan)
        for names in lists_of(scan).values():
            self.cache.keep_names(names)
        store = scan.known.store  # type: ignore[union-attr]
        self.cache.put(store.path, store.stamp, scan_sections(scan), scan.evidence)


def _recall(cache: FactCache, address: str, stamp: Stamp, name: str) -> Column | None:
    record = cache.get(address, stamp)
    return None if record is None else recalled(record, name)


def _has_columns(scan: Scan, wants: Wants) -> bool:
    """Whether the columns that are wanted are known, if only that they cannot be read."""
    assert scan.known is not None
    has = scan.known.store.facts.obs_columns
    return all(scan.known.knows_column(name) for name in wants.columns if name in has)


def _together(before: Scan, now: Scan) -> Scan:
    """Return a scan with what an earlier one of the same content has beyond it."""
    return replace(
        now,
        raw_names=now.raw_names or before.raw_names,
        samples={**before.samples, **now.samples},
        obsm_finite={**before.obsm_finite, **now.obsm_finite},
        obs_hashes=before.obs_hashes if now.obs_hashes is None else now.obs_hashes,
        row_hashes=before.row_hashes if now.row_hashes is None else now.row_hashes,
        broken={**before.broken, **now.broken},
    )
