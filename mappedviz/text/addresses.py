"""Addresses of stores: paths on this machine, URLs, and names of objects in memory."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import SplitResult, urlsplit, urlunsplit

from mappedviz._types import PathLike

__all__ = ["absolute", "base_name", "in_memory", "is_absolute", "is_url", "shown"]

#: A drive of Windows is one letter.
_URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
#: A number, and perhaps a name.
_MEMORY = re.compile(r"memory:\d+(?:/[^/]+)?")


def is_url(address: PathLike) -> bool:
    """Return True for a URL: ``scheme://`` and the rest.

    Examples
    --------
    >>> is_url("s3://bucket/a.h5ad"), is_url("/data/a.h5ad"), is_url("C://a.h5ad")
    (True, False, False)
    """
    return _URL.match(os.fspath(address)) is not None


def in_memory(address: PathLike) -> bool:
    """Return True for an object in memory.

    Examples
    --------
    >>> in_memory("memory:0"), in_memory("memory:1/berlin"), in_memory("memory.h5ad")
    (True, True, False)
    """
    text = os.fspath(address)
    return text.startswith("memory:") and _MEMORY.fullmatch(text) is not None


def is_absolute(address: PathLike) -> bool:
    """Return True for an address that is the same in each working directory.

    Examples
    --------
    >>> is_absolute("s3://bucket/a.h5ad"), is_absolute("/data/a.h5ad"), is_absolute("a.h5ad")
    (True, True, False)
    """
    text = os.fspath(address)
    return is_url(text) or in_memory(text) or Path(text).is_absolute()


def absolute(address: PathLike) -> str:
    """Return an address that is the same in each working directory.

    Paths become absolute, and keep symbolic links. URLs stay, with scheme and host in small letters
    and without a slash at the end; so do objects in memory (``memory:0``).

    Examples
    --------
    >>> absolute("S3://bucket/atlas/a.zarr/"), absolute("/data/x/../a.h5ad"), absolute("memory:0")
    ('s3://bucket/atlas/a.zarr', '/data/a.h5ad', 'memory:0')
    """
    text = os.fspath(address)
    if is_url(text):
        parts = urlsplit(text)
        user, at, host = parts.netloc.rpartition("@")
        return urlunsplit(
            parts._replace(netloc=user + at + host.lower(), path=parts.path.rstrip("/"))
        )
    return text if in_memory(text) else os.path.abspath(text)


def shown(address: PathLike) -> str:
    """Return an address for people: a URL without user, query and fragment, which may be secrets.

    Examples
    --------
    >>> shown("https://me:pass@example.org/a.h5ad?signature=1234"), shown("/data/a?.h5ad")
    ('https://example.org/a.h5ad', '/data/a?.h5ad')
    """
    text = os.fspath(address)
    if not is_url(text):
        return text
    parts = urlsplit(text)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(SplitResult(parts.scheme, host, parts.path, "", ""))


def base_name(address: PathLike) -> str:
    """Return the last part of an address: the file name.

    Examples
    --------
    >>> base_name("https://example.org/lab/a.h5ad?signature=1234"), base_name("lab/b.zarr/")
    ('a.h5ad', 'b.zarr')
    """
    text = os.fspath(address)
    return Path(urlsplit(text).path if is_url(text) else text).name
