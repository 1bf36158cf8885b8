"""One shard of a copy: made beside its place, compared with its sources, and put there at once."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from mappedviz._types import Array
from mappedviz.copies.manifests import (
    KEPT,
    Done,
    content_of,
    digest_of,
    made_here,
    size_of,
    write_done,
)
from mappedviz.copies.matrices import verify
from mappedviz.errors import MappedvizError, NoSpaceError, StoreError
from mappedviz.stores.store import Store
from mappedviz.text.addresses import in_memory

if TYPE_CHECKING:
    from mappedviz.formats.new_stores import StoreFormat

__all__ = ["PARTS", "Shard", "Source", "make_shard"]

#: The folder, among what is kept about a copy, in which shards are made.
PARTS = "parts"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Source(Protocol):
    """Where the rows of a shard come from."""

    @property
    def addresses(self) -> list[str]:
        """The stores that are read."""
        ...

    @property
    def n_obs(self) -> int:
        """Number of rows."""
        ...

    def what(self) -> object:
        """Return plain values that tell this shard from others of the same stores."""
        ...

    def write(
        self,
        target: str,
        kind: StoreFormat,
        folder: str,
        stop: Callable[[], None],
        *,
        narrow: bool,
    ) -> dict[str, Array]:
        """Write the shard to `target`; return the hashes of the rows of each matrix."""
        ...


@dataclass(frozen=True, eq=False)
class Shard:
    """A task: everything that is needed to make one store of a copy, in any process.

    Parameters
    ----------
    out_dir, name
        The folder of the copy, and the file name of the shard.
    source
        Its rows.
    kind
        Its format.
    narrow
        Keep values in smaller types where these hold all of them exactly.
    contents
        What each of its sources was when the copy was asked for.
    expected
        About how many bytes it will have.
    """

    out_dir: str
    name: str
    source: Source
    kind: StoreFormat
    narrow: bool
    contents: tuple[tuple[str, list[object]], ...]
    expected: int = 0

    @property
    def path(self) -> str:
        """Where the shard is going to be."""
        return os.path.join(self.out_dir, self.name)

    @property
    def key(self) -> str:
        """Digest of all that it is made of."""
        return digest_of([self.source.what(), self.kind, self.narrow, self.contents])


def make_shard(shard: Shard, stop: Callable[[], None] = lambda: None) -> Done | MappedvizError:
    """Make a shard, verify it and put it in its place; return an error instead of raising it.

    Parameters
    ----------
    shard
        The task.
    stop
        Called now and then; it may raise, to cancel: something that is no Exception, which is raised.
    """
    begin = time.perf_counter()
    try:
        parts = os.path.join(shard.out_dir, KEPT, PARTS)
        os.makedirs(parts, exist_ok=True)
        folder = tempfile.mkdtemp(dir=parts)
        try:
            made, digest = _make(shard, folder, stop)
            seconds = time.perf_counter() - begin
            done = Done(shard.path, shard.source.n_obs, size_of(made), seconds, digest)
            _put(made, shard, done, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    except MappedvizError as error:
        return error.with_traceback(None)
    except Exception as error:  # of libraries that write: the disk, or something of theirs
        return _in_our_words(error, shard)
    return done


def _make(shard: Shard, folder: str, stop: Callable[[], None]) -> tuple[str, str]:
    """Make a shard beside its place; return where it is, and the digest of its rows."""
    # The name has the suffix by which a store is known.
    made = os.path.join(folder, f"store.{shard.kind}")
    hashes = shard.source.write(made, shard.kind, folder, stop, narrow=shard.narrow)
    for address, content in shard.contents:
        if not in_memory(address) and content_of(address, fresh=True) != content:
            raise StoreError(
                "changed while it was copied",
                store=address,
                remedy="Copy again when nothing writes to it any more.",
            )
    _verify(made, shard, hashes, stop)
    return made, _digest(hashes)


def _put(made: str, shard: Shard, done: Done, folder: str) -> None:
    """Put a shard into its place; whoever is killed meanwhile leaves a folder that can be gone on with."""
    if made_here(shard.out_dir, shard.name):  # of something else, and to be replaced
        os.rename(shard.path, os.path.join(folder, f"old.{shard.kind}"))
    if os.path.lexists(shard.path):  # a file would be replaced by the renaming
        raise StoreError(
            "came to be there while its copy was made, and no copy made it",
            store=shard.path,
            remedy="Move it away, or give another folder.",
        )
    # Before it is in its place: a shard of which nothing is known would be a foreign one.
    write_done(shard.out_dir, shard.name, shard.key, done, at=made)
    os.rename(made, shard.path)


def _verify(made: str, shard: Shard, hashes: dict[str, Array], stop: Callable[[], None]) -> None:
    with Store.opened(made) as store:
        if store.facts.n_obs != shard.source.n_obs or set(store.facts.matrices) != set(hashes):
            raise StoreError(
                f"has {store.facts.n_obs} rows and {sorted(store.facts.matrices)}, where "
                f"{shard.source.n_obs} and {sorted(hashes)} were written",
                store=shard.path,
                remedy="Copy again.",
            )
        for key, of_rows in hashes.items():
            verify(store, key, of_rows, stop)


def _digest(hashes: dict[str, Array]) -> str:
    digest = hashlib.sha256()
    for key in sorted(hashes):
        digest.update(key.encode("utf-8", "surrogateescape"))
        digest.update(np.ascontiguousarray(hashes[key], "<u8").data)
    return digest.hexdigest()


def _in_our_words(error: Exception, shard: Shard) -> MappedvizError:
    if getattr(error, "errno", None) in _FULL or "No space left" in str(
        error
    ):  # HDF5 says it in words
        return NoSpaceError(
            "the disk is full; what was half written was removed",
            store=shard.path,
            remedy="Make room and copy again: shards that are finished are kept.",
        )
    return StoreError(
        f"cannot be written ({type(error).__name__}: {error})",
        store=shard.path,
        remedy="See whether the folder is there and may be written to.",
    )
