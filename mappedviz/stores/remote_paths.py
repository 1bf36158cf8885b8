"""How URLs of folders, and patterns, become stores."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from mappedviz._types import SUFFIXES, store_suffix
from mappedviz.errors import StoreError
from mappedviz.formats.remote_client import entries
from mappedviz.formats.remote_look import ROOT_MARKERS
from mappedviz.formats.remote_options import root_of, scheme_of
from mappedviz.text.addresses import absolute, shown

__all__ = ["stores_at_url"]

_MOST_FOLDERS = 10_000


def stores_at_url(url: str) -> list[str]:
    """Return the stores that a URL stands for: itself, those of a folder, or those of a pattern.

    Raises
    ------
    StoreError
        A pattern matches nothing, a folder has no stores, or the server does not list.
    """
    lists = scheme_of(url) != "http"
    root, key = root_of(absolute(url))
    if any(character in key for character in ("*?[" if lists else "*[")):
        if not lists:
            raise StoreError(
                "is a pattern, and servers of https list nothing",
                store=shown(url),
                remedy="Name the stores themselves.",
            )
        found = [f"{root}/{one}" for one in _matches(root, key.split("/"), "", [0])]
        if not found:
            raise StoreError("matches nothing", store=shown(url), remedy="Check the pattern.")
        return sorted(found)
    whole = f"{root}/{key}" if key else root
    if not lists or store_suffix(key):
        return [whole]
    inside = dict(entries(whole))
    if not inside or any(marker in inside for marker in ROOT_MARKERS):
        return [whole]
    stores = [name for name in inside if _may_be_store(name)]
    if not stores:
        raise StoreError(
            "is a folder without .h5ad files or .zarr stores",
            store=shown(url),
            remedy="Name a folder that holds stores, or the stores themselves.",
        )
    return sorted(f"{whole}/{name}" for name in stores)


def _matches(root: str, parts: list[str], folder: str, seen: list[int]) -> Iterator[str]:
    """What is below a folder and matches the parts of a pattern; stores are not entered."""
    part, rest = parts[0], parts[1:]
    prefix = f"{folder}/" if folder else ""
    if part != "**" and not any(character in part for character in "*?["):
        if rest:
            yield from _matches(root, rest, prefix + part, seen)
        elif part in dict(entries(f"{root}/{folder}" if folder else root)):
            yield prefix + part
        return
    seen[0] += 1
    if seen[0] > _MOST_FOLDERS:
        raise StoreError(
            f"would list more than {_MOST_FOLDERS} folders",
            store=root,
            remedy="Give a pattern that says more.",
        )
    inside = list(entries(f"{root}/{folder}" if folder else root))
    if part == "**":
        yield from _matches(root, rest or ["*"], folder, seen)
        for name, is_folder in inside:
            if is_folder and not _may_be_store(name):
                yield from _matches(root, parts, prefix + name, seen)
        return
    for name, is_folder in inside:
        if fnmatchcase(name, part) and name not in ROOT_MARKERS:
            if not rest:
                yield prefix + name
            elif is_folder:
                yield from _matches(root, rest, prefix + name, seen)


def _may_be_store(name: str) -> bool:
    return any(name.lower().endswith(suffixes) for suffixes in SUFFIXES.values())
