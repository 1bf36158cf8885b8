"""Arrays that only zarr-python can read: codecs, types and grids that our own reader does not know."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from mappedviz._types import Array
from mappedviz.formats.forks import not_forked_within
from mappedviz.formats.nodes import ArrayNode, not_utf8, strings
from mappedviz.formats.remote_client import obstore_of
from mappedviz.text.addresses import is_url

__all__ = ["dtype_of", "read"]

_COPY_AGAIN = "Copy or download the store again."


def read(node: ArrayNode, path: str, zipped: bool, selection: Any) -> Array:
    """Return a selection of the array of a node, in the store at `path`."""
    try:
        with _opened(path, node.name, zipped) as array:
            values = np.asarray(array[selection if selection != () else ...])
    except UnicodeDecodeError as error:
        raise not_utf8(node, error) from error
    except Exception as error:  # zarr's codecs raise whatever they like
        raise _said(node, path, error) from (None if is_url(path) else error)
    if values.dtype.kind == "T":  # numpy's own variable strings
        values = values.astype(object)
    if values.dtype.kind in "SUO" or values.dtype.names:
        return strings(values, node)
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def dtype_of(node: ArrayNode, path: str, zipped: bool) -> np.dtype[Any]:
    """Return the type of the values that :func:`read` returns."""
    try:
        with _opened(path, node.name, zipped) as array:
            found: np.dtype[Any] = np.dtype(array.dtype)
    except Exception as error:
        raise _said(node, path, error) from (None if is_url(path) else error)
    if found.kind in "TO":
        return np.dtype(object)
    return found if found.names else found.newbyteorder("=")


def _said(node: ArrayNode, path: str, error: Exception) -> Exception:
    """Return our error for one of zarr, which may quote a signature if the store is remote."""
    said = type(error).__name__ if is_url(path) else error
    return node.error(f"cannot be read: zarr says {said}", _COPY_AGAIN)


@contextmanager
def _opened(path: str, name: str, zipped: bool) -> Iterator[Any]:
    with not_forked_within():  # its event loop and its cached properties have locks
        import zarr

        if is_url(path):
            if zipped:
                raise ValueError(
                    "members of an archive behind a URL are read by our own reader only"
                )
            client, at = obstore_of(f"{path}/{name}" if name else path)
            remote = zarr.storage.ObjectStore(client, read_only=True)
            yield zarr.open_array(remote, path=at, mode="r")
            return
        if not zipped:
            yield zarr.open_array(f"{path}/{name}" if name else path, mode="r")
            return
        store = zarr.storage.ZipStore(path, mode="r")
        try:
            yield zarr.open_array(store, path=name, mode="r")
        finally:
            store.close()
