"""Whether the number of an inode tells one file from another.

On file systems in user space (FUSE) it may be made up again at every look; there it says nothing.
"""

from __future__ import annotations

import os

__all__ = ["inode_of", "is_steady"]

_STEADY = frozenset(
    [
        "ext2",
        "ext3",
        "ext4",
        "xfs",
        "btrfs",
        "zfs",
        "f2fs",
        "tmpfs",
        "overlay",
        "nfs",
        "nfs4",
        "lustre",
        "gpfs",
        "ceph",
        "beegfs",
    ]
)
_known: dict[int, bool] = {}


def is_steady(device: int) -> bool:
    """Return True if a file of a device has the same inode for as long as it is there.

    Parameters
    ----------
    device
        ``st_dev`` of a file.
    """
    known = _known.get(device)
    if known is None:
        known = _known[device] = _type_of(device) in _STEADY
    return known


def inode_of(status: os.stat_result) -> int:
    """Return the inode of a file; 0 where it tells nothing.

    Examples
    --------
    >>> inode_of(os.stat(".")) in (0, os.stat(".").st_ino)
    True
    """
    return status.st_ino if is_steady(status.st_dev) else 0


def _type_of(device: int) -> str:
    """The type of the file system of a device, from Linux; "" elsewhere."""
    wanted = f"{os.major(device)}:{os.minor(device)}" if hasattr(os, "major") else ""
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as mounts:
            for line in mounts:
                before, _, after = line.partition(" - ")
                if before.split(" ", 3)[2] == wanted:
                    return after.split(" ", 1)[0]
    except (OSError, IndexError):
        pass
    return ""
