"""File names of the stores of a copy."""

from __future__ import annotations

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
    names = []
    for address in addresses:
        stem = _stem(base_name(address))
        name, n = stem, 1
        while name.casefold() in taken:
            n += 1
            name = f"{stem}-{n}"
        taken.add(name.casefold())
        names.append(name + suffix)
    return names


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
