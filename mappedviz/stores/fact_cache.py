"""The cache: records of stores in a folder, so that a store that is unchanged is not read again.

One file per store, named by a digest of its address; one per distinct list of names. They are
written whole or not at all, so that any number of processes may share a folder: the one that comes
last wins, with the same content. Whatever is wrong with the folder costs the cache, never a result.
"""

from __future__ import annotations

import errno
import os
import warnings
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from mappedviz._types import PathLike
from mappedviz.errors import StoreWarning
from mappedviz.recipe.names import Names
from mappedviz.stores.cache_room import KeptFile, Room, remove_all, remove_old, touch
from mappedviz.stores.evidence import UNSETTLED, evidence_of, is_fresh
from mappedviz.stores.records import SCHEMA, Record, RecordError, Section, encode, read_record
from mappedviz.text.addresses import in_memory, shown
from mappedviz.text.extras import installed_version
from mappedviz.text.files import write_bytes
from mappedviz.text.folders import cache_folder

if TYPE_CHECKING:
    from mappedviz.formats.stamps import Stamp

__all__ = ["VARIABLE", "CacheLike", "FactCache"]

#: Environment variable with the folder, or ``off``.
VARIABLE = "MAPPEDVIZ_CACHE"
_OFF = ("off", "0", "no", "false")
_STORE = "store"  # the section that says which store a record is of
_NAMES = "names"
_SUFFIX = ".record"
_TRIES = 10
_MOST_LISTS, _MOST_NAMES = 256, 3_000_000


class FactCache:
    """Records of stores in one folder.

    Parameters
    ----------
    folder
        Where they are, made when the first is written; None keeps nothing.

    Examples
    --------
    >>> import tempfile
    >>> from mappedviz.stores.store import stamp_of
    >>> from mappedviz.datasets import demo
    >>> path = str(demo() / "berlin.h5ad")
    >>> cache = FactCache(tempfile.mkdtemp())
    >>> cache.put(path, stamp_of(path), {"n": Section({"rows": 700})})
    True
    >>> cache.get(path, stamp_of(path))["n"].data
    {'rows': 700}
    """

    def __init__(self, folder: PathLike | None) -> None:
        self.folder = None if folder is None else os.path.abspath(os.fspath(folder))
        #: Why nothing is written any more.
        self.trouble: str | None = None
        self._damaged: dict[str, str] = {}  # files, each of which is met more than once
        self._said = False
        self._lists: OrderedDict[bytes, Names] = OrderedDict()
        self._written: set[bytes] = set()
        self._tidied: set[str] = set()  # folders without old records
        self._room = None if self.folder is None else Room(self.folder, str(self.records))

    @classmethod
    def of(cls, cache: CacheLike = None) -> FactCache:
        """Return the cache that an argument stands for.

        Parameters
        ----------
        cache
            A folder; False for none; None or True for the folder in ``MAPPEDVIZ_CACHE`` or, where
            that is not set, that of the user.
        """
        if isinstance(cache, FactCache):
            return cache
        if cache is False:
            return cls(None)
        if cache is not None and cache is not True:
            return cls(cache)
        named = os.environ.get(VARIABLE, "")
        if named.strip().lower() in _OFF:
            return cls(None)
        return cls(os.path.expanduser(named) if named else _of_user())

    @property
    def records(self) -> str | None:
        """The folder of the records of this version; None where nothing is kept."""
        return None if self.folder is None else os.path.join(self.folder, f"facts-{SCHEMA}")

    def path_of(self, address: str) -> str:
        """Return where the record of a store is, or would be."""
        key = blake2b(address.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        return f"{self.records}/{key[:2]}/{key[2:]}{_SUFFIX}"

    # --- records ----------------------------------------------------------------------

    def get(self, address: str, stamp: Stamp | None) -> Record | None:
        """Return the record of a store, if it is of the content that the store has now.

        Parameters
        ----------
        address
            The store; see :func:`mappedviz.stores.store.stamp_of` for its stamp.
        stamp
            What it is now; None for a store that has none.
        """
        if self.folder is None or stamp is None or not _has_records(address):
            return None
        path = self.path_of(address)
        try:
            record = read_record(path)
            of = record[_STORE].data
            if of["address"] != shown(address) or of["stamp"] != list(stamp):
                return None
            if of["evidence"] != evidence_of(address) or of.get("by") != _version():
                return None
        except FileNotFoundError:
            return None
        except (RecordError, LookupError, TypeError, ValueError, OSError) as error:
            self._damaged[path] = str(error) if isinstance(error, RecordError) else path
            return None
        touch(path)
        return record

    def put(
        self,
        address: str,
        stamp: Stamp | None,
        sections: Mapping[str, Section],
        evidence: str | None = None,
    ) -> bool:
        """Keep sections of the record of a store beside those that it has; return whether that was done.

        Parameters
        ----------
        address
            The store.
        stamp
            As it was *before* anything of this was read. A store that has changed since then, or that
            was written a moment ago, is not kept.
        sections
            What was read. Those of the engine are ``"facts"``, ``"names"`` and ``"obs/<column>"``.
        evidence
            See :func:`~mappedviz.stores.evidence.evidence_of`, as of then; default: as of now.
        """
        if stamp is None or self.folder is None:
            return False
        evidence = evidence_of(address) if evidence is None else evidence
        if not self._writable(address, stamp, evidence):
            return False
        try:
            content = encode(self._merged(address, stamp, sections, evidence))
        except (TypeError, ValueError):  # what a record cannot hold
            return False
        return self._try_to_write(self.path_of(address), content)

    def keep(
        self,
        address: str,
        stamp: Stamp,
        sections: Mapping[str, Section],
        evidence: str,
        *,
        unchanged: bool,
    ) -> bytes:
        """Return the record of a store, after it was kept if it can be.

        Parameters
        ----------
        address, stamp, sections, evidence
            See :meth:`put`.
        unchanged
            Whether the store is still what it was; else the record is not kept.
        """
        content = encode(self._merged(address, stamp, sections, evidence))
        if unchanged and self._writable(address, stamp, evidence):
            self._try_to_write(self.path_of(address), content)
        return content

    def _writable(self, address: str, stamp: Stamp, evidence: str) -> bool:
        if self.folder is None or self.trouble or not _has_records(address):
            return False
        return evidence != UNSETTLED and (bool(stamp.etag) or not is_fresh(stamp.mtime_ns))

    def _merged(
        self, address: str, stamp: Stamp, sections: Mapping[str, Section], evidence: str
    ) -> dict[str, Section]:
        old = self.get(address, stamp)
        if old is not None and old[_STORE].data["evidence"] != evidence:
            old = None  # written meanwhile: what this is of is not what that is of
        kept: dict[str, Section] = {} if old is None else dict(old)
        if old is None:
            of = {"address": shown(address), "stamp": list(stamp), "evidence": evidence}
            kept[_STORE] = Section({**of, "by": _version()})
        return {**kept, **sections}

    def _try_to_write(self, path: str, content: bytes) -> bool:
        folder = os.path.dirname(path)
        if folder not in self._tidied:
            self._tidied.add(folder)
            remove_old(folder)
        try:
            self._write(path, content)
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            self.trouble = "the disk is full" if full else error.strerror or str(error)
            return False
        if self._room is not None:
            self._room.note(len(content))
        return True

    def _write(self, path: str, content: bytes) -> None:
        for _ in range(_TRIES):
            try:
                write_bytes(path, content)
            except FileNotFoundError:  # the first one of its folder, or another process clears it
                with suppress(FileNotFoundError, FileExistsError):  # which it may do once more
                    self._make(os.path.dirname(path))
            else:
                return
        write_bytes(path, content)

    def _make(self, folder: str) -> None:
        if self.folder is not None and self.folder == _of_user():
            os.makedirs(self.folder, exist_ok=True)
            with suppress(FileExistsError):  # stores may be of patients, and homes open to all
                os.mkdir(os.path.join(self.folder, f"facts-{SCHEMA}"), 0o700)
        os.makedirs(folder, exist_ok=True)

    # --- names ------------------------------------------------------------------------

    def names(self, key: bytes) -> Names | None:
        """Return a list of names by its digest; None if it is not kept."""
        found = self._lists.get(key)
        if found is None and self.folder is not None:
            path = self._names_path(key)
            try:
                values = read_record(path)[_NAMES].data
            except FileNotFoundError:
                return None
            except (RecordError, LookupError, TypeError, ValueError) as error:
                self._damaged[path] = str(error)
                with suppress(OSError):  # so that it is written again
                    os.unlink(path)
                return None
            touch(path)
            found = Names(np.array(values, dtype=object), key)
            self._written.add(key)
            self._remember(found)
        return found

    def keep_names(self, names: Names) -> None:
        """Keep a list of names, once."""
        self._remember(names)
        if self.folder is None or self.trouble or names.key in self._written:
            return
        self._written.add(names.key)
        path = self._names_path(names.key)
        try:
            read_record(path)
        except (FileNotFoundError, RecordError):
            self._try_to_write(path, encode({_NAMES: Section(names.values.tolist())}))

    def _names_path(self, key: bytes) -> str:
        text = key.hex()
        return f"{self.records}/names/{text[:2]}/{text[2:]}{_SUFFIX}"

    def _remember(self, names: Names) -> None:
        self._lists[names.key] = names
        self._lists.move_to_end(names.key)
        while len(self._lists) > _MOST_LISTS or (
            len(self._lists) > 1 and sum(map(len, list(self._lists.values()))) > _MOST_NAMES
        ):
            self._lists.popitem(last=False)

    # --- the folder -------------------------------------------------------------------

    def warn(self, stacklevel: int = 2) -> None:
        """Say once what went wrong with the folder since this was last called."""
        damaged, self._damaged = list(self._damaged.values()), {}
        if damaged:
            warnings.warn(
                f"{len(damaged)} records of the cache could not be used and are made again, "
                f"the first: {damaged[0]}",
                StoreWarning,
                stacklevel=stacklevel + 1,
            )
        if self.trouble and not self._said:
            self._said = True
            warnings.warn(
                f"{self.folder}: the cache cannot be written ({self.trouble}), so stores are read "
                f'again the next time. Name another folder in {VARIABLE}, or "off".',
                StoreWarning,
                stacklevel=stacklevel + 1,
            )

    def clear(self) -> list[KeptFile]:
        """Remove the records of all stores, of this version and of others, and return their files."""
        if self.folder is None:
            return []
        self._lists.clear()
        self._written.clear()
        return remove_all(self.folder)


#: ``cache=`` as functions take it.
CacheLike: TypeAlias = "FactCache | PathLike | bool | None"


@lru_cache(1)
def _version() -> str:
    """Return the version of mappedviz: another one may read a store otherwise, or refuse it."""
    return installed_version()


def _of_user() -> str | None:
    """Return the folder of the user; None for one who has no home, as in a container."""
    try:
        folder = cache_folder()
    except RuntimeError:
        return None
    return str(folder) if folder.is_absolute() else None


def _has_records(address: str) -> bool:
    return not in_memory(address)
