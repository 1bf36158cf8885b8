"""The registry of formats: what each kind of store is called, recognised by and opened with.

Another kind of store is a module with the nodes of its format, and one line in :data:`FORMATS`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mappedviz._types import StoreKind
from mappedviz.formats.sniff import (
    Candidate,
    is_hdf5,
    is_zarr_directory,
    is_zarr_zip,
    zarr_root_files,
)

if TYPE_CHECKING:
    from mappedviz.formats.nodes import GroupNode

__all__ = ["FORMATS", "Format"]


@dataclass(frozen=True)
class Format:
    """One kind of store.

    Attributes
    ----------
    sniff
        Whether a path leads to such a store, by its contents. StoreError if it nearly does.
    open
        The root group of the store at a path, as a context manager.
    one_thread
        Whether the library behind it serves one thread of a process at a time.
    root_files
        The files that make a directory such a store, the one to be watched for changes first;
        None for a format whose stores are single files.
    """

    sniff: Callable[[Candidate], bool]
    open: Callable[[str], AbstractContextManager[GroupNode]]
    one_thread: bool = False
    root_files: Callable[[str], list[str]] | None = None

    def watched(self, path: str) -> str:
        """Return the file whose stamp changes when the store at `path` is written again."""
        return path if self.root_files is None else next(iter(self.root_files(path)), path)


# The libraries are imported when the first store of their kind is opened.
def _open_hdf5(path: str) -> AbstractContextManager[GroupNode]:
    from mappedviz.formats.hdf5 import open_hdf5

    return open_hdf5(path)


def _open_zarr(path: str) -> AbstractContextManager[GroupNode]:
    from mappedviz.formats.zarr import open_zarr

    return open_zarr(path, zipped=False)


def _open_zarr_zip(path: str) -> AbstractContextManager[GroupNode]:
    from mappedviz.formats.zarr import open_zarr

    return open_zarr(path, zipped=True)


#: By name, in the order in which they are tried. Their suffixes are in `mappedviz._types`.
FORMATS: dict[StoreKind, Format] = {
    "h5ad": Format(is_hdf5, _open_hdf5, one_thread=True),
    "zarr": Format(is_zarr_directory, _open_zarr, root_files=zarr_root_files),
    "zarr.zip": Format(is_zarr_zip, _open_zarr_zip),
}
