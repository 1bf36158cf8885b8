"""Stamps: what tells one content of a file from another."""

from __future__ import annotations

import os
from typing import NamedTuple

from mappedviz.formats.inodes import inode_of

__all__ = ["Stamp"]


class Stamp(NamedTuple):
    """What tells one content of a file from another: size, time of the last change, inode, ETag.

    The inode is 0 on file systems that make it up at every open. The ETag is that of a remote file,
    whose time is 0 where its server gives one, but for the metadata of zarr stores.

    Examples
    --------
    >>> Stamp(size=10, mtime_ns=5) == Stamp(size=12, mtime_ns=5)
    False
    """

    size: int
    mtime_ns: int
    inode: int = 0
    etag: str = ""

    @classmethod
    def of(cls, path: str | os.PathLike[str] | int) -> Stamp:
        """Return the stamp of a local path or of an open descriptor, now."""
        status = os.stat(path)
        return cls(status.st_size, status.st_mtime_ns, inode_of(status))
