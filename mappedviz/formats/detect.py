"""Finding out what kind of store is at a path, and opening it."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from mappedviz._types import PathLike, StoreKind
from mappedviz.errors import AbsentStoreError, StoreError
from mappedviz.formats.files import os_error
from mappedviz.formats.registry import FORMATS
from mappedviz.formats.sniff import Candidate, describe
from mappedviz.text.addresses import is_url

if TYPE_CHECKING:
    from mappedviz.formats.nodes import GroupNode

__all__ = ["open_root", "store_kind"]


def open_root(path: PathLike, kind: StoreKind | None = None) -> AbstractContextManager[GroupNode]:
    """Open a store for reading; nothing is ever written.

    Parameters
    ----------
    path
        A ``.h5ad`` file, a ``.zarr`` directory or a ``.zarr.zip`` archive. Its kind is found
        from its contents, not from its name.
    kind
        The result of :func:`store_kind`, if it is known already.

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
    return FORMATS[kind or store_kind(path)].open(os.fspath(path))


def store_kind(path: PathLike) -> StoreKind:
    """Return the kind of the store at a path, from its contents.

    Raises
    ------
    AbsentStoreError
        There is nothing at the path.
    StoreError
        There is no store; the message says what is there instead.
    """
    name = os.fspath(path)
    try:
        candidate = Candidate.at(name)
        for kind, each in FORMATS.items():
            if each.sniff(candidate):
                return kind
        raise describe(candidate)
    except FileNotFoundError as error:
        if is_url(name):
            raise
        what = "is a link to nowhere" if os.path.islink(name) else "does not exist"
        raise AbsentStoreError(
            what,
            store=name,
            remedy=f"Check the path; relative ones start at {Path.cwd()}.",
        ) from error
    except OSError as error:
        if isinstance(error, StoreError):
            raise
        raise os_error(error, name) from error
