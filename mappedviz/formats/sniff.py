"""Recognising stores by their contents, and saying what else a path leads to."""

from __future__ import annotations

import os
import stat
import zlib
from dataclasses import dataclass
from typing import IO, cast

from mappedviz._types import OTHER_SUFFIXES, SUFFIXES
from mappedviz.errors import StoreError
from mappedviz.formats.remote_files import BlockFile, RemoteFile
from mappedviz.formats.remote_look import look_at
from mappedviz.text.addresses import is_url

__all__ = [
    "HDF5_SIGNATURE",
    "ROOT_FILES",
    "Candidate",
    "describe",
    "is_hdf5",
    "is_zarr_directory",
    "is_zarr_zip",
    "size_of",
    "zarr_root_files",
]

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_MARKERS = ("zarr.json", ".zgroup", ".zarray")
ROOT_FILES = (*_MARKERS, ".zattrs", ".zmetadata")
_HEAD = 4096


@dataclass(frozen=True)
class Candidate:
    """A path that may lead to a store, and the first bytes of it.

    Attributes
    ----------
    path
        The path.
    is_directory
        Whether it is a directory; else it is a regular file.
    size, head
        Size of the file and its first bytes; 0 and no bytes for a directory.
    remote
        The file, if it is one behind a URL. Directories behind URLs are roots of zarr stores.
    """

    path: str
    is_directory: bool
    size: int = 0
    head: bytes = b""
    remote: RemoteFile | None = None

    @classmethod
    def at(cls, path: str) -> Candidate:
        """Return what is at a path; StoreError for a device or a pipe, else OSError."""
        if is_url(path):
            look = look_at(path, fresh=True)
            size = 0 if look.file is None else look.file.stamp.size
            return cls(path, look.file is None, size, look.head, look.file)
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            return cls(path, True)
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for a writer
            raise StoreError(
                "is a device or a pipe, not an AnnData store", store=path, remedy="Check the path."
            )
        with open(path, "rb", buffering=0) as file:
            return cls(path, False, status.st_size, file.read(_HEAD))

    def open(self) -> IO[bytes]:
        """Return the file, open for reading."""
        if self.remote is not None:
            return cast("IO[bytes]", BlockFile(self.remote))
        return open(self.path, "rb")


def is_hdf5(candidate: Candidate) -> bool:
    """Whether a file begins with HDF5's signature, perhaps after a user block."""
    if candidate.head.startswith(HDF5_SIGNATURE):
        return True
    if candidate.is_directory or is_zip(candidate):
        return False
    with candidate.open() as file:
        offset = 512
        while offset + 8 <= candidate.size:
            file.seek(offset)
            if file.read(8) == HDF5_SIGNATURE:
                return True
            offset *= 2
    return False


def is_zarr_directory(candidate: Candidate) -> bool:
    """Whether a directory has zarr metadata at its root."""
    if is_url(candidate.path):
        return candidate.is_directory
    return candidate.is_directory and any(
        os.path.exists(f"{candidate.path}/{marker}") for marker in _MARKERS
    )


def zarr_root_files(path: str) -> list[str]:
    """Return the files at the root of a directory that make it a zarr store."""
    if is_url(path):
        return [f"{path}/{name}" for name in look_at(path).documents]
    return [file for name in ROOT_FILES if os.path.exists(file := f"{path}/{name}")]


def size_of(path: str) -> int | None:
    """Return the bytes of the file of a store; None if it is a directory."""
    if is_url(path):
        file = look_at(path).file
        return None if file is None else file.stamp.size
    status = os.stat(path)
    return None if stat.S_ISDIR(status.st_mode) else status.st_size


def is_zip(candidate: Candidate) -> bool:
    """Whether a file is a zip archive."""
    return candidate.head.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def is_zarr_zip(candidate: Candidate) -> bool:
    """Whether a file is a zip archive with zarr metadata at its root."""
    if not is_zip(candidate):
        return False
    try:
        members = _members(candidate)
    except StoreError:
        return False
    return any(marker in members for marker in _MARKERS)


def _members(candidate: Candidate) -> list[str]:
    import zipfile

    try:
        with candidate.open() as file, zipfile.ZipFile(file) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise StoreError(
            f"is a damaged or truncated zip archive ({error})",
            store=candidate.path,
            remedy="Copy or download the file again.",
        ) from error


def describe(candidate: Candidate) -> StoreError:
    """Return the error about a path that leads to no store: what is there instead."""
    if candidate.is_directory:
        return _no_store_in(candidate.path)
    if is_zip(candidate):
        return _no_store_in_zip(candidate)
    found, remedy = _foreign(candidate.head[:_HEAD], candidate.size)
    return StoreError(f"is {found}, not an AnnData store", store=candidate.path, remedy=remedy)


def _no_store_in(name: str) -> StoreError:
    children = sorted(entry.path for entry in os.scandir(name) if entry.is_dir())
    for child in children[:1000]:
        if any(os.path.exists(f"{child}/{marker}") for marker in _MARKERS):
            return StoreError(
                "is a directory without zarr metadata (zarr.json or .zgroup), "
                f"but {os.path.basename(child)!r} in it has them",
                store=name,
                remedy=f"Give the path of the store itself, such as {child!r}.",
            )
    if not os.listdir(name):
        return StoreError(
            "is an empty directory, not an AnnData store", store=name, remedy="Check the path."
        )
    return StoreError(
        "is a directory without zarr metadata (zarr.json or .zgroup)",
        store=name,
        remedy="Check the path, or copy the store again with its hidden files.",
    )


def _no_store_in_zip(candidate: Candidate) -> StoreError:
    name = candidate.path
    try:
        members = _members(candidate)
    except StoreError as error:
        return error
    tops = {m.split("/")[0] for m in members if "/" in m and m.split("/", 1)[1] in _MARKERS}
    if tops:
        top = min(tops)
        return StoreError(
            f"is a zip archive with the zarr store inside the folder {top!r}, not at its root",
            store=name,
            remedy=f"Zip the contents of {top!r}, not the folder, or unpack the archive.",
        )
    files = (*SUFFIXES["h5ad"], *OTHER_SUFFIXES)
    inside = next((m for m in members if m.lower().endswith(files)), None)
    if inside is not None:
        return StoreError(
            f"is a zip archive around {inside!r}", store=name, remedy="Unpack it first."
        )
    return StoreError(
        "is a zip archive without zarr metadata (zarr.json or .zgroup)",
        store=name,
        remedy="Check the path.",
    )


def _foreign(head: bytes, size: int) -> tuple[str, str]:
    """What a file is that is no store, and what to do about it."""
    again = "Download the file again."
    if size == 0:
        return "an empty file (0 bytes)", again
    if not head.strip(b"\0"):
        return "a file of zero bytes, as unfinished downloads are", again
    if head.startswith(b"version https://git-lfs"):
        return "a git-lfs pointer, not the file itself", "Run `git lfs pull` in its repository."
    if head.startswith(b"\x1f\x8b"):
        try:
            inner = zlib.decompressobj(31).decompress(head, 64)
        except zlib.error:
            inner = b""
        around = " around an HDF5 file" if inner.startswith(HDF5_SIGNATURE) else ""
        return f"a gzip file{around}", "Unpack it with `gunzip`."
    for magic, what in _MAGIC:
        if head.startswith(magic):
            return what, "Unpack or convert it first."
    if head[257:262] == b"ustar":
        return "a tar archive", "Unpack it first."
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head")):
        return "an HTML page, as servers send instead of a file (log in? not found?)", again
    if text.startswith(b"<?xml"):
        return "an XML document, as servers send with errors", again
    if text.startswith((b"{", b"[")):
        return "a JSON text", "Check the path."
    try:
        lines = head.decode("utf-8", "strict" if size <= 4096 else "ignore").splitlines()
    except UnicodeDecodeError:
        lines = []
    if lines and all(c.isprintable() or c in "\t\x0c" for line in lines for c in line):
        for separator, what in ((",", "a CSV text"), ("\t", "a tab-separated text")):
            if separator in lines[0]:
                return what, "Convert it with anndata.io and write_h5ad."
        return f"a text ({lines[0][:60]!r})", "Check the path."
    return "neither HDF5 nor zarr", "Check the path, or download the file again."


_MAGIC = (
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ\0", "an xz file"),
    (b"\x28\xb5\x2f\xfd", "a zstd file"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"PAR1", "a Parquet file"),
    (b"ARROW1", "an Arrow file"),
    (b"CDF", "a netCDF file"),
    (b"RDX", "an R data file"),
    (b"\x93NUMPY", "a numpy array"),
    (b"%PDF", "a PDF"),
    (b"\x80\x04", "a Python pickle"),
    (b"\x80\x05", "a Python pickle"),
)
