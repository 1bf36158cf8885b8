"""Folders that are written once: whole or not at all, by one of several processes."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_MANIFEST = "manifest.json"


def written_once(folder: Path, write: Callable[[Path], None]) -> Path:
    """Let a folder hold what a function writes, unless it does already.

    Parameters
    ----------
    folder
        Where it is to be. One that lacks a file, or has one of another size, is written again.
    write
        Writes everything into the folder that it is called with.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    OSError
        It cannot be written there.
    """
    if _is_whole(folder):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        if not _is_whole(folder):  # another process may have written it meanwhile
            _replace(folder, write)
    return folder


def _replace(folder: Path, write: Callable[[Path], None]) -> None:
    new = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        content = new / "new"
        content.mkdir()  # with the permissions that the umask leaves; those of `new` are narrower
        write(content)
        sizes = json.dumps(dict(sorted(_sizes(content))), indent=1)
        (content / _MANIFEST).write_text(sizes, encoding="utf-8")
        # A partial folder is moved out of the way first: a folder replaces an empty one only.
        with suppress(FileNotFoundError):
            folder.rename(new / "old")
        try:
            content.rename(folder)
        except OSError:  # where there are no locks, another process may have been as quick
            if not _is_whole(folder):
                raise
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _sizes(folder: Path) -> Iterator[tuple[str, int]]:
    for path in folder.rglob("*"):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path.stat().st_size


def _is_whole(folder: Path) -> bool:
    """Return True if all files of the manifest are there, with their sizes."""
    try:
        sizes = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, AttributeError, TypeError):  # no manifest, or none of ours
        return False


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait until no other process or thread writes the folder; where locks are not to be had, do not."""
    import fcntl

    with open(folder.parent / f".{folder.name}.lock", "w") as file:  # noqa: PTH123 - a descriptor
        with suppress(OSError):  # some network file systems have no locks
            fcntl.flock(file, fcntl.LOCK_EX)
        yield  # closing the file ends the lock
