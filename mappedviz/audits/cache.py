"""Scans of stores, kept for the next audit as long as their files are unchanged."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mappedviz.audits.memory_scans import MemoryScans
from mappedviz.audits.reading import complete, is_complete
from mappedviz.audits.vocabulary import Vocabulary
from mappedviz.errors import StoreError
from mappedviz.formats.forks import ForkSafeLock
from mappedviz.text.addresses import absolute, in_memory

if TYPE_CHECKING:
    from mappedviz.audits.scan import Scan, Wants
    from mappedviz.recipe.names import Names

#: A vocabulary of fewer names than this is not worth being made again.
_FEW_NAMES = 10_000


@dataclass
class _Shared:
    """A list of names, and the number of kept scans that have it."""

    names: Names
    uses: int = 0


@dataclass
class _Entry:
    scan: Scan
    nbytes: int = 0
    columns: int = 0  # that were measured
    keys: list[bytes] = field(default_factory=list)
    raw: bool = False  # names of the variables of raw are among them


class ScanCache:
    """Scans of stores by path, and the names of variables that they share.

    What :meth:`get` and :meth:`put` return holds what is wanted and nothing else: tables that are
    made of it do not depend on what other audits have read.

    Parameters
    ----------
    size
        Scans that are kept; the ones that were not used for longest are dropped.
    nbytes
        Memory that they may take, roughly. Names of variables come on top: those of the scans that
        are kept, once each, and at most as many again.

    Examples
    --------
    >>> from mappedviz.audits.reading import scan_store
    >>> from mappedviz.audits.scan import Wants
    >>> from mappedviz.datasets import demo
    >>> path = demo() / "berlin.h5ad"
    >>> cache = ScanCache()
    >>> scan = cache.put(scan_store(path), Wants())
    >>> cache.get(path, Wants()).n_obs, len(cache)
    (700, 1)
    """

    def __init__(self, size: int = 20_000, nbytes: int = 2 << 30) -> None:
        self.size = size
        self.nbytes = nbytes
        self._lock = ForkSafeLock()
        self._completing = ForkSafeLock()
        self._reset()

    def _reset(self) -> None:
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._shared: dict[bytes, _Shared] = {}
        self._used_bytes = 0
        self._used_names = 0  # of all shared lists
        self._vocabulary = Vocabulary()
        self._in_memory = MemoryScans()

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def vocabulary(self) -> Vocabulary:
        """The numbers of the names of the scans; another one after scans were dropped."""
        with self._lock():
            return self._vocabulary

    def get(self, path: str, wants: Wants, stop: Callable[[], None] = lambda: None) -> Scan | None:
        """The scan of a store, if its file is unchanged; what it lacks is read.

        Parameters
        ----------
        path
            The store.
        wants
            What the scan is to hold.
        stop
            Called now and then; it may raise, to cancel.
        """
        key = absolute(path)
        if in_memory(key):
            return self._in_memory.get(key, wants, stop)
        with self._lock():
            entry = self._entries.get(key)
        if entry is None or entry.scan.store is None:
            return None
        try:
            entry.scan.store.check_unchanged()
            lacking = not is_complete(entry.scan, wants)
            if lacking:
                with self._completing():
                    complete(entry.scan, wants, stop)
        except StoreError:
            with self._lock():
                if self._entries.get(key) is entry:
                    self._drop(key)
                    self._tidy()
            return None
        with self._lock():
            if self._entries.get(key) is entry:
                self._entries.move_to_end(key)
                self._keep_raw_names(entry)
                if lacking or entry.columns != entry.scan.n_columns:
                    self._measure(entry)
                    self._tidy()
        return entry.scan.only(wants, path)

    def put(self, scan: Scan, wants: Wants) -> Scan:
        """Keep the scan of a store that could be opened, and return what is wanted of it."""
        if scan.store is None:
            return scan
        if in_memory(scan.store.path):
            return self._in_memory.put(scan, wants)
        with self._lock():
            key = scan.store.path
            if key in self._entries:
                self._drop(key)
            scan.names = self._shared_names(scan.names)
            scan.raw_names = self._shared_names(scan.raw_names)
            scan.remember()
            keys = [one.key for every in (scan.names, scan.raw_names) for one in every.values()]
            entry = _Entry(scan, keys=keys, raw=bool(scan.raw_names))
            self._entries[key] = entry
            self._measure(entry)
            self._tidy()
        return scan.only(wants, scan.path)

    def clear(self) -> None:
        """Forget all; what was handed out stays valid."""
        with self._lock():
            self._reset()

    def _keep_raw_names(self, entry: _Entry) -> None:
        """Share the names of the variables of raw, which were read later than the others."""
        if entry.raw or not entry.scan.raw_names:
            return
        entry.raw = True
        entry.scan.raw_names = self._shared_names(entry.scan.raw_names)
        entry.keys += [names.key for names in entry.scan.raw_names.values()]
        entry.scan.remember()

    def _shared_names(self, every: dict[str | None, Names]) -> dict[str | None, Names]:
        return {column: self._share(names) for column, names in every.items()}

    def _share(self, names: Names) -> Names:
        shared = self._shared.get(names.key)
        if shared is None:
            shared = self._shared[names.key] = _Shared(names)
            self._used_names += len(names)
        shared.uses += 1
        return shared.names

    def _measure(self, entry: _Entry) -> None:
        self._used_bytes -= entry.nbytes
        entry.columns = entry.scan.n_columns
        entry.nbytes = _memory_of(entry.scan)
        self._used_bytes += entry.nbytes

    def _drop(self, key: str) -> None:
        entry = self._entries.pop(key)
        self._used_bytes -= entry.nbytes
        for name in entry.keys:
            shared = self._shared[name]
            shared.uses -= 1
            if not shared.uses:
                del self._shared[name]
                self._used_names -= len(shared.names)

    def _tidy(self) -> None:
        """Drop what is beyond the bounds, and names that no scan has."""
        while len(self._entries) > self.size or (
            self._used_bytes > self.nbytes and len(self._entries) > 1
        ):
            self._drop(next(iter(self._entries)))
        if len(self._vocabulary) > max(2 * self._used_names, _FEW_NAMES):
            self._vocabulary = Vocabulary()  # filled again by the next table


def _memory_of(scan: Scan) -> int:
    """Bytes that a scan takes, roughly, names of variables apart."""
    arrays = [scan.obs_hashes, scan.row_hashes]
    for sample in scan.samples.values():
        arrays += [sample.totals, sample.genes, sample.mito, sample.hashes, sample.hashed_rows]
    texts = sum(len(facts.labels or ()) for facts in scan.obs.values())
    columns = 0 if scan.known is None else scan.known.nbytes
    return 4_000 + 80 * texts + columns + sum(a.nbytes for a in arrays if a is not None)


_kept_by_default = ScanCache()


def default_cache() -> ScanCache:
    """The cache of audits that are given none."""
    return _kept_by_default


def forget_scans() -> None:
    """Forget what this process has read of all stores.

    An audit that was given a cache of its own keeps it. Records on disk stay: ``audit(cache=False)`` reads
    all stores again.
    """
    _kept_by_default.clear()
