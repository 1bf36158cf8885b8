"""A zarr store behind a URL: consolidated metadata in one request, chunks as they are needed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from mappedviz.errors import MappedvizError, StoreError
from mappedviz.formats.nodes import join
from mappedviz.formats.remote_client import changed, entries, request
from mappedviz.formats.remote_files import RemoteFile, at_once
from mappedviz.formats.remote_look import ROOT_MARKERS, look_at
from mappedviz.formats.sources import Place, Stretch
from mappedviz.formats.zarr_files import ZarrFiles
from mappedviz.text.addresses import shown

if TYPE_CHECKING:
    from mappedviz.formats.files import FilePool
    from mappedviz.formats.stamps import Stamp

__all__ = ["ZarrRemote"]

_METADATA = ("zarr.json", ".zgroup", ".zarray", ".zattrs", ".zmetadata")
#: What a store without a listing is taken for, where its size bounds the memory that it may take.
_UNKNOWN_BYTES = 64 << 20
#: Tables of shards are at their ends; this much is fetched to find out how long a shard is.
_TABLE_BYTES = 64 << 10
_MOST_SEEN = 200_000


class ZarrRemote(ZarrFiles):
    """Objects below a URL.

    Parameters
    ----------
    store
        What errors call it.
    url
        Its root.
    """

    zipped = False

    def __init__(self, store: str, url: str) -> None:
        self.store = store
        self.path = url
        look = look_at(url)
        self.watched = look.watched
        self._stamp: Stamp = look.stamp
        self._root = {name: answer.data for name, answer in look.documents.items()}
        self._known = _consolidated(self._root)
        self._seen: dict[int, int] = {}

    @property
    def guard(self) -> tuple[str, Stamp]:
        """An object that is written again when the store is, and its stamp."""
        return self.watched, self._stamp

    def read(self, key: str, files: FilePool) -> bytes | None:
        """See :class:`ZarrFiles`."""
        folder, _, name = key.rpartition("/")
        if name in _METADATA:
            if not folder and name in ROOT_MARKERS[:3]:
                return self._root.get(name)
            if self._known is not None:
                return self._known.get(key)
        return self._object(key, files)

    def _object(self, key: str, files: FilePool) -> bytes | None:
        url = f"{self.path}/{key}"
        file: Any = files.get(url)
        data: bytes | None = file.whole()
        if data is None:
            return None
        digest = hash(file.stamp)
        known = self._seen.setdefault(hash(key), digest) if len(self._seen) < _MOST_SEEN else digest
        if known != digest:
            raise changed(url)
        return data

    def children(self, name: str, markers: Sequence[str]) -> list[str]:
        """See :class:`ZarrFiles`."""
        if self._known is not None:
            start = f"{name}/" if name else ""
            found = {
                key[len(start) :].split("/", 1)[0]
                for key in self._known
                if key.startswith(start) and key.count("/") > start.count("/")
            }
            return [
                one for one in found if any(f"{start}{one}/{m}" in self._known for m in markers)
            ]
        url = f"{self.path}/{name}" if name else self.path
        try:
            names = [child for child, is_folder in entries(url) if is_folder]
        except StoreError as error:
            raise StoreError(
                f"has no consolidated metadata, and {error.message}",
                store=shown(self.store),
                key=name or None,
                remedy="Run `zarr.consolidate_metadata` on it where it is written.",
            ) from None
        tasks = [partial(self._there, join(name, child), markers) for child in names]
        answers = at_once(tasks) if tasks else []
        for answer in answers:
            if isinstance(answer, MappedvizError):
                raise answer
        return [child for child, there in zip(names, answers, strict=True) if there]

    def _there(self, key: str, markers: Sequence[str]) -> bool:
        for marker in markers:
            try:
                request(f"{self.path}/{key}/{marker}", head=True)
            except FileNotFoundError:
                continue
            return True
        return False

    def place(self, key: str, files: FilePool, check: bool = True) -> Place | None:
        """See :class:`ZarrFiles`."""
        url = f"{self.path}/{key}"
        file: Any = files.get(url)
        try:
            if isinstance(file, RemoteFile) and not file.is_known:
                file.open_end(_TABLE_BYTES)
        except FileNotFoundError:
            return None
        return Place(url, 0, file.stamp.size)

    def stretch(self, key: str) -> Stretch:
        """Return the object of a chunk, to be fetched as a whole."""
        return Stretch(f"{self.path}/{key}", 0, -1)

    def stamp(self, key: str) -> Stamp:
        """See :class:`ZarrFiles`; that of the root."""
        return self._stamp

    def verify(self, key: str, stamp: Stamp) -> None:
        """See :class:`ZarrFiles`; the root is asked for once per batch, beside the chunks."""

    def size(self) -> int:
        """See :class:`ZarrFiles`; a guess, for servers do not say."""
        return _UNKNOWN_BYTES

    def nbytes(self, name: str) -> int | None:
        """See :class:`ZarrFiles`."""
        return None


def _consolidated(root: dict[str, bytes]) -> dict[str, bytes] | None:
    """Return all metadata of a store by their keys, None where they are not consolidated."""
    try:
        if "zarr.json" in root:
            found = json.loads(root["zarr.json"]).get("consolidated_metadata") or {}
            kept = found.get("metadata")
            named = {f"{name}/zarr.json": one for name, one in (kept or {}).items()}
        else:
            kept = json.loads(root.get(".zmetadata", b"{}")).get("metadata")
            named = dict(kept or {})
        if not kept:
            return None
        return {key: json.dumps(one).encode() for key, one in named.items()}
    except (ValueError, AttributeError, RecursionError):
        return None  # damaged: those of each node are read
