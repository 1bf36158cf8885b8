"""One face for HDF5 and zarr: groups, arrays and their attributes, whatever wrote them."""

from __future__ import annotations

import os
import stat
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from mappedviz._types import StoreKind
from mappedviz.errors import StoreError
from mappedviz.formats.files import os_error
from mappedviz.formats.nodes import ArrayNode, GroupNode, Node

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

__all__ = ["ArrayNode", "GroupNode", "Node", "StoreKind", "open_root", "store_kind"]


HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_MARKERS = ("zarr.json", ".zgroup", ".zarray")


def open_root(
    path: str | os.PathLike[str], kind: StoreKind | None = None
) -> AbstractContextManager[GroupNode]:
    """Open a store for looking around in it; nothing is ever written.

    Parameters
    ----------
    path
        A ``.h5ad`` file, a ``.zarr`` directory or a ``.zarr.zip`` archive. What it is is found
        out from its contents, not from its name.
    kind
        What :func:`store_kind` said, where it was asked already.

    Returns
    -------
    Context manager with the root group. Nodes are usable until it is left; what
    :meth:`~mappedviz.formats.nodes.ArrayNode.chunked` returned remains so.

    Examples
    --------
    >>> import h5py, tempfile, os
    >>> from mappedviz.formats.detect import open_root
    >>> path = os.path.join(tempfile.mkdtemp(), "a.h5ad")
    >>> with h5py.File(path, "w") as file:
    ...     file["obs/n_counts"] = [3, 1]
    >>> with open_root(path) as root:
    ...     root.keys(), root["obs/n_counts"].read()
    (['obs'], array([3, 1]))
    """
    kind = kind or store_kind(path)
    if kind == "h5ad":
        from mappedviz.formats.hdf5 import open_hdf5

        return open_hdf5(os.fspath(path))
    from mappedviz.formats.zarr import open_zarr

    return open_zarr(os.fspath(path), kind == "zarr.zip")


def store_kind(path: str | os.PathLike[str]) -> StoreKind:
    """What kind of store is at a path, from its contents.

    Raises
    ------
    StoreError
        Where there is none; the message says what is there instead.
    """
    name = os.fspath(path)
    try:
        if os.path.isdir(name):
            return _directory_kind(name)
        if not stat.S_ISREG(os.stat(name).st_mode):  # opening a pipe would wait for a writer
            raise StoreError(
                "is a device or a pipe, not an AnnData store", store=name, remedy="Check the path."
            )
        with open(name, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            head = file.read(4096)
            if head.startswith(HDF5_SIGNATURE):
                return "h5ad"
            if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
                return _zip_kind(name)
            offset = 512  # after a user block
            while offset + 8 <= size:
                file.seek(offset)
                if file.read(8) == HDF5_SIGNATURE:
                    return "h5ad"
                offset *= 2
    except FileNotFoundError as error:
        what = "is a link to nowhere" if os.path.islink(name) else "does not exist"
        raise StoreError(
            what,
            store=name,
            remedy=f"Check the path; relative ones start at {Path.cwd()}.",
        ) from error
    except OSError as error:
        if isinstance(error, StoreError):
            raise
        raise os_error(error, name) from error
    found, remedy = _foreign(head, size)
    raise StoreError(f"is {found}, not an AnnData store", store=name, remedy=remedy)


def _directory_kind(name: str) -> StoreKind:
    if any(os.path.exists(f"{name}/{marker}") for marker in _MARKERS):
        return "zarr"
    children = sorted(entry.path for entry in os.scandir(name) if entry.is_dir())
    for child in children[:1000]:
        if any(os.path.exists(f"{child}/{marker}") for marker in _MARKERS):
            raise StoreError(
                "is a directory without zarr metadata (zarr.json or .zgroup), "
                f"but {os.path.basename(child)!r} in it has them",
                store=name,
                remedy=f"Give the path of the store itself, such as {child!r}.",
            )
    if not os.listdir(name):
        raise StoreError(
            "is an empty directory, not an AnnData store", store=name, remedy="Check the path."
        )
    raise StoreError(
        "is a directory without zarr metadata (zarr.json or .zgroup)",
        store=name,
        remedy="Check the path, or copy the store again with its hidden files.",
    )


def _zip_kind(name: str) -> StoreKind:
    import zipfile

    try:
        with zipfile.ZipFile(name) as archive:
            members = archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise StoreError(
            f"is a damaged or truncated zip archive ({error})",
            store=name,
            remedy="Copy or download the file again.",
        ) from error
    if any(marker in members for marker in _MARKERS):
        return "zarr.zip"
    tops = {m.split("/")[0] for m in members if "/" in m and m.split("/", 1)[1] in _MARKERS}
    if tops:
        top = min(tops)
        raise StoreError(
            f"is a zip archive with the zarr store inside the folder {top!r}, not at its root",
            store=name,
            remedy=f"Zip the contents of {top!r}, not the folder, or unpack the archive.",
        )
    inside = next((m for m in members if m.lower().endswith((".h5ad", ".h5"))), None)
    if inside is not None:
        raise StoreError(
            f"is a zip archive around {inside!r}", store=name, remedy="Unpack it first."
        )
    raise StoreError(
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
