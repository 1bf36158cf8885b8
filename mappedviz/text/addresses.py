"""Addresses of stores: paths on this machine, URLs, and names of objects in memory."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from mappedviz._types import PathLike

__all__ = [
    "absolute", "base_name", "has_secrets", "in_memory", "is_absolute", "is_url", "shown"
]  # fmt: skip

#: A drive of Windows is one letter.
_URL = re.compile(r"([a-z][a-z0-9+.-]+)://([^/]*)(.*)", re.IGNORECASE | re.DOTALL)
#: In the keys of buckets, ? and # are characters like others.
_QUERY = re.compile(r"[?#].*", re.DOTALL)
#: A number, and perhaps a name.
_MEMORY = re.compile(r"memory:\d+(?:/[^/]+)?")


class _Url(NamedTuple):
    scheme: str
    user: str
    host: str
    path: str
    query: str


def _parts(text: str) -> _Url | None:
    found = _URL.fullmatch(text) if "://" in text else None
    if found is None:
        return None
    scheme, host, path = found.groups()
    query = ""
    if scheme.lower() in ("http", "https"):
        rest = host + path
        plain = _QUERY.sub("", rest)
        query = rest[len(plain) :]
        host, slash, path = plain.partition("/")
        path = slash + path
    user, _, host = host.rpartition("@")
    return _Url(scheme.lower(), user, host.lower(), path, query)


def is_url(address: PathLike) -> bool:
    """Return True for a URL: ``scheme://`` and the rest.

    Examples
    --------
    >>> is_url("s3://bucket/a.h5ad"), is_url("/data/a.h5ad"), is_url("C://a.h5ad")
    (True, False, False)
    """
    text = os.fspath(address)
    return "://" in text and _URL.match(text) is not None


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
    if _is_plain(text):
        return text
    url = _parts(text)
    if url is not None:
        user = f"{url.user}@" if url.user else ""
        return f"{url.scheme}://{user}{url.host}{url.path.rstrip('/')}{url.query}"
    return text if in_memory(text) else os.path.abspath(text)


def _is_plain(text: str) -> bool:
    """Return True for a path that is absolute without more ado, as nearly all of ten thousand are."""
    return os.sep == "/" == text[:1] != text[-1:] and "//" not in text and "/." not in text


def shown(address: PathLike) -> str:
    """Return an address for people: a URL without user, query and fragment, which may be secrets.

    Examples
    --------
    >>> shown("https://me:pass@example.org/a.h5ad?signature=1234"), shown("/data/a?.h5ad")
    ('https://example.org/a.h5ad', '/data/a?.h5ad')
    """
    text = os.fspath(address)
    url = _parts(text)
    return text if url is None else f"{url.scheme}://{url.host}{url.path}"


def has_secrets(address: PathLike) -> bool:
    """Return True for a URL with a user, a query or a fragment.

    Examples
    --------
    >>> has_secrets("https://example.org/a.h5ad?signature=1234"), has_secrets("s3://bucket/a?.h5ad")
    (True, False)
    """
    url = _parts(os.fspath(address))
    return url is not None and bool(url.user or url.query)


def base_name(address: PathLike) -> str:
    """Return the last part of an address: the file name.

    Examples
    --------
    >>> base_name("https://example.org/lab/a.h5ad?signature=1234"), base_name("lab/b.zarr/")
    ('a.h5ad', 'b.zarr')
    """
    text = os.fspath(address)
    url = _parts(text)
    path = text if url is None else url.path
    last = path.rpartition("/")[2]
    # A Path of each of ten thousand takes a while.
    return last if os.sep == "/" and last not in ("", ".") else Path(path).name
