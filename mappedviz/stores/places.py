"""Where the elements of AnnData are inside a store, over the versions of anndata."""

from __future__ import annotations

from typing import cast

from mappedviz.formats.nodes import ArrayNode, GroupNode

__all__ = ["group_at", "has_raw", "matrix_at", "raw_part", "uns_of"]


def group_at(root: GroupNode, name: str) -> GroupNode | None:
    """Return a group of the root; None if it is absent or an array."""
    if name not in root:
        return None
    node = root[name]
    return None if isinstance(node, ArrayNode) else node


def uns_of(root: GroupNode, frame: GroupNode | ArrayNode) -> GroupNode | None:
    """Return ``uns`` if a frame needs it: anndata 0.5 kept the categories of its columns there.

    That of others is not touched, so that damage in it does no harm.
    """
    return group_at(root, "uns") if isinstance(frame, ArrayNode) else None


def has_raw(root: GroupNode, name: str) -> bool:
    """Whether a part of raw is there, which may itself be null-encoded."""
    raw = group_at(root, "raw")
    return name.replace("/", ".") in root if raw is None else name.removeprefix("raw/") in raw


def raw_part(root: GroupNode, name: str) -> GroupNode | ArrayNode:
    """Return a part of raw, such as ``"raw/X"``; anndata 0.5 kept "raw.X" and "raw.var" beside X and var."""
    legacy = name.replace("/", ".")
    return root[legacy] if legacy in root else root[name]


def matrix_at(root: GroupNode, key: str) -> GroupNode | ArrayNode:
    """Return ``"X"``, ``"raw.X"`` or a layer."""
    if key == "X":
        return root["X"]
    if key == "raw.X":
        return raw_part(root, "raw/X")
    return cast(GroupNode, root["layers"])[key]
