"""A first look at a URL: an object, or the root of a zarr store, in one round of requests."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from mappedviz.errors import AbsentStoreError, MappedvizError, StoreError
from mappedviz.formats.forks import renewed_after_fork
from mappedviz.formats.remote_client import Answer, request
from mappedviz.formats.remote_files import RemoteFile, at_once
from mappedviz.text.addresses import base_name

__all__ = ["ROOT_MARKERS", "Look", "look_at"]

#: Documents of which one at least is at the root of a zarr store, in the order in which they count.
ROOT_MARKERS = ("zarr.json", ".zmetadata", ".zgroup", ".zarray")
#: Recognising, stamping and opening a store follow each other: they share a look.
_SECONDS = 2.0
_MOST = 64
_FILES = (".h5ad", ".h5", ".hdf5", ".zip")


@dataclass(frozen=True)
class Look:
    """What is at a URL.

    Attributes
    ----------
    url
        The URL.
    file
        The object, None for a folder.
    head
        The first bytes of the object.
    documents
        Metadata at the root of a zarr store by their names; empty for an object.
    """

    url: str
    file: RemoteFile | None = None
    head: bytes = b""
    documents: dict[str, Answer] = field(default_factory=dict)

    @property
    def watched(self) -> str:
        """The URL of the object whose stamp is that of the store."""
        return f"{self.url}/{next(iter(self.documents))}" if self.documents else self.url

    @property
    def stamp(self) -> Any:
        """The stamp of the object that is watched.

        Of a zarr store that is its metadata, of which the ETag is often a digest: those of another store of
        the same shapes are the same bytes. So their time counts, too.
        """
        if self.file is not None:
            return self.file.stamp
        answer = next(iter(self.documents.values()))
        return answer.stamp._replace(mtime_ns=answer.modified_ns)


class _Recent:
    """Looks of this moment."""

    def __init__(self) -> None:
        self.after_fork()
        renewed_after_fork(self)

    def after_fork(self) -> None:
        """Start with none, in a forked child."""
        self.lock = threading.Lock()
        self.looks: OrderedDict[str, tuple[float, Look]] = OrderedDict()


_recent = _Recent()


def look_at(url: str, *, fresh: bool = False) -> Look:
    """Return what is at a URL: an object, or the root of a zarr store.

    Parameters
    ----------
    url
        Without a slash at its end.
    fresh
        Ask the server, even if somebody has just done so.

    Raises
    ------
    AbsentStoreError
        There is neither.
    StoreError
        The server does not answer, or refuses.
    """
    now = time.monotonic()
    with _recent.lock:
        then, known = _recent.looks.get(url, (0.0, None))
    if known is not None and not fresh and now - then < _SECONDS:
        return known
    found = _look(url)
    with _recent.lock:
        _recent.looks[url] = time.monotonic(), found
        _recent.looks.move_to_end(url)
        while len(_recent.looks) > _MOST:
            _recent.looks.popitem(last=False)
    return found


def _look(url: str) -> Look:
    first, second = (
        (_object, _root) if base_name(url).lower().endswith(_FILES) else (_root, _object)
    )
    refused: StoreError | None = None
    for ask in (first, second):
        try:
            found = ask(url)
        except AbsentStoreError:
            continue
        except StoreError as error:
            refused = refused or error
            continue
        if found is not None:
            return found
    if refused is not None:
        raise refused
    raise AbsentStoreError(
        "does not exist: there is no object and no zarr store at this URL",
        store=url,
        remedy="Check the URL, and whether storage_options are needed.",
    )


def _object(url: str) -> Look | None:
    file = RemoteFile(url)
    head = file.open_start()
    return Look(url, file, head)


def _root(url: str) -> Look | None:
    answers = at_once([lambda name=name: request(f"{url}/{name}") for name in ROOT_MARKERS[:3]])  # type: ignore[misc]
    found = dict(zip(ROOT_MARKERS, answers, strict=False))
    there = {name: one for name, one in found.items() if isinstance(one, Answer)}
    if not there:
        for error in answers:  # S3 refuses what is absent to those who may not list
            if isinstance(error, MappedvizError) and not isinstance(error, AbsentStoreError):
                raise error
        return None
    return Look(url, documents=there)
