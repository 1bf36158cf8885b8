"""Whether a store that is a directory has the content that it had, beyond its root file.

The stamp of a zarr directory is that of the metadata at its root. Others may be written later, and
a record on disk outlives the process that knows of nobody who does so. Chunks of matrices are
neither listed nor opened: there may be a hundred thousand.
"""

from __future__ import annotations

import os
from hashlib import blake2b

__all__ = ["evidence_of"]

_METADATA = ("zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata")
#: Elements whose values are kept in records, so that each file of them counts.
_FRAMES = ("obs", "var", "raw/var")


def evidence_of(address: str) -> str:
    """Return a digest of the sizes and times of what a record of a directory is made of.

    Parameters
    ----------
    address
        A store; one that is a file, or no file at all, has its stamp and needs no evidence: ``""``.

    Examples
    --------
    >>> from mappedviz.datasets import demo
    >>> evidence_of(str(demo() / "berlin.h5ad"))
    ''
    >>> len(evidence_of(str(demo() / "boston.zarr")))
    32
    """
    if not os.path.isdir(address):
        return ""
    seen: list[str] = []
    _walk(address, "", seen)
    return blake2b(
        "\n".join(sorted(seen)).encode("utf-8", "surrogatepass"), digest_size=16
    ).hexdigest()


def _walk(folder: str, inside: str, seen: list[str]) -> None:
    whole = any(inside == frame or inside.startswith(f"{frame}/") for frame in _FRAMES)
    if not whole and os.path.exists(f"{folder}/.zarray"):  # its chunks are beside its metadata
        seen.append(f"{inside} {os.stat(folder).st_mtime_ns}")
        for name in _METADATA:
            _note(f"{folder}/{name}", f"{inside}/{name}", seen)
        return
    seen.append(f"{inside} {os.stat(folder).st_mtime_ns}")
    with os.scandir(folder) as entries:
        for entry in entries:
            below = f"{inside}/{entry.name}" if inside else entry.name
            if entry.is_dir():
                if whole or not (entry.name == "c" or entry.name.isdigit()):
                    _walk(entry.path, below, seen)
                else:
                    seen.append(f"{below} {entry.stat().st_mtime_ns}")
            elif whole or entry.name in _METADATA:
                _note(entry.path, below, seen)


def _note(path: str, inside: str, seen: list[str]) -> None:
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return
    seen.append(f"{inside} {status.st_size} {status.st_mtime_ns}")
