"""Row pointers of remote matrices, kept in the cache of facts: without them no row can be asked for.

They are 4 bytes a row, in a chunk or many, which each process and each worker would fetch before its first
row. They have records of their own, so that whoever wants the facts of a store does not read them.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from mappedviz._types import Array, PathLike
from mappedviz.errors import StoreError
from mappedviz.formats.remote_client import request
from mappedviz.stores.fact_cache import FactCache
from mappedviz.stores.records import Section

if TYPE_CHECKING:
    from mappedviz.formats.stamps import Stamp

__all__ = ["PointerRecord"]

#: Larger ones, of 16 million rows and more, are fetched again.
_MOST_BYTES = 64 << 20
_SECTION = "indptr"


class PointerRecord:
    """Where the row pointers of one matrix are kept, for the content that its store has.

    Parameters
    ----------
    folder
        That of the cache.
    address, key
        The matrix of a remote store.
    stamp
        What the store is; without an ETag, nothing is kept.
    watched
        The object that has this stamp.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from mappedviz.formats.stamps import Stamp
    >>> url, stamp = "https://example.org/a.h5ad", Stamp(10, 0, etag="abc")
    >>> record = PointerRecord(tempfile.mkdtemp(), url, "X", stamp, url)
    >>> record.keep(np.array([0, 2, 3]))
    >>> record.read()
    array([0, 2, 3])
    """

    def __init__(
        self, folder: PathLike, address: str, key: str, stamp: Stamp, watched: str
    ) -> None:
        self._cache = FactCache(folder if stamp.etag else None)
        self._address = f"{address}/{key}/{_SECTION}"
        self._stamp = stamp
        # Elsewhere pointers are of the object that has the stamp, by the condition of each request.
        self._beside = watched if watched != address else None

    def read(self) -> Array | None:
        """Return those that are kept, None if there are none."""
        record = self._cache.get(self._address, self._stamp)
        if record is None or _SECTION not in record:
            return None
        return record[_SECTION].arrays.get(_SECTION)

    def keep(self, pointers: Array) -> None:
        """Keep those that were read, unless the store has changed meanwhile."""
        if pointers.nbytes > _MOST_BYTES or self._cache.folder is None:
            return
        with suppress(StoreError):
            if self._beside is not None:
                request(self._beside, None, self._stamp, head=True)
            sections = {_SECTION: Section(None, {_SECTION: pointers})}
            self._cache.put(self._address, self._stamp, sections)
