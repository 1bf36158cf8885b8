"""How paths, patterns and folders become stores."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

from mappedviz._types import SUFFIXES, PathLike
from mappedviz.errors import StoreError
from mappedviz.formats.files import os_error
from mappedviz.formats.registry import FORMATS
from mappedviz.formats.remote_options import noted
from mappedviz.formats.sniff import ROOT_FILES
from mappedviz.stores.remote_paths import stores_at_url
from mappedviz.text.addresses import in_memory, is_url

if TYPE_CHECKING:
    from anndata import AnnData  # type: ignore[import-untyped]

__all__ = ["StoreLike", "StoresLike", "expand_paths"]

StoreLike: TypeAlias = "PathLike | AnnData | Mapping[str, AnnData]"
"""A path, a pattern or a directory; an AnnData object; several of these by their names."""

StoresLike: TypeAlias = "StoreLike | Iterable[StoreLike]"
"""One of them, or several."""


def expand_paths(
    paths: Iterable[PathLike], failed: dict[str, StoreError] | None = None
) -> list[str]:
    """Paths of stores: globs and directories of stores are replaced by what they hold, sorted.

    Parameters
    ----------
    paths
        Stores, patterns such as ``"data/*.h5ad"``, or directories that hold stores; or their URLs.
    failed
        Where given, a pattern that matches nothing and a directory without stores stay as they
        are, and why is noted here; else that is raised.

    Raises
    ------
    StoreError
        A pattern matches nothing, or a directory holds no store.

    Examples
    --------
    >>> from pathlib import Path
    >>> from mappedviz.datasets import demo
    >>> [Path(path).name for path in expand_paths([demo() / "b*.*"])]
    ['berlin.h5ad', 'berlin_pilot.zarr', 'boston.zarr']
    """
    found: list[str] = []
    for path in noted(paths):
        text = os.fspath(path)
        try:
            found += stores_at_url(text) if is_url(text) else _stores_at(text)
        except StoreError as error:
            if failed is None:
                raise
            failed[text] = error.with_traceback(None)
            found.append(text)
    return found


def _stores_at(path: str) -> list[str]:
    """The stores that a path, a directory of stores or a pattern stands for."""
    if in_memory(path):
        return [path]
    inside: list[str] | None = None
    try:
        if os.path.isdir(path) and not _is_store(path):
            inside = [entry.path for entry in os.scandir(path) if _may_be_store(entry.name)]
    except OSError as error:
        raise os_error(error, path) from error
    if inside is None and (os.path.lexists(path) or not glob.has_magic(path)):
        return [path]
    every = _matches(path) if inside is None else inside
    matches = _once([one for one in every if not _is_metadata(one)])
    if not matches and inside is None:
        raise StoreError(
            "matches no file",
            store=path,
            remedy="Check the pattern and the folder that it starts from.",
        )
    if not matches:
        raise StoreError(
            "is a directory without .h5ad files or .zarr stores",
            store=path,
            remedy="Name a directory that holds stores, or the stores themselves.",
        )
    return matches


def _matches(pattern: str) -> list[str]:
    """Return what a pattern matches; ``**`` enters each folder once, where links make a loop."""
    head, stars, rest = pattern.partition("**")
    if not stars or head[-1:] not in ("", os.sep) or rest[:1] not in ("", os.sep):
        return glob.glob(pattern)
    found: list[str] = []
    for top in glob.glob(head) if head else [""]:
        for folder in _folders(top):
            found += _matches(os.path.join(glob.escape(folder), rest.strip(os.sep) or "*"))
    return found


def _folders(top: str) -> list[str]:
    """Return a folder and all below it, hidden ones left out, each once: nearest to the top."""
    found, seen, level = [], set(), [top]
    while level:
        below: list[str] = []
        for folder in level:
            place = os.path.realpath(folder)
            if place in seen:
                continue
            seen.add(place)
            found.append(folder)
            with suppress(OSError), os.scandir(folder or os.curdir) as entries:
                names = sorted(each.name for each in entries if each.is_dir())
                below += [os.path.join(folder, name) for name in names if name[0] != "."]
        level = below
    return found


def _once(matches: list[str]) -> list[str]:
    """Return the matches without those that a loop of links leads to again.

    Two names in one folder are two stores, if the one is a link to the other.
    """
    places: dict[str, str] = {}
    seen: dict[tuple[str, str], str] = {}
    for match in sorted(matches, key=lambda match: (match.count(os.sep), match)):
        folder, name = os.path.split(match.rstrip(os.sep))
        if folder not in places:
            places[folder] = os.path.realpath(folder)
        seen.setdefault((places[folder], name), match)
    return sorted(seen.values())


def _is_metadata(path: str) -> bool:
    """Whether a pattern, such as ``sample.zarr/tables/*``, met a file that describes a group of zarr."""
    return os.path.basename(path) in ROOT_FILES and os.path.isfile(path)


def _may_be_store(name: str) -> bool:
    """Whether a folder picks up a file or directory of this name."""
    return any(name.lower().endswith(suffixes) for suffixes in SUFFIXES.values())


def _is_store(path: str) -> bool:
    """Whether a directory is itself a store, if perhaps a damaged one."""
    return any(each.root_files is not None and each.root_files(path) for each in FORMATS.values())
