"""File names of the stores of a copy."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from mappedviz._types import store_suffix
from mappedviz.text.addresses import base_name

__all__ = ["names_of_copies"]

_MOST_BYTES = 120
_NOT_IN_NAMES = set('/\\:*?"<>|')


def names_of_copies(addresses: Sequence[str], suffix: str) -> list[str]:
    """Return a file name for the copy of each store, none of them twice, also where case is ignored.

    A name keeps that of its store, but for signs that a file system or a terminal may take amiss.

    Examples
    --------
    >>> names_of_copies(["/a/pbmc.h5ad", "/b/PBMC.zarr", "/c/-rf *.h5ad"], ".zarr")
    ['pbmc.zarr', 'PBMC-2.zarr', '_rf _.zarr']
    """
    taken: set[str] = set()
    last: dict[str, int] = {}  # thousands of stores may have one name
    names = []
    for address in addresses:
        stem = _stem(base_name(address))
        name, n = stem, last.get(_folded(stem), 1)
        while _folded(name) in taken:
            n += 1
            name = f"{stem}-{n}"
        last[_folded(stem)] = n
        taken.add(_folded(name))
        names.append(name + suffix)
    return names


def _folded(name: str) -> str:
    """Return what two names have in common that one file system or another takes for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _stem(name: str) -> str:
    stem = name[: len(name) - len(store_suffix(name))]
    stem = "".join(
        sign if sign.isprintable() and sign not in _NOT_IN_NAMES else "_" for sign in stem
    )
    while len(stem.encode()) > _MOST_BYTES:
        stem = stem[:-1]
    stem = stem.rstrip(". ")
    if stem[:1] in ("", ".", "-", "~"):  # hidden, an option, a home
        stem = f"_{stem[1:]}"
    return stem
