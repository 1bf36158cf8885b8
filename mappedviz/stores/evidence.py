"""Whether a store has the content that it had, beyond what its stamp says.

A record on disk outlives the process that knows what happens to a store. The stamp of a file does not
tell of a copy over it that keeps size and time; that of a zarr directory is that of the metadata at its
root, where others may be written later. Chunks of matrices are neither listed nor opened: there
may be a hundred thousand. The folders that they are in tell of those that are put in the place of others.
"""

from __future__ import annotations

import os
import stat
import time
from hashlib import blake2b

from mappedviz.formats.inodes import is_steady

__all__ = ["UNSETTLED", "evidence_of", "is_fresh"]

#: The evidence of a store that was just written, or of which not everything can be seen: it is like none.
UNSETTLED = "unsettled"

_METADATA = ("zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata")
#: Elements whose values are kept in records, so that each file of them counts.
_FRAMES = ("obs", "var", "raw/var")
#: What was written so lately (ns) may be written again with the same time: as long as the ticks of
#: clocks of file systems are, which may be whole seconds.
_TICK, _COARSE_TICK = 20_000_000, 2_000_000_000
_SECOND = 1_000_000_000
#: Entries of a directory that are looked at: links may lead anywhere.
_MOST = 100_000
#: Folders of chunks of one matrix that are looked at, evenly spread.
_MOST_FOLDERS = 200


def is_fresh(mtime_ns: int, now: int | None = None) -> bool:
    """Return True if what was written at a time may be written again without a change of that time.

    Examples
    --------
    >>> is_fresh(1_000_000_005, now=1_010_000_000), is_fresh(1_000_000_000, now=2_000_000_000)
    (True, True)
    >>> is_fresh(1_000_000_005, now=2_000_000_000)
    False
    """
    now = time.time_ns() if now is None else now
    return now - mtime_ns < (_TICK if mtime_ns % _SECOND else _COARSE_TICK)


def evidence_of(address: str) -> str:
    """Return what tells the content that a record is made of from others.

    Parameters
    ----------
    address
        A store. Of a file it is the time at which its inode changed, and of a directory a digest of sizes and
        times; one that is neither has its stamp and needs no evidence: ``""``.

    Returns
    -------
    str
        :data:`UNSETTLED` where it may be written again without a change of this, or cannot be seen.

    Examples
    --------
    >>> from mappedviz.datasets import demo
    >>> evidence_of("https://example.org/a.h5ad")
    ''
    >>> len(evidence_of(str(demo() / "boston.zarr")))
    32
    """
    try:
        status = os.stat(address)
    except OSError:
        return ""
    if not os.access(address, os.R_OK):  # what was read when that was allowed is not for everybody
        return UNSETTLED
    if not stat.S_ISDIR(status.st_mode):
        if is_fresh(status.st_mtime_ns):
            return UNSETTLED
        # Where inodes are made up at each look, so is this.
        changed = status.st_ctime_ns if is_steady(status.st_dev) else 0
        return f"{status.st_size} {status.st_mtime_ns} {changed}"
    seen = _Seen()
    try:
        _walk(address, "", seen)
    except (OSError, OverflowError, RecursionError):  # whoever reads it says what is wrong
        return UNSETTLED
    if is_fresh(seen.newest):
        return UNSETTLED
    text = "\n".join(sorted(seen.lines))
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


class _Seen:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.newest = 0

    def add(self, inside: str, status: os.stat_result, *, size: bool = False) -> None:
        if len(self.lines) >= _MOST:
            raise OverflowError
        self.newest = max(self.newest, status.st_mtime_ns)
        self.lines.append(f"{inside} {status.st_size if size else ''} {status.st_mtime_ns}")


def _walk(folder: str, inside: str, seen: _Seen) -> None:
    whole = any(inside == frame or inside.startswith(f"{frame}/") for frame in _FRAMES)
    seen.add(inside, os.stat(folder))
    if not whole and os.path.exists(f"{folder}/.zarray"):  # its chunks are beside its metadata
        for name in _METADATA:
            _note(f"{folder}/{name}", f"{inside}/{name}", seen)
        _note_folders(folder, inside, seen)
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            below = f"{inside}/{entry.name}" if inside else entry.name
            if entry.is_dir():
                if whole or not (entry.name == "c" or entry.name.isdigit()):
                    _walk(entry.path, below, seen)
                else:
                    seen.add(below, entry.stat())
                    _note_folders(entry.path, below, seen)
            elif whole or entry.name in _METADATA:
                _note(entry.path, below, seen)


def _note_folders(folder: str, inside: str, seen: _Seen) -> None:
    """Note the folders of the chunks of a matrix, if they are two folders deep as those of dense ones."""
    names: list[str] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.isdigit() and entry.is_dir():
                names.append(entry.name)
            elif entry.name not in _METADATA:
                return  # chunks are side by side, and this folder tells of them
    names.sort(key=int)
    for name in names[:: len(names) // _MOST_FOLDERS + 1]:
        seen.add(f"{inside}/{name}", os.stat(f"{folder}/{name}"))


def _note(path: str, inside: str, seen: _Seen) -> None:
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return
    seen.add(inside, status, size=True)
