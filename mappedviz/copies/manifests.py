"""What is kept about each finished shard of a copy, so that it is not made again."""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mappedviz.errors import StoreError
from mappedviz.formats.remote_look import look_at
from mappedviz.stores.store import stamp_of
from mappedviz.text.addresses import in_memory, is_url
from mappedviz.text.files import write_text

__all__ = [
    "KEPT",
    "Done",
    "content_of",
    "digest_of",
    "forget",
    "kept_names",
    "made_here",
    "read_done",
    "size_of",
    "write_done",
]

#: The folder beside the stores of a copy.
KEPT = ".mappedviz"
_SCHEMA = 1


@dataclass(frozen=True)
class Done:
    """A finished store of a copy.

    Attributes
    ----------
    path
        Where it is.
    n_obs, nbytes, seconds
        Its rows, its bytes on disk, and how long it took.
    digest
        Of the hashes of all of its rows, which are those of the source.
    again
        It had been finished before.
    """

    path: str
    n_obs: int
    nbytes: int
    seconds: float
    digest: str
    again: bool = False


def digest_of(value: Any) -> str:
    """Return a digest of plain values.

    Examples
    --------
    >>> digest_of({"b": 1, "a": [2]}) == digest_of({"a": [2], "b": 1})
    True
    """
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def content_of(address: str, *, fresh: bool = False) -> list[Any]:
    """Return what tells one content of a store from another: of a folder, sizes and times of all files.

    Parameters
    ----------
    address
        The store.
    fresh
        Ask the server of a URL, even if it was asked a moment ago.

    Raises
    ------
    StoreError
        The store is not there any more.
    """
    if in_memory(address):  # nothing tells what it holds: it is copied again by each call
        return ["memory", uuid.uuid4().hex]
    try:
        if is_url(address):
            return list(look_at(address, fresh=fresh).stamp)
        if not os.path.isdir(address):
            return list(stamp_of(address))
        files = sorted(
            (os.path.relpath(path, address), status.st_size, status.st_mtime_ns)
            for path, status in _files(address)
        )
    except OSError as error:
        if isinstance(error, StoreError):
            raise
        raise StoreError(
            f"cannot be read any more ({error.strerror or error})",
            store=address,
            remedy="See whether it was moved or removed.",
        ) from error
    return [len(files), digest_of(files)]


def size_of(path: str) -> int:
    """Return the bytes of a store on disk."""
    if os.path.isdir(path):
        return sum(status.st_size for _, status in _files(path))
    return os.stat(path).st_size


def _files(folder: str) -> list[tuple[str, os.stat_result]]:
    found = []
    for at, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(at, name)
            found.append((path, os.lstat(path)))
    return found


def read_done(out_dir: str, name: str, key: str) -> Done | None:
    """Return a shard that was finished before, if it was made of the same and is what it was then.

    Parameters
    ----------
    out_dir, name
        The folder of the copy, and the file name of the shard.
    key
        Digest of what it is made of.
    """
    path = os.path.join(out_dir, name)
    found = _read(out_dir, name)
    try:
        if found is None or found["key"] != key or found["content"] != content_of(path):
            return None
        known: dict[str, Any] = found["done"]
        return Done(**{**known, "path": path, "again": True})
    except (KeyError, TypeError, OSError):
        return None


def made_here(out_dir: str, name: str) -> bool:
    """Return True if a shard was made as part of a copy, and is what it was then."""
    found = _read(out_dir, name)
    try:
        return found is not None and found["content"] == content_of(os.path.join(out_dir, name))
    except (KeyError, OSError):
        return False


def write_done(out_dir: str, name: str, key: str, done: Done, *, at: str | None = None) -> None:
    """Write down that a shard is finished.

    Parameters
    ----------
    out_dir, name
        The folder of the copy, and the file name of the shard.
    key
        Digest of what it is made of.
    done
        What is to be known about it.
    at
        Where it is until it is renamed, which changes nothing that is written down.
    """
    content = content_of(at or os.path.join(out_dir, name))
    known = {"schema": _SCHEMA, "key": key, "content": content, "done": asdict(done)}
    write_text(_file(out_dir, name), json.dumps(known, indent=1) + "\n")


def kept_names(out_dir: str) -> list[str]:
    """Return the names of all shards about which something is kept."""
    return sorted(path.name.removesuffix(".json") for path in Path(out_dir, KEPT).glob("*.json"))


def forget(out_dir: str, name: str) -> None:
    """Remove what is kept about a shard."""
    _file(out_dir, name).unlink(missing_ok=True)


def _read(out_dir: str, name: str) -> dict[str, Any] | None:
    try:
        found = json.loads(_file(out_dir, name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and found.get("schema") == _SCHEMA else None


def _file(out_dir: str, name: str) -> Path:
    return Path(out_dir, KEPT, f"{name}.json")
