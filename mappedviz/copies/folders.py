"""The folder of a copy: one call writes to it at a time, and only what a copy made is replaced."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from mappedviz.copies.manifests import KEPT, Done, forget, kept_names, made_here, read_done
from mappedviz.copies.shards import PARTS, Shard
from mappedviz.errors import StoreError

__all__ = ["finished", "folder_of_copy"]


@contextmanager
def folder_of_copy(out_dir: str) -> Iterator[None]:
    """Make the folder of a copy and keep other calls out of it; what an ended one left half made is removed.

    Raises
    ------
    StoreError
        The folder cannot be made, or another call writes to it.
    """
    kept = Path(out_dir, KEPT)
    try:
        kept.mkdir(parents=True, exist_ok=True)
        lock = os.open(kept / "lock", os.O_CREAT | os.O_RDWR, 0o666)
    except OSError as error:
        raise StoreError(
            f"cannot be the folder of a copy ({error.strerror or error})",
            store=out_dir,
            remedy="Give a folder that can be made and written to.",
        ) from error
    try:
        _take(lock, out_dir)
        shutil.rmtree(kept / PARTS, ignore_errors=True)
        try:
            yield
        finally:
            shutil.rmtree(kept / PARTS, ignore_errors=True)
    finally:
        os.close(lock)


def _take(lock: int, out_dir: str) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise StoreError(
            "is written to by another call",
            store=out_dir,
            remedy="Wait for it to end, or give another folder.",
        ) from error
    except OSError:  # a file system without locks
        return


def finished(out_dir: str, shards: Sequence[Shard], *, overwrite: bool) -> dict[str, Done]:
    """Return the shards that an earlier call has finished, by name.

    Parameters
    ----------
    out_dir
        The folder of the copy.
    shards
        What it is to consist of.
    overwrite
        Remove what an earlier call made of something else.

    Raises
    ------
    StoreError
        Something else is in the place of a shard, or an earlier copy in the folder.
    """
    done: dict[str, Done] = {}
    for shard in shards:
        found = read_done(out_dir, shard.name, shard.key)
        if found is not None:
            done[shard.name] = found
        elif os.path.lexists(shard.path):
            _check_replaceable(out_dir, shard.name, overwrite=overwrite)
    names = {shard.name for shard in shards}
    for name in kept_names(out_dir):
        path = os.path.join(out_dir, name)
        if name in names or not os.path.lexists(path) or not made_here(out_dir, name):
            continue
        _check_replaceable(out_dir, name, overwrite=overwrite)
        remove(path)
        forget(out_dir, name)
    return done


def _check_replaceable(out_dir: str, name: str, *, overwrite: bool) -> None:
    path = os.path.join(out_dir, name)
    if not made_here(out_dir, name):
        raise StoreError(
            "is there already, and no copy made it, or it was changed since",
            store=path,
            remedy="Move it away, or give another folder.",
        )
    if not overwrite:
        raise StoreError(
            "is of an earlier copy, which was made of other stores or in another way",
            store=path,
            remedy="Let it be replaced by overwrite=True, or give another folder.",
        )


def remove(path: str) -> None:
    """Remove a store."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        with suppress(FileNotFoundError):
            os.remove(path)
