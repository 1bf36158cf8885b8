"""Old records go, so that the folder does not grow for ever: most are of stores that are gone by then."""

from __future__ import annotations

import os
import time
from contextlib import suppress

__all__ = ["KEPT_DAYS", "remove_old"]

#: A record is kept for so long after it was used; a store that is still there is read once more.
KEPT_DAYS = 180
_DAY = 86_400
_TEMPORARY = ".tmp"


def remove_old(folder: str) -> int:
    """Remove what was used long ago, and yesterday's files of writers that were killed.

    Parameters
    ----------
    folder
        One of the folders of a cache.

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
    now, n = time.time(), 0
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):  # of another user, or removed by another process
                days = 1 if entry.name.endswith(_TEMPORARY) else KEPT_DAYS
                status = entry.stat(follow_symlinks=False)
                if entry.is_file(follow_symlinks=False) and now - status.st_mtime > days * _DAY:
                    os.unlink(entry.path)
                    n += 1
    return n
