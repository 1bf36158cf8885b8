"""Metadata that contradict each other, where reading takes one side in silence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from mappedviz.formats.nodes import GroupNode, join

__all__ = ["contradictions"]

_MOST_NODES = 2000


def contradictions(root: GroupNode) -> list[tuple[str, str, bool]]:
    """Return keys of a store, what is contradictory there, and whether that does harm.

    What is looked at: columns that an order names and that are not there, and in zarr metadata of
    version 2 beside those of version 3, and consolidated metadata beside those of each node.
    """
    found = [(*one, True) for one in _orders(root)]
    read = root.metadata
    if read is not None:
        found += [(*one, True) for one in _two_versions(read)]
        found += [(*one, False) for one in _consolidated(read)]
    return found


def _orders(root: GroupNode) -> Iterator[tuple[str, str]]:
    for name in ("obs", "var"):
        frame = root[name] if name in root else None  # noqa: SIM401 - a GroupNode
        if not isinstance(frame, GroupNode):
            continue
        order = frame.attrs.get("column-order")
        listed = [] if order is None else [str(key) for key in np.atleast_1d(order)]
        lost = [key for key in listed if key not in frame]
        if lost:
            yield name, f"lists {len(lost)} columns that are not there: {_some(lost)}"


def _some(keys: list[str]) -> str:
    return ", ".join(repr(key) for key in keys[:5])


class _Metadata:
    """Metadata files of a zarr store by their keys, as JSON; None where one is absent or damaged."""

    def __init__(self, read: Any) -> None:
        self._read = read

    def __call__(self, key: str) -> dict[str, Any] | None:
        try:
            data = self._read(key)
            found = None if data is None else json.loads(data)
        except (OSError, ValueError, RecursionError):  # whoever needs it says so
            return None
        return found if isinstance(found, dict) else None


def _two_versions(read: Any) -> Iterator[tuple[str, str]]:
    """Arrays and groups whose metadata of versions 2 and 3 differ."""
    get = _Metadata(read)
    three, two = get("zarr.json"), get(".zgroup")
    if three is None or two is None:
        return
    names = ["", "X", "X/data", "X/indices", "X/indptr", "obs", "var", "layers", "obsm", "uns"]
    listed = (get(".zmetadata") or {}).get("metadata")
    names += sorted({key.rpartition("/")[0] for key in listed or {}} - set(names))[:_MOST_NODES]
    differ = [name for name in names if _differ(get, name)]
    if differ:
        some = _some([name or "/" for name in differ])
        yield "", f"has metadata of zarr 2 that differ from those of zarr 3, which count, at {some}"


def _differ(get: _Metadata, name: str) -> bool:
    """Whether a node is another one by its metadata of version 2 than by those of version 3."""
    new, old = (
        get(join(name, "zarr.json")),
        get(join(name, ".zarray")) or get(join(name, ".zgroup")),
    )
    if new is None or old is None:
        return (new is None) != (old is None)
    attributes = get(join(name, ".zattrs")) or {}
    return old.get("shape") != new.get("shape") or attributes != new.get("attributes", {})


def _consolidated(read: Any) -> Iterator[tuple[str, str]]:
    """Consolidated metadata that are not those of the nodes, as after a change without them."""
    get = _Metadata(read)
    root = get("zarr.json")
    if root is not None:
        kept = (root.get("consolidated_metadata") or {}).get("metadata")
        pairs = [(join(name, "zarr.json"), meta) for name, meta in (kept or {}).items()]
    else:
        pairs = list(((get(".zmetadata") or {}).get("metadata") or {}).items())
    stale = [
        key.rpartition("/")[0]
        for key, meta in pairs[:_MOST_NODES]
        if key and _lasting(get(key)) != _lasting(meta)
    ]
    if stale:
        some = _some(list(dict.fromkeys(stale)))
        yield "", f"has consolidated metadata that are out of date, and are not used, at {some}"


def _lasting(meta: dict[str, Any] | None) -> dict[str, Any] | None:
    if meta is None:
        return None
    return {
        key: value
        for key, value in meta.items()
        if key != "consolidated_metadata" and value not in ({}, None)
    }
