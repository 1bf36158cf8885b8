"""Errors of HDF5 in our words: of a file that does not open, and of a place in an open one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mappedviz.errors import MappedvizError, StoreError
from mappedviz.formats.files import os_error
from mappedviz.formats.nodes import Node, not_utf8

__all__ = ["Somewhere", "cannot_open", "readable"]


def cannot_open(path: str, error: Exception) -> StoreError:
    """Return the error about a file that HDF5 does not open."""
    if isinstance(error, (FileNotFoundError, PermissionError)):
        return os_error(error, path)
    text = str(error)
    said = text.replace(path, "")  # a name may hold any words
    for words, found, remedy in _KNOWN:
        if any(word in said for word in words):
            return StoreError(f"{found}: HDF5 says {text!r}", store=path, remedy=remedy)
    return StoreError(
        f"cannot be opened: HDF5 says {text!r}",
        store=path,
        remedy="Copy or download the file again.",
    )


_AGAIN = "Copy or download the file again."
#: Words of HDF5, what they mean, and what to do; the first that match count.
_KNOWN = (
    (("truncated", "addr overflow"), "is truncated", _AGAIN),
    (
        ("No locks available", "Function not implemented", "not supported"),
        "cannot be locked, as its file system has no locks",
        "Set the environment variable HDF5_USE_FILE_LOCKING=FALSE before Python starts.",
    ),
    (
        ("h5clear", "consistency flags"),
        "is being written, or was left by a writer that crashed",
        "Wait for the writer; if it crashed, write the file again.",
    ),
    (("unable to lock", "already open"), "is open for writing elsewhere", "Close it there first."),
    (("superblock", "signature not found"), "has a damaged superblock", _AGAIN),
)


class Somewhere(Node):
    """A place that could not be opened, for its errors."""

    def __init__(self, store: str, name: str) -> None:
        self.store = store
        self.name = name

    @property
    def attrs(self) -> Mapping[str, Any]:
        """Return no attributes."""
        return {}


class readable:  # noqa: N801 - a context manager; as a generator it would cost twice as much
    """HDF5's own errors, with the path and the key."""

    __slots__ = ("node",)

    def __init__(self, node: Node) -> None:
        self.node = node

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: Any, error: BaseException | None, __: Any) -> None:
        if not isinstance(error, Exception) or isinstance(error, (MappedvizError, Warning)):
            return
        node = self.node
        if isinstance(error, UnicodeDecodeError):
            raise not_utf8(node, error) from error
        if isinstance(error, MemoryError):
            raise node.error(
                "claims a size that no memory holds", "Write the store again."
            ) from error
        raise node.error(
            f"cannot be read: HDF5 says {error}", "Copy or download the file again."
        ) from error
