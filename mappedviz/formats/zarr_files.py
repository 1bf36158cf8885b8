"""The two ways a zarr store is on disk: files below a directory, or members of a zip archive."""

from __future__ import annotations

import json
import os
import struct
import zipfile
import zlib
from collections.abc import Sequence
from contextlib import suppress
from typing import IO, Any, Protocol, cast

from mappedviz.errors import MappedvizError, StoreError
from mappedviz.formats.files import FilePool, os_error, read_file
from mappedviz.formats.limits import inflated_limit
from mappedviz.formats.remote_files import BlockFile, RemoteFile
from mappedviz.formats.sources import Place, Stretch
from mappedviz.formats.stamps import Stamp
from mappedviz.text.addresses import is_url

__all__ = ["CHECKED_BYTES", "ZarrDirectory", "ZarrFiles", "ZarrZip"]

_COPY_AGAIN = "Copy or download the store again."
#: zarr writes these into an archive again whenever attributes are set; the last ones count.
_REWRITTEN = ("zarr.json", ".zgroup", ".zarray", ".zattrs", ".zmetadata")
_FREE = (".zattrs", ".zmetadata")
#: Members that are read in part are read whole once for their checksum, up to this size.
CHECKED_BYTES = 64 << 20
_REOPEN = "Open the collection again."
#: Headers of members may have other fields than the directory of an archive says: about as many.
_MORE_EXTRA = 64


class ZarrFiles(Protocol):
    """The files of one zarr store, by their keys: metadata and chunks.

    Attributes
    ----------
    path
        The directory or the archive.
    zipped
        Whether it is an archive.
    """

    path: str
    zipped: bool

    def read(self, key: str, files: FilePool) -> bytes | None:
        """Return the content of a file, None where there is none."""
        ...

    def children(self, name: str, markers: Sequence[str]) -> list[str]:
        """Return the names of the folders below `name` that hold one of the files `markers`."""
        ...

    def place(self, key: str, files: FilePool, check: bool = True) -> Place | None:
        """Return where a file can be read in part, None where it cannot or is absent.

        With `check`, its checksum is compared before, if it has one and is not too large.
        """
        ...

    def stamp(self, key: str) -> Stamp:
        """Return the stamp of the file that holds a key."""
        ...

    def verify(self, key: str, stamp: Stamp) -> None:
        """Raise StoreError if a file has changed since its stamp was taken."""
        ...

    def size(self) -> int:
        """Return the bytes of the whole store: not cheap for a directory."""
        ...

    def nbytes(self, name: str) -> int | None:
        """Return the bytes below a folder, None where that is not cheap to know."""
        ...


class ZarrDirectory(ZarrFiles):
    """Files below a directory."""

    zipped = False

    def __init__(self, store: str, path: str) -> None:
        self.store = store
        self.path = path
        self._seen: dict[int, int] = {}

    def read(self, key: str, files: FilePool) -> bytes | None:
        """See :class:`ZarrFiles`."""
        return read_file(f"{self.path}/{key}", self._seen)

    def children(self, name: str, markers: Sequence[str]) -> list[str]:
        """See :class:`ZarrFiles`."""
        path = f"{self.path}/{name}" if name else self.path
        try:
            with os.scandir(path) as entries:
                names = [entry.name for entry in entries if entry.is_dir()]
        except OSError as error:
            raise os_error(error, path) from error
        return [n for n in names if any(os.path.exists(f"{path}/{n}/{m}") for m in markers)]

    def place(self, key: str, files: FilePool, check: bool = True) -> Place | None:
        """See :class:`ZarrFiles`."""
        path = f"{self.path}/{key}"
        try:
            return Place(path, 0, os.stat(path).st_size)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise os_error(error, path) from error

    def stamp(self, key: str) -> Stamp:
        """See :class:`ZarrFiles`."""
        return Stamp.of(f"{self.path}/{key}")

    def verify(self, key: str, stamp: Stamp) -> None:
        """A chunk may be absent by right; not so the metadata of its array."""
        path = f"{self.path}/{key}"
        try:
            now = Stamp.of(path)
        except OSError as error:
            raise os_error(error, path) from error
        if now != stamp:
            raise StoreError(
                "was changed or replaced while open", store=self.store, key=key, remedy=_REOPEN
            )

    def size(self) -> int:
        """See :class:`ZarrFiles`."""
        total = 0
        for folder, _, names in os.walk(self.path):
            for name in names:
                with suppress(OSError):
                    total += os.stat(f"{folder}/{name}").st_size
        return total

    def nbytes(self, name: str) -> int | None:
        """See :class:`ZarrFiles`."""
        return None  # a stat for every chunk is not cheap


def _lasting(metadata: bytes) -> Any:
    """Return what setting attributes or consolidating does not change of the metadata of a node."""
    try:
        found = json.loads(metadata)
    except (ValueError, RecursionError):
        return metadata
    changing = ("attributes", "consolidated_metadata")
    return {k: v for k, v in found.items() if k not in changing} if "node_type" in found else found


def _opened(path: str, files: FilePool) -> zipfile.ZipFile:
    handle = files.get(path)
    if isinstance(handle, RemoteFile):
        return zipfile.ZipFile(cast("IO[bytes]", BlockFile(handle)))
    return zipfile.ZipFile(path)


class ZarrZip(ZarrFiles):
    """Members of a zip archive, read by byte range; their names are never file paths."""

    zipped = True

    def __init__(self, store: str, path: str, files: FilePool) -> None:
        self.store = store
        self.path = path
        self._stamp = files.get(path).stamp
        try:
            with _opened(path, files) as archive:
                infos = archive.infolist()
        except (zipfile.BadZipFile, OSError, ValueError, struct.error) as error:
            raise StoreError(
                f"is a damaged or truncated zip archive ({error})", store=store, remedy=_COPY_AGAIN
            ) from error
        self.members: dict[str, zipfile.ZipInfo] = {}
        self._compared: set[int] = set()
        self._earlier: dict[str, list[zipfile.ZipInfo]] = {}
        for info in infos:
            member = info.filename
            if member in self.members and not info.is_dir():
                if member.rpartition("/")[2] not in _REWRITTEN:
                    raise self._ambiguous(member)
                self._earlier.setdefault(member, []).append(self.members[member])
            self.members[member] = info
            if member.startswith(("/", "\\")) or ".." in member.replace("\\", "/").split("/"):
                raise StoreError(
                    f"has a member {member!r}, which points outside of the archive",
                    store=store,
                    remedy="Do not unpack it; get the store from somebody you trust.",
                )
        self._tree: dict[str, set[str]] | None = None

    def read(self, key: str, files: FilePool) -> bytes | None:
        """See :class:`ZarrFiles`."""
        info = self.members.get(key)
        if info is None:
            return None
        self.verify("", self._stamp, files)
        data = self._read(info, key, files)
        for earlier in () if key.endswith(_FREE) else self._earlier.get(key, ()):
            if _lasting(self._read(earlier, key, files)) != _lasting(data):
                raise self._ambiguous(key)
        return data

    def _read(self, info: zipfile.ZipInfo, key: str, files: FilePool) -> bytes:
        if info.flag_bits & 1:
            raise StoreError(
                "is encrypted", store=self.store, key=key, remedy="Unpack it into a directory."
            )
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            return self._through_zipfile(info, files)
        data = files.get(self.path).read(self._start(info, files), info.compress_size)
        if info.compress_type == zipfile.ZIP_DEFLATED:
            if info.file_size > inflated_limit(len(data)):
                raise self._damaged(key, f"{info.file_size} bytes of {len(data)}")
            try:
                stream = zlib.decompressobj(-15)
                data = stream.decompress(data, info.file_size + 1)
            except zlib.error as error:
                raise self._damaged(key, str(error)) from error
        self._compare(info, data)
        return data

    def _through_zipfile(self, info: zipfile.ZipInfo, files: FilePool) -> bytes:
        if info.file_size > inflated_limit(info.compress_size):
            raise self._damaged(info.filename, f"{info.file_size} bytes of {info.compress_size}")
        try:
            with _opened(self.path, files) as archive:
                return archive.read(info.filename)
        except MappedvizError:
            raise
        except Exception as error:  # each compression has its own
            raise self._damaged(info.filename, str(error)) from error

    def _ambiguous(self, member: str) -> StoreError:
        return StoreError(
            f"has several members {member!r}, and it is not known which one counts",
            store=self.store,
            key=member,
            remedy="Zip the store again into a new archive.",
        )

    def _damaged(self, key: str, why: str) -> StoreError:
        return StoreError(
            f"is a damaged member of the zip ({why})",
            store=self.store,
            key=key,
            remedy=_COPY_AGAIN,
        )

    def _start(self, info: zipfile.ZipInfo, files: FilePool) -> int:
        header = files.get(self.path).read(info.header_offset, 30)
        if header[:4] != b"PK\x03\x04":
            raise self._damaged(info.filename, "no header")
        n_name, n_extra = struct.unpack("<HH", header[26:30])
        return int(info.header_offset + 30 + n_name + n_extra)

    def children(self, name: str, markers: Sequence[str]) -> list[str]:
        """See :class:`ZarrFiles`."""
        if self._tree is None:
            self._tree = {}
            for member in self.members:
                parent, _, last = member.rpartition("/")
                if last in markers and parent:
                    above, _, child = parent.rpartition("/")
                    self._tree.setdefault(above, set()).add(child)
        return list(self._tree.get(name, ()))

    def place(self, key: str, files: FilePool, check: bool = True) -> Place | None:
        """See :class:`ZarrFiles`."""
        info = self.members.get(key)
        if info is None or info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
            return None
        start = self._start(info, files)
        if check and info.file_size <= CHECKED_BYTES and not is_url(self.path):
            self._compare(info, files.get(self.path).read(start, info.file_size))
        return Place(self.path, start, info.file_size)

    def stretch(self, key: str) -> Stretch | None:
        """Return what of the archive has a member with its header, None if there is no such member."""
        info = self.members.get(key)
        if info is None:
            return None
        start = info.header_offset
        head = 30 + len(info.orig_filename.encode()) + len(info.extra) + _MORE_EXTRA
        end = min(start + head + info.compress_size, self._stamp.size)
        return Stretch(self.path, start, end, self._stamp)

    def _compare(self, info: zipfile.ZipInfo, data: bytes) -> None:
        """Compare the checksum of a member, once: it is not read again and again for that."""
        if info.header_offset in self._compared:
            return
        if len(data) != info.file_size or zlib.crc32(data) != info.CRC:
            raise self._damaged(info.filename, "wrong size or checksum")
        self._compared.add(info.header_offset)

    def stamp(self, key: str) -> Stamp:
        """See :class:`ZarrFiles`."""
        return self._stamp

    def verify(self, key: str, stamp: Stamp, files: FilePool | None = None) -> None:
        """See :class:`ZarrFiles`."""
        if files is not None:
            files.get(self.path).verify(stamp)

    def size(self) -> int:
        """See :class:`ZarrFiles`."""
        return self._stamp.size

    def nbytes(self, name: str) -> int | None:
        """See :class:`ZarrFiles`."""
        start = f"{name}/"
        return sum(i.compress_size for n, i in self.members.items() if n.startswith(start))
