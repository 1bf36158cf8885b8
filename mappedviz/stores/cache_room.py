"""The room that a cache takes: what is in it, and what goes when it is too much.

A record that is used is touched, once a day at most, so that what was not used for longest goes
first. Any number of processes may do that at the same time: only whole files go, whoever comes second
finds them gone, and whoever misses one reads its store again.
"""

from __future__ import annotations

import os
import re
import time
import warnings
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from mappedviz.errors import StoreWarning
from mappedviz.text.sizes import bytes_of

__all__ = [
    "KEPT_DAYS", "MOST_BYTES", "SIZE_VARIABLE", "KeptFile", "Room", "kept_in", "most_bytes", "prune", "remove_all",
    "remove_old", "touch",
]  # fmt: skip

#: A record is kept for so long after it was used; a store that is still there is read once more.
KEPT_DAYS = 180

#: Environment variable with the bytes that a cache may take, such as ``20GB``, or ``off``.
SIZE_VARIABLE = "MAPPEDVIZ_CACHE_SIZE"
MOST_BYTES = 5 * 10**9
_OFF = ("off", "no", "none", "inf")
_DAY = 86_400
_CHECK_SECONDS = 600  # processes that come and go leave the looking to one of them
_CHECK_SHARE, _DOWN_TO = 1 / 20, 0.9
_CHECKED = "checked"
_RECORD, _TEMPORARY, _NAMES = ".record", ".tmp", "names"
# Somebody's home may be named as a cache: what is called otherwise is not ours, and stays.
_FOLDER, _SHELF = re.compile(r"facts-\d+"), re.compile(r"names|[0-9a-f]{2}")
_FILE = re.compile(r"[0-9a-f]{30}\.record(\..+\.tmp)?")


class KeptFile(NamedTuple):
    """A file of a cache.

    Attributes
    ----------
    used
        When it was used, in seconds of the clock: to the day.
    nbytes
        Its size.
    path
        Where it is.
    """

    used: float
    nbytes: int
    path: str

    @property
    def is_record(self) -> bool:
        """Whether it is a record of a store; else a list of names, or a file that is being written."""
        names = os.path.basename(os.path.dirname(os.path.dirname(self.path))) == _NAMES
        return self.path.endswith(_RECORD) and not names


def most_bytes() -> float:
    """Return the bytes that a cache may take: those of ``MAPPEDVIZ_CACHE_SIZE``, else 5 GB.

    Examples
    --------
    >>> most_bytes()
    5000000000.0
    """
    given = os.environ.get(SIZE_VARIABLE, "").strip()
    if given.lower() in _OFF:
        return float("inf")
    found = bytes_of(given) if given else float(MOST_BYTES)
    if found is not None:
        return found
    warnings.warn(
        f'{SIZE_VARIABLE} is {given!r}: give bytes such as "20GB", or "off" for no bound. The cache '
        f"may take {MOST_BYTES // 10**9} GB.",
        StoreWarning,
        stacklevel=2,
    )
    return float(MOST_BYTES)


def kept_in(folder: str) -> list[KeptFile]:
    """Return the files of a cache, of this version and of others, the one not used for longest first.

    Parameters
    ----------
    folder
        Its folder; what is there beside records is not ours.

    Examples
    --------
    >>> import tempfile
    >>> kept_in(tempfile.mkdtemp())
    []
    """
    return sorted(_files(folder))


def _files(folder: str) -> Iterator[KeptFile]:
    """The records of all versions: facts-1/ab/….record and facts-1/names/ab/….record."""
    for name, path in _folders(folder):
        if _FOLDER.fullmatch(name):
            yield from _on_shelves(path)


def _on_shelves(folder: str) -> Iterator[KeptFile]:
    for name, path in _folders(folder):
        if _SHELF.fullmatch(name):
            yield from _on_shelves(path) if name == _NAMES else _on_shelf(path)


def _folders(folder: str) -> Iterator[tuple[str, str]]:
    """Names and paths of the folders in one; links are not followed."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield entry.name, entry.path


def _on_shelf(folder: str) -> Iterator[KeptFile]:
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):  # removed by another process
                if _FILE.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                    status = entry.stat(follow_symlinks=False)
                    yield KeptFile(status.st_mtime, status.st_size, entry.path)


def prune(
    folder: str, *, older_than: float | None = None, down_to: float | None = None
) -> list[KeptFile]:
    """Remove what was not used for long, and return it.

    Parameters
    ----------
    folder
        The folder of a cache.
    older_than
        Remove what was not used for so many days.
    down_to
        Then remove what was not used for longest, until no more than so many bytes are left.

    Examples
    --------
    >>> import tempfile
    >>> prune(tempfile.mkdtemp(), older_than=30, down_to=10**9)
    []
    """
    now, gone = time.time(), []
    kept = kept_in(folder)
    total = sum(one.nbytes for one in kept)
    for one in kept:
        goes = _is_old(one, now, older_than)
        if not one.path.endswith(_TEMPORARY):  # those are being written
            goes = goes or (down_to is not None and total > down_to)
        if goes:
            total -= one.nbytes  # also if another process was faster
            gone += _removed(one)
    return gone


def _is_old(one: KeptFile, now: float, days: float | None) -> bool:
    """Whether a file was used long ago, or is of a writer that was killed."""
    if one.path.endswith(_TEMPORARY):
        days = 1
    return days is not None and now - one.used > days * _DAY


def _removed(one: KeptFile) -> list[KeptFile]:
    with suppress(OSError):  # of another user, or removed by another process
        os.unlink(one.path)
        return [one]
    return []


def remove_old(shelf: str) -> int:
    """Remove what was used long ago, and yesterday's files of writers that were killed.

    Most are of stores that are gone by then: so the cache does not grow for ever.

    Parameters
    ----------
    shelf
        One of the folders of a cache in which records are.

    Returns
    -------
    int
        Number of files that were removed.

    Examples
    --------
    >>> import tempfile
    >>> remove_old(tempfile.mkdtemp())
    0
    """
    now = time.time()
    return sum(len(_removed(one)) for one in _on_shelf(shelf) if _is_old(one, now, KEPT_DAYS))


def remove_all(folder: str) -> list[KeptFile]:
    """Remove the files of a cache and the folders that are empty then, and return the files.

    Parameters
    ----------
    folder
        Its folder, which stays, with whatever else is there.

    Examples
    --------
    >>> import tempfile
    >>> remove_all(tempfile.mkdtemp())
    []
    """
    gone = [one for each in kept_in(folder) for one in _removed(each)]
    with suppress(OSError):
        for name in filter(_FOLDER.fullmatch, os.listdir(folder)):
            records = os.path.join(folder, name)
            with suppress(OSError):
                os.unlink(os.path.join(records, _CHECKED))
            _remove_empty(records, 0)
    return gone


def _remove_empty(folder: str, depth: int) -> None:
    """Remove a folder of a cache, and those inside, unless something is there."""
    with suppress(OSError):
        with os.scandir(folder) as entries:
            inside = [
                entry.path
                for entry in entries
                if entry.is_dir(follow_symlinks=False) and _SHELF.fullmatch(entry.name)
            ]
        for path in inside if depth < 2 else ():
            _remove_empty(path, depth + 1)
        os.rmdir(folder)


def touch(path: str) -> None:
    """Note that a record is used: once a day, so that reading ten thousand writes nothing mostly.

    Parameters
    ----------
    path
        The file.
    """
    with suppress(OSError):  # of another user, or on a disk that is read-only
        if time.time() - os.stat(path).st_mtime > _DAY:
            os.utime(path)


class Room:
    """The bound of a folder, for one process that writes there.

    Parameters
    ----------
    folder
        The folder of the cache.
    records
        The one inside, of the records of this version.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> Room(folder, folder).note(4_000)
    """

    def __init__(self, folder: str, records: str) -> None:
        self.folder = folder
        self._mark = os.path.join(records, _CHECKED)
        self._most: float | None = None
        self._written = 0

    def note(self, nbytes: int) -> None:
        """Count bytes that were written, and remove others where that is too much.

        The folder is looked through as a process begins to write, if none has done so within ten
        minutes, and whenever it has written a twentieth of the bound.

        Parameters
        ----------
        nbytes
            How many.
        """
        self._written += nbytes
        if self._most is None:
            self._most = most_bytes()
            if self._checked_lately():
                return
        elif self._written < self._most * _CHECK_SHARE:
            return
        self._written = 0
        if self._most == float("inf"):
            return
        with suppress(OSError):
            os.close(os.open(self._mark, os.O_WRONLY | os.O_CREAT, 0o666))
            os.utime(self._mark)
        if sum(one.nbytes for one in _files(self.folder)) > self._most:
            prune(self.folder, down_to=self._most * _DOWN_TO)

    def _checked_lately(self) -> bool:
        try:
            return 0 <= time.time() - os.stat(self._mark).st_mtime < _CHECK_SECONDS
        except OSError:
            return False
